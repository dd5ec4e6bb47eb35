/**
 * Whom this beacon is to answer, when, and how: one by one, or all with one datagram. Pure.
 *
 * @module
 */

import { MAX_BEACON_ANSWERS_PER_SECOND, MAX_BEACON_ASKERS } from "../wire/limits.ts";
import type { Own } from "./own_adverts.ts";
import { ANSWER_DELAY_MS, ANSWER_GAP_MS, ANSWER_ONE_BY_ONE } from "./times.ts";

/** Where an asker listens. */
export interface Asker {
  readonly hostname: string;
  readonly port: number;
}

/** An answer that is to be sent now: to the askers, or to all where there are none. */
export interface Answer {
  readonly adverts: readonly Own[];
  readonly askers: readonly Asker[];
}

/** The answers that wait for their moment. */
export class Answers {
  readonly #random: () => number;
  readonly #askers = new Map<string, Asker>();
  readonly #adverts = new Set<Own>();
  #at = Infinity;
  #toAll = false;
  #tokens = MAX_BEACON_ANSWERS_PER_SECOND;
  #filledAt = 0;
  /** Answers that weren't sent: it was said just before, or too much was asked. */
  suppressed = 0;

  /** `random` gives numbers from 0 to below 1. */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** When there is something to send. */
  get nextWake(): number {
    return this.#at;
  }

  /** How many askers are known by their address until then. */
  get waiting(): number {
    return this.#askers.size;
  }

  /**
   * Somebody asked for these. `asker` is undefined where all are to be answered. `alone`: only this
   * beacon can have what is asked for, so it needn't wait.
   */
  add(
    adverts: readonly Own[],
    { asker, alone }: { asker: Asker | undefined; alone: boolean },
    now: number,
  ): void {
    const { min, max } = ANSWER_DELAY_MS;
    const at = alone ? now : now + min + this.#random() * (max - min);
    this.#at = Math.min(this.#at, at);
    for (const own of adverts) this.#adverts.add(own);
    if (asker === undefined || this.#askers.size >= MAX_BEACON_ASKERS) this.#toAll = true;
    else this.#askers.set(`${asker.hostname} ${asker.port}`, asker);
  }

  /** The answer that is due, if there is one. */
  collect(now: number): Answer | undefined {
    if (now < this.#at) return undefined;
    const askers = [...this.#askers.values()];
    const toAll = this.#toAll || askers.length > ANSWER_ONE_BY_ONE;
    const adverts = [...this.#adverts].filter((own) => !toAll || now - own.castAt >= ANSWER_GAP_MS);
    this.#at = Infinity;
    this.#toAll = false;
    this.#askers.clear();
    this.#adverts.clear();
    if (adverts.length === 0) {
      this.suppressed++;
      return undefined;
    }
    return { adverts, askers: toAll ? [] : askers };
  }

  /** Whether another datagram may be sent in answer. */
  allows(now: number): boolean {
    const rate = MAX_BEACON_ANSWERS_PER_SECOND;
    this.#tokens = Math.min(rate, this.#tokens + (now - this.#filledAt) * rate / 1_000);
    this.#filledAt = now;
    if (this.#tokens < 1) {
      this.suppressed++;
      return false;
    }
    this.#tokens--;
    return true;
  }

  /** An advert isn't told any more. */
  forget(own: Own): void {
    this.#adverts.delete(own);
  }
}
