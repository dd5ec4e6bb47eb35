/**
 * The talker: what clients say goes in, what each is to get comes out. Pure: time and randomness are
 * passed in, and nothing here knows a socket. {@linkcode LineServer} carries it.
 *
 * @module
 */

import { MAX_LINE_BYTES } from "../wire/limits.ts";
import { decodeText, encodeText, visible } from "../wire/text.ts";
import { dispatch } from "./dispatch.ts";
import { eventJson, type TalkerEvent } from "./event.ts";
import { Feed } from "./feed.ts";
import { encodeEvent, type Format, formatOf, FORMATS } from "./format.ts";
import { History, type Origin } from "./history.ts";
import type { Mesh } from "./mesh.ts";
import type { RemoteRecord } from "./observers/speech.ts";
import { Presence } from "./presence.ts";
import type { RandomBits } from "./random.ts";
import { Roster } from "./roster.ts";
import { type Client, Session } from "./session.ts";

const NOTHING = new Uint8Array(0);
const SLASH = 0x2f, AT = 0x40;

/** How a talker is made. */
export interface TalkerOptions {
  /** Name of this server. */
  name: string;
  /** What the ids of lines begin with, where there is no mesh to say it. */
  origin?: string;
  /** The other servers. Default: there are none. */
  mesh?: Mesh | undefined;
  /** Do speakers hear themselves, unless they say `/echo off`? Default true. */
  echo?: boolean;
  /** Random bits for `/random`. */
  random: RandomBits;
  /** Called when a feed got something: everybody is to be served. */
  wakeAll: () => void;
}

