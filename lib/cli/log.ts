/**
 * Sets up the log of the process by the flags. The library it uses is loaded only then.
 *
 * Records go to the logger of category `talker`: `getLogger(["talker", "part"])` of
 * `@logtape/logtape`.
 *
 * @module
 */

import type { LogRecord } from "@logtape/logtape";
import type { LogFormat, LogLevel } from "./common_flags.ts";
import { CommandError } from "./exit.ts";
import { type Output, QueuedOutput } from "./output.ts";
import { reason } from "./reason.ts";

/** What {@linkcode startLog} needs: the common flags as they were parsed, and stderr. */
export interface LogOptions {
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly logFile: string | undefined;
}

/** What waits for a log file that takes nothing, in bytes, before records are dropped. */
const MAX_LOG_QUEUED = 4 * 1024 * 1024;

/** A log that was set up. Disposing of it waits for what was logged to be written. */
export interface Log extends AsyncDisposable {
  /** Waits until all that was logged is written. */
  flush(): Promise<void>;
}

/**
 * Sets up the log. With `logFile` records are appended to that file (created for its owner alone),
 * else they go to stderr.
 *
 * @throws {CommandError} when the file can't be opened
 *
 * @example
 * ```ts ignore
 * const { flags } = parseCommand(serverCommand, args, io.env);
 * await using _log = await startLog(flags, io.stderr);
 * ```
 */
export async function startLog(options: LogOptions, stderr: Output): Promise<Log> {
  const { configure, getJsonLinesFormatter, getTextFormatter, reset } = await import(
    "@logtape/logtape"
  );
  const file = options.logFile === undefined ? undefined : await openLogFile(options.logFile);
  const output = file === undefined ? stderr : new QueuedOutput(file, { limit: MAX_LOG_QUEUED });
  const json = getJsonLinesFormatter();
  const format: (record: LogRecord) => string = options.logFormat === "json"
    ? (record) => json(withPlainMessage(record))
    : getTextFormatter({
      timestamp: "rfc3339",
      level: "full",
      category: (category) => category.join("."),
      value: "bare",
      sanitize: { sgr: "escape", newlines: options.logLevel === "debug" ? "preserve" : "escape" },
    });
  const sink = (record: LogRecord) => output.write(format(record));
  await configure({
    sinks: { output: sink },
    loggers: [
      { category: "talker", sinks: ["output"], lowestLevel: options.logLevel },
      { category: ["logtape", "meta"], sinks: ["output"], lowestLevel: "warning" },
    ],
    reset: true,
  });
  return {
    flush: () => output.flush(),
    [Symbol.asyncDispose]: async () => {
      await reset();
      await output.flush();
      file?.close();
    },
  };
}

/** The formatter would put the strings among the values into quotes of their own. */
function withPlainMessage(record: LogRecord): LogRecord {
  return { ...record, message: [record.message.map(String).join("")] };
}

async function openLogFile(path: string): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path, { append: true, create: true, mode: 0o600 });
  } catch (error) {
    throw new CommandError(
      `Cannot open the log file ${path}: ${reason(error)}; choose another --log-file`,
      { cause: error },
    );
  }
}
