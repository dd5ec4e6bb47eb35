/**
 * The lines that were said lately, in memory, in the order in which they arrived here; but those that
 * were said before this server knew of the speaker's are put among them by their times. An entry is a
 * place in a feed, so that to remember a line costs no copy and no allocation.
 *
 * @module
 */

import { decodeText } from "../wire/text.ts";
import {
  MAX_HISTORY_AGE_MS,
  MAX_HISTORY_BYTES,
  MAX_HISTORY_LINES,
  MAX_HISTORY_ORIGINS,
} from "../wire/limits.ts";
import type { Segment } from "./feed.ts";

/** Who said a line: one start of one server. */
export interface Origin {
  /** What the ids of its lines begin with; a number follows. */
  readonly prefix: string;
  /** Name of the server; its id as long as that isn't known. */
  server: string;
}

/** A line that was said. */
export interface Said {
  /** Its id. */
  id: string;
  /** When, in milliseconds since 1970. */
  time: number;
  nick: string;
  server: string;
  kind: "speech" | "action";
  text: string;
}

/**
 * A ring of the last lines, bounded by number, bytes and age.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { History } from "./history.ts";
 * import { Feed } from "./feed.ts";
 * import { FORMATS } from "./format.ts";
 * const feed = new Feed(FORMATS[0]), history = new History();
 * const bytes = (text: string) => new TextEncoder().encode(text);
 * feed.append(bytes("bob: "), bytes("hi"));
 * history.add({ prefix: "k.1.", server: "kitchen" }, 1, 0, 0, "bob", false, feed.tail, 5, 7);
 * assert(history.last(10, 0)[0]?.text === "hi");
 * ```
 */
export class History {
  readonly #lines: number;
  readonly #maxBytes: number;
  readonly #maxAge: number;
  // Which entry of the arrays below is at which place of the ring: each is at one, used or not.
  readonly #order: Uint32Array;
  // One array a property: they are written once for each line, at full speed.
  readonly #origins: (Origin | undefined)[];
  readonly #sequences: Float64Array;
  readonly #times: Float64Array;
  /** When they came here: clocks of other servers may be wrong by hours. */
  readonly #arrivals: Float64Array;
  readonly #from: Uint32Array;
  readonly #to: Uint32Array;
  readonly #nicks: string[];
  readonly #actions: Uint8Array;
  readonly #segments: (Segment | undefined)[];
  /** Of each origin, the highest number that was forgotten. */
  readonly #forgotten = new Map<string, number>();
  // The same for the origin of the line that was forgotten last, not yet in the map: most lines are of
  // the same origin as the one before.
  #lastForgotten: Origin | undefined;
  #lastNumber = 0;
  #oldest = 0;
  #count = 0;
  #bytes = 0;

  /** Bounds: lines, bytes of text, age in milliseconds. */
  constructor(
    lines: number = MAX_HISTORY_LINES,
    bytes: number = MAX_HISTORY_BYTES,
    age: number = MAX_HISTORY_AGE_MS,
  ) {
    this.#lines = lines;
    this.#maxBytes = bytes;
    this.#maxAge = age;
    this.#order = Uint32Array.from({ length: lines }, (_, i) => i);
    this.#origins = new Array<Origin | undefined>(lines).fill(undefined);
    this.#sequences = new Float64Array(lines);
    this.#times = new Float64Array(lines);
    this.#arrivals = new Float64Array(lines);
    this.#from = new Uint32Array(lines);
    this.#to = new Uint32Array(lines);
    this.#actions = new Uint8Array(lines);
    this.#nicks = new Array<string>(lines).fill("");
    this.#segments = new Array<Segment | undefined>(lines).fill(undefined);
  }

  /** Lines remembered. */
  get size(): number {
    return this.#count;
  }

  /** Bytes of the lines remembered. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Remembers a line said at `time` that came at `now`; its text is segment.bytes[from..to). */
  add(
    origin: Origin,
    sequence: number,
    time: number,
    now: number,
    nick: string,
    action: boolean,
    segment: Segment,
    from: number,
    to: number,
  ): void {
    while (
      this.#count === this.#lines || (this.#count > 0 && this.#bytes + to - from > this.#maxBytes)
    ) this.#drop();
    const at = this.#entry(this.#count);
    this.#origins[at] = origin;
    this.#sequences[at] = sequence;
    this.#times[at] = time;
    this.#arrivals[at] = now;
    this.#from[at] = from;
    this.#to[at] = to;
    this.#actions[at] = action ? 1 : 0;
    this.#nicks[at] = nick;
    this.#segments[at] = segment;
    this.#count++;
    this.#bytes += to - from;
  }

