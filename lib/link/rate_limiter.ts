/**
 * How often an address may do something: so many times at once, then now and then (a token bucket
 * for each address). Pure.
 *
 * @module
 */

import { MAX_RATED_ADDRESSES, type Rate } from "../wire/limits.ts";

interface Bucket {
  /** Uses that are not forgiven yet. */
  used: number;
  /** When the last one was forgiven. */
  since: number;
}

/**
 * Uses by address: `burst` at once, then one each `everyMs`. Of the addresses the one that did least
 * lately is forgotten when there are too many.
 *
 * @example
 * ```ts
 * import { assert, assertEquals } from "@std/assert";
 * import { RateLimiter } from "./rate_limiter.ts";
 * const guesses = new RateLimiter({ burst: 2, everyMs: 1000 });
 * guesses.use("10.0.0.9", 0);
 * guesses.use("10.0.0.9", 0);
 * assert(!guesses.allows("10.0.0.9", 999) && guesses.allows("10.0.0.9", 1000));
 * assertEquals(guesses.allowedAt("10.0.0.9", 999), 1000);
 * assert(guesses.allows("10.0.0.8", 0));
 * ```
 */
export class RateLimiter {
  readonly #buckets = new Map<string, Bucket>();
  readonly #burst: number;
  readonly #everyMs: number;

  /** Nothing was used yet. */
  constructor({ burst, everyMs }: Rate) {
    this.#burst = burst;
    this.#everyMs = everyMs;
  }

  /** Is one more use allowed? `now` is monotonic, in milliseconds. */
  allows(address: string, now: number): boolean {
    return this.#used(address, now) < this.#burst;
  }

  /** When one more is allowed: `now`, or later. */
  allowedAt(address: string, now: number): number {
    const over = this.#used(address, now) - this.#burst;
    const bucket = this.#buckets.get(address);
    return over < 0 || bucket === undefined ? now : bucket.since + (over + 1) * this.#everyMs;
  }

  /** Counts `uses`, allowed or not. */
  use(address: string, now: number, uses = 1): void {
    const used = this.#used(address, now) + uses;
    const since = this.#buckets.get(address)?.since ?? now;
    // The latest is the last in the map, and the first is dropped when there are too many.
    this.#buckets.delete(address);
    this.#buckets.set(address, { used, since });
    if (this.#buckets.size > MAX_RATED_ADDRESSES) {
      const [first] = this.#buckets.keys();
      if (first !== undefined) this.#buckets.delete(first);
    }
  }

  #used(address: string, now: number): number {
    const bucket = this.#buckets.get(address);
    if (bucket === undefined) return 0;
    const forgiven = Math.floor((now - bucket.since) / this.#everyMs);
    bucket.used -= forgiven;
    bucket.since += forgiven * this.#everyMs;
    if (bucket.used > 0) return bucket.used;
    this.#buckets.delete(address);
    return 0;
  }
}
