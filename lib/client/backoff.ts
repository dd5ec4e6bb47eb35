/**
 * How long to wait before the next attempt to connect. Pure arithmetic.
 *
 * @module
 */

/** How {@linkcode retryDelay} grows. Milliseconds. */
export interface Backoff {
  /** The longest first delay. @default 500 */
  readonly first?: number;
  /** No delay is longer. @default 15000 */
  readonly longest?: number;
}

/**
 * The delay before attempt number `attempt` (from 0), in milliseconds: it doubles up to a limit, and
 * is spread over its upper half, so that a crowd that lost one server does not come back at one
 * moment. Source: "Exponential Backoff And Jitter", equal jitter, M. Brooker, 2015.
 *
 * @param random From 0 up to but not 1.
 *
 * @example
 * ```ts
 * import { retryDelay } from "./backoff.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(retryDelay(0, 0), 250);
 * assertEquals(retryDelay(3, 0.5), 3000);
 * assertEquals(retryDelay(1_000, 0.5), 11_250);
 * ```
 */
export function retryDelay(attempt: number, random: number, backoff: Backoff = {}): number {
  const { first = 500, longest = 15_000 } = backoff;
  // 2^31 is beyond every limit, and higher powers would end in Infinity.
  const ceiling = Math.min(longest, first * 2 ** Math.min(attempt, 31));
  return Math.round(ceiling / 2 + random * ceiling / 2);
}
