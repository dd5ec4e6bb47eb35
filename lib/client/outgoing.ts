/**
 * What the user types, and how it goes to the server (docs/PROTOCOL.md). Pure.
 *
 * @module
 */

import { MAX_LINE_BYTES } from "../wire/limits.ts";
import { visible } from "../wire/text.ts";
import { harmless } from "./harmless.ts";

/** A line of the user that goes to the server. */
export interface Outgoing {
  /** The line without tag and control characters. */
  readonly line: string;
  /** The tag that the user gave: the answer is shown with it. */
  readonly tag: string | undefined;
  /** What it says to everybody, harmless, to know it again in what the server sends; undefined for other commands. */
  readonly said: { readonly kind: "speech" | "action"; readonly text: string } | undefined;
  /** The name of the command in lower case, without its slash; undefined for speech. */
  readonly command: string | undefined;
  /** Behind the command's name, without blanks around it. */
  readonly rest: string;
  /**
   * Without a tag, followed by a tagged `/ping`: what `/say` would change (blanks around it) or
   * could not take (it is close to the limit). Its id is not told; so on a server that does not echo
   * it may be said twice where a connection is lost at that moment.
   */
  readonly bare: boolean;
  /** Bytes on the wire, about. */
  readonly bytes: number;
}

/** A line that is too long to be sent. */
export interface TooLong {
  /** How long it is, in bytes. */
  readonly bytes: number;
  /** How long it may be. */
  readonly most: number;
  /** It has a tag, for which there must be room. */
  readonly isTagged: boolean;
}

/** Room that tag and `/say` need in a line, in bytes. */
const TAG_BYTES = 24;

const TAGGED = /^@([A-Za-z0-9]{1,32}) (\/.*)$/s;

const encoder = new TextEncoder();

/**
 * Takes a line of the user apart. Control characters are dropped, as the server would drop them.
 *
 * @returns undefined for an empty line, which the server ignores
 *
 * @example
 * ```ts
 * import { parseOutgoing, recordsFor } from "./outgoing.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const line = parseOutgoing("hello");
 * assertEquals(line && "line" in line && recordsFor(line, "c1"), ["@c1 /say hello"]);
 * ```
 */
export function parseOutgoing(text: string): Outgoing | TooLong | undefined {
  const whole = visible(text);
  if (whole === "") return undefined;
  // A UTF-16 unit is three bytes at the most: the short ones need no counting.
  const exact = whole.length * 3 > MAX_LINE_BYTES - TAG_BYTES;
  const bytes = exact ? encoder.encode(whole).length : whole.length;
  if (exact && bytes > MAX_LINE_BYTES) return { bytes, most: MAX_LINE_BYTES, isTagged: false };
  const long = exact && bytes > MAX_LINE_BYTES - TAG_BYTES;

  const tagged = TAGGED.exec(whole);
  const tag = tagged?.[1];
  const line = tagged?.[2] ?? whole;
  const isSpeech = !line.startsWith("/") || line.startsWith("//");
  if (isSpeech) {
    const spoken = line.startsWith("//") ? line.slice(1) : line;
    const said = { kind: "speech", text: harmless(spoken) } as const;
    const bare = tag === undefined && (long || spoken.trim() !== spoken);
    if (long && !bare) return { bytes, most: MAX_LINE_BYTES - TAG_BYTES, isTagged: true };
    return { line, tag, said, command: undefined, rest: spoken, bare, bytes };
  }
  if (long) return { bytes, most: MAX_LINE_BYTES - TAG_BYTES, isTagged: true };
  const [, name = "", rest = ""] = /^\/(\S*)\s*(.*?)\s*$/s.exec(line) ?? [];
  const command = name.toLowerCase();
  const said = rest === "" ? undefined : saidBy(command, rest);
  return { line, tag, said, command, rest, bare: false, bytes };
}

function saidBy(command: string, rest: string): Outgoing["said"] {
  if (command === "say") return { kind: "speech", text: harmless(rest) };
  if (command === "me") return { kind: "action", text: harmless(rest) };
  return undefined;
}

/** The records that carry a line, confirmed by the answer to `tag`. */
export function recordsFor(outgoing: Outgoing, tag: string): string[] {
  if (outgoing.bare) return [outgoing.line, `@${tag} /ping`];
  if (outgoing.command === undefined) return [`@${tag} /say ${outgoing.rest}`];
  return [`@${tag} ${outgoing.line}`];
}
