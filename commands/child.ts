/**
 * A command of the user's, run for what somebody else sent: the foreign text goes to its stdin and its
 * environment, never to a command line.
 *
 * @module
 */

import { reason } from "../lib/cli/reason.ts";
import { decodeText, encodeText } from "../lib/wire/text.ts";

/** How {@linkcode runChild} runs a command. */
export interface ChildOptions {
  /** Its whole stdin. */
  readonly input?: string;
  /** Added to the environment of this process. Values hold no NUL. */
  readonly env?: Readonly<Record<string, string>>;
  /** After so many milliseconds it is ended. */
  readonly timeoutMs: number;
  /** Ends it when aborted. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Where its stdout goes: to that of this process, to its stderr, or into the result, up to so many
   * bytes. @default "stdout"
   */
  readonly output?: "stdout" | "stderr" | { readonly limit: number };
}

/** How a command ended. */
export type ChildEnd =
  /** By itself. `stdout` is empty unless it was to be captured. */
  | { readonly is: "exited"; readonly code: number; readonly stdout: string }
  /** It took too long, and was ended. */
  | { readonly is: "timeout" }
  /** It printed more than the limit, and was ended. */
  | { readonly is: "too much" }
  /** The signal was aborted, and it was ended. */
  | { readonly is: "stopped" }
  /** It never ran. */
  | { readonly is: "failed"; readonly reason: string };

/** How long a command that is told to end may take before it is killed, in milliseconds. */
const TERM_MS = 1000;
/** How long output may still come when the command itself has ended (it left something running), in milliseconds. */
const LAST_WORDS_MS = 500;
/** What no child inherits: it may run for others. */
const SECRETS = ["TALKER_SECRET"];

/**
 * Runs `sh -c command` and waits for its end. With it ends everything it started and that stays in its
 * process group, when it takes too long, prints too much or is stopped. Never rejects.
 *
 * @param command A line of the user's own for `sh`. Nothing foreign may be put into it.
 *
 * @example
 * ```ts ignore
 * const end = await runChild("wc -c", { input: "foreign; text", timeoutMs: 60_000, output: { limit: 100 } });
 * // { is: "exited", code: 0, stdout: "13\n" }
 * ```
 */
export async function runChild(command: string, options: ChildOptions): Promise<ChildEnd> {
  const { input = "", timeoutMs, signal, output = "stdout" } = options;
  if (signal?.aborted) return { is: "stopped" };
  let running: Running;
  try {
    running = new Running(spawn(command, options));
  } catch (error) {
    return { is: "failed", reason: reason(error) };
  }
  let early: ChildEnd | undefined;
  const end = (why: ChildEnd) => {
    early ??= why;
    running.end();
  };
  const timer = setTimeout(() => end({ is: "timeout" }), timeoutMs);
  const stop = () => end({ is: "stopped" });
  signal?.addEventListener("abort", stop, { once: true });
  const limit = typeof output === "object" ? output.limit : 0;
  const captured = running.capture(limit, () => end({ is: "too much" }));
  const given = running.give(input);
  const code = await running.ended();
  clearTimeout(timer);
  signal?.removeEventListener("abort", stop);
  const [stdout] = await Promise.all([running.lastWords(captured), given]);
  return early ?? { is: "exited", code, stdout };
}

/** Why a command did not do what it should, in a few words; undefined where it did: it exited with 0. */
export function childFailure(end: ChildEnd, timeoutMs: number): string | undefined {
  switch (end.is) {
    case "exited":
      return end.code === 0 ? undefined : `it exited with ${end.code}`;
    case "timeout":
      return `it was ended after ${timeoutMs / 1000} s`;
    case "too much":
      return "it printed too much, and was ended";
    case "stopped":
      return "it was stopped";
    case "failed":
      return `it could not be run: ${end.reason}`;
  }
}

