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
import { AskError } from "./ask_error.ts";
import { Caller, type NewsTaker } from "./caller.ts";
import type { IncomingMessage } from "./incoming_message.ts";
import { encodeJson, shown } from "./json.ts";
import type { MessageType } from "./message_type.ts";
import { Patience, type WaitOptions, within } from "./patience.ts";
import { COMMAND, Place, REQUEST } from "./place.ts";
import type { News } from "./session.ts";
import { Stream } from "./stream.ts";
import { warn } from "./warn.ts";
import { wordsOf } from "./words.ts";

/** After so long without an answer, in milliseconds, a program that waits says so, once. */
const STILL_WAITING_MS = 5_000;

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
 * await request?.reply(`Hello, ${request.message}`);
 *
 * assertEquals(await asked, "Hello, World");
 * await hangUp();
 * ```
 */
export async function sendMessage(
  address: Address,
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
 * sent and a function that replies; null when none came in time. Messages that come between two
 * calls wait for the next.
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
export async function waitForMessage(
  address: Address,
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
  if (replied.has(message)) return warn(`${who} has a reply already; this one is not sent`);
  replied.add(message);
  if (message.isWithdrawn) return warn(`${who} does not wait for the reply any more`);
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
export async function sendReply(address: Address, reply: unknown = null): Promise<void> {
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
 * const [name, ...args] = (await waitForCommand(robot)) ?? [];
 * assertEquals([name, args], ["LEFT", ["0.5"]]);
 * assertEquals(await sent, true);
 * await hangUp();
 * ```
 */
export async function sendCommand(
  address: Address,
  command: string | readonly (string | number)[],
  options: WaitOptions = {},
): Promise<true | null> {
  const body = typeof command === "string" ? wordsOf(command) : command.map(String);
  if (body.length === 0) throw new TypeError("A command must have a word");
  encodeJson(body);
  const outcome = await request(address, COMMAND, { body, options });
  return outcome === undefined ? null : true;
}

/**
 * Waits for a command to that address of this machine. Gives its words, the first being its name;
 * null when none came in time. Who sent it is told that it was taken.
 *
 * @throws {AddressError} for what is no address
 * @throws {ConnectionError} when another program listens there, or it is not this machine's address
 * @throws the reason of `signal`
 */
export async function waitForCommand(
  address: Address,
  options: WaitOptions = {},
): Promise<[name: string, ...args: string[]] | null> {
  const place = await Place.at(address);
  using patience = new Patience(options);
  const taken = await orNull(place.commands.next(patience.signal), patience);
  if (taken === null) return null;
  await taken.reply(null);
  await within(taken.session.flushed());
  return taken.body as [string, ...string[]];
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
export function publishNews(address: Address, topic: string, data: unknown): Promise<void>;
/** Publishes news without a topic: it reaches all who wait for any news from that address. */
export function publishNews(address: Address, data: unknown): Promise<void>;
export async function publishNews(address: Address, ...news: unknown[]): Promise<void> {
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
  readonly heard = new Stream<HeardNews>({
    limit: MAX_NEWS_WAITING,
    maxWeight: MAX_NEWS_WAITING_BYTES,
    dropped: () => {
      if (!this.#isLate) {
        warn(`News about "${this.prefix}" come faster than they are taken; some are missed`);
      }
      this.#isLate = true;
    },
    taken: () => this.#isLate = false,
  });
  #isLate = false;

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  take({ topic, data }: News, { address, size }: { address: string; size: number }): void {
    this.heard.push({ topic, data, address }, size);
  }
}

/** By addresses and prefix: what comes between two calls is there for the next. */
const feeds = new Map<string, Feed>();

/**
 * Waits for news from an address, or from any of several, whose topic begins with `topic` (all of it
 * without). Gives null when none came in time. News that come between two calls wait for the next,
 * from the first call on; up to 20,000 (8 MiB), then the oldest are dropped, and a warning says so.
 *
 * @throws {AddressError} for what is no address
 * @throws the reason of `signal`
 */
export async function waitForNews(
  address: Address | readonly Address[],
  topic = "",
  options: WaitOptions = {},
): Promise<HeardNews | null> {
  if (typeof topic !== "string" || topic.length > MAX_NEWS_TOPIC) {
    throw new TypeError(`${shown(topic)} is no topic: it must be text`);
  }
  const addresses = typeof address === "object" ? address : [address];
  if (addresses.length === 0) throw new TypeError("No address to hear news from");
  const callers = [...new Set(addresses.map((each) => Caller.of(each)))];
  using patience = new Patience(options);
  const key = JSON.stringify([callers.map((caller) => caller.address).sort(), topic]);
  let feed = feeds.get(key);
  if (feed === undefined) {
    feeds.set(key, feed = new Feed(topic));
    for (const caller of callers) caller.subscribe(feed);
  }
  using stack = new DisposableStack();
  for (const caller of callers) stack.use(caller.use());
  return await orNull(feed.heard.next(patience.signal), patience);
}

/**
 * Closes the connections that these functions keep: those at and to an address, or all. Programs need
 * not call it: what is left open ends with them.
 */
export async function hangUp(address?: Address): Promise<void> {
  for (const [key, feed] of feeds) {
    if (address !== undefined && !key.includes(Caller.of(address).address)) continue;
    feeds.delete(key);
    feed.heard.end();
  }
  await Promise.all([Caller.close(address), Place.close(address)]);
}

/** What a promise gives; null when the time was over first, or there is nothing more to come. */
async function orNull<T>(promise: Promise<T | undefined>, patience: Patience): Promise<T | null> {
  try {
    return (await promise) ?? null;
  } catch (error) {
    if (patience.isOver) return null;
    throw error;
  }
}

/** Asks until there is an answer; nothing when there is none in time, which is told. */
async function request(
  address: Address,
  type: MessageType,
  { body, options }: { body: unknown; options: WaitOptions },
): Promise<{ reply: unknown } | undefined> {
  const caller = Caller.of(address);
  using patience = new Patience(options);
  using _use = caller.use();
  let hasAsked = false;
  const why = () => hasAsked ? "it does not answer" : caller.reason ?? "it does not answer";
  const still = setTimeout(
    () => warn(`Still waiting for ${caller.address}: ${why()}`),
    STILL_WAITING_MS,
  );
  try {
    for (;;) {
      const session = await caller.session(patience.signal);
      hasAsked = true;
      try {
        const { left: wait, signal } = patience;
        return { reply: await session.ask(type, body, { wait, signal }) };
      } catch (error) {
        if (!(error instanceof AskError)) throw error;
        hasAsked = false;
        if (error.code === "lost") continue;
        if (error.code !== "timed-out") {
          warn(error.message);
          return undefined;
        }
        hasAsked = true;
        break;
      }
    }
  } catch (error) {
    if (!patience.isOver) throw error;
  } finally {
    clearTimeout(still);
  }
  warn(`No reply from ${caller.address} within ${(options.wait ?? 0) / 1000} s: ${why()}`);
  return undefined;
}
