/**
 * What is known here of the recipients that a notification has on other servers: PURE. Who was counted when it was
 * published, and what their servers said since then. So nobody is forgotten because their server was lost.
 *
 * @module
 */

import { MAX_AUDIENCE_SIZE } from "../wire/limits.ts";
import type { BoardReceipt } from "./board_options.ts";

/** A server, in one of its lives: when it is started again, it knows nothing of those without a name. */
export interface Life {
  readonly node: string;
  readonly incarnation: number;
  readonly name: string;
}

/** What one server knows. */
export type Known = readonly BoardReceipt[];

interface Answer {
  readonly known: Known;
  /** Answers are numbered. */
  readonly number: number;
}

/** The recipients of one notification on other servers. */
export class Audience {
  /** Questions that use it: it is not forgotten meanwhile. */
  users = 0;
  readonly #lives = new Map<string, Life>();
  readonly #answers = new Map<string, Answer>();
  #numbers = 0;
  #size = 1;

  /** With the servers on which somebody was counted. */
  constructor(counted: Iterable<Life> = []) {
    for (const life of counted) this.#lives.set(keyOf(life), life);
    this.#size += this.#lives.size;
  }

  /** How much is kept: servers and recipients. */
  get size(): number {
    return this.#size;
  }

  /** How many answers came so far. */
  get answered(): number {
    return this.#numbers;
  }

  /** What the servers knew last. */
  *known(): Generator<Known> {
    for (const { known } of this.#answers.values()) yield known;
  }

  /** A server said what it knows; `after`: when it was asked so many answers were there, and what came since is newer. */
  answer(life: Life, known: Known, after = Infinity): void {
    const key = keyOf(life), before = this.#answers.get(key);
    if (before !== undefined && before.number > after) return;
    if (!this.#lives.has(key)) this.#size++;
    this.#lives.set(key, life);
    this.#size += known.length - (before?.known.length ?? 0);
    this.#answers.set(key, { known, number: ++this.#numbers });
  }

  /**
   * The servers that have recipients of whom something is to be heard yet: they said nothing, or can't be reached
   * any more and told of some without a name who had not acknowledged.
   */
  *missing(isThere: (life: Life) => boolean): Generator<Life> {
    for (const [key, life] of this.#lives) {
      const answer = this.#answers.get(key);
      if (answer === undefined || (answer.known.some(isOpen) && !isThere(life))) yield life;
    }
  }
}

// What became of it for a name all servers know.
function isOpen({ key, state }: BoardReceipt): boolean {
  return key === undefined && (state === "queued" || state === "delivered");
}

function keyOf({ node, incarnation }: Life): string {
  return `${node}.${incarnation}`;
}

/** The audiences of the latest notifications, by their ids, as many as there is room for. */
export class Audiences {
  readonly #all = new Map<string, Audience>();
  #size = 0;

  /** `max`: servers and recipients, in all. */
  constructor(private readonly max = MAX_AUDIENCE_SIZE) {}

  /** Something was published, and somebody counted on these servers. */
  published(id: string, counted: Iterable<Life>): void {
    const audience = new Audience(counted);
    // Of one that nobody else was to get there is nothing to be remembered.
    if (audience.size === 1) return;
    this.#all.set(id, audience);
    this.#size += audience.size;
    this.#trim();
  }

  /** Does something with an audience, which may become larger by that. */
  change(id: string, action: (audience: Audience) => void): void {
    const audience = this.#all.get(id);
    if (audience === undefined) return;
    const { size } = audience;
    action(audience);
    this.#size += audience.size - size;
    if (audience.size > size) this.#trim();
  }

  /** The audience of a notification, which is kept until it is released as often as it was used. */
  use(id: string): Audience {
    const audience = this.#all.get(id) ?? new Audience();
    if (!this.#all.has(id)) this.#size += audience.size;
    // The one used last is forgotten last.
    this.#all.delete(id);
    this.#all.set(id, audience);
    audience.users++;
    return audience;
  }

  /** A question that used it is over. */
  release(id: string): void {
    const audience = this.#all.get(id);
    if (audience === undefined) return;
    audience.users--;
    if (audience.users === 0 && audience.size === 1) this.#delete(id, audience);
    else this.#trim();
  }

  #delete(id: string, { size }: Audience): void {
    this.#all.delete(id);
    this.#size -= size;
  }

  #trim(): void {
    if (this.#size <= this.max) return;
    for (const [id, audience] of this.#all) {
      if (audience.users > 0) continue;
      this.#delete(id, audience);
      if (this.#size <= this.max) return;
    }
  }
}
