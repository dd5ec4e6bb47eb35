/** Programs that use the library, each its own process: those of examples/, and some of a few lines. */

import { Lines, type Match, within } from "./line_client.ts";
import { pump, TEST_ENV } from "./server.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

/** The library, to be imported. */
export const LIBRARY: string = JSON.stringify(new URL("../../lib/mod.ts", import.meta.url).href);

/** How it is started. */
export interface ExampleOptions {
  /** What runs it: `["ip", "netns", "exec", "name"]`. */
  under?: readonly string[];
  env?: Record<string, string>;
  /** Flags for Deno, of a program that is elsewhere. */
  config?: readonly string[];
}

function spawn(args: string[], { under = [], env }: ExampleOptions): Deno.ChildProcess {
  const [program, ...rest] = [...under, Deno.execPath(), ...args] as [string, ...string[]];
  return new Deno.Command(program, {
    args: rest,
    cwd: ROOT,
    env: { ...TEST_ENV, ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** A running program. Disposing of it ends it. */
export class Example implements AsyncDisposable {
  readonly stdout = new Lines("lf");
  readonly stderr = new Lines("lf");
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  #isOver = false;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#stdin = this.#child.stdin.getWriter();
    void pump(this.#child.stdout, this.stdout);
    void pump(this.#child.stderr, this.stderr);
    void this.#child.status.then(() => this.#isOver = true);
  }

  /** Starts a program by its path, from the project's root. */
  static start(path: string, args: readonly string[] = [], options: ExampleOptions = {}): Example {
    const flags = ["--quiet", "--allow-all", ...options.config ?? []];
    return new Example(spawn(["run", ...flags, path, ...args], options));
  }

  /** Runs some lines of a program; `t` has what the library exports. */
  static lines(lines: string, options: ExampleOptions = {}): Example {
    const source = `import * as t from ${LIBRARY}; ${lines}`;
    return new Example(spawn(["eval", "--quiet", source], options));
  }

  /** A prompt: each line that is typed is run. */
  static prompt(): Example {
    return new Example(spawn(["repl", "--quiet", "--allow-all"], {}));
  }

  /** The next line of stdout that matches. */
  async next(match?: Match, deadline?: number): Promise<string> {
    try {
      return await this.stdout.next(match, deadline);
    } catch (error) {
      throw new Error(`${(error as Error).message}; on stderr ${this.stderr.all.join(" | ")}`);
    }
  }

  /** Types a line. */
  async type(line: string): Promise<void> {
    await this.#stdin.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Its input ends. */
  async endInput(): Promise<void> {
    await this.#stdin.close();
  }

  /** Sends it a signal. */
  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Ends it at once. */
  kill(): void {
    if (!this.#isOver) this.#child.kill("SIGKILL");
  }

  /** Its end, by itself. */
  async ended(deadline?: number): Promise<{ code: number; out: string[]; err: string[] }> {
    const { code } = await within(this.#child.status, "the end of the program", deadline);
    await this.stdout.rest();
    await this.stderr.rest();
    return { code, out: this.stdout.all, err: this.stderr.all };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.#child.status;
    await this.#stdin.abort().catch(() => {});
    await this.stdout.rest();
    await this.stderr.rest();
  }
}
