/**
 * A connection whose first bytes somebody has looked at already: they come again.
 *
 * @module
 */

import type { Connection, Endpoint } from "../../net/transport.ts";

/** Looks at the beginning of a connection, and gives it on as if nothing had been read. */
export class PeekedConnection implements Connection {
  readonly #under: Connection;
  #reading: Promise<Uint8Array | null> | undefined;
  #rest: Uint8Array | undefined;

  /** Looks at `under`. */
  constructor(under: Connection) {
    this.#under = under;
  }

  get remoteAddr(): Endpoint {
    return this.#under.remoteAddr;
  }

  get localAddr(): Endpoint {
    return this.#under.localAddr;
  }

  /** The first bytes, or null where the connection ends without; they stay there to be read. */
  peek(): Promise<Uint8Array | null> {
    return this.#reading ??= this.#first();
  }

  async #first(): Promise<Uint8Array | null> {
    const buffer = new Uint8Array(512);
    const count = await this.#under.read(buffer);
    return count === null ? null : buffer.subarray(0, count);
  }

  read(buffer: Uint8Array): Promise<number | null> {
    if (this.#reading !== undefined || this.#rest !== undefined) return this.#again(buffer);
    return this.#under.read(buffer);
  }

  async #again(buffer: Uint8Array): Promise<number | null> {
    if (this.#rest === undefined) {
      const first = await this.#reading as Uint8Array | null;
      this.#reading = undefined;
      if (first === null) return null;
      this.#rest = first;
    }
    const count = Math.min(buffer.length, this.#rest.length);
    buffer.set(this.#rest.subarray(0, count));
    this.#rest = count < this.#rest.length ? this.#rest.subarray(count) : undefined;
    return count;
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#under.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#under.closeWrite();
  }

  close(): void {
    this.#under.close();
  }

  unref(): void {
    this.#under.unref?.();
  }
}
