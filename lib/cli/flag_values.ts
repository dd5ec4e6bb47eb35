/**
 * What kinds of flags there are, and how the text of a value becomes the value. Pure.
 *
 * @module
 */

interface FlagBase {
  /** One or more sentences for the help text. */
  readonly help: string;
  /** What the help says instead of the default, where the default is worked out at run time. */
  readonly defaultText?: string;
}

interface ValueFlag extends FlagBase {
  /** The name of the value in the help text, such as `FILE`. */
  readonly placeholder?: string;
  /** To be given once only: where each of two values is meant, neither must get lost. */
  readonly once?: boolean;
}

interface TextFlag extends ValueFlag {
  /**
   * What is wrong with a text, as it goes behind `--flag is "text"; `; undefined where nothing is. Of a
   * flag that may be repeated each text is checked.
   */
  readonly check?: (text: string) => string | undefined;
  /** An empty text means something; else it is a mistake, as in `--host "$UNSET"`. @default false */
  readonly mayBeEmpty?: boolean;
}

/** On or off. Where the default is true the flag is shown, and mostly given, as `--no-NAME`. */
export interface BooleanFlag extends FlagBase {
  readonly kind: "boolean";
  /** @default false */
  readonly default?: boolean;
}

/** Text. */
export interface StringFlag extends TextFlag {
  readonly kind: "string";
  readonly default?: string | undefined;
}

/** Text, any number of times; in the environment separated by commas. */
export interface StringsFlag extends TextFlag {
  readonly kind: "strings";
  /** @default [] */
  readonly default?: readonly string[];
}

/** One of some words. */
export interface ChoiceFlag extends ValueFlag {
  readonly kind: "choice";
  readonly choices: readonly string[];
  readonly default?: string | undefined;
}

/** A whole number. */
export interface IntegerFlag extends ValueFlag {
  readonly kind: "integer";
  readonly min?: number;
  readonly max?: number;
  readonly default?: number | undefined;
}

/** A port number, 0 to 65535. */
export interface PortFlag extends ValueFlag {
  readonly kind: "port";
  readonly default?: number | undefined;
}

/** A time in seconds, which may have a fraction. The value is a number of seconds. */
export interface SecondsFlag extends ValueFlag {
  readonly kind: "seconds";
  /** @default 0 */
  readonly min?: number;
  readonly max?: number;
  readonly default?: number | undefined;
}

/** A flag as a command declares it. */
export type Flag =
  | BooleanFlag
  | StringFlag
  | StringsFlag
  | ChoiceFlag
  | IntegerFlag
  | PortFlag
  | SecondsFlag;

/** The longest time that a `seconds` flag takes: a timer of the system goes no further (24.8 days). */
export const MAX_SECONDS = Math.floor((2 ** 31 - 1) / 1000);

/** The placeholder of a flag's value in the help text. */
export function placeholder(flag: Exclude<Flag, BooleanFlag>): string {
  if (flag.placeholder !== undefined) return flag.placeholder;
  switch (flag.kind) {
    case "choice":
      return flag.choices.join("|");
    case "integer":
      return "N";
    case "port":
      return "PORT";
    case "seconds":
      return "S";
    case "string":
    case "strings":
      return "TEXT";
  }
}

/** What is wrong with this text as a value of the flag, for an error message; undefined where nothing is. */
export function complaint(flag: Flag, text: string): string | undefined {
  if (flag.kind === "string" || flag.kind === "strings") {
    const isMissing = text === "" && flag.mayBeEmpty !== true;
    return flag.check?.(text) ?? (isMissing ? "it must not be empty" : undefined);
  }
  return parseValue(flag, text) === undefined ? `it must be ${expectation(flag)}` : undefined;
}

/** What a value of this flag must be, for an error message. */
function expectation(flag: Flag): string {
  switch (flag.kind) {
    case "boolean":
      return "true or false";
    case "choice":
      return `one of ${flag.choices.join(", ")}`;
    case "integer":
      return `a whole number${rangeText(flag.min, flag.max)}`;
    case "port":
      return "a port number from 0 to 65535";
    case "seconds":
      return `a number of seconds${rangeText(flag.min ?? 0, flag.max ?? MAX_SECONDS)}`;
    case "string":
    case "strings":
      return "some text";
  }
}

function rangeText(min: number | undefined, max: number | undefined): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  if (min !== undefined) return `, ${min} or more`;
  if (max !== undefined) return `, at most ${max}`;
  return "";
}

/**
 * The value that a text stands for, or undefined where it is none that the flag takes. For a
 * `strings` flag it is the value of one occurrence.
 *
 * @example
 * ```ts
 * import { parseValue } from "./flag_values.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseValue({ kind: "port", help: "" }, "8889"), 8889);
 * assertEquals(parseValue({ kind: "port", help: "" }, "88890"), undefined);
 * ```
 */
export function parseValue(flag: Flag, text: string): string | number | boolean | undefined {
  switch (flag.kind) {
    case "boolean":
      return parseBoolean(text);
    case "string":
    case "strings":
      return text;
    case "choice":
      return flag.choices.includes(text) ? text : undefined;
    case "integer":
      return parseNumber(/^[+-]?\d+$/, text, flag.min, flag.max);
    case "port":
      return parseNumber(/^\d+$/, text, 0, 65_535);
    case "seconds": {
      const pattern = /^[+-]?(\d+(\.\d*)?|\.\d+)$/;
      return parseNumber(pattern, text, flag.min ?? 0, flag.max ?? MAX_SECONDS);
    }
  }
}

function parseBoolean(text: string): boolean | undefined {
  switch (text.toLowerCase()) {
    case "true":
    case "1":
    case "yes":
    case "on":
      return true;
    case "false":
    case "0":
    case "no":
    case "off":
      return false;
    default:
      return undefined;
  }
}

function parseNumber(
  pattern: RegExp,
  text: string,
  min = -Number.MAX_SAFE_INTEGER,
  max = Number.MAX_SAFE_INTEGER,
): number | undefined {
  if (!pattern.test(text)) return undefined;
  const value = Number(text);
  return value >= min && value <= max ? value : undefined;
}
