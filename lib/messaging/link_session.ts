/**
 * Carries a {@linkcode Conversation} over a connection.
 *
 * @module
 */

import { getLogger } from "../log/mod.ts";
import { FramedLink, type LinkOwner } from "../link/framed_link.ts";
import { formatAddress } from "../net/address.ts";
import type { Connection } from "../net/transport.ts";
import { checkWait } from "../net/wait.ts";
import { warn } from "../net/warn.ts";
import { RemoteFault } from "../wire/errors.ts";
import {
  MAX_BAD_MESSAGES,
  MAX_BODY_BYTES,
  MAX_ENVELOPE_BYTES,
  MAX_NEWS_TOPIC,
  MAX_NEWS_WAITING,
  MAX_NEWS_WAITING_BYTES,
  MAX_OPEN_ASKS,
  MAX_SEND_QUEUED_BYTES,
  SEND_STUCK_MS,
} from "../wire/limits.ts";
import type { Action, Outcome } from "./action.ts";
import { AskError, whyNoAnswer } from "./ask_error.ts";
import { Conversation } from "./conversation.ts";
import { Desk } from "./desk.ts";
import { BodyFault, decodeEnvelope, encodeEnvelope, type Outgoing, type Role } from "./envelope.ts";
import { messageStream } from "./incoming_message.ts";
import { Intake } from "./intake.ts";
import { encodeJson, type JsonText, shown } from "./json.ts";
import type { MessageType } from "./message_type.ts";
import { NewsOutlet } from "./news_outlet.ts";
import type { Registry } from "./registry.ts";
import type { AskOptions, HandlerFunction, Message, News, Session } from "./session.ts";
import { Events, type SessionEvent } from "./session_event.ts";
import { Room } from "./room.ts";
import { Stream } from "./stream.ts";
import { trace } from "./trace.ts";
import { Wake } from "./wake.ts";

const log = getLogger(["talker", "messaging"]);

/** How long a question waits for its answer where nothing else is said, in milliseconds. */
const ASK_WAIT_MS = 30_000;

/** What a {@linkcode LinkSession} is made of. */
export interface LinkSessionOptions {
  role: Role;
  registry: Registry;
  /** Both have said hello. */
  opened: (session: LinkSession) => void;
  /** Told once; also when it never opened. */
  ended: (session: LinkSession, event: SessionEvent<Session>) => void;
  /** Where messages go that nobody handles. Default: to {@linkcode Session.messages}. */
  inbox?: Stream<Message> | undefined;
}

let lastNumber = 0;

/** A {@linkcode Session} over a {@linkcode FramedLink}. */
export class LinkSession implements Session {
  readonly remote: string;
  readonly events: Stream<SessionEvent<Session>>;
  readonly messages: Stream<Message> = messageStream();
  readonly news: Stream<News> = new Stream<News>({
    limit: MAX_NEWS_WAITING,
    maxWeight: MAX_NEWS_WAITING_BYTES,
    dropped: ({ missed }) => this.#newsDropped += 1 + missed,
  });
  /** Who takes news as they come, with the size of each in bytes. Default: {@linkcode news}. */
  takeNews: (news: News, size: number) => void = (news, size) => this.news.push(news, size);
  /** News that this program did not take in time, to be told with the next. */
  #newsDropped = 0;
  readonly ended: Promise<SessionEvent<Session>>;
  /** Why the other side did not even greet us: a word for programs, where it said one. */
  refusal: string | undefined;
  /** What its session function gave, for the event at its end. */
  result: unknown;
  readonly #options: LinkSessionOptions;
  readonly #events = new Events<SessionEvent<Session>>(undefined);
  readonly #conversation: Conversation;
  readonly #link: FramedLink;
  readonly #room: Room;
  readonly #intake: Intake;
  readonly #outlet: NewsOutlet;
  readonly #wake = new Wake(() => this.#tick());
  readonly #registry: Registry;
  readonly #desk: Desk;
  /** Who waits for the answers to our questions. */
  readonly #ours = new Map<number, (outcome: Outcome) => void>();
  readonly #abort = new AbortController();
  #settleEnded!: (event: SessionEvent<Session>) => void;
  /** When the last bytes came: the time of all that is in them. */
  #now = 0;
  #isOpen = false;
  #refusals = 0;

  /** Takes the connection over, and says hello. */
  constructor(connection: Connection, options: LinkSessionOptions) {
    this.#options = options;
    this.#registry = options.registry.copy();
    this.events = this.#events.stream;
    this.ended = new Promise((resolve) => this.#settleEnded = resolve);
    this.#conversation = new Conversation(options.role);
    const { hostname: host, port } = connection.remoteAddr;
    this.remote = formatAddress({ host, port });
    // The one place where a connection becomes a link.
    const limit = MAX_BODY_BYTES + MAX_ENVELOPE_BYTES;
    this.#link = new FramedLink(++lastNumber, connection, this.#owner, limit);
    this.#room = new Room(this.#link, this.remote);
    this.#intake = new Intake(this.#link, this.#conversation);
    this.#desk = new Desk(this, {
      registry: this.#registry,
      inbox: options.inbox ?? this.messages,
      intake: this.#intake,
    });
    this.#outlet = new NewsOutlet(this.#link, this.remote);
    this.#do(this.#conversation.begin(performance.now()));
    this.#link.start();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Has it been greeted, and not ended? */
  get isOpen(): boolean {
    return this.#conversation.phase === "open";
  }