/** Counters since the start, for the status line and `/stats`. */
export interface TalkerCounters {
  /** Clients that came. */
  arrivals: number;
  /** Lines said (speech and actions). */
  lines: number;
  /** Commands given. */
  commands: number;
  /** Lines that were too long. */
  tooLong: number;
}

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
  /** What was said. */
  readonly history = new History();
  /** Counters since the start. */
  readonly counters: TalkerCounters = { arrivals: 0, lines: 0, commands: 0, tooLong: 0 };
  /** Random bits. */
  readonly random: RandomBits;
  /** More lines for `/stats`, from whoever carries this talker. */
  stats: () => string[] = () => [];

  /** The other servers; undefined when there are none and never will be. */
  readonly mesh: Mesh | undefined;

  readonly #feeds = FORMATS.map((format) => new Feed(format)) as [Feed, Feed, Feed, Feed];
  /** Where lines are stored that only the history has. */
  readonly #past = new Feed(FORMATS[0]);
  readonly #presence = new Presence((verb, { count, nicks }) =>
    this.#announceHere({ type: verb, time: this.#wall, server: this.name, count, nicks })
  );
  readonly #origin: Origin;
  readonly #echo: boolean;
  readonly #wakeAll: () => void;
  #sequence = 0;
  #now = 0;
  #wall = 0;

  /** A talker with nobody there. */
  constructor(options: TalkerOptions) {
    this.name = options.name;
    this.random = options.random;
    this.mesh = options.mesh;
    this.#origin = options.mesh?.origin ??
      { prefix: options.origin ?? "here.1.", server: this.name };
    this.#echo = options.echo ?? true;
    this.#wakeAll = options.wakeAll;
  }

  /** The time of what comes next: monotonic, and since 1970, in milliseconds. */
  setTime(now: number, wall: number): void {
    this.#now = now;
    this.#wall = wall;
  }

  /** Milliseconds since 1970. */
  get wall(): number {
    return this.#wall;
  }

  /** When {@linkcode tick} is to be called next, in monotonic milliseconds; Infinity when it needn't. */
  get due(): number {
    return this.#presence.due;
  }

  /** Does what is due. */
  tick(): void {
    this.#presence.tick(this.#now);
  }

  /** A client has connected: it is welcomed. */
  arrive(client: Client): Session {
    const format = formatOf(false, client.framed);
    const nick = this.roster.guestNick();
    const session = new Session(client, nick, format, this.#feed(format), this.#echo, this.#now);
    this.roster.add(session);
    this.counters.arrivals++;
    this.mesh?.presence(undefined);
    this.#presence.arrived(session, this.#now);
    this.welcome(session);
    return session;
  }

  /** Somebody listens who isn't here: hears chat, is in no list and never announced, until {@linkcode enlist}. */
  overhear(client: Client, nick: string): Session {
    const format = formatOf(false, client.framed);
    const session = new Session(client, nick, format, this.#feed(format), this.#echo, this.#now);
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
    if (start === end) return;
    if (end - start > MAX_LINE_BYTES) {
      this.tooLong(session);
      return;
    }
    if (plain && session.state === "present") {
      const first = bytes[start];
      if (first !== SLASH && first !== AT) {
        this.#say(session, "speech", session.speechPrefix, bytes, start, end);
        return;
      }
    }
    if (session.state === "leaving" || session.state === "gone") return;
    const text = decodeText(bytes, start, end);
    dispatch(this, session, visible(session.format.framed ? text.replace(/[\r\n]/g, " ") : text));
  }

  /** A client's line was too long. */
  tooLong(session: Session): void {
    this.counters.tooLong++;
    session.send({ type: "error", code: "too-long", text: "Line too long" });
  }

  /** A client's connection is gone. Harmless when it is said twice. */
  leave(session: Session): void {
    if (session.state === "gone") return;
    if (session.state !== "leaving") this.#unlist(session);
    session.state = "gone";
    session.outbox.close();
  }

  /** The client sends nothing more. What it asked is still answered, then its session is over. */
  ended(session: Session): void {
    session.ended = true;
    if (session.pending === 0) this.dismiss(session);
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
    session.outbox.read(undefined);
  }

  /** Says something for a session, as text. Returns the id of the line. */
  say(session: Session, kind: "speech" | "action", text: string): string {
    const prefix = kind === "speech" ? session.speechPrefix : encodeText(`* ${session.nick} `);
    const bytes = encodeText(text);
    this.#say(session, kind, prefix, bytes, 0, bytes.length);
    return this.#origin.prefix + this.#sequence;
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
    const { action, nick, bytes, start, text } = line;
    const feed = past ? this.#past : this.#feeds[0];
    feed.append(NOTHING, bytes, start);
    const to = feed.tail.used - 2;
    const { length } = bytes;
    this.history.add(
      origin,
      sequence,
      time,
      this.#wall,
      nick,
      action,
      feed.tail,
      to - (length - text),
      to,
    );
    if (past) return;
    this.#others(origin, sequence, time, action, nick, NOTHING, bytes, start, text, length);
    this.#wakeAll();
  }

  /** Announces to the clients here what happened to somebody elsewhere. */
  announce(event: TalkerEvent): void {
    this.broadcast(event);
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
    if (session.state !== "service") session.outbox.read(this.#feed(session.format));
  }

  /** Gives an event to everybody who hears chat. */
  broadcast(event: TalkerEvent): void {
    for (const feed of this.#feeds) {
      if (feed.readers > 0) feed.appendEncoded(encodeEvent(feed.format, event));
    }
    this.#wakeAll();
  }

  /** The notice that a slow reader gets. */
  lossNotice(format: Format, lost: number): Uint8Array {
    const text = `You missed ${lost} lines: this connection was read too slowly`;
    return encodeEvent(format, { type: "notice", time: this.#wall, lost, text });
  }

  #say(
    session: Session,
    kind: "speech" | "action",
    prefix: Uint8Array,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const action = kind === "action";
    const { mesh } = this;
    const sequence = this.#sequence = mesh === undefined
      ? this.#sequence + 1
      : mesh.said(action, prefix, bytes, start, end);
    this.counters.lines++;
    const [canonical] = this.#feeds;
    const own = session.echo ? undefined : this.#feed(session.format);
    const before = own?.end ?? 0;
    canonical.append(prefix, bytes, start, end);
    const { tail } = canonical;
    const to = tail.used - 2;
    const { nick } = session;
    this.history.add(
      this.#origin,
      sequence,
      this.#wall,
      this.#wall,
      nick,
      action,
      tail,
      to - (end - start),
      to,
    );
    this.#others(
      this.#origin,
      sequence,
      this.#wall,
      action,
      nick,
      prefix,
      bytes,
      start,
      start,
      end,
    );
    if (own !== undefined && session.state !== "service") session.outbox.skipLast(own.end - before);
    this.#wakeAll();
  }

  /** Writes a line to the feeds other than the canonical one. The record is `prefix` and bytes[start..end), its text bytes[text..end). */
  #others(
    origin: Origin,
    sequence: number,
    time: number,
    action: boolean,
    nick: string,
    prefix: Uint8Array,
    bytes: Uint8Array,
    start: number,
    text: number,
    end: number,
  ): void {
    const [, json, framed, framedJson] = this.#feeds;
    if (framed.readers > 0) framed.append(prefix, bytes, start, end);
    if (json.readers === 0 && framedJson.readers === 0) return;
    const record = encodeText(eventJson({
      type: action ? "action" : "speech",
      id: origin.prefix + sequence,
      time,
      nick,
      server: origin.server,
      text: decodeText(bytes, text, end),
    }));
    if (json.readers > 0) json.append(NOTHING, record);
    if (framedJson.readers > 0) framedJson.append(NOTHING, record);
  }

  /** Something happened here that all servers are told. */
  #announceHere(event: TalkerEvent): void {
    this.broadcast(event);
    this.mesh?.presence(event);
  }

  #unlist(session: Session): void {
    const { state } = session;
    this.roster.remove(session);
    if (state === "service") return;
    this.mesh?.presence(undefined);
    if (state === "present") this.#presence.left(session.nick, this.#now);
  }

  #feed(format: Format): Feed {
    return this.#feeds[format.index] as Feed;
  }
}
