/**
 * Connections in memory: a test says what arrives, how much of each write is taken, and when.
 *
 * @module
 */

import type { Connection, Endpoint, Listener } from "../../lib/net/transport.ts";
import { decodeText } from "../../lib/wire/text.ts";

/** The server's end of a connection; the test is the other end. */
export class FakeConnection implements Connection {
  readonly remoteAddr: Endpoint;
  readonly localAddr: Endpoint = { hostname: "192.0.2.1", port: 8889 };
  /** Everything that was written and taken. */
  written = "";
  /** Has the server said that nothing more will come? Has it closed? */
  ended = false;
  closed = false;
  /** Most bytes that one write takes; 0: writes wait until {@linkcode take}. */
  takes = Infinity;

  #incoming: (Uint8Array | null | Error)[] = [];
  #reading:
    | { buffer: Uint8Array; resolve: (n: number | null) => void; reject: (e: Error) => void }
    | undefined;
  #waiting:
    | { bytes: Uint8Array; resolve: (n: number) => void; reject: (e: Error) => void }
    | undefined;
  #watchers: (() => void)[] = [];

  constructor(hostname = "198.51.100.7") {
    this.remoteAddr = { hostname, port: 50_000 };
  }

  // The test's side.

  /** Bytes arrive; null is the end, an error breaks the connection. */
  arrives(piece: string | Uint8Array | null | Error): void {
    this.#incoming.push(typeof piece === "string" ? new TextEncoder().encode(piece) : piece);
    this.#feed();
  }

  /** The write that waits takes `count` bytes. */
  take(count: number): void {
    const waiting = this.#waiting;
    if (waiting === undefined) throw new Error("No write is waiting");
    this.#waiting = undefined;
    waiting.resolve(this.#taken(waiting.bytes, count));
  }

  /** Is a write waiting to be taken? */
  get pending(): number {
    return this.#waiting?.bytes.length ?? 0;
  }

  /** Resolves when `condition` holds; looked at whenever something happens here. */
  async until(condition: () => boolean): Promise<void> {
    const deadline = setTimeout(() => {
      throw new Error(`Not reached in 10 s; written so far: ${this.written.slice(-500)}`);
    }, 10_000);
    while (!condition()) await new Promise<void>((resolve) => this.#watchers.push(resolve));
    clearTimeout(deadline);
  }

  // The server's side.

  read(buffer: Uint8Array): Promise<number | null> {
    if (this.#reading !== undefined) throw new Error("Two reads at once");
    return new Promise((resolve, reject) => {
      this.#reading = { buffer, resolve, reject };
      this.#feed();
    });
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.#waiting !== undefined) throw new Error("Two writes at once");
    if (this.closed) return Promise.reject(new Error("Closed"));
    if (this.takes > 0) return Promise.resolve(this.#taken(bytes, this.takes));
    return new Promise((resolve, reject) => {
      this.#waiting = { bytes, resolve, reject };
      this.#happened();
    });
  }

  closeWrite(): Promise<void> {
    this.ended = true;
    this.#happened();
    return Promise.resolve();
  }

  close(): void {
    if (this.closed) throw new Error("Closed twice");
    this.closed = true;
    this.#reading?.reject(new Error("Closed"));
    this.#waiting?.reject(new Error("Closed"));
    this.#reading = this.#waiting = undefined;
    this.#happened();
  }

  #taken(bytes: Uint8Array, most: number): number {
    const count = Math.min(bytes.length, most);
    this.written += decodeText(bytes, 0, count);
    this.#happened();
    return count;
  }

  #feed(): void {
    const reading = this.#reading, piece = this.#incoming[0];
    if (reading === undefined || piece === undefined) return;
    this.#reading = undefined;
    if (piece === null || piece instanceof Error) {
      this.#incoming.shift();
      if (piece === null) reading.resolve(null);
      else reading.reject(piece);
      return;
    }
    const count = Math.min(piece.length, reading.buffer.length);
    reading.buffer.set(piece.subarray(0, count));
    if (count === piece.length) this.#incoming.shift();
    else this.#incoming[0] = piece.subarray(count);
    reading.resolve(count);
  }

  #happened(): void {
    for (const watcher of this.#watchers.splice(0)) queueMicrotask(watcher);
  }
}

/** A listener at which the test makes connections arrive. */
export class FakeListener implements Listener {
  readonly addr: Endpoint = { hostname: "192.0.2.1", port: 8889 };
  #queue: (FakeConnection | Error)[] = [];
  #accepting: { resolve: (c: Connection) => void; reject: (e: Error) => void } | undefined;
  #watchers: (() => void)[] = [];

  /** A connection arrives, or accepting fails. */
  arrives(connection: FakeConnection | Error): void {
    this.#queue.push(connection);
    this.#feed();
  }

  /** Resolves when all that arrived was accepted, and the next is waited for. */
  async idle(): Promise<void> {
    while (this.#queue.length > 0 || this.#accepting === undefined) {
      await new Promise<void>((resolve) => this.#watchers.push(resolve));
    }
  }

  accept(): Promise<Connection> {
    for (const watcher of this.#watchers.splice(0)) queueMicrotask(watcher);
    return new Promise((resolve, reject) => {
      this.#accepting = { resolve, reject };
      this.#feed();
    });
  }

  close(): void {
    this.#accepting?.reject(new Error("Closed"));
  }

  #feed(): void {
    if (this.#accepting === undefined) return;
    const next = this.#queue.shift();
    if (next === undefined) return;
    const { resolve, reject } = this.#accepting;
    this.#accepting = undefined;
    if (next instanceof Error) reject(next);
    else resolve(next);
  }
}
