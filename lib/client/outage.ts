/**
 * The time without a connection: how long it lasts, why, and when to try again. Pure.
 *
 * @module
 */

import { type Backoff, retryDelay } from "./backoff.ts";

/** A connection that held so long was a good one: the delays begin anew. Milliseconds. */
const GOOD_AFTER_MS = 5000;

/** How it is tried again. */
export interface OutageOptions {
  /** Numbers from 0 up to but not 1. */
  readonly random: () => number;
  readonly backoff?: Backoff | undefined;
}

/** What there is to do about a lost connection. */
export interface Lost {
  /** When to try again. */
  readonly until: number;
  /** The trouble is another one than the last time, so it is to be told. */
  readonly isNews: boolean;
}

/**
 * Outages, one after the other.
 *
 * @example
 * ```ts
 * import { Outage } from "./outage.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const outage = new Outage({ random: () => 0.5 });
 * assertEquals(outage.lost("The connection is lost", 1000).isNews, true);
 * assertEquals(outage.lost("Cannot connect", 1500).isNews, true);
 * assertEquals(outage.lost("Cannot connect", 2000).isNews, false);
 * assertEquals(outage.over(4000), 3);
 * ```
 */
export class Outage {
  readonly #options: OutageOptions;
  #attempts = 0;
  #since: number | undefined;
  #trouble = "";

  /** None yet. */
  constructor(options: OutageOptions) {
    this.#options = options;
  }

  /** A connection is lost that was of use since `upSince`, or could not be made. */
  lost(trouble: string, now: number, upSince = now): Lost {
    if (now - upSince >= GOOD_AFTER_MS) this.#attempts = 0;
    const { random, backoff } = this.#options;
    const until = now + retryDelay(this.#attempts++, random(), backoff);
    this.#since ??= now;
    const isNews = trouble !== this.#trouble;
    this.#trouble = trouble;
    return { until, isNews };
  }

  /** There is a connection. Gives how long there was none, in seconds; undefined where there was one. */
  over(now: number): number | undefined {
    const since = this.#since;
    this.#since = undefined;
    this.#trouble = "";
    return since === undefined ? undefined : Math.max(1, Math.round((now - since) / 1000));
  }
}
