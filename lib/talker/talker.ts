/**
 * The talker: what clients say goes in, what each is to get comes out. Pure: time and randomness are
 * passed in, and nothing here knows a socket. {@linkcode LineServer} carries it.
 *
 * @module
 */

import { getLogger } from "../log/mod.ts";
import type { Notifications } from "../notify/notifications.ts";
import { MAX_LINE_BYTES } from "../wire/limits.ts";
import { decodeText, encodeText, visible } from "../wire/text.ts";
import type { Answer, Answerer, AskedQuestion } from "./answerer.ts";
import { Confirmations } from "./confirmations.ts";
import { dispatch } from "./dispatch.ts";
import type { TalkerEvent } from "./event.ts";
import { encodeEvent, type Format, formatOf } from "./format.ts";
import type { History, Origin } from "./history.ts";
import { Lines } from "./lines.ts";
import type { Mesh } from "./mesh.ts";
import type { RemoteRecord } from "./observers/speech.ts";
import { Presence } from "./presence.ts";
import type { RandomBits } from "./random.ts";
import { Rates } from "./rates.ts";
import { Roster } from "./roster.ts";
import { type Client, Session } from "./session.ts";
import type { TalkerCounters, TalkerOptions } from "./talker_options.ts";

const SLASH = 0x2f, AT = 0x40;

const log = getLogger(["talker", "store"]);

/**
 * One server's talk.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { Talker } from "./talker.ts";
 * const talker = new Talker({ name: "kitchen", random: () => 7, wakeAll() {} });
 * const host = { wake() {}, finish() {} };
 * const bob = talker.arrive({ operator: false, framed: false, host });
 * const line = new TextEncoder().encode("hi");
 * talker.line(bob, line, 0, line.length, true);
 * const taken = () => new TextDecoder().decode(bob.outbox.take({ lossNotice: () => line }));
 * assert(taken() === "Welcome, guest1\r\n");
 * assert(taken() === "guest1 has joined\r\nguest1: hi\r\n");
 * ```
 */
export class Talker {
  /** Name of this server. */
  readonly name: string;
  /** Who is here. */
  readonly roster = new Roster();
  /** How much is done for whom. */
  readonly rates = new Rates();
  /** Counters since the start. */
  readonly counters: TalkerCounters = {
    arrivals: 0,
    lines: 0,
    commands: 0,
    tooLong: 0,
    dropped: 0,
  };
  /** Random bits. */
  readonly random: RandomBits;
  /** More lines for `/stats`, from whoever carries this talker. */
  stats: () => string[] = () => [];
  /** Whoever answers questions here; undefined when nobody does. */
  answerer: Answerer | undefined;
  /** The other servers; undefined when there are none and never will be. */
  readonly mesh: Mesh | undefined;
  /** Topics, subscribers and the notice board; undefined when there are none. */
  readonly notifications: Notifications | undefined;
  /** What waits to be on disk; undefined when nothing is kept there. */
  readonly confirmations: Confirmations | undefined;
  /** {@linkcode turnEnds} is to be called at the end of this turn. */
  readonly endOfTurn: () => void;
  /** Sets the time, where something goes on by itself that had to wait. */
  readonly clock: () => void;

