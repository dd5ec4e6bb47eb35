/**
 * How often an address may be wrong about the secret: some times at once, then now and then. Pure.
 *
 * @module
 */

import {
  MAX_GUESSING_ADDRESSES,
  MAX_WRONG_SECRETS,
  WRONG_SECRET_FORGIVEN_MS,
} from "../../wire/limits.ts";

interface Entry {
  wrong: number;
  since: number;
}

/**
 * Wrong secrets by address: one is forgiven every so often.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { WrongGuesses } from "./wrong_guesses.ts";
 * const guesses = new WrongGuesses({ most: 2, forgivenMs: 1000 });
 * guesses.failed("10.0.0.9", 0);
 * guesses.failed("10.0.0.9", 0);
 * assert(!guesses.allows("10.0.0.9", 999) && guesses.allows("10.0.0.9", 1000));
 * assert(guesses.allows("10.0.0.8", 0));
 * ```
 */
export class WrongGuesses {
  readonly #entries = new Map<string, Entry>();
  readonly #most: number;
  readonly #forgivenMs: number;

  /** The defaults are in the limits. */
  constructor({ most = MAX_WRONG_SECRETS, forgivenMs = WRONG_SECRET_FORGIVEN_MS } = {}) {
    this.#most = most;
    this.#forgivenMs = forgivenMs;
  }

  /** May somebody from there try? */
  allows(address: string, now: number): boolean {
    return this.#count(address, now) < this.#most;
  }

  /** Somebody from there was wrong, perhaps more than once at a time. */
  failed(address: string, now: number, guesses = 1): void {
    const wrong = this.#count(address, now) + guesses;
    const since = this.#entries.get(address)?.since ?? now;
    // The latest is the last in the map, and the first is dropped when there are too many.
    this.#entries.delete(address);
    this.#entries.set(address, { wrong, since });
    if (this.#entries.size > MAX_GUESSING_ADDRESSES) {
      const [first] = this.#entries.keys();
      if (first !== undefined) this.#entries.delete(first);
    }
  }

  #count(address: string, now: number): number {
    const entry = this.#entries.get(address);
    if (entry === undefined) return 0;
    const forgiven = Math.floor((now - entry.since) / this.#forgivenMs);
    entry.wrong -= forgiven;
    entry.since += forgiven * this.#forgivenMs;
    if (entry.wrong > 0) return entry.wrong;
    this.#entries.delete(address);
    return 0;
  }
}
