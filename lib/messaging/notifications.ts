/**
 * Notifications of a talker server, for programs: waited for with {@linkcode notifications}, published
 * with {@linkcode Publishing}. What is decided is in `lib/client/notify/`; this carries it over a
 * connection.
 *
 * @module
 */

import type { Outcome } from "../client/host.ts";
import type { Notified } from "../client/notify/notification.ts";
import {
  type Published,
  Publisher,
  type PublisherHost,
  type PublisherOptions,
} from "../client/notify/publisher.ts";
import { Subscriber, type SubscriberOptions } from "../client/notify/subscriber.ts";
import { anySignal } from "../net/signals.ts";
import { formatAddress } from "../net/address.ts";
import { connectSecurely } from "../link/secure/security.ts";
import { connectTcp } from "../net/tcp_client.ts";
import { warn } from "../net/warn.ts";
import { whyNot } from "./acceptor.ts";
import { type Address, targetOf } from "./address.ts";
import { type EncryptionOptions, inWords, SecurityError, securityOf } from "./encryption.ts";
import { shown } from "./json.ts";
import { type ConnectionOptions, Wire } from "./notify_wire.ts";

export type { ConnectionOptions, Notified, Outcome, Published };

/** What is waited for, and where. */
export type SubscribingOptions = Omit<SubscriberOptions, "random"> & ConnectionOptions;
/** What is published, and where. */
export type PublishingOptions =
  & Omit<PublisherOptions, "random">
  & ConnectionOptions
  & Pick<PublisherHost, "published" | "receipts">;

/** Handles a notification: true when that is done, and the notification is to be acknowledged. */
export type Handler = (notification: Notified, signal: AbortSignal) => Promise<boolean>;

/**
 * Waits for notifications, and gives each to the handler, one at a time in their order, until it is
 * done: as many as were wanted, the signal, or no more hope. Never rejects unless the handler does.
 */
export async function subscribe(handler: Handler, options: SubscribingOptions): Promise<Outcome> {
  const over = new AbortController();
  const { signal } = options;
  const both = anySignal(signal, over.signal);
  let handling: Promise<void> | undefined;
  const handle = async (notification: Notified) => {
    let ok = false;
    try {
      ok = await handler(notification, both);
    } finally {
      wire.act((now) => subscriber.handled(ok, now));
    }
  };
  const wire = new Wire(options);
  const subscriber = new Subscriber({ ...options, random: Math.random }, {
    ...wire.host(),
    handle: (notification) => {
      handling = handle(notification);
      // It is awaited at the end: until then its failure is nobody's.
      handling.catch((error) => wire.fail(error));
    },
  });
  try {
    return await wire.run(subscriber);
  } finally {
    over.abort();
    await handling?.catch(() => {});
  }
}

/** Publishes notifications. */
export class Publishing {
  readonly #wire: Wire;
  readonly #publisher: Publisher;
  #room = Promise.withResolvers<void>();

  /** One that has not started. */
  constructor(options: PublishingOptions) {
    this.#wire = new Wire(options, () => {
      if (!this.#publisher.wantsInput && !this.#publisher.caller.isOver) return;
      this.#room.resolve();
      this.#room = Promise.withResolvers();
    });
    this.#publisher = new Publisher({ ...options, random: Math.random }, {
      ...this.#wire.host(),
      published: options.published,
      receipts: options.receipts,
    });
  }

  /** Acknowledgements are missing that were needed. */
  get isMissing(): boolean {
    return this.#publisher.isMissing;
  }

  /** Connects, and ends when all is published. */
  run(): Promise<Outcome> {
    return this.#wire.run(this.#publisher);
  }

  /** Publishes on a topic each text of `texts`, as there is room for it, and nothing after that. */
  async feed(topic: string, texts: AsyncIterable<string>): Promise<void> {
    for await (const text of texts) {
      while (!this.#publisher.wantsInput) {
        if (this.#publisher.caller.isOver) return;
        await this.#room.promise;
      }
      this.#wire.act((now) => this.#publisher.publish(topic, text, now));
    }
    this.#wire.act((now) => this.#publisher.endInput(now));
  }
}