  /** May more be sent at once? */
  get hasRoom(): boolean {
    return this.#room.isFree;
  }

  /** Does so much wait that nothing more is sent? Not where it has ended: that is told by other means. */
  get isFull(): boolean {
    return this.isOpen && this.#link.queued > MAX_SEND_QUEUED_BYTES;
  }

  /** Resolves when more may be sent. */
  async room(): Promise<void> {
    await this.#room.wait();
  }

  /** Bytes that wait to be taken by the other side. */
  get queued(): number {
    return this.#link.queued;
  }

  // What programs do.

  async ask<Body, Reply>(
    type: MessageType<Body, Reply>,
    body: Body,
    options: AskOptions = {},
  ): Promise<Reply> {
    const { wait = ASK_WAIT_MS, signal } = options;
    checkWait(wait);
    const deadline = performance.now() + wait;
    const written = encodeJson(body);
    signal?.throwIfAborted();
    const about = { type: type.name, remote: this.remote, wait };
    if (!this.#room.isFree) {
      const isInTime = this.#room.wait({ deadline, signal });
      this.#schedule();
      if (!await isInTime) throw whyNoAnswer({ how: "timed-out" }, about);
    }
    const outcome = await this.#ask(type.name, written, { deadline, signal });
    if (outcome.how === "answered" && type.reply(outcome.body)) return outcome.body;
    if (outcome.how === "cancelled") throw signal?.reason;
    throw whyNoAnswer(outcome, about);
  }

