/** `talker server` as its own process, for tests: the program in TALKER_BIN, or this source. */

import { LineClient, type LineClientOptions, Lines, within } from "./line_client.ts";

const MAIN = `${import.meta.dirname}/../../main.ts`;

/** The program under test and its first arguments. */
export function talkerCommand(): [string, ...string[]] {
  const executable = Deno.env.get("TALKER_BIN");
  if (executable !== undefined && executable !== "") return [executable];
  return [Deno.execPath(), "run", "--allow-all", MAIN];
}

/** The environment of every program under test. */
export const TEST_ENV = {
  TALKER_INTERFACE: "lo",
  // Servers of tests that run at the same time would take each other's names.
  TALKER_NO_ADVERTISE: "1",
  NO_COLOR: "1",
  RUST_BACKTRACE: "0",
};

/** How a program is started. */
export interface StartOptions {
  env?: Record<string, string>;
  /** A program that is to run it: `["ip", "netns", "exec", "name"]`. */
  under?: string[];
}

/** How a server is started. */
export interface ServerOptions extends StartOptions {
  /** `--host`; default 127.0.0.1. */
  host?: string;
  /** `--port`; default 0. */
  port?: number;
}

/** How a program ended. */
export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

function spawn(args: string[], { env, under = [] }: StartOptions): Deno.ChildProcess {
  const [program, ...rest] = [...under, ...talkerCommand(), ...args] as [string, ...string[]];
  return new Deno.Command(program, {
    args: rest,
    env: { ...TEST_ENV, ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** Runs a program to its end, which must come in time. */
export async function runTalker(args: string[], options: StartOptions = {}): Promise<Ended> {
  const child = spawn(args, options);
  try {
    const { code, stdout, stderr } = await within(child.output(), `the end of ${args.join(" ")}`);
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

/** A server that listens. Disposing of it stops it. */
export class TestServer implements AsyncDisposable {
  /** Its lines on stdout. */
  readonly stdout = new Lines("lf");
  /** Its lines on stderr. */
  readonly stderr = new Lines("lf");
  /** Where line clients connect. */
  port = 0;
  /** Where framed clients connect; 0 when it has no such port. */
  framedPort = 0;
  readonly #child: Deno.ChildProcess;
  readonly #clients: LineClient[] = [];
  readonly #host: string;
  #status: Deno.CommandStatus | undefined;

  private constructor(child: Deno.ChildProcess, host: string) {
    this.#child = child;
    this.#host = host;
    void pump(child.stdout, this.stdout);
    void pump(child.stderr, this.stderr);
    void child.status.then((status) => this.#status = status);
  }

  /** Starts one on 127.0.0.1 and free ports, and waits until it listens. */
  static async start(args: string[] = [], options: ServerOptions = {}): Promise<TestServer> {
    const { host = "127.0.0.1", port = 0 } = options;
    const all = ["server", "--host", host, "--port", `${port}`, ...args];
    const server = new TestServer(spawn(all, options), host);
    try {
      server.port = await server.#listening(/ listening on \S*:(\d+)$/, "clients");
      if (args.includes("--framed")) {
        server.framedPort = await server.#listening(/ for framed clients on \S*:(\d+)$/, "framed");
      }
    } catch (error) {
      if (server.#status === undefined) server.#child.kill("SIGKILL");
      throw new Error(`The server did not start: ${server.stderr.all.join(" | ")}`, {
        cause: error,
      });
    }
    return server;
  }

  /** Its process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** True until the process has ended. */
  get running(): boolean {
    return this.#status === undefined;
  }

  /** Connects. The client is closed before the server is stopped. */
  async connect(options: LineClientOptions = {}): Promise<LineClient> {
    const port = options.framed === true ? this.framedPort : this.port;
    const host = this.#host === "0.0.0.0" ? "127.0.0.1" : this.#host;
    const client = await LineClient.connect(port, { host, ...options });
    this.#clients.push(client);
    return client;
  }

  /** Connects, and takes a nick. Nothing that came until then is left. */
  async join(nick: string, options: LineClientOptions = {}): Promise<LineClient> {
    const client = await this.connect(options);
    await client.send(`@nick /nick ${nick}`);
    await client.next("@nick ok");
    return client;
  }

  /** Sends a signal, without waiting. */
  signal(name: Deno.Signal): void {
    if (this.#status === undefined) this.#child.kill(name);
  }

  /** The end of the process. Its output is complete. */
  async ended(deadline?: number): Promise<Ended> {
    const { code } = await within(this.#child.status, "the end of the server", deadline);
    await Promise.all([this.stdout.rest(), this.stderr.rest()]);
    return { code, stdout: this.stdout.all.join("\n"), stderr: this.stderr.all.join("\n") };
  }

  /** Closes the clients of this test, asks the server to stop, and waits for its end. */
  async stop(): Promise<Ended> {
    for (const client of this.#clients) client[Symbol.dispose]();
    this.signal("SIGTERM");
    try {
      return await this.ended();
    } catch (error) {
      this.signal("SIGKILL");
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #listening(pattern: RegExp, whom: string): Promise<number> {
    const line = await this.stdout.next();
    if (line.startsWith("{")) {
      const record = JSON.parse(line);
      if (record.type === "listening" && record.for === whom) return record.port;
    }
    const port = pattern.exec(line)?.[1];
    if (port === undefined) throw new Error(`It said: ${line}`);
    return Number(port);
  }
}

/** Feeds a stream to `lines`, until its end. */
export async function pump(stream: ReadableStream<Uint8Array>, lines: Lines): Promise<void> {
  try {
    for await (const chunk of stream) lines.push(chunk);
    lines.end();
  } catch (error) {
    lines.end(error instanceof Error ? error : new Error(String(error)));
  }
}

/** A program of the system that talks to the server: its stdin, and what it shows. */
export class Program implements AsyncDisposable {
  readonly stdout = new Lines("lf");
  readonly stderr = new Lines("lf");
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  #over = false;

  constructor(command: string[]) {
    const [program, ...args] = command as [string, ...string[]];
    this.#child = new Deno.Command(program, {
      args,
      env: { TERM: "dumb", LC_ALL: "C.UTF-8" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stdin = this.#child.stdin.getWriter();
    void pump(this.#child.stdout, this.stdout);
    void pump(this.#child.stderr, this.stderr);
    void this.#child.status.then(() => this.#over = true);
  }

  /** Gives it input. */
  type(text: string): Promise<void> {
    return this.#stdin.write(new TextEncoder().encode(text));
  }

  /** Its input ends. */
  endOfInput(): Promise<void> {
    return this.#stdin.close();
  }

  /** The end of the program, and all that it showed and nobody has looked at. */
  async ended(): Promise<{ code: number; lines: string[] }> {
    const { code } = await within(this.#child.status, "the end of the program");
    return { code, lines: await this.stdout.rest() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#over) this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#stdin.abort().catch(() => {});
  }
}

/** A test that is skipped where there is a reason to, which then stands in its name. */
export function testUnless(
  reason: string | undefined,
  name: string,
  test: () => void | Promise<void>,
): void {
  const shown = reason === undefined ? name : `${name} (skipped: ${reason})`;
  Deno.test({ name: shown, ignore: reason !== undefined, fn: test });
}

/** Why a test that needs these programs can't run; undefined where they are all installed. */
export function missing(...programs: string[]): string | undefined {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  for (const program of programs) {
    if (folders.some((folder) => isFile(`${folder}/${program}`))) continue;
    return `${program} is not installed`;
  }
  return undefined;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
