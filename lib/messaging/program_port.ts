/**
 * A port at which a program listens, whatever its connections carry: what it tells, and its end.
 *
 * @module
 */

import { endWith } from "../net/signals.ts";
import type { Connection } from "../net/transport.ts";
import { Acceptor } from "./acceptor.ts";
import type { Address } from "./address.ts";
import type { EncryptionOptions } from "./encryption.ts";
import { Events, type SessionEvent } from "./session_event.ts";
import type { Stream } from "./stream.ts";

/** What programs may say of a port of theirs. */
export interface ProgramPortOptions<S> extends EncryptionOptions {
  readonly onEvent?: ((event: SessionEvent<S>) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly background?: boolean;
}

/** Whose port it is. */
export interface ProgramPortOwner {
  /** Takes a connection; the promise resolves when that has ended. */
  readonly take: (connection: Connection) => Promise<unknown>;
  /** The port takes no more: ends the connections that are up. */
  readonly end: (reason: string) => void;
  /** What somebody is sent who doesn't encrypt and must. @default nothing */
  readonly plainRefusal?: Uint8Array;
}

/** A port that is listened at, until it is closed, or its signal is aborted. */
export class ProgramPort<S> {
  /** Where. */
  readonly address: string;
  readonly #events: Events<SessionEvent<S>>;
  readonly #acceptor: Acceptor;
  readonly #owner: ProgramPortOwner;
  readonly #over = new AbortController();

  /**
   * Listens.
   *
   * @throws {AddressError} for what is no address
   * @throws {ConnectionError} when it can't be listened at, after the event `notListening`
   */
  constructor(
    address: Address | null,
    { onEvent, signal, background = false, encrypted, secret }: ProgramPortOptions<S>,
    owner: ProgramPortOwner,
  ) {
    this.#owner = owner;
    this.#events = new Events(onEvent);
    const { take, plainRefusal } = owner;
    try {
      this.#acceptor = new Acceptor(address, {
        background,
        encrypted,
        secret,
        take,
        ...(plainRefusal === undefined ? {} : { plainRefusal }),
        refused: (address, reason) => this.tell({ type: "notConnected", address, reason }),
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.tell({ type: "notListening", address: String(address), reason });
      throw error;
    }
    this.address = this.#acceptor.address;
    endWith(signal, () => this.close("it listens no more"), this.#over.signal);
  }

  /** What happens. */
  get events(): Stream<SessionEvent<S>> {
    return this.#events.stream;
  }

  /** Resolves when the port is free again, after {@linkcode close}. */
  get ended(): Promise<void> {
    return this.#acceptor.ended;
  }

  /** An event. */
  tell(event: SessionEvent<S>): void {
    this.#events.tell(event);
  }

  /** Takes no more, and has the owner end what is up, for that reason. */
  close(reason: string): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort();
    this.#acceptor.close();
    this.#owner.end(reason);
    this.tell({ type: "notListening", address: this.address, reason: "closed" });
    this.#events.stream.end();
  }
}
