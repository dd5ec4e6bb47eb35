/**
 * Times that programs give.
 *
 * @module
 */

/** The longest time that a timer of the system takes, in milliseconds: 24.8 days. One of more rings at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Checks how long is to be waited.
 *
 * @throws {RangeError} for what is no time
 */
export function checkWait(wait: unknown): asserts wait is number {
  if (typeof wait === "number" && wait >= 0) return;
  const shown = typeof wait === "string" ? JSON.stringify(wait) : String(wait);
  throw new RangeError(`wait: ${shown} is no time: write a number of milliseconds`);
}
