/**
 * How long to wait before a link is tried again: growing, randomised, and on a scale that fits how
 * far away the peer is. Pure arithmetic; there is no last attempt.
 */

/** How far away an address is. */
export type Distance = "loopback" | "lan" | "internet";

/** A scale of delays, in ms. */
export interface BackoffScale {
  /** The longest delay before the second attempt. */
  readonly first: number;
  /** The longest delay ever. */
  readonly longest: number;
  /** Ms after which an attempt is given up. */
  readonly attemptTimeout: number;
}

/** The scale for each distance. */
export const BACKOFF: Readonly<Record<Distance, BackoffScale>> = {
  // A process on this machine: costs nothing, and is back soon.
  loopback: { first: 50, longest: 500, attemptTimeout: 2_000 },
  // A cable: whoever plugs it in expects to be linked.
  lan: { first: 250, longest: 2_000, attemptTimeout: 2_000 },
  // Somebody else's network: polite, and patient with slow routes.
  internet: { first: 1_000, longest: 60_000, attemptTimeout: 10_000 },
};

/**
 * The delay in ms before the next attempt, after `failures` failed ones in a row (0 after a link
 * that was up). It doubles with each failure up to the longest of the scale, and is taken at random
 * from the upper half ("equal jitter"), so that many nodes that lost the same peer do not come
 * back at the same moment.
 *
 * @example
 * ```ts
 * import { backoffDelay } from "./backoff.ts";
 * const delay = backoffDelay("lan", 3, Math.random);
 * if (delay > 2_000) throw new Error();
 * ```
 */
export function backoffDelay(distance: Distance, failures: number, random: () => number): number {
  const { first, longest } = BACKOFF[distance];
  const ceiling = Math.min(longest, first * 2 ** Math.min(failures, 30));
  return ceiling / 2 + random() * ceiling / 2;
}

/**
 * How far away an IP address is: loopback; a private, link-local or unique-local address (RFC
 * 1918, 3927, 4193, 4291) is on the local network; a name or any other address may be anywhere.
 */
export function distanceOf(host: string): Distance {
  const address = host.toLowerCase().replace(/^\[|\]$/g, "").replace(/%.*$/, "")
    .replace(/^::ffff:(?=\d+\.)/, "");
  if (address === "localhost" || address === "::1") return "loopback";
  const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address);
  if (v4 === null) {
    if (address.endsWith(".local")) return "lan";
    return /^(fe[89ab][0-9a-f]|f[cd][0-9a-f]{2}):/.test(address) ? "lan" : "internet";
  }
  const a = Number(v4[1]);
  const b = Number(v4[2]);
  if (a === 127 || address === "0.0.0.0") return "loopback";
  const isPrivate = a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168) ||
    (a === 169 && b === 254);
  return isPrivate ? "lan" : "internet";
}
