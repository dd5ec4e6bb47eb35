/**
 * Nicks: what is allowed, and when two are the same.
 *
 * @module
 */

import { MAX_NICK_CHARACTERS } from "../wire/limits.ts";

// Letters of any script with the marks that belong to them, digits, "-" and "_".
const ALLOWED = /^[\p{L}\p{Nd}_-][\p{L}\p{M}\p{Nd}_-]*$/u;

// By so much the longest letter grows when it is folded.
const FOLDING_GROWS = 2;

// What folding leaves as it is: the usual case.
const FOLDED = /^[a-z0-9_-]+$/;

/**
 * The nick as it is used (in Unicode's normal form NFKC), or undefined where it isn't one: letters,
 * digits, `-` and `_`, 1 to 32 characters.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { parseNick } from "./nick.ts";
 * assert(parseNick("jürgen-2") === "jürgen-2");
 * assert(parseNick("a b") === undefined);
 * ```
 */
export function parseNick(text: string): string | undefined {
  if (text.length > 4 * MAX_NICK_CHARACTERS) return undefined;
  const nick = text.normalize("NFKC");
  if ([...nick].length > MAX_NICK_CHARACTERS || !ALLOWED.test(nick)) return undefined;
  return nick;
}

/** What two nicks have in common when they count as the same: case folded. */
export function foldNick(nick: string): string {
  if (FOLDED.test(nick)) return nick;
  // Lower case first: the upper case of "ẞ" is itself, that of its lower case is "SS".
  return nick.normalize("NFKC").toLowerCase().toUpperCase().toLowerCase().normalize("NFKC");
}

/** Whether this is a folded nick: {@linkcode foldNick} may have made it longer ("ß" is "ss"). */
export function isFoldedNick(text: string): boolean {
  if (text.length > 8 * MAX_NICK_CHARACTERS || !ALLOWED.test(text)) return false;
  return [...text].length <= FOLDING_GROWS * MAX_NICK_CHARACTERS && foldNick(text) === text;
}
