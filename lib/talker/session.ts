/**
 * One client as the talker sees it.
 *
 * @module
 */

import {
  MAX_PENDING_COMMANDS,
  MAX_QUEUED_BYTES,
  MAX_UNCONFIRMED_COMMANDS,
  MAX_UNREAD_REPLIES_BYTES,
} from "../wire/limits.ts";
import { encodeText } from "../wire/text.ts";
import type { TalkerEvent } from "./event.ts";
import type { Feed } from "./feed.ts";
import { eventJson, eventText } from "./event.ts";
import { encodeEvent, type Format } from "./format.ts";
import { InOrder } from "./in_order.ts";
import type { NotifyMode } from "./notify_mode.ts";
import { Outbox } from "./outbox.ts";

/** Private pieces that may wait for a client before no more of its commands are taken. */
const MAX_UNREAD_PIECES = 4096;

/**
 * Where a session is in its life: *arriving* until it is announced, *present*, a *service* (never
 * announced, in no list, hears no chat), *listening* (the same, but hears chat: `talker peer`),
 * *leaving* (gets what is queued, says nothing more), *gone*.
 */
export type SessionState = "arriving" | "present" | "service" | "listening" | "leaving" | "gone";

/** What carries a session: its connection. */
export interface SessionHost {
  /** Something was queued. */
  wake(): void;
  /** The session is over: write what is queued, then close. */
  finish(): void;
}

/** What is known of a client when it arrives. */
export interface Client {
  /** It may give operator commands. */
  operator: boolean;
  /** Its records are frames, not lines. */
  framed: boolean;
  /** Where it is from, for {@linkcode Rates}; undefined for this machine's own, which are not counted. */
  source?: string | undefined;
  /** Its connection. */
  host: SessionHost;
}

/** A client: its nick, its state, and what it is still to get. */
export class Session {
  /** Its place in the feeds, and what is for it alone. */
  readonly outbox: Outbox;
  /** May it give operator commands? */
  readonly operator: boolean;
  /** See {@linkcode Client.source}. */
  readonly source: string | undefined;
  /** It asked for so much that its commands are taken later. Set by {@linkcode Rates}. */
  rests = false;
  /** Its questions for receipts that wait for somebody. */
  receiptWaits = 0;
  /** When it came, on the monotonic clock in milliseconds. */
  readonly arrivedAt: number;
  /** See {@linkcode SessionState}. */
  state: SessionState = "arriving";
  /** Does it hear its own speech? */
  echo: boolean;
  /** How it is served. */
  format: Format;
  /** Commands whose answers are still to come. */
  pending = 0;
  /** Commands that are done, and confirmed when that is on disk. */
  unconfirmed = 0;
  /** It said something without a tag: the next tagged `/ping` confirms that. */
  hasSpoken = false;
  /** Its notifications, once it asked for some. */
  mode: NotifyMode | undefined;
  /** The client sends nothing more. */
  ended = false;
  /** The client wants to leave: gives it what it gets when nothing is owed to it any more. */
  lastWords: (() => void) | undefined;
  readonly #host: SessionHost;
  #nick: string;
  #prefix: Uint8Array | undefined;
  #whispers: InOrder | undefined;
  #whenQuitting: Set<() => void> | undefined;

  /** A session that reads `feed` from now on. */
  constructor(
    client: Client,
    nick: string,
    format: Format,
    feed: Feed,
    echo: boolean,
    now: number,
  ) {
    this.operator = client.operator;
    this.source = client.source;
    this.arrivedAt = now;
    this.echo = echo;
    this.format = format;
    this.#host = client.host;
    this.#nick = nick;
    this.outbox = new Outbox(feed);
  }

  /** The name before its lines. */
  get nick(): string {
    return this.#nick;
  }

  set nick(nick: string) {
    this.#nick = nick;
    this.#prefix = undefined;
  }

  /** `nick: ` in bytes, made when it first speaks. */
  get speechPrefix(): Uint8Array {
    return this.#prefix ??= encodeText(`${this.#nick}: `);
  }

  /** Its whispers to people on other servers, in a lane for each nick. */
  get whispers(): InOrder {
    return this.#whispers ??= new InOrder();
  }

  /** True while the client leaves so much unread that none of its commands is to be taken. */
  get unread(): boolean {
    return this.outbox.privateBytes > MAX_UNREAD_REPLIES_BYTES ||
      this.outbox.pieces > MAX_UNREAD_PIECES;
  }

  /**
   * True while none of its commands is to be taken: it rests, leaves too much unread, has too many answers
   * still to come, or too much waits for the disk.
   */
  get waits(): boolean {
    return this.rests || this.unread || this.pending >= MAX_PENDING_COMMANDS ||
      this.unconfirmed >= MAX_UNCONFIRMED_COMMANDS;
  }

  /** True while an answer is still to come. */
  get isOwed(): boolean {
    return this.pending > 0 || this.unconfirmed > 0;
  }

  /** Does the client want to leave? Nothing more is taken from it then. */
  get isQuitting(): boolean {
    return this.lastWords !== undefined;
  }

  /** `hurry` is called when the client wants to leave, unless the function that this returns was called before. */
  whenQuitting(hurry: () => void): () => void {
    const all = this.#whenQuitting ??= new Set();
    all.add(hurry);
    return () => void all.delete(hurry);
  }

  /** The client wants to leave, and gets these last words. */
  quit(lastWords: () => void): void {
    this.lastWords = lastWords;
    for (const hurry of this.#whenQuitting ?? []) hurry();
  }

  /** False for programs that only ask, and in notification mode. */
  get hearsChat(): boolean {
    return this.state !== "service" && this.mode?.active !== true;
  }

  /** False when its queue is full, so that what others send to it alone is refused. */
  get takesWhispers(): boolean {
    return this.outbox.queued < MAX_QUEUED_BYTES && this.outbox.pieces < 4 * MAX_UNREAD_PIECES;
  }

  /** Queues an event for this client alone. */
  send(event: TalkerEvent): void {
    const { format } = this;
    if (format.framed) return this.sendEncoded(encodeEvent(format, event));
    if (this.state === "gone") return;
    const text = format.json ? eventJson(event) : eventText(event);
    this.outbox.pushText(`${text}\r\n`);
    this.#host.wake();
  }

  /** Queues an event that is encoded in this session's format. */
  sendEncoded(event: Uint8Array): void {
    if (this.state === "gone") return;
    this.outbox.push(event);
    this.#host.wake();
  }

  /** Something waits no more that held it up: its connection is looked at. */
  wake(): void {
    this.#host.wake();
  }

  /** The session is over: what is queued goes out, then the connection closes. */
  finish(): void {
    this.#host.finish();
  }
}
