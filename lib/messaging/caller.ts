/**
 * An address that the simple functions call: a connection that is kept for the next call, and made
 * again while somebody needs it.
 *
 * @module
 */

import { distanceOf } from "../link/backoff.ts";
import { keepUp } from "../link/keep_up.ts";
import { formatAddress } from "../net/address.ts";
import type { Address } from "./address.ts";
import { ConnectionError } from "./ask_error.ts";
import { Connector } from "./connect.ts";
import type { LinkSession } from "./link_session.ts";
import type { News } from "./session.ts";
import { warn } from "../net/warn.ts";

/** The error of those who waited there. */
export function hungUp(): ConnectionError {
  return new ConnectionError("It was hung up while something waited there");
}

const callers = new Map<string, Caller>();

/** Takes the news whose topic begins so. */
export interface NewsTaker {
  readonly prefix: string;
  take(news: News, from: { address: string; size: number }): void;
}

/** An address that this program calls. */
export class Caller {
  /** The address, in one form. */
  readonly address: string;
  /** Why there is no connection, as far as is known. */
  reason: string | undefined;
  readonly #connector: Connector;
  readonly #takers = new Set<NewsTaker>();
  #session: LinkSession | undefined;
  #users = 0;
  #crowd = 0;
  #keeper: AbortController | undefined;
  #waiting: (() => void)[] = [];
  #isHungUp = false;

  private constructor(connector: Connector) {
    this.#connector = connector;
    this.address = formatAddress(connector.to);
  }

  /**
   * The one for that address.
   *
   * @throws {AddressError} for what is no address
   */
  static of(address: Address | null): Caller {
    const connector = new Connector(address, { background: true });
    const key = formatAddress(connector.to);
    let caller = callers.get(key);
    if (caller === undefined) callers.set(key, caller = new Caller(connector));
    return caller;
  }

  /** While it is used (until what this gives is disposed of), the connection is made when it is lost. */
  use(): Disposable {
    this.#users++;
    if (this.#keeper === undefined) {
      const { signal } = this.#keeper = new AbortController();
      const distance = distanceOf(this.#connector.to.host);
      void keepUp({
        // Somebody waits, and who is on the local network comes soon.
        distance: distance === "internet" ? "internet" : "loopback",
        random: Math.random,
        signal,
        isUp: () => this.#session !== undefined,
        attempt: () => this.#attempt(signal),
        failed: (reason) => this.reason = reason,
      });
    }
    return {
      [Symbol.dispose]: () => {
        if (--this.#users > 0) return;
        this.#keeper?.abort();
        this.#keeper = undefined;
      },
    };
  }

  async #attempt(signal: AbortSignal): Promise<string | undefined> {
    try {
      const session = await this.#connector.once(signal);
      if (signal.aborted) return void session.close();
      this.reason = undefined;
      this.#session = session;
      session.takeNews = (news, size) => this.#heard(news, size);
      for (const prefix of this.#prefixes) session.subscribe(prefix);
      void session.ended.then(() => {
        if (this.#session === session) this.#session = undefined;
      });
      for (const resolve of this.#waiting.splice(0)) resolve();
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  get #prefixes(): Set<string> {
    return new Set([...this.#takers].map(({ prefix }) => prefix));
  }

  /**
   * The connection, when it is there. To be used while it is kept up.
   *
   * @throws {ConnectionError} when it is hung up, and the reason of `signal`
   */
  async session(signal: AbortSignal): Promise<LinkSession> {
    for (;;) {
      signal.throwIfAborted();
      if (this.#isHungUp) throw hungUp();
      const session = this.#session;
      if (session === undefined) await this.#next(signal);
      else if (session.isOpen) return session;
      else if (this.#session === session) this.#session = undefined;
    }
  }

  #next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const up = () => {
        signal.removeEventListener("abort", abort);
        resolve();
      };
      const abort = () => {
        this.#waiting = this.#waiting.filter((each) => each !== up);
        reject(signal.reason);
      };
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.push(up);
    });
  }

  /** One more waits until there is room there; `size`: how many do so. Disposing of it ends that. */
  join(): Disposable & { readonly size: number } {
    const size = ++this.#crowd;
    return { size, [Symbol.dispose]: () => void this.#crowd-- };
  }

  /** Has news given to `taker` from now on. */
  subscribe(taker: NewsTaker): void {
    if (!this.#prefixes.has(taker.prefix) && this.#session?.isOpen) {
      this.#session.subscribe(taker.prefix);
    }
    this.#takers.add(taker);
  }

  /** It gets no more; what nobody else wants is not asked for any more. */
  unsubscribe(taker: NewsTaker): void {
    if (!this.#takers.delete(taker) || this.#prefixes.has(taker.prefix)) return;
    if (this.#session?.isOpen) this.#session.unsubscribe(taker.prefix);
  }

  #heard(news: News, size: number): void {
    if (news.missed > 0) warn("messaging", `${news.missed} news from ${this.address} were missed`);
    for (const taker of this.#takers) {
      if (news.topic === null || news.topic.startsWith(taker.prefix)) {
        taker.take(news, { address: this.address, size });
      }
    }
  }

  #close(): Promise<void> | undefined {
    callers.delete(this.address);
    this.#isHungUp = true;
    this.#keeper?.abort();
    this.#takers.clear();
    for (const go of this.#waiting.splice(0)) go();
    return this.#session?.[Symbol.asyncDispose]();
  }

  /** Ends the connection to that address, or all. Who waits for one gets an error. */
  static async close(address?: Address | null): Promise<void> {
    const chosen = address === undefined ? [...callers.values()] : [Caller.of(address)];
    await Promise.all(chosen.map((caller) => caller.#close()));
  }
}
