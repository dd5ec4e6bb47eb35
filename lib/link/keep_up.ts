/**
 * Keeping a connection up for ever: tried again and again, at intervals that grow with each failure
 * and are random, so that a crowd that lost the same peer does not come back at the same moment.
 *
 * @module
 */

import { backoffDelay, type Distance } from "./backoff.ts";

/**
 * A wait is not cut short again within this, in milliseconds: who is told "now" every second would
 * make attempts every second, whatever the backoff says.
 */
export const WAKE_EVERY_MS = 1_000;

/**
 * Cuts a wait short: the peer is there again. One that comes while an attempt is under way, or just
 * after another, is passed over.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { Alarm } from "./keep_up.ts";
 *
 * const alarm = new Alarm();
 * assert(!alarm.ring(0), "nobody waits");
 * const wait = alarm.wait(60_000, new AbortController().signal);
 * assert(alarm.ring(10));
 * await wait;
 * ```
 */
export class Alarm {
  #wake: (() => void) | undefined;
  #rungAt = -Infinity;

  /** Ends the wait under way, if there is one, and the last was long ago. `now` is monotonic. */
  ring(now: number): boolean {
    if (this.#wake === undefined || now - this.#rungAt < WAKE_EVERY_MS) return false;
    this.#rungAt = now;
    this.#wake();
    return true;
  }

  /** Waits so many milliseconds, or until it rings, or until the signal is aborted. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      signal.addEventListener("abort", done, { once: true });
      if (signal.aborted) done();
      else this.#wake = done;
    });
  }
}

/** What is kept up. */
export interface KeepUpOptions {
  /** How far away it is: the scale of the delays. */
  distance: Distance;
  /** Random numbers from 0 to below 1. */
  random: () => number;
  /** Ends it. */
  signal: AbortSignal;
  /** Is the connection there? */
  isUp: () => boolean;
  /** Tries once; resolves with nothing when it went well, else with the reason. */
  attempt: () => Promise<string | undefined>;
  /** An attempt failed, for another reason than the one before. */
  failed: (reason: string) => void;
  /** Rings when the next attempt is to be made now. The delays after it are those that they were. */
  alarm?: Alarm;
  /**
   * A connection that was up for less than this, in milliseconds, is one more failure: the other side may
   * refuse it, or end, each time just after it came up. Default: none is.
   */
  lasting?: number;
  /** Monotonic, in milliseconds. @default performance.now */
  clock?: () => number;
}

/** Keeps a connection up until the signal is aborted; looks after it at the intervals of its attempts. */
export async function keepUp(options: KeepUpOptions): Promise<void> {
  const { distance, random, signal, isUp, attempt, failed } = options;
  const { alarm = new Alarm(), lasting = 0, clock = () => performance.now() } = options;
  let failures = 0;
  let upSince: number | undefined;
  let told: string | undefined;
  while (!signal.aborted) {
    const isLasting = upSince !== undefined && clock() - upSince >= lasting;
    if (isUp()) {
      upSince ??= clock();
      if (isLasting) failures = 0;
    } else if (upSince !== undefined && !isLasting) {
      upSince = undefined;
      failures++;
    } else {
      if (isLasting) failures = 0;
      const reason = await attempt();
      if (signal.aborted) return;
      upSince = reason === undefined ? clock() : undefined;
      if (reason !== undefined) failures++;
      if (reason !== undefined && reason !== told) failed(reason);
      told = reason;
    }
    await alarm.wait(backoffDelay(distance, upSince === undefined ? failures : 0, random), signal);
  }
}
