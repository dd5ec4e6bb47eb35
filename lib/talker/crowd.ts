/**
 * Arrivals and departures, announced so that a crowd is no storm: singly while they are few, together
 * and one line a second when more than ten come within a second.
 *
 * @module
 */

/** More than this many within {@linkcode CROWD_WINDOW_MS} are a crowd. */
export const CROWD = 10;
/** The time within which they are counted, and the time between two lines about a crowd, in milliseconds. */
const CROWD_WINDOW_MS = 1_000;
/** Nicks that a line about a crowd names. */
const CROWD_NAMED = 3;

/** One announcement: how many, and the first of them. */
export interface Announcement {
  count: number;
  nicks: string[];
}

/**
 * Counts who comes (or goes), and says what is to be announced when.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { Crowd } from "./crowd.ts";
 * const arrivals = new Crowd();
 * arrivals.happened(0);
 * assert(arrivals.announce("bob", 500)?.nicks[0] === "bob");
 * ```
 */
export class Crowd {
  /** Times of the last CROWD + 1 events, the oldest at #next. */
  #times = new Array<number>(CROWD + 1).fill(-Infinity);
  #next = 0;
  #gathered: Announcement | undefined;
  #due = Infinity;

  /** When {@linkcode flush} is to be called next; Infinity when it needn't. */
  get due(): number {
    return this.#due;
  }

  /** Somebody came, whether or not it will be announced. */
  happened(now: number): void {
    this.#times[this.#next] = now;
    this.#next = (this.#next + 1) % this.#times.length;
  }

  /**
   * It is time to announce `nick`. Returns the announcement, or undefined when it will come together
   * with others, by {@linkcode flush}.
   */
  announce(nick: string, now: number): Announcement | undefined {
    const crowded = now - (this.#times[this.#next] as number) <= CROWD_WINDOW_MS;
    if (this.#gathered === undefined) {
      if (!crowded) return { count: 1, nicks: [nick] };
      this.#gathered = { count: 0, nicks: [] };
      this.#due = now + CROWD_WINDOW_MS;
    }
    this.#gathered.count++;
    if (this.#gathered.nicks.length < CROWD_NAMED) this.#gathered.nicks.push(nick);
    return undefined;
  }

  /** What was gathered, when its time has come. */
  flush(now: number): Announcement | undefined {
    if (now < this.#due) return undefined;
    const gathered = this.#gathered;
    this.#gathered = undefined;
    this.#due = Infinity;
    return gathered;
  }
}
