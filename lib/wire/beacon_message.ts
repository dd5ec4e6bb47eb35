/**
 * What beacons say to each other, and what of it can be said. The bytes are in `beacon_codec.ts`. Pure.
 *
 * @module
 */

import { isNobody, parseIp } from "./beacon_address.ts";
import { isBeaconName } from "./beacon_name.ts";
import { RemoteFault } from "./errors.ts";
import {
  MAX_BEACON_ADDRESSES,
  MAX_BEACON_KEY_BYTES,
  MAX_BEACON_KIND_BYTES,
  MAX_BEACON_PROPERTIES,
  MAX_BEACON_PROPERTIES_BYTES,
} from "./limits.ts";

/** Longest time to live that 16 bits can say, in milliseconds. */
const MAX_TTL = 65_535;

const encoder = new TextEncoder();
// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x1f\x7f-\x9f]/;

/** How a datagram travels: to one, or to all in one of three ways. */
export type CastMethod = "unicast" | "multicast" | "broadcast" | "multicast6";

/** The number of each method on the wire is its place in this list. */
export const CAST_METHODS: readonly CastMethod[] = [
  "unicast",
  "multicast",
  "broadcast",
  "multicast6",
];

/** An IP address, without a zone, and a port. */
export interface BeaconAddress {
  readonly ip: string;
  readonly port: number;
}

/** A service, as its beacon tells it. */
export interface Advert {
  readonly name: string;
  readonly kind: string;
  readonly addresses: readonly BeaconAddress[];
  readonly properties: Readonly<Record<string, string>>;
  /** When the name was claimed, ms since 1970 by the clock of its holder: who claimed first keeps it. */
  readonly since: number;
  /** How long it is to be believed, in milliseconds. */
  readonly ttl: number;
  /** The name isn't held yet: whoever holds it is to say so. */
  readonly claiming: boolean;
}

/** One part of a datagram. */
export type BeaconRecord =
  /** About the sender: how many adverts it has, which edition of them this is, its machine's name. */
  | {
    readonly type: "beacon";
    readonly revision: number;
    readonly adverts: number;
    readonly host: string;
  }
  | { readonly type: "advert"; readonly advert: Advert }
  /** The sender doesn't advertise that name any more. */
  | { readonly type: "goodbye"; readonly name: string }
  /** Who advertises such a name? `toAll`: the answer shall go to everybody. An empty kind is any. */
  | {
    readonly type: "query";
    readonly pattern: string;
    readonly kind: string;
    readonly toAll: boolean;
  }
  /** Beacons whose adverts the asker knows all, in that edition: they need not answer. */
  | { readonly type: "known"; readonly beacons: readonly KnownBeacon[] }
  /** Beacons that the sender heard ask lately. `complete`: all of them are listed. */
  | { readonly type: "heard"; readonly ids: readonly string[]; readonly complete: boolean };

/** A beacon, and which edition of its adverts is known. */
export interface KnownBeacon {
  readonly id: string;
  readonly revision: number;
}

/** A datagram. */
export interface BeaconMessage {
  /** The sender's beacon: 16 hexadecimal digits. */
  readonly id: string;
  /** Counts the sender's datagrams (32 bits, round and round): copies of one have the same. */
  readonly sequence: number;
  readonly method: CastMethod;
  readonly records: readonly BeaconRecord[];
}

/** A datagram that breaks the format: it is counted and dropped. */
export class BeaconFault extends RemoteFault {
  /** `code` is `version` for one of another version, else `malformed`. */
  constructor(code: "malformed" | "version", message: string) {
    super(code, message);
  }
}

/** Whether it may be a kind: 1 to 32 bytes without blanks and control characters. */
export function isBeaconKind(text: string): boolean {
  return /^[^\s\p{C}]+$/u.test(text) && encoder.encode(text).length <= MAX_BEACON_KIND_BYTES;
}

/**
 * Why an advert can't be sent: a sentence that names what is wrong, or undefined.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { whyNoAdvert } from "./beacon_message.ts";
 * const advert = { name: "hello", kind: "service", addresses: [], properties: {}, since: 0 };
 * assertEquals(whyNoAdvert({ ...advert, ttl: 4500, claiming: false }), undefined);
 * ```
 */
export function whyNoAdvert(advert: Advert): string | undefined {
  const { name, kind, addresses, properties, since, ttl } = advert;
  if (!isBeaconName(name)) return `"${name.slice(0, 80)}" is no name for a service`;
  if (!isBeaconKind(kind)) return `"${kind.slice(0, 80)}" is no kind of service`;
  if (addresses.length > MAX_BEACON_ADDRESSES) {
    return `${addresses.length} addresses, at most ${MAX_BEACON_ADDRESSES} can be told`;
  }
  for (const { ip, port } of addresses) {
    const bytes = ip.includes("%") ? undefined : parseIp(ip);
    if (bytes === undefined || isNobody(bytes)) return `"${ip.slice(0, 80)}" is no address`;
    if (!Number.isInteger(port) || port < 1 || port > 65_535) return `${port} is no port`;
  }
  if (!Number.isSafeInteger(since) || since < 0) return `${since} is no time`;
  if (!Number.isInteger(ttl) || ttl < 1 || ttl > MAX_TTL) return `${ttl} ms is no time to live`;
  return whyNoProperties(properties);
}

/** Why properties can't be told; undefined where they can. */
export function whyNoProperties(properties: Readonly<Record<string, string>>): string | undefined {
  const entries = Object.entries(properties);
  if (entries.length > MAX_BEACON_PROPERTIES) {
    return `${entries.length} properties, at most ${MAX_BEACON_PROPERTIES} can be told`;
  }
  let bytes = 0;
  for (const [key, value] of entries) {
    const keyBytes = encoder.encode(key).length;
    if (keyBytes < 1 || keyBytes > MAX_BEACON_KEY_BYTES || !isText(key)) {
      return `"${key.slice(0, 80)}" is no name for a property`;
    }
    if (!isText(value)) return `The property "${key}" has control characters in it`;
    bytes += keyBytes + encoder.encode(value).length;
  }
  if (bytes <= MAX_BEACON_PROPERTIES_BYTES) return undefined;
  return `Properties of ${bytes} bytes, at most ${MAX_BEACON_PROPERTIES_BYTES} can be told`;
}

/** Whether a text is given back by UTF-8 as it was, and does nothing to a terminal. */
export function isText(text: string): boolean {
  return text.isWellFormed() && !CONTROL.test(text);
}
