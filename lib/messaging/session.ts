/**
 * A connection that carries messages both ways, as programs see it; and the messages.
 *
 * @module
 */

import type { EncryptionOptions } from "./encryption.ts";
import type { MessageType } from "./message_type.ts";
import type { SessionEvent } from "./session_event.ts";
import type { Stream } from "./stream.ts";

/** A message that came. */
export interface Message<Body = unknown> {
  /** What its type is called. */
  readonly type: string;
  /** What it says; as its type says. */
  readonly body: Body;
  /** The connection on which it came. */
  readonly session: Session;
  /** Does the other side wait for an answer? */
  readonly asked: boolean;
  /** Aborted when nobody waits for the answer any more: the other side gave up, or has gone. */
  readonly signal: AbortSignal;
  /**
   * Is it of that type? Then its body has that form.
   *
   * @example
   * ```ts
   * import { defineMessage, type Message, text } from "../mod.ts";
   * import { assert } from "@std/assert";
   *
   * const Say = defineMessage("say", text);
   * const shout = (message: Message) => message.is(Say) ? message.body.toUpperCase() : "?";
   * assert(typeof shout === "function");
   * ```
   */
  is<T, R>(type: MessageType<T, R>): this is Message<T>;
  /**
   * Answers it. Nothing happens when nobody waits for the answer (any more). Resolves when there
   * is room for more.
   *
   * @throws {LocalFault} for what can't be sent, with the value
   */
  reply(body?: unknown): Promise<void>;
  /** Refuses it: the other side's question fails, with that reason. */
  refuse(reason: string): void;
}

/** News that came. */
export interface News {
  /** What it is about; null where it has no topic. */
  readonly topic: string | null;
  /** What is new. */
  readonly data: unknown;
  /** How many before it were left out, since they were not read in time. */
  readonly missed: number;
}

/**
 * Takes the messages of a type. What it returns (or what the promise gives) is the answer where one
 * was asked for. When it throws, the question is refused: with the reason of a {@linkcode Refusal}.
 */
export type HandlerFunction<Body, Reply> = (
  body: Body,
  message: Message<Body>,
) => Reply | Promise<Reply>;

/** A type of message with who takes it: see {@linkcode handle}. */
export interface Handler {
  /** The type. */
  readonly type: MessageType;
  /** Who takes them. */
  readonly take: HandlerFunction<unknown, unknown>;
}

/**
 * A type of message with the function that takes them, for `handlers` of {@linkcode listen} and
 * {@linkcode connect}.
 *
 * @example
 * ```ts
 * import { connect, defineMessage, handle, listen, number } from "../mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const Double = defineMessage("double", number, { reply: number });
 *
 * await using server = await listen("127.0.0.1:0", {
 *   handlers: [handle(Double, (n) => 2 * n)],
 * });
 * await using session = await connect(server.address);
 * assertEquals(await session.ask(Double, 21), 42);
 * ```
 */
export function handle<Body, Reply>(
  type: MessageType<Body, Reply>,
  take: HandlerFunction<Body, NoInfer<Reply>>,
): Handler {
  return { type, take: take as HandlerFunction<unknown, unknown> };
}

/** How a question is asked. */
export interface AskOptions {
  /** How long to wait for the answer, in milliseconds. @default 30000 */
  wait?: number;
  /** Gives it up: the promise is rejected with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** A connection that carries messages both ways; either side may ask, many questions at a time. */
export interface Session extends AsyncDisposable {
  /** The address of the other side. */
  readonly remote: string;
  /** Aborted when the connection has ended; its reason is an error that says why. */
  readonly signal: AbortSignal;
  /** Resolves when the connection has ended, with the last of its events. Never rejects. */
  readonly ended: Promise<SessionEvent<Session>>;
  /** What happens to this connection. */
  readonly events: Stream<SessionEvent<Session>>;
  /** Messages of registered types that nobody handles. They end with the connection. */
  readonly messages: Stream<Message>;
  /** The news that was asked for by {@linkcode subscribe}. When 20,000 wait, or 8 MiB, the
   * oldest are dropped, and counted as missed. */
  readonly news: Stream<News>;
  /**
   * Asks, and gives the answer. The time runs from the call, also while there is no room yet.
   *
   * @throws {LocalFault} for what can't be sent, with the value
   * @throws {AskError} when there is no answer; its code tells why
   * @throws {RangeError} for a `wait` that is no time
   */
  ask<Body, Reply>(
    type: MessageType<Body, Reply>,
    body: NoInfer<Body>,
    options?: AskOptions,
  ): Promise<Reply>;
  /**
   * Sends a message without waiting for an answer. Resolves when there is room for more: who sends
   * much waits for it. That is no receipt: what an other side has not taken when the connection ends
   * is lost, and one that takes nothing for 10 s is given up. Who must know asks.
   *
   * @throws {LocalFault} for what can't be sent, with the value
   * @throws {AskError} `lost` when the connection has ended
   */
  tell<Body>(type: MessageType<Body>, body: NoInfer<Body>): Promise<void>;
  /** Registers a type of message here, with who takes them. Replaces who did. */
  on<Body, Reply>(
    type: MessageType<Body, Reply>,
    take: HandlerFunction<Body, NoInfer<Reply>>,
  ): void;
  /** Asks for the news whose topic begins so; all of it for "". News without a topic comes too. */
  subscribe(prefix?: string): void;
  /** Takes that back. */
  unsubscribe(prefix?: string): void;
  /** Ends the connection, when what was sent is taken. The other side is told the reason. */
  close(reason?: string): void;
}

/** A class of which there is one object for each connection. */
export type SessionClass<S> = new (session: S) => object;

/**
 * What runs for each connection. A function: when it returns (or its promise resolves) the
 * connection is closed. A class: an object of it is made; the connection stays until somebody
 * closes it. Where the object has `[Symbol.dispose]` or `[Symbol.asyncDispose]`, that is called
 * when the connection has ended.
 */
export type SessionMaker<S> = ((session: S) => unknown) | SessionClass<S>;

/** What {@linkcode listen} and {@linkcode connect} have in common. */
export interface SessionOptions extends EncryptionOptions {
  /** The types of messages that may come, and are taken from `messages`. */
  messages?: readonly MessageType[];
  /** The types of messages that may come, with who takes them. */
  handlers?: readonly Handler[];
  /** Told of each event; beside the streams of events. */
  onEvent?: ((event: SessionEvent<Session>) => void) | undefined;
  /** Ends it all. */
  signal?: AbortSignal | undefined;
  /** True: open connections alone do not keep the program alive. @default false */
  background?: boolean;
}
