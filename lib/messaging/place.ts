/**
 * An address at which the simple functions wait: opened at the first call, and kept for the next.
 *
 * @module
 */

import { formatAddress, isLoopback } from "../net/address.ts";
import { listenTcp } from "../net/tcp_server.ts";
import { MAX_REQUESTS_WAITING, MAX_REQUESTS_WAITING_BYTES } from "../wire/limits.ts";
import { whyNot } from "./acceptor.ts";
import { type Address, listenAt } from "./address.ts";
import { ConnectionError } from "./ask_error.ts";
import type { IncomingMessage } from "./incoming_message.ts";
import type { LinkSession } from "./link_session.ts";
import { listen, type Listener } from "./listen.ts";
import { anything, defineMessage, list, type MessageType, nothing, text } from "./message_type.ts";
import { within } from "./patience.ts";
import { Stream } from "./stream.ts";

/** What `sendMessage` sends. */
export const REQUEST: MessageType<unknown, unknown> = defineMessage("message", anything);
/** What `sendCommand` sends: words. The answer says that a program took it. */
export const COMMAND: MessageType<string[], null> = defineMessage("command", list(text), {
  reply: nothing,
});

/**
 * How long the first news of a place wait, in milliseconds: those who wait for them already look every
 * half second at the most whether somebody is there, and who was just sent something may be about to.
 */
const NEWS_PAUSE_MS = 600;

const places = new Map<string, Promise<Place>>();

/** Requests that wait to be taken. */
class Waiting {
  readonly #stream = new Stream<IncomingMessage>({
    taken: ({ size }) => void (this.#bytes -= size),
  });
  #bytes = 0;

  add(message: IncomingMessage): void {
    // It may have been given up in the breath in which it was sent.
    if (message.isWithdrawn) return;
    const isFull = this.#stream.size >= MAX_REQUESTS_WAITING ||
      this.#bytes >= MAX_REQUESTS_WAITING_BYTES;
    // Who sent it asks again, as long as it has patience.
    if (isFull) return message.refuse("too many wait there already", "busy");
    this.#bytes += message.size;
    this.#stream.push(message);
    // A request is not there any more when who sent it has given it up.
    message.signal.addEventListener("abort", () => {
      if (this.#stream.remove(message)) this.#bytes -= message.size;
    }, { once: true });
  }

  /** The next. */
  async next(signal: AbortSignal): Promise<IncomingMessage | undefined> {
    return await this.#stream.next(signal);
  }

  end(): void {
    this.#stream.end();
  }
}

/** An address at which this program waits. */
export class Place {
  /** Messages, in the order in which they came. */
  readonly requests = new Waiting();
  /** Commands. */
  readonly commands = new Waiting();
  /** The last message that was taken. */
  lastTaken: IncomingMessage | undefined;
  readonly #listener: Listener;
  readonly #opened = performance.now();
  #pause: Promise<void> | undefined;

  private constructor(listener: Listener) {
    this.#listener = listener;
    void this.#sort();
  }

  async #sort(): Promise<void> {
    for await (const message of this.#listener.messages) {
      const waiting = message.is(COMMAND) ? this.commands : this.requests;
      waiting.add(message as IncomingMessage);
    }
    this.requests.end();
    this.commands.end();
  }

  /**
   * The place at that address of this machine.
   *
   * @throws {AddressError} for what is no address
   * @throws {ConnectionError} when it can't be listened at
   */
  static async at(address: Address | null): Promise<Place> {
    const at = spotOf(address);
    const known = places.get(heardAt(at));
    if (known !== undefined) return await known;
    const { key } = at;
    const place = open(at).then((listener) => new Place(listener));
    places.set(key, place);
    place.catch(() => {
      // Another may stand there by now.
      if (places.get(key) === place) places.delete(key);
    });
    return await place;
  }

  /** That place, where there is one already. */
  static async known(address: Address | null): Promise<Place | undefined> {
    const at = spotOf(address);
    return await (places.get(heardAt(at)) ?? places.get(narrower(at) ?? ""));
  }

  /** Sends news to all who want such, and waits until the system has taken it. */
  async publish(topic: string | null, data: unknown): Promise<void> {
    this.#pause ??= this.#beforeNews(topic);
    await this.#pause;
    const sessions = this.#sessions;
    // Who reads slowly is not waited for.
    const reading = sessions.filter(({ queued }) => queued === 0);
    await this.#listener.publish(topic, data);
    await within(Promise.all(reading.map((session) => session.flushed())));
  }

  get #sessions(): LinkSession[] {
    return [...this.#listener.sessions] as LinkSession[];
  }

  /** Waits for those who want the first news: until all can have come; where some are there, not longer. */
  async #beforeNews(topic: string | null): Promise<void> {
    const isWanted = this.#sessions.some((session) => session.wants(topic ?? undefined));
    const from = isWanted ? this.#opened : performance.now();
    const left = from + NEWS_PAUSE_MS - performance.now();
    if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
  }

  /** Closes the place at that address, or all. */
  static async close(address?: Address | null): Promise<void> {
    const keys = address === undefined ? [...places.keys()] : [heardAt(spotOf(address))];
    for (const key of keys) {
      const place = places.get(key);
      places.delete(key);
      const there = await place?.catch(() => undefined);
      if (there !== undefined) await there.#listener[Symbol.asyncDispose]();
    }
  }
}

/** Where to listen for an address. */
interface Spot {
  readonly host: string;
  readonly port: number;
  /** In the one form of it: under that its place is known. */
  readonly key: string;
  /** Where all addresses of this machine of that family and port are listened at. */
  readonly wide: string;
}

/**
 * Where to listen for an address. One of this machine's own addresses stands for all of them: other
 * boxes may reach it by another, when it has several networks. Its loopback stands for itself: what is
 * said there is for nobody else.
 */
function spotOf(address: Address | null): Spot {
  const { host: given, port } = listenAt(address);
  if (port === 0) {
    throw new ConnectionError("Cannot wait at port 0: nobody would know where; choose a number");
  }
  const host = given.toLowerCase() === "localhost" ? "127.0.0.1" : given;
  const wide = formatAddress({ host: host.includes(":") ? "::" : "0.0.0.0", port });
  return { host, port, wide, key: isLoopback(host) ? formatAddress({ host, port }) : wide };
}

/** The key of the place where one hears what is sent to that address, whoever is there. */
function heardAt({ key, wide }: Spot): string {
  return !places.has(key) && places.has(wide) ? wide : key;
}

/** The key of a place at that port where one hears a part of it. */
function narrower({ port }: Spot): string | undefined {
  return [...places.keys()].find((key) => key.endsWith(`:${port}`));
}

async function open(at: Spot): Promise<Listener> {
  const { host, port, wide, key } = at;
  const other = narrower(at);
  if (key === wide && formatAddress({ host, port }) !== wide) mustBeOurs(host, port);
  try {
    return await listen(key, { background: true, messages: [REQUEST, COMMAND] });
  } catch (error) {
    const isOwn = error instanceof ConnectionError && (error.cause as Error).name === "AddrInUse" &&
      other !== undefined;
    if (!isOwn) throw error;
    const text =
      `Cannot wait at ${key}: this program waits at ${other} already, and hears no more ` +
      `than is sent there; hangUp("${other}") first, or use that address`;
    throw new ConnectionError(text, { cause: error });
  }
}

function mustBeOurs(host: string, port: number): void {
  try {
    listenTcp({ hostname: host, port: 0 }).close();
  } catch (error) {
    const where = formatAddress({ host, port });
    throw new ConnectionError(`Cannot listen at ${where}: ${whyNot(error)}`, { cause: error });
  }
}
