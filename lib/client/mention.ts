/**
 * Does a line name somebody? Pure.
 *
 * @module
 */

/**
 * Whether `text` names `nick`: as a word of its own, case ignored.
 *
 * @example
 * ```ts
 * import { mentions } from "./mention.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(mentions("Ann: are you there?", "ann"), true);
 * assertEquals(mentions("annotated", "ann"), false);
 * ```
 */
export function mentions(text: string, nick: string): boolean {
  if (nick === "") return false;
  const where = text.toLowerCase();
  const what = nick.toLowerCase();
  for (let at = where.indexOf(what); at >= 0; at = where.indexOf(what, at + 1)) {
    const before = where.slice(0, at).match(/.$/u)?.[0] ?? "";
    const after = String.fromCodePoint(where.codePointAt(at + what.length) ?? 32);
    if (!WORD.test(before) && !WORD.test(after)) return true;
  }
  return false;
}

const WORD = /[\p{L}\p{M}\p{N}_-]/u;
