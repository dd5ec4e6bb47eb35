/** `talker peer` as its own process, for tests; and servers that take links. */

import { type LineClient, Lines, within } from "./line_client.ts";
import { type Ended, pump, talkerCommand, TEST_ENV, TestServer } from "./server.ts";

/** A running peer: what it hears, and what it is given to say. Disposing of it stops it. */
export class TestPeer implements AsyncDisposable {
  readonly stdout = new Lines("lf");
  readonly stderr = new Lines("lf");
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  #isOver = false;

  /** Starts one. */
  constructor(...args: string[]) {
    const [program, ...first] = talkerCommand();
    this.#child = new Deno.Command(program, {
      args: [...first, "peer", ...args],
      env: TEST_ENV,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stdin = this.#child.stdin.getWriter();
    void pump(this.#child.stdout, this.stdout);
    void pump(this.#child.stderr, this.stderr);
    void this.#child.status.then(() => this.#isOver = true);
  }

  /** Gives it lines to say. */
  say(...lines: string[]): Promise<void> {
    return this.type(lines.map((line) => `${line}\n`).join(""));
  }

  /** Gives it text, as it is. */
  type(text: string): Promise<void> {
    return this.#stdin.write(new TextEncoder().encode(text));
  }

  /** There is nothing more to say. */
  endOfInput(): Promise<void> {
    return this.#stdin.close();
  }

  /** Where it accepts links, as it says itself. */
  async listens(): Promise<string> {
    return addressIn(await this.stdout.next(/ for peers on \S+$/));
  }

  /** It has the link to a server of that name. */
  async linked(server: string): Promise<void> {
    await this.stderr.next(new RegExp(`Link to ${server} \\(.*\\) is up`));
  }

  /** It hears who comes and goes on a server: a moment after {@linkcode linked}, when the two have told each other. */
  async hears(server: TestServer): Promise<void> {
    const probe = await server.connect();
    for (let i = 0; i < 500; i++) {
      await probe.send(`@n /nick probe${i}`);
      await probe.next("@n ok");
      if (this.stdout.all.some((line) => / renames themself as probe/.test(line))) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error("The peer hears nothing");
  }

  /** The end of the process. */
  async ended(): Promise<Ended> {
    const { code } = await within(this.#child.status, "the end of the peer");
    await Promise.all([this.stdout.rest(), this.stderr.rest()]);
    await this.#stdin.abort().catch(() => {});
    return { code, stdout: this.stdout.all.join("\n"), stderr: this.stderr.all.join("\n") };
  }

  /** Sends a signal. */
  signal(name: Deno.Signal): void {
    this.#child.kill(name);
  }

  /** Asks it to stop, and waits for its end. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<Ended> {
    if (!this.#isOver) this.#child.kill(signal);
    try {
      return await this.ended();
    } catch (error) {
      if (!this.#isOver) this.#child.kill("SIGKILL");
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** A server that takes links, and where. */
export async function meshServer(
  name: string,
  ...args: string[]
): Promise<{ server: TestServer; links: string }> {
  const server = await TestServer.start(["--name", name, "--peer-listen", "0", ...args]);
  return { server, links: addressIn(await server.stdout.next(/ for peers on \S+$/)) };
}

/** Waits until the server of a client reaches these. */
export async function reaches(client: LineClient, ...names: string[]): Promise<void> {
  for (let i = 0; i < 500; i++) {
    await client.send("@r /reachable");
    const lines = await client.until("@r ok");
    if (names.every((name) => lines.includes(`@r   ${name}`))) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`Never reached: ${names}`);
}

function addressIn(line: string): string {
  return line.slice(line.lastIndexOf(" ") + 1);
}