  #ask(
    type: string,
    body: JsonText,
    { deadline, signal }: { deadline: number; signal: AbortSignal | undefined },
  ): Promise<Outcome> {
    signal?.throwIfAborted();
    this.#mustBeOpen();
    if (this.#conversation.asking >= MAX_OPEN_ASKS) {
      const what = `More than ${MAX_OPEN_ASKS} questions to ${this.remote} wait for their answers`;
      throw new AskError("busy", what);
    }
    const now = performance.now();
    const [id, actions] = this.#conversation.ask(type, body, { now, deadline });
    return new Promise((resolve) => {
      const cancel = () => this.#do(this.#conversation.cancel(id, performance.now()));
      this.#ours.set(id, (outcome) => {
        signal?.removeEventListener("abort", cancel);
        resolve(outcome);
      });
      signal?.addEventListener("abort", cancel, { once: true });
      this.#do(actions);
      // To hear the answer, it may have to be read on.
      this.#intake.sent();
    });
  }

  async tell<Body>(type: MessageType<Body>, body: Body): Promise<void> {
    const written = encodeJson(body);
    if (!this.#room.isFree) await this.#room.wait();
    this.#mustBeOpen();
    const message = { kind: "tell", type: type.name, body: written } as const;
    this.#do(this.#conversation.say(message, performance.now()));
    if (!this.#room.isFree) await this.#room.wait();
  }

  on<Body, Reply>(type: MessageType<Body, Reply>, take: HandlerFunction<Body, Reply>): void {
    this.#registry.add(type, take as HandlerFunction<unknown, unknown>);
  }

  subscribe(prefix = ""): void {
    if (prefix.length > MAX_NEWS_TOPIC) {
      throw new TypeError(`${shown(prefix)} is too long for a topic: at most ${MAX_NEWS_TOPIC}`);
    }
    this.#mustBeOpen();
    this.#do(this.#conversation.say({ kind: "subscribe", prefix }, performance.now()));
  }

  unsubscribe(prefix = ""): void {
    this.#mustBeOpen();
    this.#do(this.#conversation.say({ kind: "unsubscribe", prefix }, performance.now()));
  }

  close(reason = "closed"): void {
    this.#do(this.#conversation.leave(reason, performance.now()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await Promise.all([this.ended, this.#link.closed]);
  }

  // What those do who own it.

  /** Does the other side want news of that topic? */
  wants(topic: string | undefined): boolean {
    return this.#conversation.wants(topic);
  }

  /** Sends news that was encoded for all; where too much waits it is left out, and counted. */
  publish(news: Outgoing & { kind: "news" }, encoded: Uint8Array, now: number): void {
    if (this.#outlet.send(news, encoded)) this.#conversation.said(now);
    this.#schedule();
  }

  /** Answers a question; nothing happens when nobody waits for that any more. */
  async answer(id: number, body: JsonText): Promise<void> {
    this.#desk.settled(id);
    this.#do(this.#conversation.answer(id, body, performance.now()));
    if (!this.#room.isFree) await this.#room.wait();
  }

  /** Refuses a question, or something else. */
  refuse(id: number | undefined, code: string, reason: string): void {
    if (id !== undefined) this.#desk.settled(id);
    if (!this.isOpen) return;
    this.#do(this.#conversation.refuse(id, code, { reason, now: performance.now() }));
  }

  #mustBeOpen(): void {
    if (this.isOpen) return;
    throw new AskError("lost", `The connection with ${this.remote} has ended`);
  }

  /** Resolves when the system has taken all that was sent, or the connection has ended. */
  async flushed(): Promise<void> {
    await this.#room.empty();
  }

  // The link's side.

  readonly #owner: LinkOwner = {
    frame: (_link, body) => this.#frame(body),
    heard: () => {
      this.#now = performance.now();
      this.#conversation.heard(this.#now);
    },
    sent: () => {
      this.#room.taken();
      this.#intake.sent();
    },
    broken: (_link, reason) => this.#do(this.#conversation.leave(reason, performance.now())),
    ended: (_link, reason) => this.#do(this.#conversation.lost(reason)),
  };

  #frame(body: Uint8Array): void {
    trace(this.remote, "<", body);
    const now = this.#now;
    let actions: Action[];
    try {
      actions = this.#conversation.received(decodeEnvelope(body), now);
    } catch (error) {
      if (!(error instanceof RemoteFault)) throw error;
      actions = error instanceof BodyFault
        ? this.#conversation.unfit(error, now)
        : this.#conversation.bad(error.code, error.message, now);
    }
    for (const action of actions) this.#doOne(action, body.length);
    this.#schedule();
  }

  // The conversation's side.

  #do(actions: readonly Action[]): void {
    for (const action of actions) this.#doOne(action, 0);
    this.#schedule();
  }

  #doOne(action: Action, size: number): void {
    switch (action.do) {
      case "send": {
        const bytes = encodeEnvelope(action.envelope);
        trace(this.remote, ">", bytes);
        this.#link.send(bytes);
        return this.#intake.sent();
      }
      case "open":
        this.#isOpen = true;
        return this.#options.opened(this);
      case "deliver":
        return this.#desk.deliver({ ...action, size });
      case "withdraw":
        return this.#desk.withdraw(action.id, action.reason);
      case "settle":
        this.#ours.get(action.id)?.(action.outcome);
        this.#ours.delete(action.id);
        return;
      case "news": {
        const { topic = null, body: data } = action;
        const missed = action.missed + this.#newsDropped;
        this.#newsDropped = 0;
        return this.takeNews({ topic, data, missed }, size);
      }
      case "refused":
        return this.#refused(action.reason);
      case "ignore":
        return log.info("From {remote}, passed over: {reason}", {
          remote: this.remote,
          reason: action.reason,
        });
      case "end":
        this.refusal = action.code;
        return this.#end(action.reason, action.by);
    }
  }

  /** Not told for ever: the other side may refuse what nobody sent. */
  #refused(reason: string): void {
    if (++this.#refusals > MAX_BAD_MESSAGES) return;
    warn("messaging", `${this.remote} does not take a message: ${reason}`);
  }

  /** A message was taken from the inbox. */
  taken(size: number): void {
    this.#intake.taken(size);
    this.#schedule();
  }

  #end(reason: string, by: "us" | "them"): void {
    this.#wake.stop();
    this.#link.finish();
    const wasOpen = this.#isOpen;
    log.debug("{remote}: ended by {by}: {reason}", { remote: this.remote, by, reason });
    this.#room.end(true);
    const event: SessionEvent<Session> = !wasOpen
      ? { type: "notConnected", address: this.remote, reason }
      : by === "us"
      ? { type: "closed", session: this, reason, result: this.result }
      : { type: "abandoned", session: this, reason };
    this.#events.tell(event);
    this.#events.stream.end();
    this.messages.end();
    this.news.end();
    this.#abort.abort(new AskError("lost", `The connection with ${this.remote} ended: ${reason}`));
    this.#options.ended(this, event);
    this.#settleEnded(event);
  }

  /** Both have said hello: its owner tells what that is to be called. */
  tellOpened(event: SessionEvent<Session>): void {
    this.#events.tell(event);
  }

  // Time.

  #schedule(): void {
    const due = Math.min(this.#conversation.nextWake(), this.#room.due);
    const isQueued = this.#link.queued > 0;
    this.#wake.at(isQueued ? Math.min(due, this.#link.progressAt + SEND_STUCK_MS) : due);
  }

  #tick(): void {
    const now = performance.now();
    if (this.#link.queued > 0 && now - this.#link.progressAt >= SEND_STUCK_MS) {
      const reason = `nothing was taken for ${SEND_STUCK_MS / 1000} s`;
      return this.#do(this.#conversation.lost(reason));
    }
    this.#room.tick(now);
    this.#do(this.#conversation.tick(now));
  }
}
