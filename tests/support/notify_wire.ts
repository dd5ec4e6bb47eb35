/**
 * A client of notifications that tests write themselves: JSON lines, tagged requests that are sent
 * without waiting, and pushes as they come. Nothing here uses the client of the program under test.
 */

import { connect } from "node:net";
import type { Host } from "./netns.ts";

/** The connection ended before the answer came: whether the server did it is not known. */
export class Gone extends Error {}

/** One record of the server. */
export type WireRecord = Record<string, unknown> & { type: string };

/** The answer to a request. */
export interface WireAnswer {
  replies: WireRecord[];
  /** `ok` or `error`. */
  end: WireRecord;
}

/** A notification as it was pushed. */
export interface Pushed {
  id: string;
  topic: string;
  text: string;
  nick: string;
}

/** A way to the server for bytes. */
interface Pipe {
  write(bytes: Uint8Array): Promise<void>;
  close(): void;
}

/** What comes out of it. */
interface PipeEvents {
  data(bytes: Uint8Array): void;
  closed(): void;
}

/** Bytes through a socket of this process. */
async function socketPipe(port: number, events: PipeEvents): Promise<Pipe> {
  const socket = connect({ host: "127.0.0.1", port });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", (error) => reject(new Gone(error.message)));
  });
  socket.setNoDelay(true);
  socket.on("data", (bytes: Uint8Array) => events.data(bytes));
  socket.on("error", () => {});
  socket.on("close", () => events.closed());
  return {
    write: (bytes) => new Promise((resolve) => void socket.write(bytes, () => resolve())),
    close: () => void socket.destroy(),
  };
}

/** Bytes through `nc` on that host. */
function hostPipe(host: Host, port: number, events: PipeEvents): Pipe {
  const [program = "", ...args] = [...host.under, "nc", "127.0.0.1", `${port}`];
  const child = new Deno.Command(program, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const stdin = child.stdin.getWriter();
  let isOver = false;
  void child.status.then(() => isOver = true);
  void (async () => {
    try {
      for await (const chunk of child.stdout) events.data(chunk);
    } finally {
      await stdin.abort().catch(() => {});
      events.closed();
    }
  })();
  return {
    write: (bytes) => stdin.write(bytes).catch(() => {}),
    close() {
      try {
        if (!isOver) child.kill("SIGKILL");
      } catch {
        // It has just ended by itself.
      }
      void stdin.abort().catch(() => {});
    },
  };
}

/** A client that is connected. */
export class NotifyWire implements Disposable {
  /** Resolves when the connection has ended, whoever ended it. */
  readonly closed: Promise<void>;
  /** Is told of each notification. */
  onPush: (pushed: Pushed) => void = () => {};
  /** Is told of everything else that nobody asked for. */
  onRecord: (record: WireRecord) => void = () => {};
  readonly #decoder = new TextDecoder();
  readonly #ended = Promise.withResolvers<void>();
  readonly #requests = new Map<string, {
    replies: WireRecord[];
    resolve: (answer: WireAnswer) => void;
    reject: (error: Error) => void;
  }>();
  #pipe: Pipe | undefined;
  #rest = "";
  #tags = 0;
  #over = false;

  private constructor() {
    this.closed = this.#ended.promise;
  }

  /**
   * Connects to a port of this machine, or of `on`. `service`: it hears no chat, and isn't in `/who`.
   *
   * @throws {Gone} when nobody listens there
   */
  static async open(
    port: number,
    { on, service = true }: { on?: Host | undefined; service?: boolean } = {},
  ): Promise<NotifyWire> {
    const wire = new NotifyWire();
    const events = { data: (bytes: Uint8Array) => wire.#came(bytes), closed: () => wire.#end() };
    wire.#pipe = on === undefined ? await socketPipe(port, events) : hostPipe(on, port, events);
    try {
      // Not awaited: what fails here is found out with the first request.
      await wire.#pipe.write(
        new TextEncoder().encode(`${service ? "/service\r\n" : ""}/format json\r\n`),
      );
      await wire.request("/ping");
    } catch (error) {
      wire.#pipe.close();
      throw error;
    }
    return wire;
  }

  /** Is it still connected, as far as is known? */
  get isOpen(): boolean {
    return !this.#over;
  }

  /**
   * Sends a request; gives its whole answer.
   *
   * @throws {Gone} when the connection ended before it came
   */
  request(line: string): Promise<WireAnswer> {
    if (this.#over) return Promise.reject(new Gone(`No connection for ${line}`));
    const tag = `r${++this.#tags}`;
    const { promise, resolve, reject } = Promise.withResolvers<WireAnswer>();
    this.#requests.set(tag, { replies: [], resolve, reject });
    void this.#pipe!.write(new TextEncoder().encode(`@${tag} ${line}\r\n`));
    return promise;
  }

  /** As {@linkcode request}, and it must be answered with `ok`. Gives the id in that, if any. */
  async ok(line: string): Promise<string> {
    const { end } = await this.request(line);
    if (end.type !== "ok") throw new Error(`${line}: ${JSON.stringify(end)}`);
    return String(end["id"] ?? "");
  }

  /** Ends the connection. */
  close(): void {
    this.#pipe?.close();
    this.#end();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    for (const { reject } of this.#requests.values()) reject(new Gone("The connection ended"));
    this.#requests.clear();
    this.#ended.resolve();
  }

  #came(bytes: Uint8Array): void {
    if (this.#over) return;
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\r\n");
    this.#rest = lines.pop()!;
    // What comes before the format is changed is text.
    for (const line of lines) if (line.startsWith("{")) this.#record(JSON.parse(line));
  }

  #record(record: WireRecord): void {
    const { type, tag } = record;
    if (type === "notify") return this.onPush(record as unknown as Pushed);
    const request = typeof tag === "string" ? this.#requests.get(tag) : undefined;
    if (request === undefined) return this.onRecord(record);
    if (type !== "ok" && type !== "error") {
      request.replies.push(record);
      return;
    }
    this.#requests.delete(tag as string);
    request.resolve({ replies: request.replies, end: record });
  }
}
