/**
 * The lines that were said lately, in memory. An entry is a place in the canonical feed, so that to
 * remember a line costs no copy and no allocation.
 *
 * @module
 */

import { decodeText } from "../wire/text.ts";
import { MAX_HISTORY_AGE_MS, MAX_HISTORY_BYTES, MAX_HISTORY_LINES } from "../wire/limits.ts";
import type { Segment } from "./feed.ts";

/** A line that was said. */
export interface Said {
  /** Its number in this server, from 1. */
  sequence: number;
  /** When, in milliseconds since 1970. */
  time: number;
  nick: string;
  kind: "speech" | "action";
  text: string;
}

/**
 * A ring of the last lines, bounded by number, bytes and age.
 *
 * @example
 * ```ts
 * import { History } from "./history.ts";
 * import { Feed } from "./feed.ts";
 * import { FORMATS } from "./format.ts";
 * const feed = new Feed(FORMATS[0]), history = new History();
 * const bytes = (text: string) => new TextEncoder().encode(text);
 * feed.append(bytes("bob: "), bytes("hi"));
 * history.add(1, 0, "bob", "speech", feed.tail, 5, 7);
 * console.assert(history.last(10, 0)[0]?.text === "hi");
 * ```
 */
export class History {
  readonly #lines: number;
  readonly #maxBytes: number;
  readonly #maxAge: number;
  // One array a property: the ring is written once for each line, at full speed.
  #sequences: Float64Array;
  #times: Float64Array;
  #from: Uint32Array;
  #to: Uint32Array;
  #nicks: string[];
  #actions: Uint8Array;
  #segments: (Segment | undefined)[];
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
    this.#sequences = new Float64Array(lines);
    this.#times = new Float64Array(lines);
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

  /** Remembers a line, whose text is segment.bytes[from..to). Sequences rise by one. */
  add(
    sequence: number,
    time: number,
    nick: string,
    kind: "speech" | "action",
    segment: Segment,
    from: number,
    to: number,
  ): void {
    while (
      this.#count === this.#lines || (this.#count > 0 && this.#bytes + to - from > this.#maxBytes)
    ) {
      this.#drop();
    }
    let at = this.#oldest + this.#count;
    if (at >= this.#lines) at -= this.#lines;
    this.#sequences[at] = sequence;
    this.#times[at] = time;
    this.#from[at] = from;
    this.#to[at] = to;
    this.#actions[at] = kind === "action" ? 1 : 0;
    this.#nicks[at] = nick;
    this.#segments[at] = segment;
    this.#count++;
    this.#bytes += to - from;
  }

  /** Forgets what is too old at `time` (milliseconds since 1970). */
  expire(time: number): void {
    while (this.#count > 0 && time - (this.#times[this.#oldest] as number) > this.#maxAge) {
      this.#drop();
    }
  }

  /** The last `most` lines, the oldest first. */
  last(most: number, time: number): Said[] {
    this.expire(time);
    return this.#slice(Math.max(0, this.#count - most));
  }

  /**
   * The lines after number `sequence`, at most the last `most` of them, and how many of those after it
   * are no longer remembered. Undefined when `sequence` has never been.
   */
  since(
    sequence: number,
    most: number,
    time: number,
  ): { said: Said[]; missed: number } | undefined {
    this.expire(time);
    const newest = this.#newest();
    if (!Number.isInteger(sequence) || sequence < 0 || sequence > newest) return undefined;
    const after = newest - sequence;
    const kept = Math.min(after, this.#count);
    const given = Math.min(kept, most);
    return { said: this.#slice(this.#count - given), missed: after - given };
  }

  #highest = 0;
  #newest(): number {
    if (this.#count === 0) return this.#highest;
    return this.#sequences[(this.#oldest + this.#count - 1) % this.#lines] as number;
  }

  #drop(): void {
    const at = this.#oldest;
    this.#bytes -= (this.#to[at] as number) - (this.#from[at] as number);
    this.#highest = this.#sequences[at] as number;
    this.#segments[at] = undefined;
    this.#nicks[at] = "";
    this.#oldest = (at + 1) % this.#lines;
    this.#count--;
  }

  #slice(from: number): Said[] {
    const said: Said[] = [];
    for (let i = from; i < this.#count; i++) {
      const at = (this.#oldest + i) % this.#lines;
      said.push({
        sequence: this.#sequences[at] as number,
        time: this.#times[at] as number,
        nick: this.#nicks[at] as string,
        kind: this.#actions[at] === 1 ? "action" : "speech",
        text: decodeText((this.#segments[at] as Segment).bytes, this.#from[at], this.#to[at]),
      });
    }
    return said;
  }
}
