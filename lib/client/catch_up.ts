/**
 * What was said before we came and while we were away, without a line twice and in order. Pure.
 *
 * @module
 */

import type { Said } from "./record.ts";

/** Ids that are remembered to know a line again, at the least. */
const REMEMBERED_IDS = 4096;
/** Lines that wait for the history before them, at the most. */
const MAX_HELD_LINES = 10_000;

/** The last some thousand ids. */
export class RecentIds {
  /** Two generations: the older one is forgotten when the younger one is full. */
  #ids = new Set<string>();
  #olderIds = new Set<string>();

  /** Whether this id was added lately. */
  has(id: string): boolean {
    return this.#ids.has(id) || this.#olderIds.has(id);
  }

  /** Adds an id. */
  add(id: string): void {
    this.#ids.add(id);
    if (this.#ids.size < REMEMBERED_IDS) return;
    this.#olderIds = this.#ids;
    this.#ids = new Set();
  }
}

/** A line to be shown; `past`: it comes from the history. */
export type Show = (said: Said, past: boolean) => void;

/**
 * Puts history and live lines together. While a history is on its way, live lines are held, since
 * they come after it.
 */
export class CatchUp {
  readonly #show: Show;
  readonly #ids = new RecentIds();
  #held: Said[] | undefined;
  #lastId: string | undefined;
  #lastTime = "";

  /** Each line goes to `show` once. */
  constructor(show: Show) {
    this.#show = show;
  }

  /** The id of the last line that was shown: the history goes on behind it. */
  get lastId(): string | undefined {
    return this.#lastId;
  }

  /** Whether a line with this id has been shown, as far as is remembered. */
  knows(id: string): boolean {
    return this.#ids.has(id);
  }

  /** A history has been asked for: live lines are held from now on. */
  begin(): void {
    this.#held ??= [];
  }

  /** A line of the history. */
  recalled(said: Said): void {
    if (said.id !== undefined && this.knows(said.id)) return;
    this.#shown(said, true);
  }

  /**
   * A line of a history that may reach back to what was shown long ago, since the server did not
   * know our last id: lines older than the last one shown are passed over.
   */
  recalledAnew(said: Said): void {
    if ((said.time ?? "") >= this.#lastTime) this.recalled(said);
  }

  /** The history is complete, or there will be none: what was held is shown. */
  end(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const said of held) this.live(said);
  }

  /**
   * The connection is gone before the history was complete. What was held is not shown: the history
   * of the next connection has it, behind what is still missing.
   */
  abandon(): void {
    this.#held = undefined;
  }

  /** A line was said just now. */
  live(said: Said): void {
    if (said.id !== undefined && this.knows(said.id)) return;
    if (this.#held !== undefined) {
      this.#held.push(said);
      if (this.#held.length >= MAX_HELD_LINES) this.end();
      return;
    }
    this.#shown(said, false);
  }

  /** This line was the last one when we came: it isn't shown, but what comes later comes behind it. */
  baseline(said: Said): void {
    if (this.#lastId !== undefined || said.id === undefined) return;
    this.#lastId = said.id;
    this.#lastTime = said.time ?? "";
  }

  /** The line is shown in another way: if it comes, it is passed over. */
  remember(id: string): void {
    this.#ids.add(id);
  }

  #shown(said: Said, past: boolean): void {
    if (said.id !== undefined) {
      this.remember(said.id);
      this.#lastId = said.id;
      this.#lastTime = said.time ?? this.#lastTime;
    }
    this.#show(said, past);
  }
}
