/**
 * Programs call each other in one line: functions for a prompt and for a first program, in the
 * spirit of Python's networkzero. Each works by itself; connections are kept behind the scenes, and
 * do not keep a program alive that has nothing else to do.
 *
 * The order in which programs start does not matter: who sends waits for who receives. What fails
 * because nobody answered in time warns (on stderr, unless the program has set up a log) and gives
 * null. What can't work at all (a wrong address, a value that can't be sent) throws at once.
 *
 * @module
 */

import { MAX_NEWS_TOPIC, MAX_NEWS_WAITING, MAX_NEWS_WAITING_BYTES } from "../wire/limits.ts";
import type { Address } from "./address.ts";
import { request } from "./asking.ts";
import { Caller, hungUp, type NewsTaker } from "./caller.ts";
import type { IncomingMessage } from "./incoming_message.ts";
import { encodeJson, shown } from "./json.ts";
import { type EndlessOptions, Patience, type WaitOptions, within } from "./patience.ts";
import { COMMAND, Place, REQUEST } from "./place.ts";
import type { News } from "./session.ts";
import { Stream } from "./stream.ts";
import { warn } from "../net/warn.ts";
import { wordsOf } from "./words.ts";

/**
 * Sends a message, and gives the reply; null when there is none in time. It waits for the other
 * program to be started, and asks again when that was restarted meanwhile (so that what the message
 * brings about may happen twice). After null it can simply be sent again.
 *
 * @throws {AddressError} for what is no address
 * @throws {LocalFault} for what can't be sent, with the value
 *
 * @example
 * ```ts
 * import { hangUp, sendMessage, waitForMessage } from "../mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const hello = "127.0.0.1:27001";
 * const asked = sendMessage(hello, "World", { wait: 10_000 });
 *
 * // In another program:
 * const request = await waitForMessage(hello);
 * await request.reply(`Hello, ${request.message}`);
 *
 * assertEquals(await asked, "Hello, World");
 * await hangUp();
 * ```
 */
export async function sendMessage(
  address: Address | null,
  message: unknown = null,
  options: WaitOptions = {},
): Promise<unknown> {
  encodeJson(message);
  const outcome = await request(address, REQUEST, { body: message, options });
  return outcome === undefined ? null : outcome.reply;
}

/** What {@linkcode waitForMessage} gives. */
export interface Request {
  /** What was sent. */
  readonly message: unknown;
  /**
   * Replies. A request that is never replied to holds nobody up but who waits for the reply.
   * Resolves when the system has taken it.
   *
   * @throws {LocalFault} for what can't be sent, with the value
   */
  readonly reply: (reply?: unknown) => Promise<void>;
}

/**
 * Waits for a message to that address of this machine (one from `advertise`, say). Gives what was
 * sent and a function that replies. Messages that come between two calls wait for the next.
 *
 * @throws {AddressError} for what is no address
 * @throws {ConnectionError} when another program listens there, or it is not this machine's address
 * @throws the reason of `signal`
 *
 * @example
 * ```ts
 * import { hangUp, waitForMessage } from "../mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(await waitForMessage("127.0.0.1:27002", { wait: 50 }), null);
 * await hangUp();
 * ```
 */
export function waitForMessage(address: Address | null, options?: EndlessOptions): Promise<Request>;
/** The same for so long; null when none came in time. */
export function waitForMessage(
  address: Address | null,
  options: WaitOptions,
): Promise<Request | null>;
export async function waitForMessage(
  address: Address | null,
  options: WaitOptions = {},
): Promise<Request | null> {
  const place = await Place.at(address);
  using patience = new Patience(options);
  const taken = await orNull(place.requests.next(patience.signal), patience);
  if (taken === null) return null;
  place.lastTaken = taken;
  return { message: taken.body, reply: (reply) => replyTo(taken, reply) };
}

const replied = new WeakSet<IncomingMessage>();

async function replyTo(message: IncomingMessage, reply: unknown = null): Promise<void> {
  encodeJson(reply);
  const who = message.session.remote;
  if (replied.has(message)) {
    return warn("messaging", `${who} has a reply already; this one is not sent`);
  }
  replied.add(message);
  if (message.isWithdrawn) return warn("messaging", `${who} does not wait for the reply any more`);
  await message.reply(reply);
  await within(message.session.flushed());
}

