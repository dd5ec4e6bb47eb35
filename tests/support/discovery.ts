/** `talker discover` and others as their own processes, on hosts of their own or on the loopback interface. */

import { Lines, type Match, within } from "./line_client.ts";
import type { Host } from "./netns.ts";
import { pump, talkerCommand, TEST_ENV } from "./server.ts";

/** How a program is started. */
export interface SpawnOptions {
  /** On this host, with all of its interfaces; else here, on the loopback interface. */
  on?: Host;
  env?: Record<string, string>;
}

/** How a program ended. */
export interface SpawnEnd {
  code: number;
  /** All lines of stdout. */
  out: string[];
  /** All lines of stderr. */
  err: string[];
}

/** A running program. Disposing of it kills it. */
export class Spawned implements AsyncDisposable {
  readonly stdout = new Lines("lf");
  readonly stderr = new Lines("lf");
  readonly #child: Deno.ChildProcess;
  #over = false;

  constructor(command: readonly string[], { on, env }: SpawnOptions = {}) {
    const [program, ...args] = [...on?.under ?? [], ...command] as [string, ...string[]];
    const place = on === undefined ? {} : { TALKER_INTERFACE: "" };
    this.#child = new Deno.Command(program, {
      args,
      env: { ...TEST_ENV, ...place, ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    void pump(this.#child.stdout, this.stdout);
    void pump(this.#child.stderr, this.stderr);
    void this.#child.status.then(() => this.#over = true);
  }

  /** The process of the program itself. */
  get pid(): number {
    return this.#child.pid;
  }

  /** The next line of stdout that matches, those before it being passed over. */
  async next(match?: Match, deadline?: number): Promise<string> {
    try {
      return await this.stdout.next(match, deadline);
    } catch (cause) {
      const said = this.stderr.all.slice(-5).join("\n");
      throw new Error(`${cause instanceof Error ? cause.message : cause}; stderr:\n${said}`, {
        cause,
      });
    }
  }

  signal(name: Deno.Signal): void {
    if (!this.#over) this.#child.kill(name);
  }

  /** Ends it as Ctrl-C does, and gives its end. */
  async stop(): Promise<SpawnEnd> {
    this.signal("SIGINT");
    return await this.ended();
  }

  /** Its end, with all that it printed. */
  async ended(deadline?: number): Promise<SpawnEnd> {
    const { code } = await within(this.#child.status, "the end of the program", deadline);
    await Promise.all([this.stdout.rest(), this.stderr.rest()]);
    return { code, out: this.stdout.all, err: this.stderr.all };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGKILL");
    await this.#child.status;
    await Promise.all([this.stdout.rest(), this.stderr.rest()]);
  }
}

/** Starts `talker` with these arguments. */
export function start(args: readonly string[], options?: SpawnOptions): Spawned {
  return new Spawned([...talkerCommand(), ...args], options);
}

/** Runs `talker` with these arguments to its end. */
export async function finish(args: readonly string[], options?: SpawnOptions): Promise<SpawnEnd> {
  await using program = start(args, options);
  return await program.ended();
}

/** Starts `talker discover NAME --advertise ADDRESS`, and waits until it says that it does. */
export async function advertise(
  name: string,
  address: string,
  options: SpawnOptions & { args?: readonly string[] } = {},
): Promise<Spawned> {
  const { args = [], ...rest } = options;
  const program = start(["discover", name, "--advertise", address, ...args], rest);
  try {
    await program.next(/^talker discover .* advertised at |^\{"type":"advertised"/);
    return program;
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
}

/** What `talker discover --json` prints. */
export interface FoundRecord {
  type: string;
  name: string;
  kind: string;
  address: string;
  addresses: string[];
  age: number;
  via: string;
  /** How long it took, in milliseconds by the program's own clock. */
  took?: number;
  /** When, by the clock of the wall. */
  time?: string;
}

/** Runs `talker discover NAME --json`. */
export async function discover(name: string, options?: SpawnOptions): Promise<FoundRecord> {
  const { code, out, err } = await finish(["discover", name, "--json"], options);
  if (code !== 0) throw new Error(`${name} was not found: ${err.join("\n")}`);
  return JSON.parse(out[0] as string);
}

/** What `talker discover --doctor --json` prints. */
export interface DoctorRecord {
  interfaces: {
    name: string;
    address: string;
    multicast?: { is: string };
    broadcast?: { is: string };
  }[];
  port: { port: number; state: string; holder?: string };
  networkzero: { port: number; state: string; holder?: string };
  heard: { name: string; answered?: boolean }[];
  findings: { cause: string; weight: string; text: string }[];
}

/** Runs the doctor. */
export async function examine(
  name: string | undefined,
  options?: SpawnOptions & { args?: readonly string[] },
): Promise<DoctorRecord & { code: number; causes: string[] }> {
  const named = name === undefined ? [] : [name];
  const args = ["discover", ...named, "--doctor", "--json", ...options?.args ?? []];
  const { code, out, err } = await finish(args, options);
  if (out.length !== 1) throw new Error(`The doctor said: ${err.join("\n")}`);
  const record = JSON.parse(out[0] as string) as DoctorRecord;
  return { ...record, code, causes: record.findings.map(({ cause }) => cause) };
}
