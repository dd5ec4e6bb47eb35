/**
 * Feeds a decoder the same sample in every way that a network can cut it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import fc from "fast-check";

/** Decodes these chunks with a new decoder; the result must not depend on how they are cut. */
export type Decode<T> = (chunks: Uint8Array[]) => T;

/** Bytes of text in which each character is one byte (so that "\xff" is 255). */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** `sample` gives `expected`: whole, byte by byte, cut at every place, in three, with empty chunks. */
export function checkCodec<T>(decode: Decode<T>, sample: Uint8Array, expected: T): void {
  const each = (cut: string, chunks: Uint8Array[]) => assertEquals(decode(chunks), expected, cut);
  each("whole", [sample.slice()]);
  each("byte by byte", Array.from(sample, (byte) => Uint8Array.of(byte)));
  for (let i = 0; i <= sample.length; i++) {
    each(`cut at ${i}`, [sample.slice(0, i), sample.slice(i)]);
  }
  for (let i = 0; i < sample.length; i += 3) {
    each(`cut at ${i} and ${i + 2}`, [
      sample.slice(0, i),
      sample.slice(i, i + 2),
      new Uint8Array(0),
      sample.slice(i + 2),
    ]);
  }
}

/** Any bytes, cut anyhow, give what they give whole. */
export function checkAnyCut<T>(decode: Decode<T>, bytes: fc.Arbitrary<Uint8Array>): void {
  fc.assert(fc.property(bytes, fc.array(fc.nat(), { maxLength: 8 }), (sample, places) => {
    const cuts = [0, ...places.map((place) => place % (sample.length + 1)), sample.length]
      .sort((a, b) => a - b);
    const chunks = cuts.slice(1).map((cut, i) => sample.slice(cuts[i], cut));
    assertEquals(decode(chunks), decode([sample.slice()]));
  }));
}