  /**
   * As {@linkcode add}, for a line that this server could not hear when it was said: it goes before those
   * that were said later, by the clocks of their servers, but behind the earlier ones of its own.
   */
  recall(...line: Parameters<History["add"]>): void {
    this.add(...line);
    const [origin, sequence, time] = line;
    const recalled = this.#entry(this.#count - 1);
    let place = this.#count - 1;
    for (; place > 0; place--) {
      const before = this.#entry(place - 1);
      const isOfSame = this.#origins[before]?.prefix === origin.prefix;
      const isEarlier = isOfSame
        ? (this.#sequences[before] as number) < sequence
        : (this.#times[before] as number) <= time;
      if (isEarlier) break;
      this.#order[this.#placeOf(place)] = before;
      // What is before another isn't forgotten later.
      const arrival = this.#arrivals[before] as number;
      if (arrival < (this.#arrivals[recalled] as number)) this.#arrivals[recalled] = arrival;
    }
    this.#order[this.#placeOf(place)] = recalled;
  }

  /** Forgets what is too old at `time` (milliseconds since 1970). */
  expire(time: number): void {
    while (this.#count > 0 && time - (this.#arrivals[this.#entry(0)] as number) > this.#maxAge) {
      this.#drop();
    }
  }

  /** The last `most` lines, the oldest first. */
  last(most: number, time: number): Said[] {
    this.expire(time);
    return this.#slice(Math.max(0, this.#count - most));
  }

  /**
   * The lines that arrived here after the one with this id, at most the last `most` of them; `missed`
   * when some of those are no longer remembered. Undefined when no such line is known.
   */
  since(id: string, most: number, time: number): { said: Said[]; missed: boolean } | undefined {
    this.expire(time);
    const dot = id.lastIndexOf(".");
    const prefix = id.slice(0, dot + 1), digits = id.slice(dot + 1);
    if (!/^[0-9]{1,15}$/.test(digits)) return undefined;
    const sequence = Number(digits);
    for (let i = this.#count - 1; i >= 0; i--) {
      const at = this.#entry(i);
      if (this.#sequences[at] === sequence && this.#origins[at]?.prefix === prefix) {
        return { said: this.#slice(Math.max(i + 1, this.#count - most)), missed: false };
      }
    }
    this.#noteForgotten();
    const forgotten = this.#forgotten.get(prefix);
    if (forgotten === undefined || sequence > forgotten) return undefined;
    return { said: this.#slice(Math.max(0, this.#count - most)), missed: true };
  }

  /** Where in the ring the line is that is the one of this number, counted from the oldest. */
  #placeOf(index: number): number {
    const at = this.#oldest + index;
    return at < this.#lines ? at : at - this.#lines;
  }

  #entry(index: number): number {
    return this.#order[this.#placeOf(index)] as number;
  }

  #drop(): void {
    const at = this.#entry(0);
    const origin = this.#origins[at] as Origin;
    const sequence = this.#sequences[at] as number;
    if (origin !== this.#lastForgotten) {
      this.#noteForgotten();
      this.#lastForgotten = origin;
      this.#lastNumber = 0;
    }
    if (sequence > this.#lastNumber) this.#lastNumber = sequence;
    this.#bytes -= (this.#to[at] as number) - (this.#from[at] as number);
    this.#segments[at] = this.#origins[at] = undefined;
    this.#nicks[at] = "";
    this.#oldest = (this.#oldest + 1) % this.#lines;
    this.#count--;
  }

  #noteForgotten(): void {
    if (this.#lastForgotten === undefined) return;
    const { prefix } = this.#lastForgotten;
    const highest = Math.max(this.#forgotten.get(prefix) ?? 0, this.#lastNumber);
    this.#forgotten.delete(prefix);
    this.#forgotten.set(prefix, highest);
    const [oldest] = this.#forgotten.keys();
    if (this.#forgotten.size > MAX_HISTORY_ORIGINS && oldest !== undefined) {
      this.#forgotten.delete(oldest);
    }
  }

  #slice(from: number): Said[] {
    const said: Said[] = [];
    for (let i = from; i < this.#count; i++) {
      const at = this.#entry(i);
      const { prefix, server } = this.#origins[at] as Origin;
      said.push({
        id: prefix + this.#sequences[at],
        time: this.#times[at] as number,
        nick: this.#nicks[at] as string,
        server,
        kind: this.#actions[at] === 1 ? "action" : "speech",
        text: decodeText((this.#segments[at] as Segment).bytes, this.#from[at], this.#to[at]),
      });
    }
    return said;
  }
}
