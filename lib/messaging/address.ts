/**
 * Addresses as the functions of this library take them.
 *
 * @module
 */

import {
  AddressError,
  formatAddress,
  type HostPort,
  parseListen,
  parseTarget,
} from "../net/address.ts";
import { shown } from "./json.ts";

/**
 * `host:port`, `[v6]:port`, or only a port: `":4567"`, `4567`. Without a host it is this machine: to
 * connect to, its loopback; to listen at, all its IPv4 addresses (`"[::]:4567"`: those of IPv6, too).
 */
export type Address = string | number;

/** Where null is taken for an address, it is to be told why it is none. */
function textOf(address: Address | null): string {
  if (typeof address === "string") return address;
  if (typeof address === "number") {
    if (Number.isInteger(address) && address >= 0) return String(address);
    throw new AddressError(`${address} is no address: a number is a port (0 to 65535)`);
  }
  if (address === null) {
    throw new AddressError("null is no address: discover() gives null for what it has not found");
  }
  throw new AddressError(`${shown(address)} is no address: write "host:port"`);
}

/**
 * Where to connect.
 *
 * @throws {AddressError} for what is no address
 */
export function targetOf(address: Address | null): HostPort {
  const target = parseTarget(textOf(address));
  if (target.kind === "address") return { host: target.host, port: target.port };
  throw new AddressError(
    `"${target.name}" is a name, no address: look it up with discover("${target.name}") first`,
  );
}

/**
 * Where to listen.
 *
 * @throws {AddressError} for what is no address
 */
export function listenAt(address: Address | null): HostPort {
  return parseListen(textOf(address), "0.0.0.0");
}

/** An address in the one form that stands for it. */
export function canonical(address: Address | null): string {
  return formatAddress(targetOf(address));
}
