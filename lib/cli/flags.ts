/**
 * Typed flags: a command declares them once, and gets values of the right types, the help text,
 * the environment variables and the error messages. Pure: arguments and environment are passed in.
 *
 * @module
 */

// @ts-types="./parse_args.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import { nearest } from "../wire/nearest.ts";
import { HelpRequested, UsageError } from "./exit.ts";
import { complaint, type Flag, parseValue, placeholder } from "./flag_values.ts";
import { commandHelp } from "./help.ts";

/** The flags of a command, by the name of their property: `logLevel` is `--log-level`. */
export type Flags = Readonly<Record<string, Flag>>;

/** A subcommand as it is declared. */
export interface Command<F extends Flags = Flags> {
  /** The subcommand, such as `server`. */
  readonly name: string;
  /** What it does, in one short sentence; the general help in `main.ts` has the same. */
  readonly summary: string;
  /** How it is called, such as `talker server [FLAGS]`. */
  readonly usage: string;
  /** More about it: paragraphs of the help text, between the usage and the flags. */
  readonly details?: readonly string[];
  /** How many arguments it takes that are not flags. */
  readonly positionals: { readonly min: number; readonly max: number };
  readonly flags: F;
  /** Two examples at the least. */
  readonly examples: readonly string[];
}

type Optional<D, T> = D extends { default: infer V } ? V extends undefined ? T | undefined : T
  : T | undefined;

/** The type of a flag's value. */
export type FlagValue<D extends Flag> = D["kind"] extends "boolean" ? boolean
  : D["kind"] extends "strings" ? readonly string[]
  : D extends { kind: "choice"; choices: readonly (infer C)[] } ? Optional<D, C>
  : D["kind"] extends "string" ? Optional<D, string>
  : Optional<D, number>;

/** The values of a command's flags. */
export type FlagValues<F extends Flags> = { readonly [K in keyof F]: FlagValue<F[K]> };

/** Where a value of the environment is asked for: `Deno.env.get`, or a table in a test. */
export type Env = (name: string) => string | undefined;

/**
 * Declares a subcommand; see {@linkcode Command}. The types of its flags are kept, so that
 * {@linkcode parseCommand} gives each value its own type.
 *
 * @example
 * ```ts
 * import { defineCommand, parseCommand } from "./flags.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const greet = defineCommand({
 *   name: "greet",
 *   summary: "says hello",
 *   usage: "talker greet [FLAGS] NAME",
 *   positionals: { min: 1, max: 1 },
 *   flags: {
 *     count: { kind: "integer", min: 1, default: 1, help: "How often." },
 *     echo: { kind: "boolean", default: true, help: "Say it in silence." },
 *   },
 *   examples: ["talker greet ann", "talker greet --count 3 ann"],
 * });
 * const { flags, rest } = parseCommand(greet, ["ann", "--count=3", "--no-echo"], () => undefined);
 * const count: number = flags.count;
 * assertEquals([count, flags.echo, rest], [3, false, ["ann"]]);
 * ```
 */
export function defineCommand<const F extends Flags>(command: Command<F>): Command<F> {
  return command;
}

/** The name of a flag on the command line, without its dashes: `logLevel` is `log-level`. */
export function flagName(property: string): string {
  return property.replace(/[A-Z]/g, (letter) => "-" + letter.toLowerCase());
}

/** The name under which a flag is shown: with `no-` where it is on unless it is switched off. */
export function shownName(property: string, flag: Flag): string {
  const negative = flag.kind === "boolean" && flag.default === true;
  return (negative ? "no-" : "") + flagName(property);
}

/** The environment variable of a flag: `log-level` is `TALKER_LOG_LEVEL`. */
export function envName(name: string): string {
  return "TALKER_" + name.toUpperCase().replaceAll("-", "_");
}

/**
 * Parses the arguments of a subcommand.
 *
 * A value may follow as the next argument or after `=`. `--` ends the flags. Of a flag given twice
 * the last counts, unless it may be repeated, or must not be. `--NAME` and `--no-NAME` both work for every boolean
 * flag. A flag that is not given takes the value of its environment variable (an empty one counts
 * as none), and else its default.
 *
 * @throws {UsageError} for an unknown flag, a value that the flag does not take, or too few or too
 * many other arguments
 * @throws {HelpRequested} for `--help` or `-h` anywhere before `--`
 */
export function parseCommand<F extends Flags>(
  command: Command<F>,
  args: readonly string[],
  env: Env,
): { flags: FlagValues<F>; rest: string[] } {
  const declared = new Map<string, Flag>();
  for (const [property, flag] of Object.entries(command.flags)) {
    declared.set(flagName(property), flag);
  }
  if (asksForHelp(args)) throw new HelpRequested(commandHelp(command));
  const { written, given, rest } = split(command, declared, args);
  const names = (wanted: (flag: Flag) => boolean) =>
    [...declared].filter(([, flag]) => wanted(flag)).map(([name]) => name);
  const parsed = parseArgs(written, {
    string: names((flag) => flag.kind !== "boolean"),
    boolean: names((flag) => flag.kind === "boolean"),
    negatable: names((flag) => flag.kind === "boolean"),
    collect: names((flag) => flag.kind === "strings"),
  });
  const values: Record<string, unknown> = {};
  for (const [property, flag] of Object.entries(command.flags)) {
    const name = flagName(property);
    values[property] = given.has(name)
      ? fromArguments(name, flag, parsed[name])
      : fromEnvironment(command, [name, flag], env) ?? flag.default ?? EMPTY[flag.kind];
  }
  checkCount(command, rest);
  return { flags: values as FlagValues<F>, rest };
}