/**
 * Replies to the last message that was taken at that address, as networkzero does it; where several
 * are dealt with at a time use the `reply` of {@linkcode waitForMessage}.
 *
 * @throws {Error} when no message was taken there
 * @throws {LocalFault} for what can't be sent, with the value
 *
 * @example
 * ```ts
 * import { hangUp, sendMessage, sendReply, waitForMessage } from "../mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const hello = "127.0.0.1:27003";
 * const asked = sendMessage(hello, { name: "Tim" });
 * await waitForMessage(hello);
 * await sendReply(hello, "Hello");
 * assertEquals(await asked, "Hello");
 * await hangUp();
 * ```
 */
export async function sendReply(address: Address | null, reply: unknown = null): Promise<void> {
  const place = await Place.known(address);
  if (place?.lastTaken === undefined) {
    throw new Error(`No message was taken at ${address} yet; wait for one with waitForMessage`);
  }
  await replyTo(place.lastTaken, reply);
}

/**
 * Sends a command: words in one text (`"LEFT 0.5"`; quotes hold blanks together), or a list of them.
 * Gives true when the other program has taken it, null when it didn't in time: then it will not (if
 * it didn't at that very moment).
 *
 * @throws {AddressError} for what is no address
 * @throws {TypeError} for what is no command
 *
 * @example
 * ```ts
 * import { hangUp, sendCommand, waitForCommand } from "../mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const robot = "127.0.0.1:27004";
 * const sent = sendCommand(robot, "LEFT 0.5");
 * const [name, ...args] = await waitForCommand(robot);
 * assertEquals([name, args], ["LEFT", ["0.5"]]);
 * assertEquals(await sent, true);
 * await hangUp();
 * ```
 */
export async function sendCommand(
  address: Address | null,
  command: string | readonly (string | number)[],
  options: WaitOptions = {},
): Promise<true | null> {
  const body = wordsOf(command);
  encodeJson(body);
  const outcome = await request(address, COMMAND, { body, options });
  return outcome === undefined ? null : true;
}

/** The words of a command, the first being its name. */
export type Command = [name: string, ...args: string[]];

/**
 * Waits for a command to that address of this machine. Gives its words, the first being its name. Who
 * sent it is told that it was taken.
 *
 * @throws {AddressError} for what is no address
 * @throws {ConnectionError} when another program listens there, or it is not this machine's address
 * @throws the reason of `signal`
 */
export function waitForCommand(
  address: Address | null,
  options?: EndlessOptions,
): Promise<Command>;
/** The same for so long; null when none came in time. */
export function waitForCommand(
  address: Address | null,
  options: WaitOptions,
): Promise<Command | null>;
export async function waitForCommand(
  address: Address | null,
  options: WaitOptions = {},
): Promise<Command | null> {
  const place = await Place.at(address);
  using patience = new Patience(options);
  const taken = await orNull(place.commands.next(patience.signal), patience);
  if (taken === null) return null;
  await taken.reply(null);
  await within(taken.session.flushed());
  return taken.body as Command;
}

/**
 * Publishes news at that address of this machine: all who wait for news from there get it, if its
 * topic begins as they asked. Nobody need be there; who comes later does not get it.
 *
 * @throws {AddressError} for what is no address
 * @throws {ConnectionError} when another program listens there, or it is not this machine's address
 * @throws {LocalFault} for what can't be sent, with the value
 *
 * @example
 * ```ts
 * import { hangUp, publishNews, waitForNews } from "../mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const detector = "127.0.0.1:27005";
 * const heard = waitForNews(detector, "hits");
 * await publishNews(detector, "hits", { target: 3 });
 * assertEquals(await heard, { topic: "hits", data: { target: 3 }, address: detector });
 * await hangUp();
 * ```
 */
export function publishNews(address: Address | null, topic: string, data: unknown): Promise<void>;
/** Publishes news without a topic: it reaches all who wait for any news from that address. */
export function publishNews(address: Address | null, data: unknown): Promise<void>;
export async function publishNews(address: Address | null, ...news: unknown[]): Promise<void> {
  const [topic, data] = news.length >= 2 ? news : [null, news[0]];
  const isTopic = topic === null || (typeof topic === "string" && topic.length <= MAX_NEWS_TOPIC);
  if (!isTopic) {
    throw new TypeError(
      `${shown(topic)} is no topic: it must be text of at most ${MAX_NEWS_TOPIC} characters`,
    );
  }
  encodeJson(data);
  const place = await Place.at(address);
  await place.publish(topic, data);
}

