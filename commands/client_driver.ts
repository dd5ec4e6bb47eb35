/**
 * Carries `talker client` between its user and the server.
 *
 * @module
 */

import type { Io } from "../lib/cli/io.ts";
import { reason } from "../lib/cli/reason.ts";
import { Carrier } from "../lib/messaging/carrier.ts";
import { Client } from "../lib/client/client.ts";
import type { ClientHost, ClientOptions, Outcome } from "../lib/client/host.ts";
import type { Shown } from "../lib/client/shown.ts";
import type { HostPort } from "../lib/net/address.ts";
import { MIB } from "../lib/wire/limits.ts";
import { dial } from "./dial.ts";
import type { Secrets } from "./security.ts";
import { ENCRYPTED_ONLY } from "./security_flags.ts";

/** While so much waits to be printed nothing more is read, in bytes. */
const MAX_PRINTED_BYTES = 1 * MIB;

/** A line of the user; a number: a line of more than so many bytes. */
export type UserLine = string | number;

/** What a {@linkcode Driver} works with. */
interface Surroundings {
  /** Where the server is now. */
  readonly locate: (signal: AbortSignal) => Promise<HostPort>;
  /** With which it is encrypted; undefined: it isn't. */
  readonly secrets: Secrets | undefined;
  readonly framed: boolean;
  readonly io: Io;
  readonly debug: ClientHost["debug"];
}

/** Carries a {@linkcode Client}: its connection, its user's lines and its end. */
export class Driver {
  readonly client: Client;
  readonly #io: Io;
  readonly #carrier: Carrier;
  readonly #ended = Promise.withResolvers<Outcome>();
  #show: (shown: Shown) => void = () => {};
  #onChange: () => void = () => {};
  #room = Promise.withResolvers<void>();

  /** A driver that has not started. */
  constructor(options: ClientOptions, { locate, secrets, framed, io, debug }: Surroundings) {
    this.#io = io;
    const carrier = this.#carrier = new Carrier(() => this.client, {
      dial: async (signal) => await dial(await locate(signal), { secrets, signal }),
      framed,
      refusal: ENCRYPTED_ONLY,
      reason,
      tooLong: (limit) => debug("A record that is too long", { limit }),
      pause: () => io.stdout.queued > MAX_PRINTED_BYTES ? this.#printed() : undefined,
      changed: () => this.#changed(),
      failed: (error) => this.#ended.reject(error),
    });
    this.client = new Client(options, {
      connect: () => carrier.connect(),
      disconnect: () => carrier.disconnect(),
      send: (record) => carrier.send(record),
      show: (shown) => this.#show(shown),
      finish: (outcome) => this.end(outcome),
      debug,
    });
  }

  /**
   * Begins; what there is to show goes to `show`, and `changed` is called when the client may have
   * changed. The promise is of the end.
   */
  start(show: (shown: Shown) => void, changed = () => {}): Promise<Outcome> {
    this.#show = show;
    this.#onChange = changed;
    const { signal } = this.#io;
    const stop = () => this.end({ is: "done" });
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
    this.act((now) => this.client.start(now));
    return this.#ended.promise;
  }

  /** Lets something happen to the client. */
  act(event: (now: number) => void): void {
    this.#carrier.act(event);
  }

  /** Gives lines of the user to the client as it has room for them, and then their end. */
  async feed(input: AsyncIterable<readonly UserLine[]>): Promise<void> {
    for await (const lines of input) {
      for (const line of lines) {
        while (!this.client.wantsInput) {
          if (this.client.state === "finished") return;
          await this.#room.promise;
        }
        this.act((now) => {
          if (typeof line === "number") this.client.lineTooLong(line, now);
          else this.client.line(line, now);
        });
      }
    }
    this.act((now) => this.client.endInput(now));
  }

  /** It is over, one way or another; only the first time counts. */
  end(outcome: Outcome): void {
    this.#carrier.stop();
    this.#ended.resolve(outcome);
  }

  #changed(): void {
    this.#onChange();
    if (!this.client.wantsInput) return;
    this.#room.resolve();
    this.#room = Promise.withResolvers();
  }

  /** Waits until what there is to print is printed. The server's silence meanwhile is none. */
  async #printed(): Promise<void> {
    const beat = setInterval(() => this.act((now) => this.client.alive(now)), 1000);
    await this.#io.stdout.flush();
    clearInterval(beat);
    this.act((now) => this.client.alive(now));
  }
}
