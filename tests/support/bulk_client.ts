/**
 * Clients for much data: a speaker at full speed, and readers that check every line as it comes and
 * keep none.
 */

import { DEADLINE_MS, within } from "./line_client.ts";

const encoder = new TextEncoder();

/** A client that reads as fast as it may, and checks the numbered lines of {@linkcode BulkClient.flood}. */
export class BulkClient {
  /** Numbered lines heard from each nick; the next one must have this number. */
  readonly heard = new Map<string, number>();
  /** Whose numbered lines came, in their order: it must be the same for all readers. */
  readonly order: string[] = [];
  /** What was wrong, in words. */
  readonly faults: string[] = [];
  /** Lines that the server said were lost. */
  missed = 0;
  /** Other lines, a few. */
  readonly others: string[] = [];
  /** Bytes read. */
  bytes = 0;
  /** Most bytes to read in a second. */
  rate = Infinity;
  /** The server has closed, or the connection broke. */
  ended = false;
  /** Resolves then. */
  readonly over: Promise<void>;
  readonly #conn: Deno.TcpConn;
  #rest = "";
  #gate: PromiseWithResolvers<void> | undefined;
  #news = Promise.withResolvers<void>();

  private constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    this.over = this.#read();
  }

  /** Connects, takes the nick, hears nothing of its own; `first` are more lines to begin with. */
  static async join(port: number, nick: string, ...first: string[]): Promise<BulkClient> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    const client = new BulkClient(conn);
    await client.send(`/nick ${nick}`, "/echo off", ...first, "@joined /ping");
    await client.until(
      () => client.others.some((line) => line === "@joined ok" || /"tag":"joined"/.test(line)),
      `${nick} to join`,
    );
    return client;
  }

  /** Sends lines. */
  async send(...lines: string[]): Promise<void> {
    await this.#write(encoder.encode(lines.map((line) => `${line}\n`).join("")));
  }

  /** Says lines `from` to `to` (excluded), each of `length` bytes, as fast as they are taken. */
  async flood(from: number, to: number, length: number): Promise<void> {
    const padding = "x".repeat(length);
    const perWrite = Math.max(1, Math.floor(64 * 1024 / length));
    for (let i = from; i < to; i += perWrite) {
      let text = "";
      for (let n = i; n < Math.min(to, i + perWrite); n++) {
        text += `${n} ${padding}`.slice(0, length - 1) + "\n";
      }
      await this.#write(encoder.encode(text));
    }
  }

  /** Says that nothing more will be sent. */
  async halfClose(): Promise<void> {
    await this.#conn.closeWrite();
  }

  /** Reads nothing more. */
  pause(): void {
    this.#gate ??= Promise.withResolvers<void>();
  }

  /** Reads on. */
  resume(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  /** Waits until the number of lines heard from `nick`, and lost, is `count`. */
  async hears(nick: string, count: number, deadline?: number): Promise<void> {
    await this.until(
      () => (this.heard.get(nick) ?? 0) >= count || this.faults.length > 0,
      () => `${count} lines of ${nick}, of which ${this.heard.get(nick)} came`,
      deadline,
    );
  }

  /** Waits until something is so; it is looked at whenever something has come. */
  async until(
    condition: () => boolean,
    what: string | (() => string),
    deadline: number = DEADLINE_MS,
  ): Promise<void> {
    const due = performance.now() + deadline;
    while (!condition()) {
      const said = () => typeof what === "string" ? what : what();
      if (this.ended) throw new Error(`The server closed before ${said()}`);
      await within(this.#news.promise, "", due - performance.now()).catch((cause) => {
        throw new Error(`Not within ${deadline} ms: ${said()}`, { cause });
      });
    }
  }

  [Symbol.dispose](): void {
    this.ended = true;
    this.resume();
    try {
      this.#conn.close();
    } catch {
      // The server was first.
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    const decoder = new TextDecoder();
    try {
      while (!this.ended) {
        await this.#gate?.promise;
        const most = Math.min(buffer.length, Math.max(1, Math.floor(this.rate / 40)));
        const count = await this.#conn.read(buffer.subarray(0, most));
        if (count === null) break;
        this.bytes += count;
        this.#take(decoder.decode(buffer.subarray(0, count), { stream: true }));
        if (this.rate < Infinity) {
          await new Promise((resolve) => setTimeout(resolve, 1000 * count / this.rate));
        }
      }
    } catch {
      // Closed by either side: `ended` says it.
    }
    this.ended = true;
    this.#tell();
  }

  #tell(): void {
    const news = this.#news;
    this.#news = Promise.withResolvers<void>();
    news.resolve();
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split("\r\n");
    this.#rest = lines.pop() as string;
    for (const line of lines) this.#line(line);
    if (lines.length > 0) this.#tell();
  }

  #line(line: string): void {
    if (line.startsWith("{")) this.#object(line);
    else {
      const colon = line.indexOf(": ");
      const number = colon < 0 ? NaN : parseInt(line.slice(colon + 2, colon + 14), 10);
      if (!Number.isNaN(number)) this.#numbered(line.slice(0, colon), number);
      else {
        const missed = /^You missed (\d+) lines/.exec(line);
        if (missed !== null) this.#lost(Number(missed[1]));
        else if (this.others.length < 1000) this.others.push(line);
      }
    }
  }

  #object(line: string): void {
    const { type, nick, text, lost } = JSON.parse(line);
    if (type === "speech") this.#numbered(nick, parseInt(text, 10));
    else if (type === "notice" && typeof lost === "number") this.#lost(lost);
    else if (this.others.length < 1000) this.others.push(line);
  }

  #numbered(nick: string, number: number): void {
    const wanted = this.heard.get(nick) ?? 0;
    if (number !== wanted && this.faults.length < 10) {
      this.faults.push(`line ${number} of ${nick} came where ${wanted} was to come`);
    }
    this.heard.set(nick, number + 1);
    this.order.push(nick);
  }

  /** Right only where one speaks. */
  #lost(count: number): void {
    this.missed += count;
    const [speaker] = this.heard.keys();
    if (speaker !== undefined) this.heard.set(speaker, (this.heard.get(speaker) ?? 0) + count);
  }
}
