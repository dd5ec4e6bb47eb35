/**
 * Times that programs give.
 *
 * @module
 */

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
