/**
 * The talker: what clients say goes in, what each is to get comes out. Pure: time and randomness are
 * passed in, and nothing here knows a socket. {@linkcode LineServer} carries it.
 *
 * @module
 */

import { MAX_LINE_BYTES } from "../wire/limits.ts";
import { decodeText, encodeText, visible } from "../wire/text.ts";
import { type Command, type Outcome, parseCommandLine } from "./command.ts";
import { findCommand, nearestCommand } from "./commands/mod.ts";
import { eventJson, type TalkerEvent } from "./event.ts";
import { Feed } from "./feed.ts";
import { encodeEvent, type Format, formatOf, FORMATS } from "./format.ts";
import { History, type Said } from "./history.ts";
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
  /** Id of this server, for the ids of lines: letters and digits. */
  origin: string;
  /** Which start of this server it is, for the ids of lines; higher with each. */
  incarnation: string;
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
 * import { Talker } from "./talker.ts";
 * const talker = new Talker({ name: "kitchen", origin: "k", incarnation: "1", random: () => 7, wakeAll() {} });
 * const host = { wake() {}, finish() {} };
 * const bob = talker.arrive({ operator: false, framed: false, host });
 * const line = new TextEncoder().encode("hi");
 * talker.line(bob, line, 0, line.length, true);
 * const out = new TextDecoder().decode(bob.outbox.take({ lossNotice: () => new Uint8Array() }));
 * console.assert(out === "Welcome, guest1\r\nguest1 has joined\r\nguest1: hi\r\n");
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

  readonly #feeds = FORMATS.map((format) => new Feed(format)) as [Feed, Feed, Feed, Feed];
  readonly #presence = new Presence((verb, { count, nicks }) =>
    this.broadcast({ type: verb, time: this.#wall, server: this.name, count, nicks })
  );
  readonly #idPrefix: string;
  readonly #echo: boolean;
  readonly #wakeAll: () => void;
  #sequence = 0;
  #now = 0;
  #wall = 0;

  /** A talker with nobody there. */
  constructor(options: TalkerOptions) {
    this.name = options.name;
    this.random = options.random;
    this.#idPrefix = `${options.origin}.${options.incarnation}.`;
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
    this.#presence.arrived(session, this.#now);
    this.welcome(session);
    return session;
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
    this.#text(session, visible(session.format.framed ? text.replace(/[\r\n]/g, " ") : text));
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
    this.#unlist(session);
    session.state = "service";
    session.outbox.read(undefined);
  }

  /** Says something for a session, as text. Returns the id of the line. */
  say(session: Session, kind: "speech" | "action", text: string): string {
    const prefix = kind === "speech" ? session.speechPrefix : encodeText(`* ${session.nick} `);
    const bytes = encodeText(text);
    this.#say(session, kind, prefix, bytes, 0, bytes.length);
    return this.#idPrefix + this.#sequence;
  }

  /** The id of a line that was said. */
  idOf(said: Said): string {
    return this.#idPrefix + said.sequence;
  }

  /** The number of the line with this id; undefined when this server gave no such id. */
  sequenceOf(id: string): number | undefined {
    if (!id.startsWith(this.#idPrefix)) return undefined;
    const digits = id.slice(this.#idPrefix.length);
    return /^[0-9]{1,15}$/.test(digits) ? Number(digits) : undefined;
  }

  /** Gives a session another nick, and tells all. False when it is taken. */
  rename(session: Session, nick: string): boolean {
    const old = session.nick;
    if (session.state === "service") session.nick = nick;
    else {
      if (!this.roster.rename(session, nick)) return false;
      this.broadcast({ type: "renamed", time: this.#wall, server: this.name, old, nick });
    }
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
    const sequence = ++this.#sequence;
    this.counters.lines++;
    const [canonical, json, framed, framedJson] = this.#feeds;
    const own = session.echo ? undefined : this.#feed(session.format);
    const before = own?.end ?? 0;
    canonical.append(prefix, bytes, start, end);
    const { tail } = canonical;
    const to = tail.used - 2;
    this.history.add(sequence, this.#wall, session.nick, kind, tail, to - (end - start), to);
    if (framed.readers > 0) framed.append(prefix, bytes, start, end);
    if (json.readers > 0 || framedJson.readers > 0) {
      const record = encodeText(eventJson({
        type: kind,
        id: this.#idPrefix + sequence,
        time: this.#wall,
        nick: session.nick,
        server: this.name,
        text: decodeText(bytes, start, end),
      }));
      if (json.readers > 0) json.append(NOTHING, record);
      if (framedJson.readers > 0) framedJson.append(NOTHING, record);
    }
    if (own !== undefined && session.state !== "service") session.outbox.skipLast(own.end - before);
    this.#wakeAll();
  }

  /** A line that isn't plain speech of somebody present, without its control characters. */
  #text(session: Session, text: string): void {
    if (text === "") return;
    const parsed = parseCommandLine(text);
    const command = parsed === undefined ? undefined : findCommand(parsed.name);
    if (session.state === "arriving" && command?.name !== "service") {
      this.#presence.settle(session, this.#now);
    }
    if (parsed === undefined) {
      this.say(session, "speech", text.startsWith("//") ? text.slice(1) : text);
      return;
    }
    this.counters.commands++;
    const { tag } = parsed;
    const outcome = this.#run(session, command, parsed.name, parsed.rest, tag);
    if ("error" in outcome) {
      session.send({ type: "error", code: outcome.error, text: outcome.text, tag });
      return;
    }
    if (tag !== undefined) session.send({ type: "ok", tag, id: outcome.id });
    if (outcome.end !== undefined) this.dismiss(outcome.end);
  }

  #run(
    session: Session,
    command: Command | undefined,
    name: string,
    rest: string,
    tag: string | undefined,
  ): Outcome {
    if (command === undefined) {
      const text = `Unknown command: /${name}; did you mean /${nearestCommand(name)}?`;
      return { error: "unknown-command", text };
    }
    if (command.operator === true && !session.operator) {
      return {
        error: "denied",
        text:
          `/${command.name} is for operators: it is accepted from the server's own machine only`,
      };
    }
    return command.run({
      talker: this,
      session,
      rest,
      reply: (text, more) => session.send({ type: "reply", tag, text, more }),
    });
  }

  #unlist(session: Session): void {
    if (session.state === "service") return;
    this.roster.remove(session);
    if (session.state === "present") this.#presence.left(session.nick, this.#now);
  }

  #feed(format: Format): Feed {
    return this.#feeds[format.index] as Feed;
  }
}
