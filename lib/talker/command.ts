/**
 * Slash commands: what they are, and how a line is taken apart. The commands themselves are in
 * `commands/`.
 *
 * @module
 */

import { MAX_TAG_CHARACTERS } from "../wire/limits.ts";
import type { ErrorCode } from "./event.ts";
import type { Work } from "./rates.ts";
import type { Session } from "./session.ts";
import type { Talker } from "./talker.ts";

/** A line of an answer; `more` are its members in JSON. */
export interface Reply {
  text: string;
  more?: Record<string, unknown>;
}

/** How a command ended, well. */
export interface Done {
  /** Of what was said or published. */
  id?: string;
  /** A session that is over now. */
  end?: Session;
  /** The client leaves: this is answered behind all that it asked, and then its session is over. */
  last?: true;
  /** What was done counts only when it is on disk: then these lines are given, and the `ok`. */
  kept?: readonly Reply[];
  /** It needs no disk, and is only answered behind what the client asked before. */
  inOrder?: true;
  /** Called when the answer is queued; `isKept` is false when the disk didn't take it. */
  after?: (isKept: boolean) => void;
}

/** How a command ended. */
export type Outcome = Done | { error: ErrorCode; text: string };

/** What a command works on. */
export interface CommandContext {
  talker: Talker;
  session: Session;
  /** What marks the lines of the answer. */
  tag: string | undefined;
  /** What stands behind the name, without blanks around it. */
  rest: string;
  /** The same as it was typed, without the one blank behind the name. */
  raw: string;
  /** Gives a line of the answer; `more` are its members in JSON. */
  reply(text: string, more?: Record<string, unknown>): void;
}

/** A slash command. */
export interface Command {
  /** Without the slash. */
  readonly name: string;
  /** What stands behind the name, as `/help` shows it. */
  readonly parameters: string;
  /** What it does, on one line. */
  readonly summary: string;
  /** More lines for `/help COMMAND`. */
  readonly details?: readonly string[];
  /** It is accepted from operators only. */
  readonly operator?: boolean;
  /** What other servers do for it; counted by {@linkcode Rates}. */
  readonly work?: Work;
  /** What stands behind its name is passed over, although it has no parameters. */
  readonly takesAnything?: boolean;
  /** Not listed: for programs. */
  readonly hidden?: boolean;
  /** Does it; the outcome may come later. */
  run(context: CommandContext): Outcome | Promise<Outcome>;
}

/** A line that is a command. */
export interface CommandLine {
  tag: string | undefined;
  /** The command's name, without the slash, in lower case. */
  name: string;
  /** The same as it was typed. */
  typed: string;
  /** What stands behind the name, without blanks around it. */
  rest: string;
  /** The same as it was typed, without the one blank behind the name. */
  raw: string;
}

const TAGGED = new RegExp(`^@([A-Za-z0-9]{1,${MAX_TAG_CHARACTERS}}) (/.*)$`, "s");

/**
 * Takes a command line apart: `/NAME rest`, with `@TAG ` before it or not. Undefined for speech
 * (which `//text` is, too; tagged it is the command `say`).
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { parseCommandLine } from "./command.ts";
 * assert(parseCommandLine("@a1 /ping hello")?.tag === "a1");
 * assert(parseCommandLine("@bob hi") === undefined);
 * assert(parseCommandLine("//etc is a folder") === undefined);
 * ```
 */
export function parseCommandLine(line: string): CommandLine | undefined {
  const tagged = TAGGED.exec(line);
  const tag = tagged?.[1];
  const text = tagged?.[2] ?? line;
  if (!text.startsWith("/")) return undefined;
  if (text.startsWith("//")) {
    const said = text.slice(1);
    return tag === undefined
      ? undefined
      : { tag, name: "say", typed: "say", rest: said, raw: said };
  }
  const blank = text.search(/\s/);
  const typed = blank < 0 ? text.slice(1) : text.slice(1, blank);
  const raw = blank < 0 ? "" : text.slice(blank + 1);
  return { tag, name: typed.toLowerCase(), typed, rest: raw.trim(), raw };
}