/** The value of a flag that is nowhere given and has no default. */
const EMPTY: Partial<Record<Flag["kind"], boolean | readonly string[]>> = {
  boolean: false,
  strings: [],
};

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end < 0 ? undefined : end).some((arg) => arg === "--help" || arg === "-h");
}

/** What an argument that begins with a dash says. */
interface Token {
  readonly name: string;
  /** It was written with `no-` before the name. */
  readonly negated: boolean;
  readonly value: string | undefined;
}

/** The flag in an argument; undefined for what is none: a word, `-`, `-5`. */
function flagToken(arg: string, declared: ReadonlyMap<string, Flag>): Token | undefined {
  if (arg.length < 2 || arg[0] !== "-" || /^-\.?\d/.test(arg)) return undefined;
  const equals = arg.indexOf("=");
  const name = arg.slice(2, equals < 0 ? undefined : equals);
  const value = equals < 0 ? undefined : arg.slice(equals + 1);
  if (name.startsWith("no-") && declared.get(name.slice(3))?.kind === "boolean") {
    return { name: name.slice(3), negated: true, value };
  }
  return { name, negated: false, value };
}

/**
 * Tells flags from the rest, and brings the flags into the one form that the parser takes literally
 * whatever is in a value: `--NAME=VALUE`.
 */
function split(
  command: Command,
  declared: ReadonlyMap<string, Flag>,
  args: readonly string[],
): { written: string[]; given: Set<string>; rest: string[] } {
  const written: string[] = [];
  const given = new Set<string>();
  const rest: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    if (arg === "--") {
      rest.push(...args.slice(i + 1));
      break;
    }
    const token = flagToken(arg, declared);
    if (token === undefined) {
      rest.push(arg);
      continue;
    }
    const { name, negated } = token;
    const flag = arg.startsWith("--") ? declared.get(name) : undefined;
    if (flag === undefined) throw unknownFlag(command, arg);
    if (given.has(name) && flag.kind !== "boolean" && flag.once === true) {
      throw new UsageError(`--${name} is given twice; give it once`);
    }
    given.add(name);
    if (flag.kind === "boolean") {
      const said = token.value === undefined ? true : parseValue(flag, token.value);
      if (said === undefined) throw badValue(`--${name}`, flag, token.value ?? "");
      written.push(said === negated ? `--no-${name}` : `--${name}`);
      continue;
    }
    const value = token.value ?? args[++i];
    if (value === undefined) throw noValue(name, flag);
    const forgotten = token.value === undefined && value.startsWith("--") &&
      declared.has(flagToken(value, declared)?.name ?? "");
    if (forgotten) throw noValue(name, flag, value);
    written.push(`--${name}=${value}`);
  }
  return { written, given, rest };
}

function fromArguments(name: string, flag: Flag, parsed: unknown): unknown {
  if (flag.kind === "boolean") return parsed;
  const source = `--${name}`;
  if (flag.kind !== "strings") return valueOf(source, flag, String(parsed));
  return (parsed as readonly string[]).map((text) => valueOf(source, flag, text));
}

/** The value that a text stands for; `source` is where it was given. */
function valueOf(source: string, flag: Flag, text: string, note?: string): unknown {
  if (complaint(flag, text) !== undefined) throw badValue(source, flag, text, note);
  return parseValue(flag, text);
}

/** The value that the environment gives; undefined where there is none. */
function fromEnvironment(command: Command, [name, flag]: [string, Flag], env: Env): unknown {
  const variable = envName(name);
  const text = env(variable) ?? "";
  // The same variable may be meant for another subcommand, where the flag takes something else.
  const note = ` (it stands for --${name} of talker ${command.name}, which wins)`;
  if (text !== "") {
    if (flag.kind === "strings") {
      return text.split(",").map((part) => part.trim()).filter((part) => part !== "")
        .map((part) => valueOf(variable, flag, part, note));
    }
    return valueOf(variable, flag, text, note);
  }
  if (flag.kind !== "boolean") return undefined;
  const opposite = envName(`no-${name}`);
  const denied = env(opposite) ?? "";
  if (denied === "") return undefined;
  const value = parseValue(flag, denied);
  if (value === undefined) throw badValue(opposite, flag, denied, note);
  return !value;
}

function checkCount(command: Command, rest: readonly string[]): void {
  const { min, max } = command.positionals;
  if (rest.length < min) throw new UsageError(`Too few arguments; usage: ${command.usage}`);
  if (rest.length <= max) return;
  throw new UsageError(`Unexpected argument ${quote(rest[max] ?? "")}; usage: ${command.usage}`);
}

function unknownFlag(command: Command, arg: string): UsageError {
  const written = arg.replace(/=.*/s, "");
  const known = Object.entries(command.flags).map(([property, flag]) => shownName(property, flag));
  const near = nearest(written.replace(/^-+/, ""), [...known, "help"]);
  return new UsageError(
    `Unknown flag ${
      shown(written)
    }; the nearest is --${near} (talker ${command.name} --help lists them)`,
  );
}

function badValue(source: string, flag: Flag, text: string, note = ""): UsageError {
  return new UsageError(`${source} is ${quote(text)}; ${complaint(flag, text)}${note}`);
}

function noValue(
  name: string,
  flag: Exclude<Flag, { kind: "boolean" }>,
  next?: string,
): UsageError {
  const escape = next === undefined ? "" : `; to give it ${quote(next)}, write --${name}=${next}`;
  return new UsageError(`--${name} needs a value: ${placeholder(flag)}${escape}`);
}

/** A value in an error message: one line, nothing that steers a terminal, not endless. */
function shown(text: string): string {
  const safe = text.replace(/\p{C}/gu, "\u{FFFD}");
  return safe.length > 80 ? safe.slice(0, 80) + "…" : safe;
}

function quote(text: string): string {
  return `"${shown(text)}"`;
}
