/**
 * Which addresses of a service are of use on this machine, and which of them is the nearest; and which
 * ones this machine tells others. Pure.
 *
 * @module
 */

import { AddressError, formatAddress, parseListen } from "../net/address.ts";
import { interfaceOf, type NetworkInterface } from "../net/interfaces.ts";
import {
  formatIp,
  isLinkLocalV6,
  isLoopbackIp,
  isNobody,
  parseIp,
} from "../wire/beacon_address.ts";
import type { BeaconAddress } from "../wire/beacon_codec.ts";
import { MAX_BEACON_ADDRESSES } from "../wire/limits.ts";
import { AdvertError } from "./service.ts";

/** Where something was heard from. */
export interface HeardFrom {
  readonly source: string;
  readonly interface: string | undefined;
  /** It came from this machine. */
  readonly local: boolean;
}

/**
 * The addresses of a service that make sense here, as `host:port`, the nearest first: on the network
 * where it was heard, then on another one of this machine, then the rest; IPv4 before IPv6.
 */
export function nearestFirst(
  addresses: readonly BeaconAddress[],
  from: HeardFrom,
  interfaces: readonly NetworkInterface[],
): string[] {
  const ranked: { rank: number; text: string }[] = [];
  for (const { ip, port } of addresses) {
    const bytes = parseIp(ip);
    if (bytes === undefined) continue;
    // Another machine's loopback is not to be reached from here.
    if (isLoopbackIp(bytes) && !from.local) continue;
    const v6 = bytes.length === 16 ? 0.5 : 0;
    if (isLinkLocalV6(bytes)) {
      const zone = interfaces.find(({ addresses }) =>
        addresses.some((own) => own.ip === ip)
      )?.name ??
        from.interface;
      if (zone === undefined) continue;
      ranked.push({ rank: 1 + v6, text: formatAddress({ host: `${ip}%${zone}`, port }) });
      continue;
    }
    const on = interfaceOf(ip, interfaces)?.name;
    const rank = on === undefined ? 3 : on !== from.interface ? 2 : ip === from.source ? 0 : 1;
    ranked.push({ rank: rank + v6, text: formatAddress({ host: ip, port }) });
  }
  return ranked.sort((a, b) => a.rank - b.rank).map(({ text }) => text);
}

/**
 * An address to be advertised: as it is, or all of this machine's: of IPv4, of both, or of IPv6 only
 * where there is nothing else.
 */
export type AddressTemplate =
  | { readonly type: "one"; readonly address: BeaconAddress }
  | { readonly type: "all"; readonly v6: "no" | "yes" | "else"; readonly port: number };

/** Stands for the host where there is only a port. */
const BARE = "*";

/**
 * What an address to be advertised means: `host:port` with an IP address, or all of this machine's
 * for a bare port, `0.0.0.0:port` and `[::]:port`.
 *
 * @throws {AdvertError} for what is none
 */
export function parseTemplate(text: string | number): AddressTemplate {
  let host: string, port: number;
  try {
    ({ host, port } = parseListen(`${text}`, BARE));
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new AdvertError(`Cannot advertise: ${error.message}`, { cause: error });
  }
  if (port === 0) throw new AdvertError("Cannot advertise port 0: nobody can be reached there");
  if (host === BARE) return { type: "all", v6: "else", port };
  const bytes = host === "localhost" ? Uint8Array.of(127, 0, 0, 1) : parseIp(host);
  if (bytes === undefined) {
    throw new AdvertError(
      `Cannot advertise "${host}": it is a name, but others need an IP address; leave it out for this machine's`,
    );
  }
  if (bytes.every((byte) => byte === 0)) {
    return { type: "all", v6: bytes.length === 16 ? "yes" : "no", port };
  }
  if (isNobody(bytes)) throw new AdvertError(`Cannot advertise "${host}": it is nobody's address`);
  return { type: "one", address: { ip: formatIp(bytes), port } };
}

/** The addresses that are told, as the interfaces are now. Those of the loopback where there are no others. */
export function fillIn(
  templates: readonly AddressTemplate[],
  interfaces: readonly NetworkInterface[],
): BeaconAddress[] {
  const real = interfaces.filter(({ loopback }) => !loopback);
  const own = (real.some(({ addresses }) => addresses.length > 0) ? real : interfaces)
    .flatMap(({ addresses }) => addresses)
    // IPv4 first, then what can be reached from everywhere, then what is known on one link only.
    .sort((a, b) => a.family - b.family || a.scope - b.scope);
  const hasV4 = own.some(({ family }) => family === 4);
  const filled: BeaconAddress[] = [];
  for (const template of templates) {
    const more = template.type === "one"
      ? [template.address]
      : own.filter(({ family }) =>
        family === 4 || template.v6 === "yes" || (template.v6 === "else" && !hasV4)
      )
        .map(({ ip }) => ({ ip, port: template.port }));
    for (const { ip, port } of more) {
      if (!filled.some((one) => one.ip === ip && one.port === port)) filled.push({ ip, port });
    }
  }
  return filled.slice(0, MAX_BEACON_ADDRESSES);
}
