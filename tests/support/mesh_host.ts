/** Servers of a mesh for tests, on this machine or on hosts of their own; and a raw peer. */

import { connect, type Socket } from "node:net";
import { DEADLINE_MS, frame, LineClient, type Match, within } from "./line_client.ts";
import { type AnyClient, type Host, HostClient } from "./netns.ts";
import { TestServer } from "./server.ts";

/** How a server of a mesh is started. */
export interface MeshServerOptions {
  /** `--peer`, each. */
  peers?: readonly string[];
  /** On this host, with port 8889 for clients and 7000 for peers; else on the loopback interface. */
  on?: Host;
  /** `--port`; default 0. */
  port?: number;
  /** `--peer-listen`; default 0. */
  peerPort?: number;
  /** More arguments. */
  args?: readonly string[];
}

/** The answer to a command. */
export interface Answer {
  lines: string[];
  /** `ok`, or `error CODE TEXT`. */
  outcome: string;
}

let asked = 0;

/** Sends a command with a tag, and collects its answer; lines that came before are passed over. */
export async function ask(client: AnyClient, line: string, deadline?: number): Promise<Answer> {
  const tag = `@q${++asked}`;
  await client.send(`${tag} ${line}`);
  const end = new RegExp(`^${tag} (ok|error)( |$)`);
  const lines = await client.until((line) => end.test(line), deadline);
  const own = lines.filter((line) => line.startsWith(`${tag} `))
    .map((line) => line.slice(tag.length + 1));
  return { lines: own.slice(0, -1), outcome: own.at(-1) as string };
}

