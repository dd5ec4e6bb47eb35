/**
 * What a command sees of the process: environment, standard streams, and the signal to stop.
 *
 * @module
 */

import { type Output, QueuedOutput } from "./output.ts";

/** The standard input of a command. */
export interface Input {
  /** It is a terminal. */
  readonly isTerminal: boolean;
  /** What comes in, until its end. To be iterated once. A chunk is valid until the next is asked for. */
  chunks(): AsyncIterable<Uint8Array>;
}

/** What a command gets of the process. Tests make their own. */
export interface Io {
  /** An environment variable; undefined where it is not set. */
  env(name: string): string | undefined;
  readonly stdin: Input;
  /** Data. */
  readonly stdout: Output;
  /** Diagnostics. */
  readonly stderr: Output;
  /**
   * Aborted by the first Ctrl-C or SIGTERM, and when stdout takes nothing more: then the
   * command ends cleanly. The second Ctrl-C or SIGTERM ends the process at once.
   */
  readonly signal: AbortSignal;
}

/** Why {@linkcode Io.signal} was aborted. */
export type StopReason = "SIGINT" | "SIGTERM" | "stdout closed";

/** What waits for a stderr that nobody reads, in bytes, before lines are dropped: a stuck terminal must not stop a server. */
const MAX_STDERR_QUEUED = 1024 * 1024;
/** How much of stdin is read at once, in bytes. */
const STDIN_CHUNK = 64 * 1024;
/** What a shell reports for a program that Ctrl-C ended. */
const INTERRUPTED = 130;

/**
 * The {@linkcode Io} of this process. To be called once: it takes over SIGINT and SIGTERM.
 *
 * @param exit Ends the process at once; called at Ctrl-C when it is to stop already.
 */
export function processIo(exit: (code: number) => void): Io {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    // Windows has no SIGTERM to listen for.
    if (Deno.build.os === "windows" && name === "SIGTERM") continue;
    Deno.addSignalListener(name, () => {
      // A supervisor's SIGTERM often comes twice, to the process and to its group: that is no haste.
      if (!stop.signal.aborted) stop.abort(name satisfies StopReason);
      else if (name === "SIGINT") exit(INTERRUPTED);
    });
  }
  const stdout = new QueuedOutput(Deno.stdout, {
    isTerminal: Deno.stdout.isTerminal(),
    onError: () => stop.abort("stdout closed" satisfies StopReason),
  });
  const stderr = new QueuedOutput(Deno.stderr, {
    isTerminal: Deno.stderr.isTerminal(),
    limit: MAX_STDERR_QUEUED,
  });
  return {
    env: readEnv,
    stdin: { isTerminal: Deno.stdin.isTerminal(), chunks: stdinChunks },
    stdout,
    stderr,
    signal: stop.signal,
  };
}

function readEnv(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch {
    return undefined; // Run without the permission: as if there were no environment.
  }
}

async function* stdinChunks(): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(STDIN_CHUNK);
  while (true) {
    const length = await Deno.stdin.read(buffer);
    if (length === null) return;
    yield buffer.subarray(0, length);
  }
}
