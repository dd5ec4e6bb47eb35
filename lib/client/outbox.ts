/**
 * The user's lines on their way: waiting, sent, confirmed. Pure.
 *
 * @module
 */

import { isSameServer, type Speaker } from "./nick_keeper.ts";
import type { Outgoing } from "./outgoing.ts";
import type { Said } from "./record.ts";

/** Lines that are sent without an answer yet, at the most. */
export const WINDOW_LINES = 1024;
/** Bytes that are sent without an answer yet, at the most (one line may go over). */
const WINDOW_BYTES = 1024 * 1024;

/** What may wait to be sent, in lines and bytes, before no more is taken in. */
export interface Waiting {
  readonly lines: number;
  readonly bytes: number;
}

/**
 * A script waits until there is room. What a person types or pastes is here already, and a terminal that
 * reads no keys can't be left: so there is room for more than anybody pastes.
 */
export const WAITING = {
  person: { lines: 100_000, bytes: 16 * 1024 * 1024 },
  script: { lines: 1024, bytes: 1024 * 1024 },
} as const satisfies Record<string, Waiting>;

/** A line and how far it has come. */
export interface Item {
  readonly outgoing: Outgoing;
  /** As whom it was sent for the last time; undefined before the first. */
  speaker: Speaker | undefined;
  /** The server has sent it to us as ours: it is said, even if the answer never comes. */
  heard: boolean;
  /** It was sent on an earlier connection, and nothing was heard of it. */
  doubtful: boolean;
}

/**
 * A queue of lines with a window: of what is sent only so much may be unanswered. After the loss of
 * a connection what was unanswered is at the head of the queue again.
 */
export class Outbox {
  readonly #limits: Waiting;
  /** In the order of sending; the key is the tag. */
  readonly #sent = new Map<string, Item>();
  #waiting: Item[] = [];
  /** The waiting ones begin here: what is taken from the front is cut off now and then. */
  #front = 0;
  #sentBytes = 0;
  #waitingBytes = 0;

  /** An empty one. */
  constructor(limits: Waiting = WAITING.script) {
    this.#limits = limits;
  }

  /** Lines that are not confirmed, sent or not. */
  get size(): number {
    return this.#sent.size + this.waiting;
  }

  /** Lines that wait to be sent. */
  get waiting(): number {
    return this.#waiting.length - this.#front;
  }

  /** Lines that are sent and unanswered. */
  get unanswered(): number {
    return this.#sent.size;
  }

  /** There is room for more lines. */
  get hasRoom(): boolean {
    const { lines, bytes } = this.#limits;
    return this.waiting < lines && this.#waitingBytes < bytes;
  }

  /** Puts a line at the end of the queue. */
  push(outgoing: Outgoing): void {
    this.#waiting.push({ outgoing, speaker: undefined, heard: false, doubtful: false });
    this.#waitingBytes += outgoing.bytes;
  }

  /** The next line that may be sent now; undefined where there is none or the window is full. */
  peek(): Outgoing | undefined {
    if (this.#sent.size >= WINDOW_LINES || this.#sentBytes >= WINDOW_BYTES) return undefined;
    return this.#waiting[this.#front]?.outgoing;
  }

  /** The line that {@linkcode peek} showed is sent under this tag, as this speaker. */
  sent(tag: string, speaker: Speaker): void {
    const item = this.#waiting[this.#front];
    if (item === undefined) throw new RangeError("Nothing waits to be sent");
    this.#front++;
    if (this.#front > 1024 && this.#front * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#front);
      this.#front = 0;
    }
    this.#waitingBytes -= item.outgoing.bytes;
    this.#sentBytes += item.outgoing.bytes;
    item.speaker = speaker;
    this.#sent.set(tag, item);
  }

  /** The line under this tag, while it is unanswered. */
  find(tag: string): Item | undefined {
    return this.#sent.get(tag);
  }

  /** The line under this tag is answered, for good or for bad. */
  answered(tag: string): Item | undefined {
    const item = this.#sent.get(tag);
    if (item === undefined) return undefined;
    this.#sent.delete(tag);
    this.#sentBytes -= item.outgoing.bytes;
    return item;
  }

  /**
   * We heard ourselves say this: the first unanswered line that says so is marked. Returns whether
   * there was one.
   */
  heard(said: Said): boolean {
    for (const item of this.#sent.values()) {
      if (!item.heard && says(item.outgoing, said)) {
        item.heard = true;
        return true;
      }
    }
    return false;
  }

  /**
   * The connection is lost. What is unanswered waits again, in its order before all else; what was
   * heard does not.
   */
  lost(): void {
    const again: Item[] = [];
    for (const item of this.#sent.values()) {
      if (item.heard) continue;
      item.doubtful = true;
      again.push(item);
      this.#waitingBytes += item.outgoing.bytes;
    }
    this.#sent.clear();
    this.#sentBytes = 0;
    this.#waiting = [...again, ...this.#waiting.slice(this.#front)];
    this.#front = 0;
  }

  /**
   * This was said, perhaps by us on an earlier connection, under the nick that we had there: the
   * first doubtful line that says so is taken out. Returns whether there was one.
   */
  recalled(said: Said): boolean {
    for (let i = this.#front; i < this.#waiting.length; i++) {
      const item = this.#waiting[i];
      if (item === undefined || !item.doubtful) return false;
      if (!isBy(item.speaker, said) || !says(item.outgoing, said)) continue;
      this.#waiting.splice(i, 1);
      this.#waitingBytes -= item.outgoing.bytes;
      return true;
    }
    return false;
  }
}

function says(outgoing: Outgoing, { type, text }: Said): boolean {
  return outgoing.said !== undefined && outgoing.said.kind === type && outgoing.said.text === text;
}

function isBy(speaker: Speaker | undefined, { nick, server }: Said): boolean {
  return speaker !== undefined && speaker.nicks.includes(nick) &&
    isSameServer(server, speaker.server);
}