function spawn(command: string, { env, output = "stdout" }: ChildOptions): Deno.ChildProcess {
  const all = { ...Deno.env.toObject(), ...env };
  for (const name of SECRETS) delete all[name];
  const start = () => {
    const options = {
      args: ["-c", output === "stderr" ? `exec >&2; ${command}` : command],
      clearEnv: true,
      env: all,
      stdin: "piped" as const,
      stdout: typeof output === "object" ? "piped" as const : "inherit" as const,
      stderr: "inherit" as const,
      // A process group of its own. Not in the types of all the versions of Deno that have it.
      detached: true,
    };
    return new Deno.Command("sh", options).spawn();
  };
  try {
    return start();
  } catch (error) {
    // Who may run `sh` alone, may not tell it what code to load.
    const names = Object.keys(all).filter((name) => /^(LD|DYLD)_/.test(name));
    if (names.length === 0) throw error;
    for (const name of names) delete all[name];
    return start();
  }
}

/** One that runs, with its process group. */
class Running {
  /** Those that run at the moment, to be killed with this process. */
  static readonly #all = new Set<Running>();
  static readonly #killAll = () => {
    for (const running of Running.#all) running.#signal("SIGKILL");
  };
  readonly #child: Deno.ChildProcess;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #killTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(child: Deno.ChildProcess) {
    this.#child = child;
    if (Running.#all.size === 0) globalThis.addEventListener("unload", Running.#killAll);
    Running.#all.add(this);
  }

  /** Waits for its end: the exit code, or what a shell makes of a signal. */
  async ended(): Promise<number> {
    const { code } = await this.#child.status;
    Running.#all.delete(this);
    if (Running.#all.size === 0) globalThis.removeEventListener("unload", Running.#killAll);
    if (this.#killTimer !== undefined) {
      clearTimeout(this.#killTimer);
      // The shell heeded the signal; what it ran may not have.
      this.#signal("SIGKILL");
    }
    return code;
  }

  /** Asks it to end, and sees to it that it does. */
  end(): void {
    if (this.#killTimer !== undefined) return;
    this.#signal("SIGTERM");
    this.#killTimer = setTimeout(() => this.#signal("SIGKILL"), TERM_MS);
  }

  /** Gives it its stdin; it need not read it. */
  async give(input: string): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    const written = writer.write(encodeText(input)).then(() => writer.close());
    try {
      await Promise.race([written, this.#child.status]);
      await writer.abort();
    } catch {
      // It closed its stdin, or has ended: that is its own affair.
    }
  }

  /** Reads its stdout, if that is piped, to its end; or to the limit, of which `tooMuch` is told. */
  async capture(limit: number, tooMuch: () => void): Promise<string> {
    if (limit === 0) return "";
    const reader = this.#reader = this.#child.stdout.getReader();
    const chunks: Uint8Array[] = [];
    let size = 0;
    try {
      for (let next; !(next = await reader.read()).done;) {
        size += next.value.length;
        if (size > limit) {
          tooMuch();
          await reader.cancel();
          return "";
        }
        chunks.push(next.value);
      }
    } catch {
      // How the command ended tells what there is to tell.
    }
    const all = new Uint8Array(size);
    let at = 0;
    for (const chunk of chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return decodeText(all);
  }

  /** The command has ended; something that it left running may hold its stdout open for ever. */
  async lastWords(captured: Promise<string>): Promise<string> {
    const timer = setTimeout(() => void this.#reader?.cancel().catch(() => {}), LAST_WORDS_MS);
    const stdout = await captured;
    clearTimeout(timer);
    return stdout;
  }

  /** Sends a signal to its process group. `Deno.kill` would need the permission to run anything, not `sh` alone. */
  #signal(signal: "SIGTERM" | "SIGKILL"): void {
    const options = {
      args: ["-c", `kill -s ${signal.slice(3)} -- -${this.#child.pid}`],
      clearEnv: true,
      env: { PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin" },
      stderr: "null" as const,
    };
    try {
      if (new Deno.Command("sh", options).outputSync().success) return;
      this.#child.kill(signal);
    } catch {
      // It has ended.
    }
  }
}
