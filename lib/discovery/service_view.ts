/**
 * Entries of the directory, as programs see them. Pure but for the clock.
 *
 * @module
 */

import type { NetworkInterface } from "../net/interfaces.ts";
import type { Advert } from "../wire/beacon_codec.ts";
import { BEACON_NAME_FORM } from "../wire/beacon_name.ts";
import type { Heard } from "./directory.ts";
import { nearestFirst } from "./nearest.ts";
import { AdvertError, type Service } from "./service.ts";

/** What was heard of a service. */
export interface Seen extends Heard {
  readonly advert: Advert;
  /** When it was last heard, by `performance.now()`. */
  readonly heardAt: number;
}

/** A service as it looks from here; `self` is the id of the beacon here. */
export function toService(
  seen: Seen,
  { self, interfaces }: { self: string; interfaces: readonly NetworkInterface[] },
): Service {
  const { advert, id, source, host } = seen;
  return {
    name: advert.name,
    kind: advert.kind,
    id,
    addresses: nearestFirst(advert.addresses, seen, interfaces),
    properties: advert.properties,
    age: id === self ? 0 : performance.now() - seen.heardAt,
    since: advert.since,
    source,
    interface: seen.interface,
    host,
  };
}

/** The order of lists: by name, then by id. */
export function byName(a: Service, b: Service): number {
  return compare(a.name, b.name) || compare(a.id, b.id);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What is said of a text that can't be a name. */
export function noName(text: string): AdvertError {
  const shown = text.slice(0, 80).replace(/\p{C}/gu, "\u{FFFD}");
  return new AdvertError(`"${shown}" is no name for a service: it must be ${BEACON_NAME_FORM}`);
}