/** How {@linkcode notifications} waits. */
export interface NotificationsOptions extends EncryptionOptions {
  /** Ends it: the loop over the notifications just ends. */
  readonly signal?: AbortSignal;
  /** A name under which the server keeps what comes while this program is away. */
  readonly as?: string;
  /** Begin behind the notification of this id; `all`: with all that is remembered. */
  readonly since?: string;
  /** End after so many. */
  readonly count?: number;
}

/**
 * The notifications on some topics (patterns such as `door/*`; none: all), as they come, for as long
 * as the loop over them goes on. It waits for a server that is not up yet, and comes back after a lost
 * connection; each notification comes once. It is acknowledged when the loop asks for the next one.
 * One in whose body the loop is left, or fails, is not: under a name it comes again the next time.
 *
 * Where no server is up, or one is lost, that is told once (on stderr, unless the program has set up a
 * log).
 *
 * @param address Of the server: `host:port`, or a port of this machine.
 * @throws {AddressError} for what is no address
 * @throws {TypeError} for topics that are none
 * @throws {Error} where the server can't be had, or refuses
 *
 * @example
 * ```ts ignore
 * for await (const { topic, text } of notifications("kitchen.local:8889", ["door/*"])) {
 *   ring(topic, text);
 * }
 * ```
 */
export async function* notifications(
  address: Address | null,
  topics: readonly string[] = [],
  options: NotificationsOptions = {},
): AsyncGenerator<Notified, void, void> {
  const to = targetOf(address);
  if (!Array.isArray(topics)) {
    throw new TypeError(`${shown(topics)} is no list of topics: write ["door/*"]`);
  }
  for (const word of [...topics, options.since ?? "", options.as ?? ""]) {
    if (typeof word !== "string") throw new TypeError(`${shown(word)} is no text`);
    if (/[\s\p{C}]/u.test(word)) throw new TypeError(`${shown(word)} has a blank in it`);
  }
  const stop = new AbortController();
  const { signal } = options;
  const both = anySignal(signal, stop.signal);
  const turns = new Turns();
  const { as, since, count } = options;
  const ended = subscribe(
    (notification, over) => turns.give(notification, over),
    {
      as,
      since,
      count,
      topics,
      target: formatAddress(to),
      server: to,
      signal: both,
      patient: true,
      connect: encryptedConnect(options),
      status: (text) => warn("messaging", text),
      reason: whyNot,
    },
  ).then((outcome) => turns.end(outcome), (error) => turns.end({ is: "thrown", error }));
  try {
    while (true) {
      const next = await turns.next();
      if ("is" in next) {
        if (next.is === "thrown") throw next.error;
        if (next.is !== "done" && next.is !== "partly") throw new Error(next.message ?? "Failed");
        return;
      }
      yield next;
      turns.done();
    }
  } finally {
    stop.abort();
    await ended;
  }
}

/** How it can end: as the server or the program has it, or by an error in here. */
type End = Outcome | { readonly is: "thrown"; readonly error: unknown };

/** Hands notifications over, one at a time, from a handler to a loop. */
class Turns {
  #given = Promise.withResolvers<Notified | End>();
  #taken: ((ok: boolean) => void) | undefined;
  #end: End | undefined;

  /** A notification is there; the promise is of whether the loop came back for more. */
  give(notification: Notified, signal: AbortSignal): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const settle = (ok: boolean) => {
      signal.removeEventListener("abort", stop);
      resolve(ok);
    };
    const stop = () => settle(false);
    signal.addEventListener("abort", stop, { once: true });
    this.#taken = settle;
    this.#given.resolve(notification);
    return promise;
  }

  /** There will be no more. */
  end(end: End): void {
    this.#end = end;
    this.#given.resolve(end);
  }

  /** The next notification, or the end. */
  next(): Promise<Notified | End> {
    return this.#given.promise;
  }

  /** The loop is through with the notification that it got. */
  done(): void {
    this.#given = Promise.withResolvers();
    if (this.#end !== undefined) this.#given.resolve(this.#end);
    this.#taken?.(true);
  }
}

/** Connects to a server as its encrypted clients do; undefined: plainly. */
function encryptedConnect(options: EncryptionOptions): ConnectionOptions["connect"] {
  const security = securityOf(options, "client");
  if (security === undefined) return undefined;
  return async (server, { signal }) => {
    try {
      return await connectSecurely(() => connectTcp(server, { signal }), security, { signal });
    } catch (error) {
      throw error instanceof SecurityError ? inWords(error) : error;
    }
  };
}
