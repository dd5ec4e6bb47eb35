/**
 * The client's end of a TCP connection: connecting, and records over it.
 *
 * @module
 */

import { RemoteFault } from "../wire/errors.ts";
import { encodeFrame, FrameDecoder } from "../wire/frame_codec.ts";
import { LineDecoder } from "../wire/line_codec.ts";
import { decodeText, encodeText } from "../wire/text.ts";
import type { HostPort } from "./address.ts";
import { closeQuietly } from "./close.ts";
import { anySignal } from "./signals.ts";
import type { Connection } from "./transport.ts";

/** How {@linkcode connectTcp} connects. */
export interface ConnectOptions {
  /** Gives up when aborted. */
  signal?: AbortSignal;
  /** Gives up on an address after so many milliseconds. @default 10000 */
  timeoutMs?: number;
}

/**
 * Connects. A host with several addresses is tried at each of them: the system's choice first.
 *
 * @throws {Deno.errors.ConnectionRefused} and what else `Deno.connect` throws: of the first address
 * @throws {Deno.errors.TimedOut} when nobody answers in time
 */
export async function connectTcp(
  { host, port }: HostPort,
  options: ConnectOptions = {},
): Promise<Connection> {
  try {
    return await connectOnce(host, port, options);
  } catch (error) {
    for (const other of await otherAddresses(host, error)) {
      options.signal?.throwIfAborted();
      try {
        return await connectOnce(other, port, options);
      } catch {
        // What is told is how the first one failed.
      }
    }
    throw error;
  }
}

async function connectOnce(
  hostname: string,
  port: number,
  { signal, timeoutMs = 10_000 }: ConnectOptions,
): Promise<Connection> {
  const timeout = AbortSignal.timeout(timeoutMs);
  // When it is connected, nothing stays on a signal that lives long.
  const over = new AbortController();
  const both = anySignal(signal, timeout, over.signal);
  try {
    // `signal` is not in the types of all the versions of Deno that have it.
    const connectOptions = { hostname, port, signal: both };
    const connection = await Deno.connect(connectOptions);
    connection.setNoDelay(true);
    return connection;
  } catch (error) {
    if (!timeout.aborted || signal?.aborted) throw error;
    throw new Deno.errors.TimedOut(`No answer from ${hostname} in ${timeoutMs} ms`);
  } finally {
    over.abort();
  }
}

/** `Deno.connect` takes the first address of a host alone; a server may listen at another. */
async function otherAddresses(host: string, error: unknown): Promise<string[]> {
  const refused = error instanceof Deno.errors.ConnectionRefused;
  if (host === "localhost") return refused ? ["127.0.0.1", "::1"] : [];
  const isAddress = /^[\d.]+$/.test(host) || host.includes(":");
  const isUnknown = error instanceof Error && /lookup|resolve/i.test(error.message);
  if (isAddress || isUnknown) return [];
  const found = await Promise.allSettled([
    Deno.resolveDns(host, "AAAA"),
    Deno.resolveDns(host, "A"),
  ]);
  return found.flatMap((result) => result.status === "fulfilled" ? result.value : []).slice(0, 8);
}

/** Takes the records of a {@linkcode RecordStream}. */
export interface RecordSink {
  /** A record. */
  record(text: string): void;
  /** A record over the limit was dropped. */
  tooLong(): void;
  /** All records of one read were given. The next read waits for the promise, if there is one. */
  pause(): Promise<void> | undefined;
}

/** How a {@linkcode RecordStream} is carried. */
export interface RecordStreamOptions {
  /** Frames instead of lines. */
  framed: boolean;
  /** Longest record that is taken in, in bytes. */
  limit: number;
}

/** What is read at once, in bytes. */
const READ_BYTES = 64 * 1024;

/** Text records over a connection, as lines or frames. */
export class RecordStream {
  readonly #connection: Connection;
  readonly #framed: boolean;
  readonly #limit: number;
  #waiting: string[] = [];
  #writing = false;
  #closed = false;

  /** Takes over the connection. */
  constructor(connection: Connection, { framed, limit }: RecordStreamOptions) {
    this.#connection = connection;
    this.#framed = framed;
    this.#limit = limit;
  }

  /**
   * Sends a record; what is sent in one turn goes out in one piece. Never throws: a connection that
   * fails ends {@linkcode run}. The caller keeps a bound on what it sends unanswered.
   */
  send(record: string): void {
    if (this.#closed) return;
    this.#waiting.push(record);
    if (this.#writing) return;
    this.#writing = true;
    queueMicrotask(() => void this.#write());
  }

  /**
   * Gives every record that comes to `sink`, until the connection ends. The promise is of the error
   * that ended it; undefined where the other side just closed it, or this one.
   *
   * @throws what `sink` throws: a mistake of this program, and no fault of the connection
   */
  async run(sink: RecordSink): Promise<unknown> {
    const buffer = new Uint8Array(READ_BYTES);
    const push = this.#decoder(sink);
    try {
      while (!this.#closed) {
        let length: number | null;
        try {
          length = await this.#connection.read(buffer);
        } catch (error) {
          return this.#closed ? undefined : error;
        }
        if (length === null || this.#closed) return undefined;
        try {
          push(buffer.subarray(0, length));
        } catch (error) {
          // A frame that is none.
          if (error instanceof RemoteFault) return this.#closed ? undefined : error;
          throw error;
        }
        await sink.pause();
      }
      return undefined;
    } finally {
      this.close();
    }
  }

  /** Ends the connection at once. Harmless when it is closed already, by whoever. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#waiting = [];
    closeQuietly(this.#connection);
  }

  #decoder(sink: RecordSink): (chunk: Uint8Array) => void {
    const record = (bytes: Uint8Array, start: number, end: number) => {
      if (!this.#closed && end > start) sink.record(decodeText(bytes, start, end));
    };
    if (this.#framed) {
      const decoder = new FrameDecoder(this.#limit);
      return (chunk) => decoder.push(chunk, record);
    }
    const decoder = new LineDecoder(this.#limit);
    const lines = { line: record, tooLong: () => sink.tooLong() };
    return (chunk) => decoder.push(chunk, lines);
  }

  async #write(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        const records = this.#waiting;
        this.#waiting = [];
        let bytes = this.#encode(records);
        while (bytes.length > 0) {
          bytes = bytes.subarray(await this.#connection.write(bytes));
        }
      }
    } catch {
      // Reading ends for the same reason, perhaps after some last words.
      this.#waiting = [];
    }
    this.#writing = false;
  }

  #encode(records: readonly string[]): Uint8Array {
    if (!this.#framed) return encodeText(records.join("\r\n") + "\r\n");
    const frames = records.map((record) => encodeFrame(encodeText(record)));
    const all = new Uint8Array(frames.reduce((sum, frame) => sum + frame.length, 0));
    let at = 0;
    for (const frame of frames) {
      all.set(frame, at);
      at += frame.length;
    }
    return all;
  }
}
