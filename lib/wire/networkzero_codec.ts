/**
 * The datagrams of Python's networkzero, exactly as its 1.0b1 sends them. Pure.
 *
 * An advert is one UDP datagram to port 9999: a JSON array `[name, "ip:port", ttl_s]`, in ASCII (all
 * else as `\uXXXX`), of at most 256 bytes. The time to live is in seconds; `null` is for ever. There is
 * no goodbye. Any other datagram on that port stops the beacon of every networkzero that hears it, so
 * {@linkcode encodeNetworkzero} makes nothing else.
 *
 * @module
 */

import { LocalFault } from "./errors.ts";
import { MAX_NETWORKZERO_BYTES, MAX_NETWORKZERO_TTL_S } from "./limits.ts";
import { visible } from "./text.ts";

/** The port of networkzero's beacons. */
export const NETWORKZERO_PORT = 9999;
/** How often networkzero sends each advert, in seconds. */
export const NETWORKZERO_INTERVAL_S = 2;
/** How long an advert holds unless it says otherwise, in seconds. */
export const NETWORKZERO_TTL_S = 20;

/** A name and where it is. */
export interface NetworkzeroAdvert {
  readonly name: string;
  /** An IPv4 address. */
  readonly host: string;
  readonly port: number;
  /** How long this holds from when it is heard, in seconds; null is for ever. */
  readonly ttl: number | null;
}

/**
 * The datagram of an advert.
 *
 * @throws {LocalFault} when it would be no datagram that networkzero takes: too long, no name, or no
 * IPv4 address
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { encodeNetworkzero } from "./networkzero_codec.ts";
 *
 * const bytes = encodeNetworkzero({ name: "café", host: "10.0.0.1", port: 4567, ttl: 20 });
 * assertEquals(new TextDecoder().decode(bytes), '["caf\\u00e9", "10.0.0.1:4567", 20]');
 * ```
 */
export function encodeNetworkzero(advert: NetworkzeroAdvert): Uint8Array {
  const { name, host, port, ttl } = advert;
  if (!isName(name) || !isIPv4(host) || !isPort(port) || !isTtl(ttl)) {
    throw new LocalFault(`No advert for networkzero: ${JSON.stringify(advert)}`);
  }
  // Python's json.dumps puts a blank behind each comma.
  const text = `[${escaped(name)}, "${host}:${port}", ${ttl === null ? "null" : ttl}]`;
  if (text.length > MAX_NETWORKZERO_BYTES) {
    throw new LocalFault(
      `The name "${name.slice(0, 40)}…" is too long for networkzero: its advert has ` +
        `${text.length} bytes, ${MAX_NETWORKZERO_BYTES} are the most`,
    );
  }
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/**
 * The advert in a datagram; undefined where it is none.
 *
 * What networkzero would choke on, and what nobody could use, is none: no JSON array of these three,
 * more than 256 bytes, a name that is empty or has control characters, an address that is no IPv4
 * address (or 0.0.0.0, or a multicast address) with a port. A time to live of more than a day is a day.
 */
export function decodeNetworkzero(datagram: Uint8Array): NetworkzeroAdvert | undefined {
  if (datagram.length > MAX_NETWORKZERO_BYTES) return undefined;
  const record = parse(datagram);
  if (!Array.isArray(record) || record.length !== 3) return undefined;
  const [name, address, ttl]: unknown[] = record;
  if (!isName(name) || !isTtl(ttl) || typeof address !== "string") return undefined;
  const [, host = "", digits = ""] = /^([\d.]+):(\d{1,5})$/.exec(address) ?? [];
  const port = Number(digits);
  if (!isIPv4(host) || !isPort(port)) return undefined;
  return { name, host, port, ttl: ttl === null ? null : Math.min(ttl, MAX_NETWORKZERO_TTL_S) };
}

const decoder = new TextDecoder("utf-8", { fatal: true });

function parse(datagram: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(datagram));
  } catch {
    return undefined;
  }
}

function escaped(text: string): string {
  return JSON.stringify(text).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function isName(name: unknown): name is string {
  return typeof name === "string" && name !== "" && visible(name) === name &&
    !name.includes("\t") && name.isWellFormed();
}

/** A canonical IPv4 address that one machine can have. */
function isIPv4(host: string): boolean {
  const parts = host.split(".");
  if (parts.length !== 4) return false;
  if (!parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) return false;
  const first = Number(parts[0]);
  return first > 0 && first < 224;
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65_536;
}

function isTtl(ttl: unknown): ttl is number | null {
  return ttl === null || (typeof ttl === "number" && Number.isFinite(ttl) && ttl > 0);
}
