/**
 * A look at what a connection brings first: whether its other side is the one that is expected here.
 *
 * @module
 */

import type { Connection, Endpoint } from "../net/transport.ts";

/**
 * What looks at the first bytes that `connection` brought: true where they are what they should be.
 * Otherwise the connection seems to have ended; where it throws, reading fails.
 */
export type Look = (first: Uint8Array, connection: FirstLook) => boolean | Promise<boolean>;

/** A connection whose first bytes are looked at when they are read. */
export class FirstLook implements Connection {
  /** Something was written to it. */
  hasWritten = false;
  #look: Look | undefined;

  /** Has `look` look at what `under` brings. */
  constructor(private readonly under: Connection, look: Look) {
    this.#look = look;
  }

  get remoteAddr(): Endpoint {
    return this.under.remoteAddr;
  }

  get localAddr(): Endpoint {
    return this.under.localAddr;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#look === undefined ? this.under.read(buffer) : this.#first(buffer, this.#look);
  }

  async #first(buffer: Uint8Array, look: Look): Promise<number | null> {
    this.#look = undefined;
    const count = await this.under.read(buffer);
    if (count === null) return null;
    return await look(buffer.subarray(0, count), this) ? count : null;
  }

  write(bytes: Uint8Array): Promise<number> {
    this.hasWritten = true;
    return this.under.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.under.closeWrite();
  }

  close(): void {
    this.under.close();
  }

  unref(): void {
    this.under.unref?.();
  }
}
