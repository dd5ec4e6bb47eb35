/**
 * The flags that every subcommand has.
 *
 * @module
 */

import type { BooleanFlag, ChoiceFlag, StringFlag } from "./flag_values.ts";

/** The levels of the log, the most talkative first. */
export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;
/** One of {@linkcode LOG_LEVELS}. */
export type LogLevel = typeof LOG_LEVELS[number];

/** How log records are written. */
const LOG_FORMATS = ["text", "json"] as const;
/** One of {@linkcode LOG_FORMATS}. */
export type LogFormat = typeof LOG_FORMATS[number];

/** What {@linkcode commonFlags} declares. */
export interface CommonFlags {
  readonly json: BooleanFlag & { readonly kind: "boolean" };
  readonly logLevel: ChoiceFlag & {
    readonly choices: typeof LOG_LEVELS;
    readonly default: LogLevel;
  };
  readonly logFormat: ChoiceFlag & {
    readonly choices: typeof LOG_FORMATS;
    readonly default: LogFormat;
  };
  readonly logFile: StringFlag;
}

/**
 * `--json`, `--log-level`, `--log-format` and `--log-file`, to be spread into a command's flags.
 * (`--help` needs no declaration.)
 *
 * @param level The default level: `info` for what runs for long, `warning` for what does one thing.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { commonFlags } from "./common_flags.ts";
 * const flags = { ...commonFlags("info"), port: { kind: "port", help: "The port." } };
 * assert(flags.logLevel.default === "info");
 * ```
 */
export function commonFlags(level: LogLevel = "warning"): CommonFlags {
  return {
    json: { kind: "boolean", help: "Write one JSON object per line on stdout." },
    logLevel: {
      kind: "choice",
      choices: LOG_LEVELS,
      placeholder: "LEVEL",
      default: level,
      help: `How much to log: ${LOG_LEVELS.join(", ")}.`,
    },
    logFormat: {
      kind: "choice",
      choices: LOG_FORMATS,
      placeholder: "FORMAT",
      default: "text",
      help: "How to log: text or json.",
    },
    logFile: {
      kind: "string",
      placeholder: "PATH",
      defaultText: "stderr",
      help: "Append the log to this file.",
    },
  };
}
