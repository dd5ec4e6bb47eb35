/**
 * Completion of commands, nicks and ids. Pure.
 *
 * @module
 */

import { foldNick } from "../wire/nick.ts";

/** What can be completed. */
export interface Words {
  /** Names of commands, without the slash. */
  readonly commands: Iterable<string>;
  /** Nicks, those to be preferred first. */
  readonly nicks: Iterable<string>;
  /** Ids that `/ack` may be given, those to be preferred first. */
  readonly ids?: Iterable<string>;
}

/** How a line is completed. */
export interface Completion {
  /** Where the completed word begins, in UTF-16 units. */
  readonly from: number;
  /** What stands there instead, up to the cursor. */
  readonly text: string;
  /** The choices, where there are several. */
  readonly choices: readonly string[];
}

/**
 * Completes the word before the cursor: a command at the beginning of a line, else a nick, which is
 * followed by a colon where the line begins with it. Where several fit, as far as they agree. Behind
 * `/ack` it is an id; the first one where none is begun, since they say nothing to a person.
 *
 * @param before The line up to the cursor.
 *
 * @returns undefined where nothing fits
 *
 * @example
 * ```ts
 * import { complete } from "./complete.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const words = { commands: ["who", "whois", "quit"], nicks: ["Ann", "bob"] };
 * assertEquals(complete("/q", words), { from: 0, text: "/quit ", choices: [] });
 * assertEquals(complete("an", words), { from: 0, text: "Ann: ", choices: [] });
 * assertEquals(complete("/w", words), { from: 0, text: "/who", choices: ["/who", "/whois"] });
 * ```
 */
export function complete(before: string, words: Words): Completion | undefined {
  const from = before.length - (/\S*$/.exec(before)?.[0].length ?? 0);
  const begun = before.slice(from);
  if (/^\/ack\s+$/i.test(before.slice(0, from))) return completeId(from, begun, words.ids ?? []);
  const isCommand = from === 0 && begun.startsWith("/");
  if (!isCommand && begun === "") return undefined;
  const candidates = isCommand ? [...words.commands].map((name) => `/${name}`) : [...words.nicks];
  const key = foldNick(begun);
  const fitting = [...new Set(candidates)].filter((word) => foldNick(word).startsWith(key));
  const [first, ...more] = fitting;
  if (first === undefined) return undefined;
  if (more.length === 0) {
    return { from, text: first + (from === 0 && !isCommand ? ": " : " "), choices: [] };
  }
  const common = agreement(fitting);
  // What was typed stays where the words agree on less, as by case.
  const text = common.length >= begun.length ? common : begun;
  return { from, text, choices: fitting.sort() };
}

function completeId(from: number, begun: string, ids: Iterable<string>): Completion | undefined {
  const [first, ...more] = [...ids].filter((id) => id.startsWith(begun));
  if (first === undefined) return undefined;
  if (begun === "" || more.length === 0) return { from, text: first, choices: [] };
  return { from, text: agreement([first, ...more]), choices: [first, ...more] };
}

/** The beginning that all words share, case ignored, as the first one has it. */
function agreement(words: readonly string[]): string {
  const [first = "", ...others] = words.map((word) => [...word]);
  let length = 0;
  while (
    length < first.length &&
    others.every((other) => foldNick(other[length] ?? "") === foldNick(first[length] ?? ""))
  ) length++;
  return (first as string[]).slice(0, length).join("");
}
