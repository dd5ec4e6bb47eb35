import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { randomBetween } from "../../lib/talker/random.ts";

/** A small generator with a seed (mulberry32). */
function seeded(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

Deno.test("random: within the range, both ends included", () => {
  fc.assert(fc.property(fc.maxSafeInteger(), fc.nat(1e6), fc.integer(), (min, span, seed) => {
    const max = Math.min(min + span, Number.MAX_SAFE_INTEGER);
    const got = randomBetween(seeded(seed), min, max);
    assert(Number.isSafeInteger(got) && got >= min && got <= max);
  }));
  const seen = new Set<number>();
  const bits = seeded(1);
  for (let i = 0; i < 200; i++) seen.add(randomBetween(bits, 1, 6));
  assertEquals([...seen].sort(), [1, 2, 3, 4, 5, 6]);
});

Deno.test("random: wide ranges, too", () => {
  const bits = seeded(2);
  let low = Infinity, high = -Infinity;
  for (let i = 0; i < 1000; i++) {
    const got = randomBetween(bits, 0, Number.MAX_SAFE_INTEGER - 1);
    assert(Number.isSafeInteger(got) && got >= 0);
    low = Math.min(low, got);
    high = Math.max(high, got);
  }
  assert(low < 2 ** 53 / 100 && high > 2 ** 53 * 0.99);
});

Deno.test("random: draws that would be a bias are drawn again", () => {
  const draws = [2 ** 32 - 1, 2 ** 32 - 4, 3];
  assertEquals(randomBetween(() => draws.shift() as number, 0, 9), 3);
  assertEquals(draws, []);
});
