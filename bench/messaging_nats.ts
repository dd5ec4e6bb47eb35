/** As much of a NATS client as the measurements of messages need: its text protocol over plain TCP. */

import { setImmediate } from "node:timers";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Takes a message; `reply` is where its sender waits for an answer. */
type Take = (payload: string, reply: string | undefined) => void;

const CR = 13, LF = 10;

/** A connection to a NATS server. */
export class Nats {
  readonly #connection: Deno.Conn;
  readonly #takers = new Map<string, Take>();
  #rest: Uint8Array = new Uint8Array(0);
  #queue: string[] = [];
  #writing = false;
  #pong: (() => void) | undefined;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
    connection.setNoDelay(true);
    void this.#read();
  }

  /** Connects; resolves when the server has answered. */
  static async connect(port: number): Promise<Nats> {
    const nats = new Nats(await Deno.connect({ hostname: "127.0.0.1", port }));
    nats.#send('CONNECT {"verbose":false,"pedantic":false,"echo":false}\r\n');
    await nats.flush();
    return nats;
  }

  subscribe(subject: string, take: Take): void {
    const sid = String(this.#takers.size + 1);
    this.#takers.set(sid, take);
    this.#send(`SUB ${subject} ${sid}\r\n`);
  }

  publish(subject: string, payload: string, reply?: string): void {
    // ASCII only: as many bytes as characters.
    this.#send(
      `PUB ${subject} ${reply === undefined ? "" : `${reply} `}${payload.length}\r\n${payload}\r\n`,
    );
  }

  /** Resolves when the server has dealt with all that was sent. */
  flush(): Promise<void> {
    return new Promise((resolve) => {
      this.#pong = resolve;
      this.#send("PING\r\n");
    });
  }

  close(): void {
    this.#connection.close();
  }

  #send(text: string): void {
    this.#queue.push(text);
    if (this.#writing) return;
    this.#writing = true;
    // What is sent in one turn goes out together.
    setImmediate(() => void this.#write());
  }

  async #write(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        let bytes = encoder.encode(this.#queue.join(""));
        this.#queue = [];
        while (bytes.length > 0) bytes = bytes.subarray(await this.#connection.write(bytes));
      }
    } catch {
      // Closed.
    }
    this.#writing = false;
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(256 * 1024);
    try {
      for (;;) {
        const count = await this.#connection.read(buffer);
        if (count === null) return;
        this.#parse(buffer.subarray(0, count));
      }
    } catch {
      // Closed.
    }
  }

  #parse(chunk: Uint8Array): void {
    let bytes = chunk;
    if (this.#rest.length > 0) {
      bytes = new Uint8Array(this.#rest.length + chunk.length);
      bytes.set(this.#rest);
      bytes.set(chunk, this.#rest.length);
    }
    let at = 0;
    for (;;) {
      const end = bytes.indexOf(LF, at);
      if (end < 0) break;
      const line = decoder.decode(bytes.subarray(at, bytes[end - 1] === CR ? end - 1 : end));
      if (!line.startsWith("MSG ")) {
        if (line === "PING") this.#send("PONG\r\n");
        else if (line === "PONG") this.#pong?.();
        at = end + 1;
        continue;
      }
      const parts = line.split(" ");
      const length = Number(parts.at(-1));
      if (bytes.length < end + 1 + length + 2) break;
      const payload = decoder.decode(bytes.subarray(end + 1, end + 1 + length));
      at = end + 1 + length + 2;
      this.#takers.get(parts[2] as string)?.(payload, parts.length === 5 ? parts[3] : undefined);
    }
    this.#rest = bytes.slice(at);
  }
}
