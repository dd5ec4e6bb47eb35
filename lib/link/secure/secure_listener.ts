/**
 * A listener whose connections are encrypted, or plain where that is allowed.
 *
 * @module
 */

import { acceptAll } from "../../net/accept.ts";
import { closeQuietly } from "../../net/close.ts";
import type { Connection, Endpoint, Listener } from "../../net/transport.ts";
import { FirstLook, type Look } from "../first_look.ts";
import {
  GREET_PLAINLY_MS,
  HANDSHAKE_MS,
  MAX_CLIENTS,
  MAX_HALF_OPEN,
  MAX_HALF_OPEN_PER_ADDRESS,
  SPEAKS_FIRST_MS,
  WRONG_SECRETS,
} from "../../wire/limits.ts";
import { RateLimiter } from "../rate_limiter.ts";
import { Responder } from "./handshake.ts";
import { beginsLikeMagic, failure, type FailureCode, writeRefusal } from "./handshake_messages.ts";
import { PeekedConnection } from "./peeked_connection.ts";
import { carry, random, type Security, SecurityError, writeAll } from "./security.ts";
import { loadSodium } from "./sodium.ts";
import { Turns } from "./turns.ts";

/** Connections that are accepted in one go: those who are in come first, however many knock. Some 1,400 a second, more than can exchange keys. */
const ACCEPTED_AT_ONCE = 3;

/** What a {@linkcode SecureListener} takes. */
export interface SecureListenerOptions extends Security {
  /** May this one be served without encryption? */
  readonly allowsPlain: (connection: Connection) => boolean;
  /** Is this one not counted among those of its address? */
  readonly exempt: (connection: Connection) => boolean;
  /** Looks at what the plain ones bring first. */
  readonly look?: Look;
  /** What somebody is sent who doesn't encrypt and must. */
  readonly plainRefusal: Uint8Array;
  /** Told why somebody was refused: in words, and in one for programs. */
  readonly refused: (remote: Endpoint, reason: string, code: FailureCode) => void;
}

interface HalfOpen {
  readonly connection: Connection;
  readonly address: string;
  readonly mayBePlain: boolean;
  /** Guesses at the secret that it can test with what it was told. */
  guesses: number;
  /** Ends it when the handshake takes too long. */
  readonly late: ReturnType<typeof setTimeout>;
}

/** Hands out connections once they are encrypted. */
export class SecureListener implements Listener {
  readonly #under: Listener;
  readonly #options: SecureListenerOptions;
  /** All that are not handed out yet. */
  readonly #halfOpen = new Set<HalfOpen>();
  /** Those of them that encrypt, or must, in the order in which they came. */
  readonly #encrypting = new Set<HalfOpen>();
  readonly #ofAddress = new Map<string, number>();
  readonly #guesses: RateLimiter;
  readonly #ready: Connection[] = [];
  #waiting: PromiseWithResolvers<Connection>[] = [];
  readonly #turns = new Turns<HalfOpen>();
  #closed = false;

