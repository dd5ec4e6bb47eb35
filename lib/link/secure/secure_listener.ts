/**
 * A listener whose connections are encrypted, or plain where that is allowed.
 *
 * @module
 */

import type { Connection, Endpoint, Listener } from "../../net/transport.ts";
import {
  GREET_PLAINLY_MS,
  HANDSHAKE_MS,
  HANDSHAKE_PAUSE_MS,
  MAX_HALF_OPEN,
  MAX_HALF_OPEN_PER_ADDRESS,
} from "../../wire/limits.ts";
import { Responder } from "./handshake.ts";
import { beginsLikeMagic, failure, writeRefusal } from "./handshake_messages.ts";
import { PeekedConnection } from "./peeked_connection.ts";
import { carry, closeQuietly, random, type Security, SecurityError, writeAll } from "./security.ts";
import { loadSodium } from "./sodium.ts";
import { WrongGuesses } from "./wrong_guesses.ts";

/** How long to wait when no connection can be accepted, in milliseconds. */
const ACCEPT_PAUSE_MS = 100;

/** What a {@linkcode SecureListener} takes. */
export interface SecureListenerOptions extends Security {
  /** May this one be served without encryption? */
  readonly allowsPlain: (connection: Connection) => boolean;
  /** Is this one not counted among those of its address? */
  readonly exempt: (connection: Connection) => boolean;
  /** What somebody is sent who doesn't encrypt and must. */
  readonly plainRefusal: Uint8Array;
  /** Told why somebody was refused. */
  readonly refused: (remote: Endpoint, reason: string) => void;
}

interface HalfOpen {
  readonly connection: Connection;
  readonly address: string;
}

/** Hands out connections once they are encrypted. */
export class SecureListener implements Listener {
  readonly #under: Listener;
  readonly #options: SecureListenerOptions;
  /** In the order in which they came. */
  readonly #halfOpen = new Set<HalfOpen>();
  readonly #ofAddress = new Map<string, number>();
  readonly #guesses = new WrongGuesses();
  readonly #ready: Connection[] = [];
  #waiting: PromiseWithResolvers<Connection>[] = [];
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  /** Takes over `under`, and begins to accept. */
  constructor(under: Listener, options: SecureListenerOptions) {
    this.#under = under;
    this.#options = options;
    void this.#accept();
  }

  get addr(): Endpoint {
    return this.#under.addr;
  }

