/**
 * A look at what a connection brings first: whether its other side is the one that is expected here.
 *
 * @module
 */

import type { Connection, Endpoint } from "../net/transport.ts";

/**
 * A connection whose first bytes are looked at when they are read. When they are not what they
 * should be, `isRight` says so, and the connection seems to have ended; or it throws, and reading fails.
 */
export class FirstLook implements Connection {
  #looked = false;

  /** Looks at what `under` brings. */
  constructor(
    private readonly under: Connection,
    private readonly isRight: (first: Uint8Array, from: Endpoint) => boolean | Promise<boolean>,
  ) {}

  get remoteAddr(): Endpoint {
    return this.under.remoteAddr;
  }

  get localAddr(): Endpoint {
    return this.under.localAddr;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#looked ? this.under.read(buffer) : this.#first(buffer);
  }

  async #first(buffer: Uint8Array): Promise<number | null> {
    this.#looked = true;
    const count = await this.under.read(buffer);
    if (count === null) return null;
    return await this.isRight(buffer.subarray(0, count), this.remoteAddr) ? count : null;
  }

  write(bytes: Uint8Array): Promise<number> {
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
