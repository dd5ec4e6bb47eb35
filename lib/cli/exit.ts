/**
 * The exit codes of every subcommand, and the errors that carry them.
 *
 * A command returns its exit code. Deep inside one, a failure that the user should read is thrown
 * as a {@linkcode CommandError}; `main.ts` prints its message as one line on stderr and exits with
 * its code.
 *
 * @module
 */

/** What the exit code of `talker` means, the same in every subcommand. */
export const EXIT = {
  /** Done. */
  ok: 0,
  /** Failed: refused, unreachable, not found. */
  failed: 1,
  /** Wrong usage. */
  usage: 2,
  /** Timed out. */
  timeout: 3,
  /** Partly done: some answers or acknowledgements are missing. */
  partly: 4,
  /** Not authorised: a missing or wrong secret, or one end encrypts and the other does not. */
  unauthorised: 5,
} as const;

/** One of the values of {@linkcode EXIT}. */
export type ExitCode = typeof EXIT[keyof typeof EXIT];

/** The lines of the help text about exit codes. */
export const EXIT_HELP: readonly string[] = [
  "0 done · 1 failed (refused, unreachable, not found) · 2 wrong usage",
  "3 timed out · 4 partly done · 5 not authorised",
];

/**
 * A failure to be told to the user in one line, with the exit code that goes with it.
 *
 * @example
 * ```ts ignore
 * throw new CommandError("Cannot write /var/talker: permission denied; choose another --data");
 * ```
 */
export class CommandError extends Error {
  override readonly name: string = "CommandError";
  readonly exitCode: ExitCode;

  /**
   * @param message One line: what failed, the value, what to do.
   * @param options `exitCode` ({@default 1}) and the `cause`.
   */
  constructor(message: string, options: { exitCode?: ExitCode; cause?: unknown } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.exitCode = options.exitCode ?? EXIT.failed;
  }
}

/** Wrong usage: exit code 2. The message names the flag, the value and what is expected. */
export class UsageError extends CommandError {
  override readonly name: string = "UsageError";

  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message, { ...options, exitCode: EXIT.usage });
  }
}

/**
 * Not an error: `--help` was given. `main.ts` prints the text on stdout and exits with 0.
 */
export class HelpRequested extends Error {
  override readonly name: string = "HelpRequested";

  /** @param text The help, ending with a line end. */
  constructor(readonly text: string) {
    super("Help was asked for");
  }
}
