/**
 * Commands that the client carries out itself. Pure.
 *
 * @module
 */

import type { People } from "./people.ts";

/** Their names, for completion. */
export const LOCAL_COMMANDS: readonly string[] = ["ignore", "unignore"];

/** What they do, as it stands below the server's own help. */
export const LOCAL_HELP: readonly string[] = [
  "Here also: /ignore NICK hides somebody (without NICK: who is hidden), /unignore NICK ends it",
];

const USAGE: ReadonlyMap<string, string> = new Map([
  ["ignore", "/ignore [NICK]: hide what NICK says; without NICK, who is hidden"],
  ["unignore", "/unignore NICK: hear NICK again"],
]);

/**
 * Carries out `/ignore [NICK]` or `/unignore NICK`, and helps with them.
 *
 * @returns what to tell the user, or undefined where the command is for the server
 */
export function localCommand(people: People, command: string, rest: string): string | undefined {
  if (command === "help") return USAGE.get(rest.replace(/^\//, "").toLowerCase());
  if (command === "ignore") {
    if (rest === "") {
      const ignored = people.ignored;
      return ignored.length === 0
        ? "Nobody is ignored; /ignore NICK hides somebody"
        : `You ignore ${ignored.join(", ")}`;
    }
    if (/\s/.test(rest)) return "Usage: /ignore [NICK]";
    return people.ignore(rest)
      ? `You ignore ${rest} now; /unignore ${rest} ends it`
      : "You ignore too many already";
  }
  if (command === "unignore") {
    if (rest === "" || /\s/.test(rest)) return "Usage: /unignore NICK";
    return people.unignore(rest) ? `You hear ${rest} again` : `You do not ignore ${rest}`;
  }
  return undefined;
}