/** What {@linkcode waitForNews} gives. */
export interface HeardNews {
  /** What it is about; null where it has no topic. */
  readonly topic: string | null;
  /** What is new. */
  readonly data: unknown;
  /** Who published it. */
  readonly address: string;
}

/** What {@linkcode waitForNews} has asked for. */
class Feed implements NewsTaker {
  readonly prefix: string;
  readonly #callers: readonly Caller[];
  readonly heard = new Stream<HeardNews>({
    limit: MAX_NEWS_WAITING,
    maxWeight: MAX_NEWS_WAITING_BYTES,
    dropped: () => {
      if (!this.#isLate) {
        warn(
          "messaging",
          `News about "${this.prefix}" come faster than they are taken; some are missed`,
        );
      }
      this.#isLate = true;
    },
    taken: () => this.#isLate = false,
  });
  #isLate = false;

  constructor(prefix: string, callers: readonly Caller[]) {
    this.prefix = prefix;
    this.#callers = callers;
    for (const caller of callers) caller.subscribe(this);
  }

  /** Is it news from that address, too? */
  isOf(address: string): boolean {
    return this.#callers.some((caller) => caller.address === address);
  }

  /** Hears nothing more, from none of its addresses. */
  end(): void {
    for (const caller of this.#callers) caller.unsubscribe(this);
    this.heard.end();
  }

  take({ topic, data }: News, { address, size }: { address: string; size: number }): void {
    this.heard.push({ topic, data, address }, size);
  }
}

/** By addresses and prefix: what comes between two calls is there for the next. */
const feeds = new Map<string, Feed>();

/**
 * Waits for news from an address, or from any of several, whose topic begins with `topic` (all of it
 * without). News that come between two calls wait for the next,
 * from the first call on; up to 20,000 (8 MiB), then the oldest are dropped, and a warning says so.
 *
 * @throws {AddressError} for what is no address
 * @throws the reason of `signal`
 */
export function waitForNews(
  address: Address | null | readonly (Address | null)[],
  topic?: string,
  options?: EndlessOptions,
): Promise<HeardNews>;
/** The same for so long; null when none came in time. */
export function waitForNews(
  address: Address | null | readonly (Address | null)[],
  topic: string | undefined,
  options: WaitOptions,
): Promise<HeardNews | null>;
export async function waitForNews(
  address: Address | null | readonly (Address | null)[],
  topic = "",
  options: WaitOptions = {},
): Promise<HeardNews | null> {
  if (typeof topic !== "string" || topic.length > MAX_NEWS_TOPIC) {
    throw new TypeError(`${shown(topic)} is no topic: it must be text`);
  }
  const addresses: readonly (Address | null)[] = Array.isArray(address) ? address : [address];
  if (addresses.length === 0) throw new TypeError("No address to hear news from");
  const callers = [...new Set(addresses.map((each) => Caller.of(each)))];
  using patience = new Patience(options);
  const key = JSON.stringify([callers.map((caller) => caller.address).sort(), topic]);
  let feed = feeds.get(key);
  if (feed === undefined) feeds.set(key, feed = new Feed(topic, callers));
  using stack = new DisposableStack();
  for (const caller of callers) stack.use(caller.use());
  return await orNull(feed.heard.next(patience.signal), patience);
}

/**
 * Closes the connections that these functions keep: those at and to an address, or all. What still
 * waits there, be it to send or to receive, throws a `ConnectionError`. Programs need not call it: what
 * is left open ends with them.
 */
export async function hangUp(address?: Address | null): Promise<void> {
  const one = address === undefined ? undefined : Caller.of(address).address;
  for (const [key, feed] of feeds) {
    if (one !== undefined && !feed.isOf(one)) continue;
    feeds.delete(key);
    feed.end();
  }
  await Promise.all([Caller.close(address), Place.close(address)]);
}

/** What a promise gives; null when the time was over first. */
async function orNull<T>(promise: Promise<T | undefined>, patience: Patience): Promise<T | null> {
  let value: T | undefined;
  try {
    value = await promise;
  } catch (error) {
    if (patience.isOver) return null;
    throw error;
  }
  if (value === undefined) throw hungUp();
  return value;
}
