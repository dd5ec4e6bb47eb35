/**
 * Listening for connections that carry messages.
 *
 * @module
 */

import type { Connection } from "../net/transport.ts";
import type { Address } from "./address.ts";
import { plainRefusal } from "./encryption.ts";
import { encodeEnvelope } from "./envelope.ts";
import { messageStream } from "./incoming_message.ts";
import { encodeJson, shown } from "./json.ts";
import { LinkSession } from "./link_session.ts";
import { within } from "./patience.ts";
import { ProgramPort } from "./program_port.ts";
import { listenRaw, type RawListener, type RawListenOptions } from "./raw.ts";
import { Registry } from "./registry.ts";
import type { Message, Session, SessionMaker, SessionOptions } from "./session.ts";
import type { SessionEvent } from "./session_event.ts";
import { runSession } from "./session_runner.ts";
import type { Stream } from "./stream.ts";
import { MAX_NEWS_TOPIC } from "../wire/limits.ts";

/** How {@linkcode listen} listens. */
export interface ListenOptions extends SessionOptions {
  /** Messages, not bytes. */
  raw?: undefined;
  /**
   * Runs for each connection. Messages that nobody handles then go to that session; without it, those of
   * all connections go to the listener.
   */
  session?: SessionMaker<Session> | undefined;
}

/** A program that listens. Disposing of it ends it, with all its connections. */
export interface Listener extends AsyncDisposable {
  /** Where, with the port that the system chose where it was 0. */
  readonly address: string;
  /**
   * `accepted`, `closed`, `abandoned`, `notListening`; `notConnected` for who was refused, since only one
   * side encrypts, or their secrets differ.
   */
  readonly events: Stream<SessionEvent<Session>>;
  /** Messages of all connections that nobody handles; where there is no session function or class. */
  readonly messages: Stream<Message>;
  /** The connections that are up. */
  readonly sessions: ReadonlySet<Session>;
  /**
   * Sends news to all who have asked for such. Resolves when there is room for more: who publishes
   * much waits for it, and so goes as fast as the readers do; a reader that takes nothing for a
   * second is not waited for, misses some, and is told how many.
   *
   * @throws {LocalFault} for what can't be sent, with the value
   * @throws {TypeError} for a topic that is none
   */
  publish(topic: string | null, data?: unknown): Promise<void>;
  /** Ends it, with all its connections. The other sides are told the reason. */
  close(reason?: string): void;
}

/**
 * Listens for connections that carry messages.
 *
 * @throws {AddressError} for what is no address
 * @throws {ConnectionError} when it can't be listened at, after the event `notListening`
 *
 * @example
 * ```ts
 * import { connect, defineMessage, listen, shape, text } from "../mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const Hello = defineMessage("hello", shape({ myName: text }));
 *
 * await using server = await listen("127.0.0.1:0", {
 *   messages: [Hello],
 *   session: async (session) => {
 *     for await (const message of session.messages) {
 *       if (message.is(Hello)) await message.reply(`Welcome, ${message.body.myName}`);
 *     }
 *   },
 * });
 * await using session = await connect(server.address);
 * assertEquals(await session.ask(Hello, { myName: "Buster" }), "Welcome, Buster");
 * ```
 */
export function listen(address: Address | null, options?: ListenOptions): Promise<Listener>;
/**
 * Listens for connections that carry bytes as they are, or frames of bytes (`raw`).
 *
 * @example
 * ```ts
 * import { connect, listen } from "../mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * await using echo = await listen("127.0.0.1:0", {
 *   raw: "frames",
 *   session: async (session) => {
 *     for await (const frame of session.frames) await session.send(frame);
 *   },
 * });
 * await using session = await connect(echo.address, { raw: "frames" });
 * await session.send("hello");
 * const frame = await session.frames.next();
 * assertEquals(new TextDecoder().decode(frame), "hello");
 * ```
 */
export function listen(address: Address | null, options: RawListenOptions): Promise<RawListener>;
export async function listen(
  address: Address | null,
  options: ListenOptions | RawListenOptions = {},
): Promise<Listener | RawListener> {
  if (options.raw !== undefined) return await listenRaw(address, options);
  options.signal?.throwIfAborted();
  return new LinkListener(address, options);
}

class LinkListener implements Listener {
  readonly address: string;
  readonly events: Stream<SessionEvent<Session>>;
  readonly messages: Stream<Message> = messageStream();
  readonly sessions: Set<LinkSession> = new Set();
  readonly #port: ProgramPort<Session>;
  readonly #registry: Registry;
  readonly #maker: SessionMaker<Session> | undefined;
  readonly #greeting = new Set<LinkSession>();

  constructor(address: Address | null, options: ListenOptions) {
    this.#registry = new Registry(options.messages, options.handlers);
    this.#maker = options.session;
    this.#port = new ProgramPort(address, options, {
      take: (connection) => this.#take(connection),
      end: (reason) => {
        for (const session of [...this.sessions, ...this.#greeting]) session.close(reason);
        this.messages.end();
      },
      plainRefusal: plainRefusal(options),
    });
    this.address = this.#port.address;
    this.events = this.#port.events;
  }

  #take(connection: Connection): Promise<unknown> {
    const maker = this.#maker;
    const session = new LinkSession(connection, {
      role: "listens",
      registry: this.#registry,
      inbox: maker === undefined ? this.messages : undefined,
      opened: (session) => {
        this.#greeting.delete(session);
        this.sessions.add(session);
        const event = { type: "accepted", session } as const;
        session.tellOpened(event);
        this.#port.tell(event);
        if (maker !== undefined) void runSession<Session & LinkSession>(session, maker);
      },
      ended: (session, event) => {
        this.#greeting.delete(session);
        // Who never said hello was no session.
        if (this.sessions.delete(session)) this.#port.tell(event);
      },
    });
    this.#greeting.add(session);
    return session.ended;
  }

  publish(topic: string | null, data: unknown = null): Promise<void> {
    if (topic !== null && (typeof topic !== "string" || topic.length > MAX_NEWS_TOPIC)) {
      throw new TypeError(
        `${shown(topic)} is no topic: it must be text of at most ${MAX_NEWS_TOPIC} characters`,
      );
    }
    const about = topic ?? undefined;
    const news = { kind: "news", topic: about, body: encodeJson(data), missed: 0 } as const;
    const now = performance.now();
    let encoded: Uint8Array | undefined;
    const full: Promise<void>[] = [];
    for (const session of this.sessions) {
      if (!session.wants(about)) continue;
      const hadRoom = session.hasRoom;
      session.publish(news, encoded ??= encodeEnvelope(news), now);
      if (hadRoom && !session.hasRoom) full.push(session.room());
    }
    return full.length === 0 ? Promise.resolve() : within(Promise.all(full));
  }

  close(reason = "it listens no more"): void {
    this.#port.close(reason);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const sessions = [...this.sessions, ...this.#greeting];
    this.close();
    const ends = sessions.map((session) => session[Symbol.asyncDispose]());
    await Promise.all([...ends, this.#port.ended]);
  }
}
