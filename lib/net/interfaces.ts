/**
 * The network interfaces of this machine, as far as discovery needs them.
 *
 * @module
 */

import { formatIp, isLoopbackIp, parseIp, samePrefix } from "../wire/beacon_address.ts";
import { visible } from "../wire/text.ts";

/** One address of an interface. */
export interface InterfaceAddress {
  readonly family: 4 | 6;
  /** Without a zone. */
  readonly ip: string;
  /** Bits of the subnet. */
  readonly prefix: number;
  /** The address of all on an IPv4 subnet; undefined where there is none (IPv6, or only one address in it). */
  readonly broadcast: string | undefined;
  /** The number of the interface, for IPv6 addresses that mean something on one link only; else 0. */
  readonly scope: number;
}

/** An interface with its addresses. */
export interface NetworkInterface {
  /** Such as `eth0`. */
  readonly name: string;
  /** It leads nowhere but to this machine. */
  readonly loopback: boolean;
  readonly addresses: readonly InterfaceAddress[];
}

/** What the system tells of an address of an interface: a part of `Deno.NetworkInterfaceInfo`. */
export interface SystemAddress {
  readonly name: string;
  readonly family: "IPv4" | "IPv6";
  readonly address: string;
  readonly netmask: string;
  readonly scopeid?: number | null;
}

/**
 * The interfaces as they are now.
 *
 * @param only names or addresses of interfaces; `lo` is any loopback interface. Of an interface named
 *   by an address only that address counts. Default: all.
 */
export function networkInterfaces(only?: readonly string[]): NetworkInterface[] {
  return groupInterfaces(Deno.networkInterfaces(), only);
}

/**
 * Puts the addresses together by interface; see {@linkcode networkInterfaces}.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { groupInterfaces } from "./interfaces.ts";
 * const [eth0] = groupInterfaces([
 *   { name: "eth0", family: "IPv4", address: "192.168.1.5", netmask: "255.255.255.0" },
 * ]);
 * assertEquals(eth0?.addresses[0]?.broadcast, "192.168.1.255");
 * assertEquals(eth0?.addresses[0]?.prefix, 24);
 * ```
 */
export function groupInterfaces(
  system: readonly SystemAddress[],
  only?: readonly string[],
): NetworkInterface[] {
  const found = new Map<string, InterfaceAddress[]>();
  const loopback = new Set<string>();
  for (const { name, family, address, netmask, scopeid } of system) {
    const bytes = parseIp(address);
    const mask = parseIp(netmask);
    if (bytes === undefined || mask?.length !== bytes.length) continue;
    if (isLoopbackIp(bytes)) loopback.add(name);
    const one: InterfaceAddress = {
      family: family === "IPv4" ? 4 : 6,
      ip: formatIp(bytes),
      prefix: prefixOf(mask),
      broadcast: broadcastOf(bytes, mask),
      scope: scopeid ?? 0,
    };
    found.set(name, [...(found.get(name) ?? []), one]);
  }
  const interfaces = [...found].map(([name, addresses]) => {
    return { name, loopback: loopback.has(name), addresses };
  });
  return only === undefined ? interfaces : select(interfaces, only);
}

function select(interfaces: readonly NetworkInterface[], only: readonly string[]) {
  const ips = new Set(
    only.map((text) => parseIp(text)).filter((ip) => ip !== undefined).map(formatIp),
  );
  return interfaces.flatMap((one): NetworkInterface[] => {
    if (only.includes(one.name) || (one.loopback && only.includes("lo"))) return [one];
    const addresses = one.addresses.filter(({ ip }) => ips.has(ip));
    return addresses.length === 0 ? [] : [{ ...one, addresses }];
  });
}

function prefixOf(mask: Uint8Array): number {
  let bits = 0;
  for (const byte of mask) {
    for (let bit = 7; bit >= 0; bit--) {
      if ((byte >> bit & 1) === 0) return bits;
      bits++;
    }
  }
  return bits;
}

function broadcastOf(ip: Uint8Array, mask: Uint8Array): string | undefined {
  // Subnets of one address or two (point to point) have none.
  if (ip.length !== 4 || prefixOf(mask) > 30) return undefined;
  return ip.map((byte, i) => byte | (~(mask[i] as number) & 0xff)).join(".");
}

/**
 * The interface on whose network an address is: one that has it, else the one with the longest prefix
 * in common. Undefined where there is none, and for addresses of IPv6 that every link has.
 */
export function interfaceOf(
  ip: string,
  interfaces: readonly NetworkInterface[],
): NetworkInterface | undefined {
  const bytes = parseIp(ip);
  if (bytes === undefined) return undefined;
  let best: NetworkInterface | undefined;
  let longest = -1;
  for (const one of interfaces) {
    for (const address of one.addresses) {
      const own = parseIp(address.ip) as Uint8Array;
      const isIt = samePrefix(own, bytes, bytes.length * 8);
      const prefix = isIt ? 129 : samePrefix(own, bytes, address.prefix) ? address.prefix : -1;
      if (prefix > longest) [best, longest] = [one, prefix];
    }
  }
  return best;
}

/** Whether an address is one of these interfaces' own, or a loopback address. */
export function isOwnAddress(ip: string, interfaces: readonly NetworkInterface[]): boolean {
  const bytes = parseIp(ip);
  if (bytes === undefined) return false;
  const text = formatIp(bytes);
  return isLoopbackIp(bytes) ||
    interfaces.some(({ addresses }) => addresses.some((address) => address.ip === text));
}

/**
 * What is wrong with interfaces that were asked for, by `option`; undefined when they are all there, or
 * that can't be told.
 */
export function unknownInterface(asked: readonly string[], option: string): string | undefined {
  let present: SystemAddress[];
  try {
    present = Deno.networkInterfaces();
  } catch {
    return undefined;
  }
  for (const text of asked) {
    if (text === "lo") continue; // Whatever the system calls it.
    if (present.some(({ name, address }) => name === text || address === text)) continue;
    const addresses = new Map<string, string[]>();
    for (const { name, address, family } of present) {
      const those = addresses.get(name) ?? [];
      addresses.set(name, those);
      if (family === "IPv4") those.push(address);
    }
    const shown = [...addresses].map(([name, those]) =>
      those.length === 0 ? name : `${name} (${those.join(", ")})`
    );
    const there = shown.length === 0 ? "there is none" : `there are ${shown.join(", ")}`;
    return `There is no interface "${visible(text).slice(0, 80)}" here (${option}); ${there}`;
  }
  return undefined;
}

/** The interfaces in the environment's `TALKER_INTERFACE`, separated by commas; undefined where it isn't set. */
export function interfacesFromEnvironment(): string[] | undefined {
  const text = fromEnvironment("TALKER_INTERFACE");
  const names = text?.split(",").map((name) => name.trim()).filter((name) => name !== "");
  return names === undefined || names.length === 0 ? undefined : names;
}

function fromEnvironment(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch {
    // A program that may not read its environment has none.
    return undefined;
  }
}

/** This machine's name; empty where the program may not know it. */
export function machineName(): string {
  try {
    return Deno.hostname();
  } catch {
    return "";
  }
}
