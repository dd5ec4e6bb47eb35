/** `talker` as its own process, with pipes to its stdin, stdout and stderr. */

import { Lines, type Match, within } from "./line_client.ts";
import { pump, talkerCommand, TEST_ENV } from "./server.ts";

/** How a process is started. */
export interface TalkerOptions {
  env?: Record<string, string>;
  /** Its whole stdin; `null` is /dev/null; undefined leaves it open for `type`. */
  input?: string | Uint8Array | null;
  /** What it prints is not read: sooner or later it can print no more. */
  unread?: boolean;
}

/** How a process ended. */
export interface TalkerEnd {
  code: number;
  /** All lines of stdout. */
  out: string[];
  /** All lines of stderr. */
  err: string[];
}

/** A running `talker`. Disposing of it ends it. */
export class TalkerProcess implements AsyncDisposable {
  readonly stdout = new Lines("lf");
  readonly stderr = new Lines("lf");
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array> | undefined;
  readonly #unread: boolean;
  #over = false;

  constructor(args: readonly string[], options: TalkerOptions) {
    const [program, ...rest] = [...talkerCommand(), ...args] as [string, ...string[]];
    this.#child = new Deno.Command(program, {
      args: rest,
      env: { ...TEST_ENV, ...options.env },
      stdin: options.input === null ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#unread = options.unread ?? false;
    if (!this.#unread) void pump(this.#child.stdout, this.stdout);
    void pump(this.#child.stderr, this.stderr);
    void this.#child.status.then(() => this.#over = true);
    if (options.input === null) return;
    this.#stdin = this.#child.stdin.getWriter();
    if (options.input !== undefined) {
      void this.type(options.input).then(() => this.endInput()).catch(() => {});
    }
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The next line of stdout that matches, those before it being passed over. */
  waitFor(match: Match, deadline?: number): Promise<string> {
    return this.stdout.next(match, deadline);
  }

  /** Gives it input. Resolves when the system has taken it. */
  async type(input: string | Uint8Array): Promise<void> {
    const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
    await this.#stdin?.write(bytes);
  }

  /** Its input ends. */
  async endInput(): Promise<void> {
    await this.#stdin?.close();
  }

  signal(name: Deno.Signal): void {
    if (!this.#over) this.#child.kill(name);
  }

  /** Its stdout, where it is not read otherwise. */
  unreadStdout(): ReadableStream<Uint8Array> {
    return this.#child.stdout;
  }

  /** The reader of its stdout goes away. */
  async closeStdout(): Promise<void> {
    await this.#child.stdout.cancel();
  }

  /** Its end, with all that it printed. */
  async ended(deadline?: number): Promise<TalkerEnd> {
    const { code } = await within(this.#child.status, "the end of the process", deadline);
    if (!this.#unread) await this.stdout.rest();
    await this.stderr.rest();
    return { code, out: this.stdout.all, err: this.stderr.all };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGKILL");
    await this.#child.status;
    await this.#stdin?.abort().catch(() => {});
    if (this.#unread) await this.#child.stdout.cancel().catch(() => {});
    else await this.stdout.rest();
    await this.stderr.rest();
  }
}

/**
 * Starts `talker` with these arguments: the executable in TALKER_BIN, or this source.
 *
 * @example
 * ```ts
 * await using client = talker(["client", `:${server.port}`]);
 * await client.type("hello\n");
 * await client.waitFor("guest1: hello");
 * ```
 */
export function talker(args: readonly string[], options: TalkerOptions = {}): TalkerProcess {
  return new TalkerProcess(args, options);
}

/** Runs `talker` to its end. Its stdin is empty unless it is given. */
export async function runToEnd(
  args: readonly string[],
  options: TalkerOptions & { deadline?: number } = {},
): Promise<TalkerEnd> {
  await using child = talker(args, { input: null, ...options });
  return await child.ended(options.deadline);
}
