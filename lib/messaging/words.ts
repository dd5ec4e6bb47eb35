/**
 * Commands as people write them: words. Pure.
 *
 * @module
 */

import { shown } from "./json.ts";

/**
 * The words of a command: parted by blanks; a word in quotes ("…" or '…') may have blanks in it.
 *
 * @throws {TypeError} for no word at all, or a quote that does not end
 *
 * @example
 * ```ts
 * import { wordsOf } from "./words.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(wordsOf("LEFT 0.5"), ["LEFT", "0.5"]);
 * assertEquals(wordsOf(`SAY "it's me" now`), ["SAY", "it's me", "now"]);
 * ```
 */
export function wordsOf(command: string): string[] {
  const words: string[] = [];
  for (const [word, double, single] of command.matchAll(/"([^"]*)"(?!\S)|'([^']*)'(?!\S)|\S+/g)) {
    if (double === undefined && single === undefined && /^["']/.test(word)) {
      throw new TypeError(`The command ${shown(command)} has a quote that does not end`);
    }
    words.push(double ?? single ?? word);
  }
  if (words.length === 0) throw new TypeError(`${shown(command)} is no command: it has no word`);
  return words;
}
