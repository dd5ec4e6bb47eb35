/**
 * Commands as people write them: words. Pure.
 *
 * @module
 */

import { shown } from "./json.ts";

/**
 * The words of a command: parted by blanks; a word in quotes ("…" or '…') may have blanks in it. A list
 * of words and numbers is one already.
 *
 * @throws {TypeError} for no word at all, a quote that does not end, and what is neither text nor a list
 *
 * @example
 * ```ts
 * import { wordsOf } from "./words.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(wordsOf("LEFT 0.5"), ["LEFT", "0.5"]);
 * assertEquals(wordsOf(`SAY "it's me" now`), ["SAY", "it's me", "now"]);
 * assertEquals(wordsOf(["LEFT", 0.5]), ["LEFT", "0.5"]);
 * ```
 */
export function wordsOf(command: string | readonly (string | number)[]): string[] {
  if (typeof command !== "string") return listed(command);
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

function listed(command: unknown): string[] {
  const isWord = (each: unknown) => typeof each === "string" || typeof each === "number";
  if (!Array.isArray(command) || !command.every(isWord)) {
    throw new TypeError(
      `${shown(command)} is no command: write text ("LEFT 0.5") or a list of words (["LEFT", 0.5])`,
    );
  }
  if (command.length === 0) throw new TypeError("[] is no command: it has no word");
  return command.map(String);
}
