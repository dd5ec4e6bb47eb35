/**
 * Random whole numbers without bias.
 *
 * @module
 */

/** Gives random bits: a whole number from 0 to 2^32 - 1. */
export type RandomBits = () => number;

const TWO_32 = 2 ** 32;

/**
 * A whole number from `min` to `max`, both included, each as likely as the other (by rejection).
 * `max - min` must be below 2^53.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { randomBetween } from "./random.ts";
 * const die = randomBetween(() => crypto.getRandomValues(new Uint32Array(1))[0]!, 1, 6);
 * assert(die >= 1 && die <= 6);
 * ```
 */
export function randomBetween(bits: RandomBits, min: number, max: number): number {
  const choices = max - min + 1;
  if (choices <= TWO_32) {
    const limit = TWO_32 - TWO_32 % choices;
    while (true) {
      const draw = bits();
      if (draw < limit) return min + draw % choices;
    }
  }
  const highest = Math.floor((choices - 1) / TWO_32);
  // Twice the mask at the most, so that half of the draws count at the least.
  const mask = 2 ** Math.ceil(Math.log2(highest + 1)) - 1;
  while (true) {
    const high = mask === 0 ? 0 : bits() % (mask + 1);
    const draw = high * TWO_32 + bits();
    if (draw < choices) return min + draw;
  }
}
