/**
 * Keeping a connection up for ever: tried again and again, at intervals that grow with each failure
 * and are random, so that a crowd that lost the same peer does not come back at the same moment.
 *
 * @module
 */

import { backoffDelay, type Distance } from "./backoff.ts";

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
}

/** Keeps a connection up until the signal is aborted; looks after it at the intervals of its attempts. */
export async function keepUp(options: KeepUpOptions): Promise<void> {
  const { distance, random, signal, isUp, attempt, failed } = options;
  let failures = 0;
  let told: string | undefined;
  while (!signal.aborted) {
    if (isUp()) failures = 0;
    else {
      const reason = await attempt();
      if (signal.aborted) return;
      failures = reason === undefined ? 0 : failures + 1;
      if (reason !== undefined && reason !== told) failed(reason);
      told = reason;
    }
    await pause(backoffDelay(distance, failures, random), signal);
  }
}

/** Waits so many milliseconds, or until the signal is aborted. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done, { once: true });
  });
}