  accept(): Promise<Connection> {
    const next = this.#ready.shift();
    if (next !== undefined) return Promise.resolve(next);
    const waiting = Promise.withResolvers<Connection>();
    if (this.#closed) waiting.reject(new Error("The listener is closed"));
    else this.#waiting.push(waiting);
    return waiting.promise;
  }

  unref(): void {
    this.#under.unref?.();
  }

  close(): void {
    this.#closed = true;
    this.#under.close();
    for (const { connection } of this.#halfOpen) closeQuietly(connection);
    for (const connection of this.#ready) closeQuietly(connection);
    for (const { reject } of this.#waiting) reject(new Error("The listener is closed"));
    this.#waiting = [];
  }

  async #accept(): Promise<void> {
    while (!this.#closed) {
      try {
        this.#open(await this.#under.accept());
      } catch {
        if (this.#closed) return;
        // Out of files, say: it may get better.
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
      }
    }
  }

  #open(connection: Connection): void {
    const address = connection.remoteAddr.hostname;
    const ofAddress = this.#ofAddress.get(address) ?? 0;
    const counted = !this.#options.exempt(connection);
    if (counted && ofAddress >= MAX_HALF_OPEN_PER_ADDRESS) return closeQuietly(connection);
    // The oldest goes: an honest one needs some milliseconds, so it is hardly ever that.
    if (this.#halfOpen.size >= MAX_HALF_OPEN) {
      const [oldest] = this.#halfOpen;
      if (oldest !== undefined) this.#drop(oldest);
    }
    const entry = { connection, address };
    this.#halfOpen.add(entry);
    this.#ofAddress.set(address, ofAddress + 1);
    void this.#shake(entry);
  }

  #drop(entry: HalfOpen): void {
    this.#forget(entry);
    closeQuietly(entry.connection);
  }

  #forget(entry: HalfOpen): void {
    if (!this.#halfOpen.delete(entry)) return;
    const left = (this.#ofAddress.get(entry.address) ?? 1) - 1;
    if (left > 0) this.#ofAddress.set(entry.address, left);
    else this.#ofAddress.delete(entry.address);
  }

  async #shake(entry: HalfOpen): Promise<void> {
    const { connection, address } = entry;
    const { refused } = this.#options;
    const timer = setTimeout(() => this.#drop(entry), HANDSHAKE_MS);
    try {
      const ready = await this.#secured(connection, address);
      if (this.#closed || !this.#halfOpen.has(entry)) return closeQuietly(connection);
      const waiting = this.#waiting.shift();
      if (waiting !== undefined) waiting.resolve(ready);
      else if (this.#ready.length < MAX_HALF_OPEN) this.#ready.push(ready);
      else closeQuietly(ready);
    } catch (error) {
      if (error instanceof SecurityError) {
        if (error.code === "refused") this.#guesses.failed(address, performance.now());
        refused(connection.remoteAddr, error.message);
      }
      // What was said last should arrive: closed at once the system might throw it away.
      await connection.closeWrite().catch(() => {});
      closeQuietly(connection);
    } finally {
      clearTimeout(timer);
      this.#forget(entry);
    }
  }

  async #secured(connection: Connection, address: string): Promise<Connection> {
    const { allowsPlain, plainRefusal, purpose, mesh = "", secrets } = this.#options;
    const peeked = new PeekedConnection(connection);
    const plain = allowsPlain(connection);
    const first = await (plain ? within(GREET_PLAINLY_MS, peeked.peek()) : peeked.peek());
    if (plain && (first === undefined || first === null || !beginsLikeMagic(first))) return peeked;
    if (first === undefined || first === null) throw new Error("Nothing came");
    if (!beginsLikeMagic(first)) {
      await writeAll(connection, plainRefusal);
      throw new SecurityError(failure("plain", "found"));
    }
    if (!this.#guesses.allows(address, performance.now())) {
      await writeAll(connection, writeRefusal("busy"));
      throw new Error("Too many wrong secrets came from there");
    }
    const sodium = await loadSodium();
    const handshake = new Responder({ sodium, purpose, mesh, secrets: await secrets(), random });
    return await carry(sodium, peeked, handshake, () => this.#pace());
  }

  /** One key exchange after the other, with a pause: those who are in already come first. */
  #pace(): Promise<void> {
    const turn = this.#turn;
    this.#turn = turn.then(() => new Promise((resolve) => setTimeout(resolve, HANDSHAKE_PAUSE_MS)));
    return turn;
  }
}

/** What the promise gives within so many milliseconds, else undefined. */
async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A listener that doesn't encrypt, and says so to those who want it to: `refused` is told of them.
 */
export function plainListener(
  under: Listener,
  refused: (remote: Endpoint, reason: string) => void,
): Listener {
  return {
    addr: under.addr,
    close: () => under.close(),
    unref: () => under.unref?.(),
    accept: async () => new PlainConnection(await under.accept(), refused),
  };
}

/** Looks whether the first bytes are those of an encrypted connection. */
class PlainConnection implements Connection {
  #looked = false;

  constructor(
    private readonly under: Connection,
    private readonly refused: (remote: Endpoint, reason: string) => void,
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
    if (count === null || count < 8 || !beginsLikeMagic(buffer.subarray(0, count))) return count;
    this.refused(this.remoteAddr, "It encrypts, and this side does not: start it with --encrypted");
    return null;
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