  readonly #lines: Lines;
  readonly #presence = new Presence((verb, { count, nicks }) =>
    this.#announceHere({ type: verb, time: this.#wall, server: this.name, count, nicks })
  );
  readonly #echo: boolean;
  readonly #wakeAll: () => void;
  #now = 0;
  #wall = 0;

  /** A talker with nobody there. */
  constructor(options: TalkerOptions) {
    this.name = options.name;
    this.random = options.random;
    this.mesh = options.mesh;
    const origin = { prefix: options.origin ?? "here.1.", server: this.name };
    this.#lines = new Lines(options.mesh?.origin ?? origin, options.mesh);
    this.#echo = options.echo ?? true;
    this.#wakeAll = options.wakeAll;
    this.notifications = options.notifications;
    this.endOfTurn = options.endOfTurn ?? (() => {});
    this.clock = options.clock ?? (() => {});
    this.confirmations = options.durable && new Confirmations({
      durable: options.durable,
      endOfTurn: this.endOfTurn,
      changed: (reason) => this.#diskChanged(reason),
    });
  }

  /** The time of what comes next: monotonic, and since 1970, in milliseconds. */
  setTime(now: number, wall: number): void {
    this.#now = now;
    this.#wall = wall;
  }

  /** What was said. */
  get history(): History {
    return this.#lines.history;
  }

  /** Milliseconds since 1970. */
  get wall(): number {
    return this.#wall;
  }

  /** The time on the monotonic clock, in milliseconds. */
  get now(): number {
    return this.#now;
  }

  /** When {@linkcode tick} is to be called next, in monotonic milliseconds; Infinity when it needn't. */
  get due(): number {
    return Math.min(this.#presence.due, this.rates.due, this.notifications?.due ?? Infinity);
  }

  /** Does what is due. */
  tick(): void {
    this.rates.tick(this.#now);
    this.#presence.tick(this.#now);
    this.notifications?.tick(this.#now);
  }

  /** The turn is over: what was said in it is sent, and what waits for the disk is settled later. */
  async turnEnds(): Promise<void> {
    this.mesh?.flush();
    await this.confirmations?.turnEnds();
  }

  /** A client has connected: it is welcomed. */
  arrive(client: Client): Session {
    const format = formatOf(false, client.framed);
    const nick = this.roster.guestNick();
    const session = new Session(
      client,
      nick,
      format,
      this.#lines.feeds.of(format),
      this.#echo,
      this.#now,
    );
    this.roster.add(session);
    this.counters.arrivals++;
    this.mesh?.presence(undefined);
    this.#presence.arrived(session, this.#now);
    this.welcome(session);
    return session;
  }

  /** Somebody listens who isn't here: hears chat, is in no list, never announced, until {@linkcode enlist}. */
  overhear(client: Client, nick: string): Session {
    const format = formatOf(false, client.framed);
    const session = new Session(
      client,
      nick,
      format,
      this.#lines.feeds.of(format),
      this.#echo,
      this.#now,
    );
    session.state = "listening";
    return session;
  }

  /** A listener speaks: from now on it is here like any other. Its nick must be free. */
  enlist(session: Session): void {
    session.state = "arriving";
    this.roster.add(session);
    this.counters.arrivals++;
    this.mesh?.presence(undefined);
    this.#presence.arrived(session, this.#now);
    this.settle(session);
  }

  /** Says `Welcome, NICK`. */
  welcome(session: Session): void {
    session.send({ type: "welcome", nick: session.nick, server: this.name, time: this.#wall });
  }

  /**
   * A line of a client: bytes[start..end) without its end. `plain`: all of them are printable ASCII.
   * The bytes are not kept.
   */
  line(session: Session, bytes: Uint8Array, start: number, end: number, plain: boolean): void {
    if (start === end || session.isQuitting) return;
    if (end - start > MAX_LINE_BYTES) {
      this.tooLong(session);
      return;
    }
    if (plain && session.state === "present") {
      const first = bytes[start];
      if (first !== SLASH && first !== AT) {
        this.#say(session, false, session.speechPrefix, bytes, start, end);
        return;
      }
    }
    if (session.state === "leaving" || session.state === "gone") return;
    const text = decodeText(bytes, start, end);
    dispatch(this, session, visible(session.format.framed ? text.replace(/[\r\n]/g, " ") : text));
  }

  /** A client's line was too long. */
  tooLong(session: Session): void {
    if (session.isQuitting) return;
    this.counters.tooLong++;
    session.send({ type: "error", code: "too-long", text: "Line too long" });
  }

  /** A client sends nothing more, and its last line had no end. */
  unfinished(session: Session): void {
    if (session.isQuitting) return;
    const text = "A last line without a line end is not taken";
    session.send({ type: "error", code: "unfinished", text });
  }

  /** A client's connection is gone. Harmless when it is said twice. */
  leave(session: Session): void {
    if (session.state === "gone") return;
    if (session.state !== "leaving") this.#unlist(session);
    session.state = "gone";
    this.rates.forget(session);
    session.outbox.close();
  }

  /** The client sends nothing more. What it asked is still answered, then its session is over. */
  ended(session: Session): void {
    session.ended = true;
    this.answered(session);
  }

  /**
   * The client wants to leave. What it sends from now on is passed over; what it asked is still answered, then
   * it gets its last words, and its session is over.
   */
  quit(session: Session, lastWords: () => void): void {
    session.quit(lastWords);
    this.answered(session);
  }

  /** A client was answered: if it waited for nothing else, its session is over. */
  answered(session: Session): void {
    if (session.isOwed || !(session.ended || session.isQuitting)) return;
    if (session.state === "leaving" || session.state === "gone") return;
    session.lastWords?.();
    this.dismiss(session);
  }

  /** The client has said its first line: it is announced. */
  settle(session: Session): void {
    this.#presence.settle(session, this.#now);
  }

  /** Ends a session from this side: what is queued still goes out. */
  dismiss(session: Session): void {
    if (session.state === "leaving" || session.state === "gone") return;
    this.#unlist(session);
    session.state = "leaving";
    session.outbox.read(undefined);
    session.finish();
  }

  /** The client is a program: never announced, in no list, hears no chat. */
  serve(session: Session): void {
    this.roster.hide(session);
    this.mesh?.presence(undefined);
    this.tune(session);
  }

  /** Chat goes to a session, or doesn't, as its state and its notification mode are now. */
  tune(session: Session): void {
    if (session.state === "leaving" || session.state === "gone") return;
    session.outbox.read(session.hearsChat ? this.#lines.feeds.of(session.format) : undefined);
  }

  /** Says something for a session, as text. Returns the id of the line. */
  say(session: Session, kind: "speech" | "action", text: string): string {
    const action = kind === "action";
    const prefix = action ? encodeText(`* ${session.nick} `) : session.speechPrefix;
    const bytes = encodeText(text);
    const number = this.#say(session, action, prefix, bytes, 0, bytes.length);
    return this.#lines.origin.prefix + number;
  }

  /**
   * A line was said on another server; with `past`, before this one knew of that: then it is for the
   * history only.
   */
  remoteLine(
    origin: Origin,
    sequence: number,
    time: number,
    line: RemoteRecord,
    past: boolean,
  ): void {
    if (past) {
      this.recall(origin, sequence, time, line, 0);
      return;
    }
    this.#lines.remote(origin, sequence, time, line, this.#wall);
    this.#wakeAll();
  }

  /** A line that came `age` ms ago, perhaps before this server was started: for the history. */
  recall(origin: Origin, sequence: number, time: number, line: RemoteRecord, age: number): void {
    this.#lines.recall(origin, sequence, time, line, this.#wall - age);
  }

  /** Tells the clients here something. */
  notice(text: string): void {
    this.broadcast({ type: "notice", time: this.#wall, text: visible(text) });
  }

  /** Gives a session another nick, and tells all. False when it is taken. */
  rename(session: Session, nick: string): boolean {
    const old = session.nick;
    if (!this.roster.rename(session, nick)) return false;
    if (session.state === "service") return true;
    this.#presence.renaming(this.#now);
    this.#announceHere({ type: "renamed", time: this.#wall, server: this.name, old, nick });
    return true;
  }

  /** From now on the session is served in this form. */
  setFormat(session: Session, json: boolean): void {
    session.format = formatOf(json, session.format.framed);
    this.tune(session);
  }

  /** The answer to a question that was asked here, or came from another server. */
  async answer(question: AskedQuestion): Promise<Answer> {
    if (this.answerer !== undefined) return await this.answerer.answer(question);
    const text = `${this.name} answers no questions (talker server --answer CMD)`;
    return { error: "not-found", text };
  }

  /** Gives an event to everybody who hears chat. */
  broadcast(event: TalkerEvent): void {
    this.#lines.feeds.event(event);
    this.#wakeAll();
  }

  /** The notice that a slow reader gets. */
  lossNotice(format: Format, lost: number): Uint8Array {
    this.counters.dropped += lost;
    const text = `You missed ${lost} lines: this connection was read too slowly`;
    return encodeEvent(format, { type: "notice", time: this.#wall, lost, text });
  }

  #say(
    session: Session,
    action: boolean,
    prefix: Uint8Array,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): number {
    this.counters.lines++;
    session.hasSpoken = true;
    const number = this.#lines.say(session, action, prefix, bytes, start, end, this.#wall);
    this.#wakeAll();
    return number;
  }

  /** Something happened here that all servers are told. */
  #announceHere(event: TalkerEvent): void {
    this.broadcast(event);
    this.mesh?.presence(event);
  }

  #diskChanged(reason: string | undefined): void {
    const text = reason === undefined
      ? "The disk takes what is said again: it is confirmed as before"
      : visible(`${reason}. What is said goes out, but nothing is confirmed`);
    if (reason === undefined) log.warn("{text}", { text });
    else log.error("{text}", { text });
    for (const session of this.roster.sessions()) {
      if (session.operator) session.send({ type: "notice", time: this.#wall, text });
    }
  }

  #unlist(session: Session): void {
    const { state } = session;
    session.mode?.close();
    this.roster.remove(session);
    if (state === "service") return;
    this.mesh?.presence(undefined);
    if (state === "present") this.#presence.left(session.nick, this.#now);
  }
}
