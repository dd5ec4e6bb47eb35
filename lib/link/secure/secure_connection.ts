/**
 * A connection over another one, with everything encrypted: whoever uses it sees a
 * {@linkcode Connection} like any other.
 *
 * @module
 */

import { closeQuietly } from "../../net/close.ts";
import type { Connection, Endpoint } from "../../net/transport.ts";
import { RemoteFault } from "../../wire/errors.ts";
import { RECORD_MS } from "../../wire/limits.ts";
import type { SessionKeys } from "./handshake.ts";
import { MAX_PLAIN_BYTES, RecordOpener, RecordSealer } from "./record_cipher.ts";
import type { Sodium } from "./sodium.ts";

/** How long the last record may take when a connection is closed, in milliseconds. */
const CLOSE_MS = 1_000;
/** What is read at once while little comes, and while much does, in bytes. */
const SMALL_BYTES = 512, LARGE_BYTES = 64 * 1024;

/** What a {@linkcode SecureConnection} is made from. */
export interface SecureConnectionOptions {
  readonly sodium: typeof Sodium;
  readonly keys: SessionKeys;
  /** What came behind the handshake. */
  readonly rest: Uint8Array;
}

/** An encrypted {@linkcode Connection}. */
export class SecureConnection implements Connection {
  readonly #under: Connection;
  readonly #sealer: RecordSealer;
  readonly #opener: RecordOpener;
  #plain: Uint8Array[] = [];
  #rest: Uint8Array | undefined;
  #buffer = new Uint8Array(SMALL_BYTES);
  #headerSent = false;
  #writing: Promise<void> | undefined;
  #ended = false;
  #closed = false;

  /** Takes over `under`, on which the handshake is done. */
  constructor(under: Connection, { sodium, keys, rest }: SecureConnectionOptions) {
    this.#under = under;
    this.#sealer = new RecordSealer(sodium, keys.sending);
    this.#opener = new RecordOpener(sodium, keys.receiving);
    this.#rest = rest;
  }

  get remoteAddr(): Endpoint {
    return this.#under.remoteAddr;
  }

  get localAddr(): Endpoint {
    return this.#under.localAddr;
  }

  /**
   * @throws {RemoteFault} when what came was altered, or cut off before the other side ended it
   */
  async read(buffer: Uint8Array): Promise<number | null> {
    while (this.#plain.length === 0) {
      if (this.#opener.ended) return null;
      if (this.#rest !== undefined) {
        const rest = this.#rest;
        this.#rest = undefined;
        this.#opened(rest);
        continue;
      }
      const count = await this.#receive();
      if (this.#closed) throw new Error("The connection is closed");
      if (count === null) throw new RemoteFault("cut", "The encrypted connection was cut off");
      this.#opened(this.#buffer.subarray(0, count));
      if (count === this.#buffer.length) this.#buffer = new Uint8Array(LARGE_BYTES);
      else if (count <= SMALL_BYTES && this.#buffer.length > SMALL_BYTES) {
        this.#buffer = new Uint8Array(SMALL_BYTES);
      }
    }
    let used = 0;
    for (let next = this.#plain[0]; next !== undefined && used < buffer.length;) {
      const count = Math.min(next.length, buffer.length - used);
      buffer.set(count === next.length ? next : next.subarray(0, count), used);
      used += count;
      if (count < next.length) {
        this.#plain[0] = next.subarray(count);
        break;
      }
      this.#plain.shift();
      next = this.#plain[0];
    }
    return used;
  }

  /** Reads; the rest of a record must come in time: the length before it is not authenticated. */
  async #receive(): Promise<number | null> {
    if (!this.#opener.isAmid) return await this.#under.read(this.#buffer);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      closeQuietly(this.#under);
    }, RECORD_MS);
    try {
      return await this.#under.read(this.#buffer);
    } catch (error) {
      if (!isLate) throw error;
      throw new RemoteFault(
        "cut",
        `The rest of a record did not come within ${RECORD_MS / 1000} s`,
      );
    } finally {
      clearTimeout(timer);
    }
  }

  #opened(bytes: Uint8Array): void {
    this.#opener.push(bytes, (plain) => void this.#plain.push(plain));
  }

  async write(bytes: Uint8Array): Promise<number> {
    if (this.#closed || this.#ended) throw new Error("The connection is closed for writing");
    if (bytes.length === 0) return 0;
    const plain = bytes.subarray(0, Math.min(bytes.length, LARGE_BYTES));
    const records: Uint8Array[] = this.#header();
    for (let at = 0; at < plain.length; at += MAX_PLAIN_BYTES) {
      records.push(this.#sealer.seal(plain.subarray(at, at + MAX_PLAIN_BYTES)));
    }
    this.#writing = this.#send(records);
    await this.#writing;
    return plain.length;
  }

  #header(): Uint8Array[] {
    if (this.#headerSent) return [];
    this.#headerSent = true;
    return [this.#sealer.header];
  }

  async #send(records: readonly Uint8Array[]): Promise<void> {
    try {
      const all = new Uint8Array(records.reduce((sum, { length }) => sum + length, 0));
      let used = 0;
      for (const record of records) {
        all.set(record, used);
        used += record.length;
      }
      for (let at = 0; at < all.length;) at += await this.#under.write(all.subarray(at));
    } finally {
      this.#writing = undefined;
    }
  }

  async closeWrite(): Promise<void> {
    await this.#writing;
    if (this.#ended || this.#closed) return;
    this.#ended = true;
    await this.#send([...this.#header(), this.#sealer.end()]);
    await this.#under.closeWrite();
  }

  unref(): void {
    this.#under.unref?.();
  }

  /**
   * Ends both directions. So that the other side knows it for an end and not for a cut, a last record
   * goes out before, if nothing else is on its way. Harmless when it is closed already.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#opener.free();
    const last = this.#writing === undefined && !this.#ended
      ? this.#send([...this.#header(), this.#sealer.end()])
      : undefined;
    this.#sealer.free();
    if (last === undefined) return closeQuietly(this.#under);
    const close = () => {
      clearTimeout(timer);
      closeQuietly(this.#under);
    };
    const timer = setTimeout(close, CLOSE_MS);
    last.then(close, close);
  }
}
