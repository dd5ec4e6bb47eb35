/**
 * Raw clients for tests: lines over TCP, records over the framed port, lines of a program's output.
 *
 * Nothing here uses the codecs of the program under test.
 */

import { assertEquals } from "@std/assert";
import { connectResettable, connectWire, type Wire } from "./line_wire.ts";

/** How long a test waits for what must come, in milliseconds: generous, a loaded machine is slow. */
export const DEADLINE_MS = 15_000;

/** What a line is to be: the line itself, or a pattern, or a condition. */
export type Match = string | RegExp | ((line: string) => boolean);

function matches(match: Match, line: string): boolean {
  if (typeof match === "string") return line === match;
  return match instanceof RegExp ? match.test(line) : match(line);
}

/** Fails when `promise` has not settled in time. */
export async function within<T>(
  promise: Promise<T>,
  what: string,
  deadline: number = DEADLINE_MS,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Not within ${deadline} ms: ${what}`)), deadline);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** How bytes become records. */
export type Cut = "crlf" | "lf" | "frames";

/** Records as they arrive, to be waited for. Each is taken once. */
export class Lines {
  /** Everything that has come so far, taken or not. */
  readonly all: string[] = [];
  /** The stream has ended, cleanly or not. */
  ended = false;
  /** What ended it, where that was no clean end. */
  error: Error | undefined;
  readonly #cut: Cut;
  #taken = 0;
  #rest = new Uint8Array(0);
  #news = Promise.withResolvers<void>();

  constructor(cut: Cut = "crlf") {
    this.#cut = cut;
  }

  /** Lines that have come and are not taken yet. */
  get untaken(): string[] {
    return this.all.slice(this.#taken);
  }

  /** More bytes have come. */
  push(bytes: Uint8Array): void {
    const rest = new Uint8Array(this.#rest.length + bytes.length);
    rest.set(this.#rest);
    rest.set(bytes, this.#rest.length);
    this.#rest = rest.subarray(this.#cut === "frames" ? this.#frames(rest) : this.#lines(rest));
    this.#tell();
  }

  /** No more bytes will come. */
  end(error?: Error): void {
    this.ended = true;
    this.error ??= error;
    this.#tell();
  }

  /** The next line; or the next that matches, those before it being passed over. */
  async next(match: Match = () => true, deadline?: number): Promise<string> {
    return (await this.until(match, deadline)).at(-1) as string;
  }

  /** The lines up to the first that matches, which is the last of them. */
  async until(match: Match, deadline: number = DEADLINE_MS): Promise<string[]> {
    const from = this.#taken;
    const due = performance.now() + deadline;
    for (let at = from;;) {
      for (; at < this.all.length; at++) {
        if (!matches(match, this.all[at] as string)) continue;
        this.#taken = at + 1;
        return this.all.slice(from, at + 1);
      }
      const seen = () => `there were ${JSON.stringify(this.all.slice(from).slice(-8))}`;
      if (this.ended) throw new Error(`The stream ended before ${match}; ${seen()}`);
      await within(this.#news.promise, `${match}`, due - performance.now()).catch((error) => {
        throw new Error(`${error.message}; ${seen()}`);
      });
    }
  }

  /** The next lines must be these, with nothing between them. */
  async expect(...lines: (string | RegExp)[]): Promise<void> {
    for (const [index, wanted] of lines.entries()) {
      const line = await this.next().catch((cause) => {
        throw new Error(`Nothing came where ${wanted} was expected`, { cause });
      });
      if (matches(wanted, line)) continue;
      assertEquals(line, String(wanted), `line ${index} of those expected`);
    }
  }

  /** The lines until the stream ends. */
  async rest(deadline: number = DEADLINE_MS): Promise<string[]> {
    const due = performance.now() + deadline;
    while (!this.ended) {
      await within(this.#news.promise, "the end of the stream", due - performance.now());
    }
    const rest = this.untaken;
    this.#taken = this.all.length;
    return rest;
  }

  #tell(): void {
    const news = this.#news;
    this.#news = Promise.withResolvers<void>();
    news.resolve();
  }

  /** Takes the whole lines out of `bytes`. Returns where the unfinished one begins. */
  #lines(bytes: Uint8Array): number {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    let from = 0;
    for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) {
      const cr = at > from && bytes[at - 1] === 13;
      if (!cr && this.#cut === "crlf") continue; // Not an end of line: it will show in the line.
      this.all.push(decoder.decode(bytes.subarray(from, cr ? at - 1 : at)));
      from = at + 1;
    }
    return from;
  }

  #frames(bytes: Uint8Array): number {
    const decoder = new TextDecoder();
    let from = 0;
    while (bytes.length >= from + 10) {
      const header = decoder.decode(bytes.subarray(from, from + 10));
      if (!/^ *(0|[1-9][0-9]*)$/.test(header)) {
        this.end(new Error(`The server sent the frame header "${header}"`));
        return bytes.length;
      }
      const to = from + 10 + Number(header);
      if (bytes.length < to) break;
      this.all.push(decoder.decode(bytes.subarray(from + 10, to)));
      from = to;
    }
    return from;
  }
}

/** A record behind its length in ten characters. */
export function frame(record: string | Uint8Array): Uint8Array {
  const body = typeof record === "string" ? new TextEncoder().encode(record) : record;
  const out = new Uint8Array(10 + body.length);
  out.set(new TextEncoder().encode(String(body.length).padStart(10)));
  out.set(body, 10);
  return out;
}

/** How to connect. */
export interface LineClientOptions {
  host?: string;
  /** Records behind their length, not lines. */
  framed?: boolean;
  /** It is to vanish with {@linkcode LineClient.reset}. */
  resets?: boolean;
}

/** A client of the line port, or of the framed one. */
export class LineClient extends Lines {
  readonly framed: boolean;
  #wire!: Wire;
  #pings = 0;

  private constructor(framed: boolean) {
    super(framed ? "frames" : "crlf");
    this.framed = framed;
  }

  /** Connects. */
  static async connect(port: number, options: LineClientOptions = {}): Promise<LineClient> {
    const { host = "127.0.0.1", framed = false, resets = false } = options;
    const client = new LineClient(framed);
    const wire = (resets ? connectResettable : connectWire)(host, port, client);
    client.#wire = await within(wire, `a connection to ${host}:${port}`);
    return client;
  }

  /** Sends each as a line, or as a record where this client is framed; all in one piece. */
  send(...lines: string[]): Promise<void> {
    if (!this.framed) return this.raw(lines.map((line) => `${line}\r\n`).join(""));
    const frames = lines.map((line) => frame(line));
    const all = new Uint8Array(frames.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const one of frames) {
      all.set(one, at);
      at += one.length;
    }
    return this.raw(all);
  }

  /** Sends these bytes as they are. Resolves when the system has taken them. */
  raw(bytes: string | Uint8Array): Promise<void> {
    return this.#wire.write(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes);
  }

  /**
   * Asks for a sign of life, and returns the lines that came before it: what this client has been
   * given so far. What others have seen of their own doing is among them.
   */
  async drain(): Promise<string[]> {
    const sign = `drain-${++this.#pings}`;
    await this.send(`/ping ${sign}`);
    const lines = await this.until((line) =>
      line === `pong ${sign}` || line.includes(`"pong ${sign}"`)
    );
    return lines.slice(0, -1);
  }

  /** The next line that is a JSON object of this type. */
  async nextJson(type: string, deadline?: number): Promise<Record<string, unknown>> {
    return JSON.parse(await this.next((line) => JSON.parse(line).type === type, deadline));
  }

  /** Says that nothing more will be sent; what comes is still read. */
  halfClose(): void {
    this.#wire.halfClose();
  }

  /** Reads nothing from now on (but what is on its way through this process). */
  pause(): void {
    this.#wire.pause(true);
  }

  /** Reads again. */
  resume(): void {
    this.#wire.pause(false);
  }

  /** Closes, without waiting. */
  close(): void {
    this.#wire.close();
  }

  /** Vanishes: the other side gets a reset. Only where it was connected for that (`resets`). */
  reset(): void {
    this.#wire.reset();
  }

  /** The other side closes; then this side does. Returns the lines until then. */
  async closed(deadline?: number): Promise<string[]> {
    const rest = await this.rest(deadline);
    this.close();
    return rest;
  }

  [Symbol.dispose](): void {
    this.#wire.close();
  }
}
