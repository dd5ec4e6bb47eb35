/**
 * IP addresses as bytes and as text, and subnets. Pure.
 *
 * @module
 */

/**
 * The bytes of an IP address: 4 or 16; undefined where the text is none. A zone (`%eth0`) is left out.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseIp } from "./beacon_address.ts";
 * assertEquals(parseIp("192.168.1.5"), new Uint8Array([192, 168, 1, 5]));
 * assertEquals(parseIp("fe80::1%eth0")?.length, 16);
 * assertEquals(parseIp("kitchen"), undefined);
 * ```
 */
export function parseIp(text: string): Uint8Array | undefined {
  return text.includes(":") ? parseV6(text) : parseV4(text);
}

function parseV4(text: string): Uint8Array | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return undefined;
  const numbers = match.slice(1).map(Number);
  return numbers.every((number) => number < 256) ? Uint8Array.from(numbers) : undefined;
}

function parseV6(text: string): Uint8Array | undefined {
  if (text.length > 64) return undefined;
  const zone = text.indexOf("%");
  let plain = zone < 0 ? text : text.slice(0, zone);
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(plain);
  if (dotted !== null) {
    const four = parseV4(dotted[2] as string);
    if (four === undefined) return undefined;
    const [a, b, c, d] = four as unknown as [number, number, number, number];
    plain = `${dotted[1]}${(a << 8 | b).toString(16)}:${(c << 8 | d).toString(16)}`;
  }
  const halves = plain.split("::");
  if (halves.length > 2) return undefined;
  const [front = [], back = []] = halves.map((half) => half === "" ? [] : half.split(":"));
  const missing = 8 - front.length - back.length;
  // "::" stands for one group at least.
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...front, ...Array.from({ length: missing }, () => "0"), ...back];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  return Uint8Array.from(groups.flatMap((group) => {
    const value = parseInt(group, 16);
    return [value >> 8, value & 0xff];
  }));
}

/**
 * The text of an address of 4 or 16 bytes, the shortest form (RFC 5952).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { formatIp, parseIp } from "./beacon_address.ts";
 * assertEquals(formatIp(parseIp("FE80:0:0:0:0:0:0:1")!), "fe80::1");
 * ```
 */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((bytes[i] as number) << 8 | (bytes[i + 1] as number));
  let best = 0, length = 0;
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0) end++;
    if (end - start > length) [best, length] = [start, end - start];
  }
  const text = groups.map((group) => group.toString(16));
  if (length < 2) return text.join(":");
  return `${text.slice(0, best).join(":")}::${text.slice(best + length).join(":")}`;
}

/** Whether two addresses of the same family agree in their first `prefix` bits. */
export function samePrefix(a: Uint8Array, b: Uint8Array, prefix: number): boolean {
  if (a.length !== b.length || prefix > a.length * 8) return false;
  const whole = prefix >> 3;
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false;
  const rest = prefix & 7;
  return rest === 0 || ((a[whole] as number) ^ (b[whole] as number)) >> (8 - rest) === 0;
}

/** Whether it is 127.0.0.0/8 or ::1. */
export function isLoopbackIp(ip: Uint8Array): boolean {
  if (ip.length === 4) return ip[0] === 127;
  return ip[15] === 1 && ip.every((byte, i) => i === 15 || byte === 0);
}

/** Whether it is fe80::/10: it means something on one link only. */
export function isLinkLocalV6(ip: Uint8Array): boolean {
  return ip.length === 16 && ip[0] === 0xfe && ((ip[1] as number) & 0xc0) === 0x80;
}

/** Whether nobody can be reached there: 0.0.0.0, ::, and groups of receivers. */
export function isNobody(ip: Uint8Array): boolean {
  if (ip.every((byte) => byte === 0)) return true;
  return ip.length === 4 ? (ip[0] as number) >= 224 : ip[0] === 0xff;
}