  /** Takes over `under`, and begins to accept. */
  constructor(under: Listener, options: SecureListenerOptions) {
    this.#under = under;
    this.#options = options;
    this.#guesses = options.guesses ?? new RateLimiter(WRONG_SECRETS);
    void acceptAll(under, {
      isOpen: () => !this.#closed,
      arrived: (connection) => this.#open(connection),
      // It is for whoever accepts here, as it would be without encryption.
      complain: (error) => this.#waiting.shift()?.reject(error),
      atOnce: ACCEPTED_AT_ONCE,
    });
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
    this.#turns.close();
    for (const entry of [...this.#halfOpen]) this.#drop(entry);
    for (const connection of this.#ready) closeQuietly(connection);
    for (const { reject } of this.#waiting) reject(new Error("The listener is closed"));
    this.#waiting = [];
  }

  #open(connection: Connection): void {
    const address = connection.remoteAddr.hostname;
    const ofAddress = this.#ofAddress.get(address) ?? 0;
    const counted = !this.#options.exempt(connection);
    if (counted && ofAddress >= MAX_HALF_OPEN_PER_ADDRESS) return closeQuietly(connection);
    const mayBePlain = this.#options.allowsPlain(connection);
    if (this.#halfOpen.size >= MAX_CLIENTS) return closeQuietly(connection);
    const late = setTimeout(() => this.#drop(entry), HANDSHAKE_MS);
    const entry: HalfOpen = { connection, address, mayBePlain, guesses: 0, late };
    this.#halfOpen.add(entry);
    this.#ofAddress.set(address, ofAddress + 1);
    // Who may be plain waits for its greeting, and is not dropped for others who do.
    if (!mayBePlain) this.#encrypts(entry);
    void this.#shake(entry);
  }

  /** A key exchange is to be expected. */
  #encrypts(entry: HalfOpen): void {
    // The oldest goes: an honest one needs some milliseconds, so it is hardly ever that.
    if (this.#encrypting.size >= MAX_HALF_OPEN) {
      const [oldest] = this.#encrypting;
      if (oldest !== undefined) this.#drop(oldest);
    }
    this.#encrypting.add(entry);
  }

  #drop(entry: HalfOpen): void {
    this.#forget(entry);
    closeQuietly(entry.connection);
  }

  #forget(entry: HalfOpen): void {
    if (!this.#halfOpen.delete(entry)) return;
    clearTimeout(entry.late);
    this.#encrypting.delete(entry);
    this.#turns.done(entry);
    const left = (this.#ofAddress.get(entry.address) ?? 1) - 1;
    if (left > 0) this.#ofAddress.set(entry.address, left);
    else this.#ofAddress.delete(entry.address);
  }

  async #shake(entry: HalfOpen): Promise<void> {
    const { connection, address } = entry;
    const { refused } = this.#options;
    try {
      const ready = await this.#secured(entry);
      if (this.#closed || !this.#halfOpen.has(entry)) return closeQuietly(ready);
      const waiting = this.#waiting.shift();
      if (waiting !== undefined) waiting.resolve(ready);
      else if (this.#ready.length < MAX_CLIENTS) this.#ready.push(ready);
      else closeQuietly(ready);
    } catch (error) {
      const reason = error instanceof SecurityError ? error : undefined;
      // The reply shows whether a guess was right: who hangs up then has guessed, too.
      if (entry.guesses > 0 && (reason === undefined || reason.code === "refused")) {
        this.#guesses.use(address, performance.now(), entry.guesses);
        const { text } = failure("refused", "found", this.#options.purpose);
        refused(connection.remoteAddr, reason?.message ?? text, "refused");
      } else if (reason !== undefined) {
        refused(connection.remoteAddr, reason.message, reason.code);
      }
      // What was said last should arrive: closed at once the system might throw it away.
      await connection.closeWrite().catch(() => {});
      closeQuietly(connection);
    } finally {
      this.#forget(entry);
    }
  }

  async #secured(entry: HalfOpen): Promise<Connection> {
    const { connection, mayBePlain: plain } = entry;
    const { look, plainRefusal, purpose, mesh = "", secrets } = this.#options;
    const peeked = new PeekedConnection(connection);
    const first = await within(plain ? GREET_PLAINLY_MS : SPEAKS_FIRST_MS, peeked.peek());
    if (plain && (first === undefined || first === null || !beginsLikeMagic(first))) {
      return look === undefined ? peeked : new FirstLook(peeked, look);
    }
    if (first === null) throw new Error("Nothing came");
    // Who encrypts speaks first: who is silent waits for a greeting, and is told why there is none.
    if (first === undefined || !beginsLikeMagic(first)) {
      await writeAll(connection, plainRefusal);
      throw new SecurityError(failure("plain", "found", purpose));
    }
    if (plain) this.#encrypts(entry);
    await this.#refuseGuessers(entry);
    const sodium = await loadSodium();
    const handshake = new Responder({ sodium, purpose, mesh, secrets: await secrets(), random });
    return await carry(sodium, peeked, handshake, async (guesses) => {
      // Dropped while the secret was stretched, say: nobody would end its turn.
      if (!this.#halfOpen.has(entry)) throw new Error("It took too long");
      await this.#turns.take(entry);
      // From here on it has its whole time, and whoever hangs up counts as wrong.
      this.#encrypting.delete(entry);
      await this.#refuseGuessers(entry);
      entry.guesses = guesses;
    });
  }

  async #refuseGuessers({ address, connection }: HalfOpen): Promise<void> {
    if (this.#guesses.allows(address, performance.now())) return;
    await writeAll(connection, writeRefusal("busy"));
    throw new Error("Too many wrong secrets came from there");
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
 * `look` looks at what the others bring first.
 */
export function plainListener(
  under: Listener,
  refused: (remote: Endpoint, reason: string) => void,
  look: Look = () => true,
): Listener {
  const lookForMagic: Look = async (first, connection) => {
    if (first.length < 8 || !beginsLikeMagic(first)) return await look(first, connection);
    // Whatever was written tells it that nothing is encrypted here; else it must be told.
    if (!connection.hasWritten) await writeAll(connection, writeRefusal("plain")).catch(() => {});
    const reason = "It encrypts, and this side does not: start it with --encrypted";
    refused(connection.remoteAddr, reason);
    return false;
  };
  return {
    addr: under.addr,
    close: () => under.close(),
    unref: () => under.unref?.(),
    accept: async () => new FirstLook(await under.accept(), lookForMagic),
  };
}
