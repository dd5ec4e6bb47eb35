/**
 * Addresses as people write them. Pure.
 *
 * @module
 */

/** A host (a name or an address, without brackets) and a port. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** What a TARGET on the command line means. */
export type Target =
  | { readonly kind: "address"; readonly host: string; readonly port: number }
  /** A name to be looked up by discovery. */
  | { readonly kind: "name"; readonly name: string };

/** A text that is no address. The message quotes it and says what would be one. */
export class AddressError extends Error {
  /** What kind of error it is. */
  override readonly name = "AddressError";

  /** `why`: what is wrong with it, as the message has it behind the text. */
  constructor(message: string, readonly why: string = message) {
    super(message);
  }
}

/** This machine, where an address leaves the host out. */
const THIS_MACHINE = "127.0.0.1";
/** The longest host name of the DNS, in characters. */
const MAX_HOST = 253;
/** The longest name that discovery looks up, in characters. */
const MAX_NAME = 255;

/**
 * Parses a TARGET: `host:port`, `[v6]:port`, `:port`, a bare port (both this machine), or a name.
 * `port` is what a hint gives as a port that was left out.
 *
 * @throws {AddressError} for what is none of these
 *
 * @example
 * ```ts
 * import { parseTarget } from "./address.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseTarget(":8889"), { kind: "address", host: "127.0.0.1", port: 8889 });
 * assertEquals(parseTarget("[::1]:8889"), { kind: "address", host: "::1", port: 8889 });
 * assertEquals(parseTarget("kitchen"), { kind: "name", name: "kitchen" });
 * ```
 */
export function parseTarget(text: string, port = "8889, say"): Target {
  const parts = split(text, port);
  if (parts !== undefined) {
    const { host, port } = parts;
    if (port === 0) throw wrong(text, "nobody can be reached at port 0");
    return { kind: "address", host: host ?? THIS_MACHINE, port };
  }
  if (isIPv4(text) || text.toLowerCase() === "localhost") {
    throw wrong(text, `it has no port; write ${text}:${port}`);
  }
  if (!/^[^\s:[\]\p{C}]+$/u.test(text) || text.length > MAX_NAME) throw wrong(text, TARGET_FORMS);
  return { kind: "name", name: text };
}

const TARGET_FORMS = "it must be host:port, [v6]:port, :port, a port, or a name";

/**
 * Parses an address to listen at: `[HOST:]PORT`, where `HOST` is `defaultHost` if it is left out,
 * and port 0 asks the system for a free one.
 *
 * @throws {AddressError} for what is none
 *
 * @example
 * ```ts
 * import { parseListen } from "./address.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseListen("7000", "0.0.0.0"), { host: "0.0.0.0", port: 7000 });
 * assertEquals(parseListen("[::]:0", "0.0.0.0"), { host: "::", port: 0 });
 * ```
 */
export function parseListen(text: string, defaultHost: string): HostPort {
  const parts = split(text);
  if (parts === undefined) throw wrong(text, "it must be PORT, HOST:PORT or [V6]:PORT");
  return { host: parts.host ?? defaultHost, port: parts.port };
}

/**
 * An address as people write it; the opposite of {@linkcode parseListen}.
 *
 * @example
 * ```ts
 * import { formatAddress } from "./address.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(formatAddress({ host: "::1", port: 8889 }), "[::1]:8889");
 * ```
 */
export function formatAddress({ host, port }: HostPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/**
 * Whether a host is this machine by its loopback: `localhost`, 127.0.0.0/8, `::1`, and the former
 * written as IPv6 (`::ffff:127.0.0.1`).
 */
export function isLoopback(host: string): boolean {
  const plain = host.toLowerCase().replace(/^::ffff:/, "");
  return plain === "localhost" || plain === "::1" || (isIPv4(plain) && plain.startsWith("127."));
}

/** Host and port; the host is undefined where it is left out, all where there is no port in it. */
function split(
  text: string,
  example = "8889",
): { host: string | undefined; port: number } | undefined {
  const bare = /^:?(\d+)$/.exec(text);
  if (bare !== null) return { host: undefined, port: parsePort(text, bare[1] ?? "") };
  const inBrackets = /^\[(.*)\]:([^:]*)$/.exec(text);
  if (inBrackets !== null) {
    const [, host = "", port = ""] = inBrackets;
    if (!isIPv6(host)) throw wrong(text, `"${printable(host)}" is no IPv6 address`);
    return { host, port: parsePort(text, port) };
  }
  if (text.startsWith("[")) throw wrong(text, bracketFault(text, example));
  const colon = text.lastIndexOf(":");
  if (colon < 0) return undefined;
  const host = text.slice(0, colon);
  if (isIPv6(text)) {
    throw wrong(text, `an IPv6 address stands in brackets: ${bracketed6(text, example)}`);
  }
  if (isIPv6(host)) throw wrong(text, "an IPv6 address stands in brackets before the port");
  // Underscores occur in the names of hosts on local networks.
  if (host.length > MAX_HOST || !/^[\p{L}\p{N}_]([\p{L}\p{N}_.-]*[\p{L}\p{N}_.])?$/u.test(host)) {
    throw wrong(text, `"${printable(host)}" is no host`);
  }
  if (/^[\d.]+$/.test(host) && !isIPv4(host)) {
    throw wrong(text, `"${printable(host)}" is no IPv4 address`);
  }
  return { host, port: parsePort(text, text.slice(colon + 1)) };
}

function parsePort(text: string, digits: string): number {
  const port = Number(digits);
  if (!/^\d+$/.test(digits) || port > 65_535) {
    throw wrong(text, `"${printable(digits)}" is no port (0 to 65535)`);
  }
  return port;
}

function isIPv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256);
}

/** Whether it looks like an IPv6 address, a zone (`%eth0`) included; the system has the last word. */
function isIPv6(text: string): boolean {
  return text.length <= MAX_HOST && /^[0-9a-f]*:[0-9a-f:]*:[0-9a-f.:]*(%[\w.-]+)?$/i.test(text);
}

/** What is wrong with an address that begins with a bracket, and isn't followed by `]:PORT`. */
function bracketFault(text: string, example: string): string {
  const address = text.slice(1).replace(/\]$/, "");
  if (!isIPv6(address)) return "an IPv6 address with its port is written [V6]:PORT";
  if (text.endsWith("]")) return `it has no port; write ${printable(text)}:${example}`;
  return `the ] behind the IPv6 address is missing; write ${bracketed6(address, example)}`;
}

/** An IPv6 address as it should be written, in printable characters: what looks like a port at its end may well be one. */
function bracketed6(text: string, example: string): string {
  const [, host = "", port = ""] = /^(.*):([1-9]\d{3,4})$/.exec(text) ?? [];
  const isWhole = host.includes("::") || host.split(":").length === 8;
  const hasPort = isIPv6(host) && isWhole && Number(port) <= 65_535;
  return hasPort ? `[${printable(host)}]:${port}` : `[${printable(text)}]:${example}`;
}

function wrong(text: string, why: string): AddressError {
  return new AddressError(`"${printable(text)}" is no address: ${why}`, why);
}

function printable(text: string): string {
  const safe = text.replace(/\p{C}/gu, "\u{FFFD}");
  return safe.length > 80 ? safe.slice(0, 80) + "…" : safe;
}
