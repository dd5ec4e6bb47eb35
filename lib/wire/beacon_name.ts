/**
 * Names of services: what is allowed, when two are the same, and patterns for them. Pure.
 *
 * @module
 */

import { MAX_BEACON_NAME } from "./limits.ts";

/** What is no name, for error messages. */
export const BEACON_NAME_FORM =
  `1 to ${MAX_BEACON_NAME} characters without blanks, control characters, @ or *`;

const NAME = /^[^\s\p{C}@*]+$/u;
const PATTERN = /^[^\s\p{C}@]+$/u;
const PLAIN = /^[a-z0-9_./-]+$/;

/** Whether it may be advertised: 1 to 64 characters without blanks, control characters, `@` and `*`. */
export function isBeaconName(text: string): boolean {
  return isShort(text) && NAME.test(text);
}

/** Whether names may be asked for by it: a name in which `*` may stand for any characters. */
export function isBeaconPattern(text: string): boolean {
  return isShort(text) && PATTERN.test(text);
}

function isShort(text: string): boolean {
  // Twice the code units is the most that so many characters take.
  return text.length > 0 && text.length <= 2 * MAX_BEACON_NAME &&
    [...text].length <= MAX_BEACON_NAME;
}

/** What two names have in common when they count as the same: case folded. */
export function foldBeaconName(name: string): string {
  if (PLAIN.test(name)) return name;
  return name.normalize("NFKC").toUpperCase().toLowerCase().normalize("NFKC");
}

/**
 * Whether a name is among those that a pattern means. `*` stands for any characters, `/` included.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { matchesBeaconName } from "./beacon_name.ts";
 * assert(matchesBeaconName("robot/*", "Robot/arm"));
 * assert(!matchesBeaconName("robot/*", "kitchen"));
 * assert(matchesBeaconName("*", "kitchen"));
 * ```
 */
export function matchesBeaconName(pattern: string, name: string): boolean {
  const folded = foldBeaconName(name);
  const parts = foldBeaconName(pattern).split("*");
  const [first = "", last = ""] = [parts[0], parts.at(-1)];
  if (parts.length === 1) return folded === first;
  if (folded.length < first.length + last.length) return false;
  if (!folded.startsWith(first) || !folded.endsWith(last)) return false;
  // Each part at the first place where it occurs: linear in the name, whatever the pattern.
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = folded.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= folded.length - last.length;
}
