/**
 * What the board writes down beside notifications and subscribers, and how it comes back: PURE. How old what
 * is remembered is (to ten minutes), what was forgotten, and which offers were withdrawn. It is kept as the
 * record of a subscriber whose name nobody can have.
 *
 * @module
 */

import { MAX_OFFERS } from "../wire/limits.ts";
import type { BoardClock } from "./context.ts";
import type { Memory } from "./memory.ts";
import type { Offers } from "./offers.ts";
import { isCount, isObject, parseClock } from "./record.ts";
import type { NotificationStore } from "./store.ts";
import { type Clock, parseId } from "./stream.ts";

/** The name under which the store keeps it. */
export const NOTES_KEY = "/board";
/** Between two notes of the time, in milliseconds. */
const AGE_EVERY_MS = 600_000;
/** So many of them are a day and some. */
const MAX_AGES = 150;

/** When the notification of this id had just arrived, in milliseconds since 1970. */
export type AgeNote = readonly [id: string, wall: number];

/** What is written down. */
export interface Notes {
  readonly ages: readonly AgeNote[];
  readonly forgotten: Clock;
  readonly withdrawn: readonly string[];
}

/** As JSON. */
function encodeNotes({ ages, forgotten, withdrawn }: Notes): string {
  const value = {
    ages: ages.slice(-MAX_AGES),
    forgotten: Object.fromEntries(forgotten),
    withdrawn,
  };
  return JSON.stringify(value);
}

/** From JSON; what makes no sense is left out. */
function parseNotes(text: string): Notes {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const { ages, forgotten, withdrawn } = isObject(value) ? value : {};
  return {
    ages: (Array.isArray(ages) ? ages.slice(-MAX_AGES) : []).filter(isAge),
    forgotten: parseClock(forgotten) ?? new Map(),
    withdrawn: (Array.isArray(withdrawn) ? withdrawn.slice(-MAX_OFFERS) : []).filter(isId),
  };
}

function isAge(value: unknown): value is AgeNote {
  return Array.isArray(value) && isId(value[0]) && isCount(value[1]);
}

function isId(value: unknown): value is string {
  return typeof value === "string" && parseId(value) !== undefined;
}

/** What is written down, and when. */
export class NoteBook {
  readonly #clock: BoardClock;
  readonly #memory: Memory;
  readonly #offers: Offers;
  readonly #store: NotificationStore | undefined;
  #ages: AgeNote[] = [];
  #notedAt = -Infinity;
  #forgotten: Clock = new Map();

  /** An empty one. */
  constructor(
    clock: BoardClock,
    memory: Memory,
    offers: Offers,
    store: NotificationStore | undefined,
  ) {
    this.#clock = clock;
    this.#memory = memory;
    this.#offers = offers;
    this.#store = store;
  }

  /** As it was written down before. */
  restore(text: string): void {
    const { ages, forgotten, withdrawn } = parseNotes(text);
    this.#ages = [...ages];
    this.#forgotten = forgotten;
    for (const id of withdrawn) this.#offers.withdraw(id);
  }

  /** What is remembered is there again. */
  restored(): void {
    this.#memory.restoreForgotten(this.#forgotten);
  }

  /**
   * Tells how old notifications are that come back in their order. Never more than they are as the clock sees
   * it; a clock that was set back makes them younger.
   */
  ageTeller(): (id: string) => number {
    const time = this.#time();
    const notes = new Map(this.#ages);
    let arrived: number | undefined;
    return (id) => {
      const noted = notes.get(id);
      if (noted !== undefined) arrived = noted;
      return arrived === undefined ? 0 : Math.max(0, time - arrived - AGE_EVERY_MS);
    };
  }

  #time(): number {
    return Math.max(0, Math.floor(this.#store?.clock?.() ?? this.#clock.wall()));
  }

  /** Something arrived: once in ten minutes it is noted when. */
  arrived(id: string, now: number): void {
    if (this.#store === undefined || now - this.#notedAt < AGE_EVERY_MS) return;
    this.#notedAt = now;
    this.#ages = [...this.#ages.slice(1 - MAX_AGES), [id, this.#time()]];
    this.save();
  }

  /** Writes everything down. */
  save(): void {
    if (this.#store === undefined) return;
    const notes = {
      ages: this.#ages,
      forgotten: this.#memory.forgottenClock(),
      withdrawn: [...this.#offers.withdrawn],
    };
    this.#store.subscriber(NOTES_KEY, encodeNotes(notes));
  }
}
