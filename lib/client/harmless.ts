/**
 * Text from a server that nobody vouches for, made fit for a terminal. Pure.
 *
 * @module
 */

// C0 except tab, DEL and C1 steer the terminal; U+2028 and U+2029 break lines; U+202A–202E and
// U+2066–2069 show text in another order than it has; a lone surrogate is no character at all.
const HARMFUL =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/**
 * The text with everything in it that could steer a terminal, break the line or turn the order of
 * what is shown replaced by U+FFFD. Tab stays.
 *
 * @example
 * ```ts
 * import { harmless } from "./harmless.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(harmless("red \u001b[31malert\u0007"), "red \u{FFFD}[31malert\u{FFFD}");
 * ```
 */
export function harmless(text: string): string {
  return text.replace(HARMFUL, "\u{FFFD}");
}

/**
 * A value as JSON on one line that is harmless as well: what {@linkcode harmless} replaces is
 * escaped (`\u202e`), so that nothing is lost.
 */
export function harmlessJson(value: unknown): string {
  return JSON.stringify(value).replace(HARMFUL, (character) => {
    return "\\u" + character.charCodeAt(0).toString(16).padStart(4, "0");
  });
}
