/** A server under test, as a process of its own. */

const live = new Set<ServerProcess>();

/** Ends every server that still runs: for Ctrl-C, so that none outlives the measurement. */
export function killAll(): void {
  for (const server of live) server.kill();
}

/** How to start a server and how to see that it is there. */
export interface Start {
  command: string[];
  /** The core it is pinned to; null: none. */
  core: number | null;
  cwd?: string;
  env?: Record<string, string>;
  /**
   * What its standard output says when it listens, by purpose, with the port as the first group;
   * or the port, for a server that is silent.
   */
  ready: Record<string, RegExp> | number;
}

/** Long enough for a first start that has modules to load. */
const START_SECONDS = 20;
/** A server that does not end in this time when asked to is killed. */
const STOP_SECONDS = 3;
const KEPT_OUTPUT = 4000;

/** `command` with all the open files it can get, pinned to `core`. */
export function wrap(command: string[], core: number | null): string[] {
  const pin = core === null ? [] : ["taskset", "-c", String(core)];
  return ["-c", 'ulimit -n "$(ulimit -Hn)"; exec "$@"', "sh", ...pin, ...command];
}

/** This process's environment without what would set talker's flags. */
function cleanEnvironment(more: Record<string, string> | undefined): Record<string, string> {
  const all = Object.entries(Deno.env.toObject());
  return { ...Object.fromEntries(all.filter(([name]) => !name.startsWith("TALKER_"))), ...more };
}

/** A port that is free now, below those that the system gives to outgoing connections. */
let lastPort = 20_000 + Deno.pid % 8000;
export function freePort(): number {
  for (;;) {
    lastPort = lastPort < 32_000 ? lastPort + 1 : 20_000;
    try {
      Deno.listen({ hostname: "127.0.0.1", port: lastPort }).close();
      return lastPort;
    } catch {
      // Taken: the next one.
    }
  }
}

async function accepts(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export class ServerProcess {
  /** The ports by purpose; `ports.clients` is where the load goes. */
  readonly ports: Record<string, number> = {};
  readonly pid: number;
  #child: Deno.ChildProcess;
  #output = "";
  #errors = "";
  #ended = false;

  private constructor(start: Start) {
    this.#child = new Deno.Command("/bin/sh", {
      args: wrap(start.command, start.core),
      ...(start.cwd === undefined ? {} : { cwd: start.cwd }),
      env: cleanEnvironment(start.env),
      clearEnv: true,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.pid = this.#child.pid;
    live.add(this);
    this.#child.status.then(() => {
      this.#ended = true;
      live.delete(this);
    });
    // Of what it says when it starts the beginning matters, of its complaints the end.
    this.#keep(this.#child.stdout, (text) => {
      this.#output = (this.#output + text).slice(0, KEPT_OUTPUT);
    });
    this.#keep(this.#child.stderr, (text) => {
      this.#errors = (this.#errors + text).slice(-KEPT_OUTPUT);
    });
  }

  /** Starts it and waits until it listens. Throws when it ends before, or takes too long. */
  static async start(start: Start): Promise<ServerProcess> {
    const server = new ServerProcess(start);
    const deadline = Date.now() + START_SECONDS * 1000;
    while (!(await server.#isReady(start.ready))) {
      if (server.#ended || Date.now() > deadline) {
        await server.stop();
        const how = server.#ended ? "ended at its start" : `not ready in ${START_SECONDS} s`;
        throw new Error(`${start.command.join(" ")}: ${how}\n${server.#output}${server.#errors}`);
      }
      await pause(10);
    }
    return server;
  }

  async #isReady(ready: Start["ready"]): Promise<boolean> {
    if (typeof ready === "number") {
      this.ports.clients = ready;
      return await accepts(ready);
    }
    for (const [purpose, pattern] of Object.entries(ready)) {
      const port = pattern.exec(this.#output)?.[1];
      if (port === undefined) return false;
      this.ports[purpose] = Number(port);
    }
    return true;
  }

  /** Always read on, or a talkative server would stop at a full pipe. */
  async #keep(from: ReadableStream<Uint8Array>, take: (text: string) => void): Promise<void> {
    for await (const text of from.pipeThrough(new TextDecoderStream())) take(text);
  }

  get running(): boolean {
    return !this.#ended;
  }

  /** What it said on stderr last. */
  get errors(): string {
    return this.#errors;
  }

  /** Its resident memory in KiB; 0 when it has ended. */
  rssKiB(): number {
    try {
      const status = Deno.readTextFileSync(`/proc/${this.pid}/status`);
      return Number(/^VmRSS:\s*(\d+)/m.exec(status)?.[1] ?? 0);
    } catch {
      return 0;
    }
  }

  /** Stops it where it stands, or lets it go on. */
  freeze(frozen: boolean): void {
    if (!this.#ended) this.#child.kill(frozen ? "SIGSTOP" : "SIGCONT");
  }

  kill(): void {
    if (!this.#ended) this.#child.kill("SIGKILL");
  }

  async stop(): Promise<void> {
    if (!this.#ended) this.#child.kill("SIGTERM");
    const killer = setTimeout(() => this.kill(), STOP_SECONDS * 1000);
    await this.#child.status;
    clearTimeout(killer);
  }
}