/** Asks again and again until the answer is as wanted: for what has no sign of its own. */
export async function askUntil(
  client: AnyClient,
  line: string,
  isRight: (lines: string[]) => boolean,
  deadline: number = DEADLINE_MS,
): Promise<string[]> {
  const due = performance.now() + deadline;
  for (;;) {
    const { lines } = await ask(client, line);
    if (isRight(lines)) return lines;
    if (performance.now() > due) {
      throw new Error(`Not within ${deadline} ms: another answer to ${line} than ${lines}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** A server that takes links. Disposing of it stops it. */
export class MeshServer implements AsyncDisposable {
  readonly name: string;
  readonly process: TestServer;
  /** Where it takes links. */
  readonly peerPort: number;
  /** A client that hears no chat and isn't in `/who`. */
  readonly console: AnyClient;
  readonly #host: Host | undefined;
  readonly #clients: HostClient[] = [];

  private constructor(
    name: string,
    process: TestServer,
    peerPort: number,
    console: AnyClient,
    host: Host | undefined,
  ) {
    this.name = name;
    this.process = process;
    this.peerPort = peerPort;
    this.console = console;
    this.#host = host;
  }

  /** Starts one and waits until it listens. */
  static async start(name: string, options: MeshServerOptions = {}): Promise<MeshServer> {
    const { on, peers = [], args = [] } = options;
    const port = options.port ?? (on === undefined ? 0 : 8889);
    const peerPort = options.peerPort ?? (on === undefined ? 0 : 7000);
    const all = ["--name", name, "--peer-listen", `${peerPort}`];
    for (const peer of peers) all.push("--peer", peer);
    const place = on === undefined ? {} : { host: "0.0.0.0", under: on.under };
    const process = await TestServer.start([...all, ...args], { port, ...place });
    try {
      const line = await process.stdout.next(/ for peers on \S+:\d+$/);
      const console = on === undefined
        ? await LineClient.connect(process.port)
        : new HostClient([...on.under, "nc", "127.0.0.1", `${process.port}`]);
      await console.send("/service");
      return new MeshServer(name, process, Number(/\d+$/.exec(line)?.[0]), console, on);
    } catch (error) {
      await process[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** `host:port` for `--peer` of servers on the same machine. */
  get address(): string {
    return `127.0.0.1:${this.peerPort}`;
  }

  /** A client with that nick. */
  async join(nick: string): Promise<AnyClient> {
    if (this.#host === undefined) return await this.process.join(nick);
    const client = await this.#host.join(nick, this.process.port);
    this.#clients.push(client);
    return client;
  }

  /** A command, and its answer. */
  ask(line: string, deadline?: number): Promise<Answer> {
    return this.#explained(ask(this.console, line, deadline));
  }

  /** What fails is told with the log. */
  #explained<T>(result: Promise<T>): Promise<T> {
    return result.catch((cause) => {
      const log = this.process.stderr.all.slice(-20).join("\n");
      throw new Error(`${this.name}: ${cause.message}; its log:\n${log}`, { cause });
    });
  }

  /** Waits until it can reach these servers, itself among them, and no other. */
  async reaches(...names: string[]): Promise<void> {
    const wanted = names.sort().map((name) => `  ${name}`).join();
    const isRight = ([, ...lines]: string[]) => lines.join() === wanted;
    await this.#explained(askUntil(this.console, "/reachable", isRight));
  }

  /** Waits for a line in its log. */
  logged(match: Match, deadline?: number): Promise<string> {
    return this.process.stderr.next(match, deadline);
  }

  /** Waits until its log says that a link to `name` is up. */
  async linked(name: string, deadline?: number): Promise<void> {
    await this.logged((line) => line.includes(`Link to ${name} (`), deadline);
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    this.process.signal("SIGKILL");
    await this.process.ended();
    await this.#closeClients();
  }

  /** Asks it to stop, and waits for its end. */
  async stop(): Promise<void> {
    await this.#closeClients();
    await this.process.stop();
  }

  async #closeClients(): Promise<void> {
    for (const client of this.#clients) await client[Symbol.asyncDispose]();
    if (this.console instanceof HostClient) await this.console[Symbol.asyncDispose]();
    else this.console[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.signal("SIGCONT");
    await this.stop();
  }
}

/** Starts a server that the others are disposed of with, when one does not start. */
export async function startMesh(
  stack: AsyncDisposableStack,
  name: string,
  options: MeshServerOptions = {},
): Promise<MeshServer> {
  return stack.use(await MeshServer.start(name, options));
}

// ------------------------------------------------------------------ a raw peer

/** Fields of a frame between servers, one behind the other (docs/PROTOCOL.md). */
export type Field =
  | Uint8Array
  | { u8: number }
  | { u16: number }
  | { u32: number }
  | {
    u64: number | bigint;
  }
  | { id: string }
  | { text: string };

/** The body of a frame. */
export function fields(...parts: Field[]): Uint8Array<ArrayBuffer> {
  const out: number[] = [];
  const add = (value: number | bigint, size: number) => {
    for (let at = size - 1; at >= 0; at--) {
      out.push(Number((BigInt(value) >> BigInt(8 * at)) & 255n));
    }
  };
  for (const part of parts) {
    if (part instanceof Uint8Array) out.push(...part);
    else if ("u8" in part) add(part.u8, 1);
    else if ("u16" in part) add(part.u16, 2);
    else if ("u32" in part) add(part.u32, 4);
    else if ("u64" in part) add(part.u64, 8);
    else if ("id" in part) add(BigInt(`0x${part.id}`), 8);
    else {
      const bytes = new TextEncoder().encode(part.text);
      add(bytes.length, 2);
      out.push(...bytes);
    }
  }
  return new Uint8Array(out);
}

/** Who a raw peer says it is. */
export interface RawIdentity {
  id: string;
  incarnation: number;
  nonce: number;
  name: string;
  mesh: string;
  minVersion: number;
  maxVersion: number;
}

/** An I-AM. */
export function iAm(who: Partial<RawIdentity> = {}): Uint8Array<ArrayBuffer> {
  const { id = "00000000000000aa", incarnation = 2 ** 32 + 7, nonce = 1, name = "raw" } = who;
  const { mesh = "", minVersion = 1, maxVersion = 1 } = who;
  return fields(
    { u8: 1 },
    { u8: minVersion },
    { u8: maxVersion },
    { id },
    { u64: incarnation },
    { u64: nonce },
    { text: name },
    { text: mesh },
  );
}

/** A batch of lines that somebody said. */
export function speech(
  by: { id: string; incarnation: number; first: number; nick?: string; type?: number },
  ...texts: string[]
): Uint8Array<ArrayBuffer> {
  const { id, incarnation, first, nick = "mallory", type = 0x10 } = by;
  const head: Field[] = [{ u8: type }, { u8: 1 }, { u16: texts.length }, { id }];
  head.push({ u64: incarnation }, { u64: first }, { u64: Date.now() });
  const encoder = new TextEncoder();
  for (const text of texts) {
    const prefix = encoder.encode(`${nick}: `);
    const payload = fields({ u8: 0 }, { u8: prefix.length }, prefix, encoder.encode(text));
    head.push({ u32: payload.length }, payload);
  }
  return fields(...head);
}

/** A connection to a server's port for peers, on which anything can be sent. */
export class RawPeer implements Disposable {
  /** Bodies of the frames that came. */
  readonly frames: Uint8Array[] = [];
  readonly #socket: Socket;
  readonly #closed = Promise.withResolvers<void>();
  #rest = new Uint8Array(0);
  #news = Promise.withResolvers<void>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (bytes: Uint8Array) => this.#came(bytes));
    socket.on("error", () => {});
    socket.on("close", () => this.#closed.resolve());
  }

  /** Connects to a port of this machine. */
  static async connect(port: number): Promise<RawPeer> {
    const connected = Promise.withResolvers<void>();
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", connected.resolve);
    socket.once("error", connected.reject);
    await within(connected.promise, `a connection to ${port}`);
    return new RawPeer(socket);
  }

  /** Says who it is, and waits until it is known who the server is. */
  async greet(who: Partial<RawIdentity> = {}): Promise<{ id: string; incarnation: number }> {
    this.send(iAm(who));
    const body = await this.frame(1);
    const view = new DataView(body.buffer, body.byteOffset);
    const id = view.getBigUint64(3).toString(16).padStart(16, "0");
    return { id, incarnation: Number(view.getBigUint64(11)) };
  }

  /** Sends frames. */
  send(...bodies: Uint8Array[]): void {
    for (const body of bodies) this.raw(frame(body));
  }

  /** Sends bytes. */
  raw(bytes: Uint8Array | string): void {
    this.#socket.write(bytes);
  }

  /** The first frame of that type, waited for. */
  frame(type: number): Promise<Uint8Array> {
    return this.find(
      `a frame of type ${type}`,
      () => this.frames.find(([first]) => first === type),
    );
  }

  /** Waits until `find` finds something in what came. */
  async find<T>(what: string, find: () => T | undefined): Promise<T> {
    const due = performance.now() + DEADLINE_MS;
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      await within(this.#news.promise, what, due - performance.now());
    }
  }

  /** Waits until the server closes. Returns the code and the reason of its refusal, if it said one. */
  async refused(deadline?: number): Promise<{ code: number; reason: string } | undefined> {
    await within(this.#closed.promise, "the end of the link", deadline);
    const body = this.frames.find((body) => body[0] === 2);
    if (body === undefined) return undefined;
    return { code: body[1] as number, reason: new TextDecoder().decode(body.subarray(4)) };
  }

  /** Ends its side. */
  end(): void {
    this.#socket.end();
  }

  #came(bytes: Uint8Array): void {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    let from = 0;
    while (all.length >= from + 10) {
      const length = Number(new TextDecoder().decode(all.subarray(from, from + 10)));
      if (all.length < from + 10 + length) break;
      this.frames.push(all.slice(from + 10, from + 10 + length));
      from += 10 + length;
    }
    this.#rest = all.subarray(from);
    const news = this.#news;
    this.#news = Promise.withResolvers<void>();
    news.resolve();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
