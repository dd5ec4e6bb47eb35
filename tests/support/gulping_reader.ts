/**
 * A simulated client behind a system's send buffer, and the server that writes to it, for tests of
 * {@linkcode Flow}: what is taken is seen in gulps, as on a real connection.
 */

import type { Flow, FlowState } from "../../lib/talker/flow.ts";
import { MIB } from "../../lib/wire/limits.ts";

/** Most that one write has, in bytes. */
const WRITE_BYTES = 256 * 1024;

/** One client. */
export class GulpingReader {
  /** What it reads, in bytes a second; may be changed. */
  rate: number;
  /** Bytes that wait in the server. */
  queued = 0;
  /** Most of them so far. */
  most = 0;
  /** Bytes lost so far. */
  lost = 0;
  /** When it was disconnected. */
  cutAt: number | undefined;
  /** States that it has been in. */
  readonly states = new Set<FlowState>();
  readonly #buffer: number;
  /** Bytes in the buffer. */
  #held = 0;
  /** What is left of the write under way; 0: none is. */
  #writing = 0;
  /** When that was begun, or went on. */
  #since = 0;
  #blocked = false;
  /** It has not gone on after it was blocked. */
  #first = true;

  /** A reader at `rate`, with a send buffer of `buffer` bytes. */
  constructor(rate: number, buffer = 4 * MIB) {
    this.rate = rate;
    this.#buffer = buffer;
  }

  /** `ms` of reading, and what the server writes in that turn. `said`: bytes that are queued first. */
  turn(flow: Flow<GulpingReader>, said: number, now: number, ms: number): void {
    if (this.cutAt !== undefined) return;
    this.#held = Math.max(0, this.#held - this.rate * ms / 1000);
    this.queued += said;
    this.most = Math.max(this.most, this.queued);
    if (this.#blocked) {
      flow.queued(this, this.queued, false, this.#since, now);
      // A blocked write goes on when a third of the buffer is free. The first time it comes early.
      const enough = this.#first ? 0.24 : 1 / 3;
      if (this.#buffer - this.#held < this.#buffer * enough) return this.#note(flow);
      this.#blocked = this.#first = false;
      this.#take(flow, now, false);
    }
    while (!this.#blocked && this.queued > 0) {
      if (this.#writing === 0) {
        this.#writing = Math.min(WRITE_BYTES, this.queued);
        this.#since = now;
        flow.gave(this, now);
      }
      this.#take(flow, now, true);
    }
    this.#note(flow);
  }

  /** The server cuts its queue back. */
  drop(keep: number): void {
    this.lost += Math.max(0, this.queued - keep);
    this.queued = Math.min(this.queued, keep);
  }

  #take(flow: Flow<GulpingReader>, now: number, prompt: boolean): void {
    const bytes = Math.floor(Math.min(this.#writing, this.#buffer - this.#held));
    const whole = bytes === this.#writing;
    this.#blocked = !whole;
    if (bytes > 0) {
      this.#writing -= bytes;
      this.#held += bytes;
      this.queued -= bytes;
      this.#since = now;
      const { queued } = this;
      flow.took(this, { bytes, queued, full: false, prompt: prompt && whole, busy: !whole }, now);
    }
  }

  #note(flow: Flow<GulpingReader>): void {
    const state = flow.state(this);
    if (state !== undefined) this.states.add(state);
  }
}

/** How {@linkcode simulate} went. */
export interface Simulated {
  /** Bytes said. */
  said: number;
  /** Milliseconds in which nothing could be said. */
  held: number;
  /** The longest time of that in one piece. */
  longestHeld: number;
}

/** Runs `ms` of a speaker of `speed` bytes a second to all `readers`; `each` is called for each turn of 10 ms. */
export function simulate(
  flow: Flow<GulpingReader>,
  readers: GulpingReader[],
  speed: number,
  ms: number,
  each: (now: number) => void = () => {},
): Simulated {
  const result = { said: 0, held: 0, longestHeld: 0 };
  let heldFor = 0;
  for (let now = 0; now < ms; now += 10) {
    each(now);
    if (now % 100 === 0) {
      const { drop, keep, cut } = flow.check(now);
      for (const reader of drop) reader.drop(keep);
      for (const { client } of cut) {
        client.cutAt = now;
        flow.forget(client, now);
      }
    }
    const said = flow.congested ? 0 : Math.floor(speed / 100);
    heldFor = said === 0 ? heldFor + 10 : 0;
    if (said === 0) result.held += 10;
    result.longestHeld = Math.max(result.longestHeld, heldFor);
    result.said += said;
    for (const reader of readers) reader.turn(flow, said, now, 10);
  }
  return result;
}
