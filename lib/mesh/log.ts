/**
 * What a node remembers of the messages that passed, so that it can send them to those who
 * missed them. One queue in the order of arrival over all streams decides what is forgotten:
 * when there are too many messages or bytes, or the oldest is too old.
 */
import type { Batch } from "../wire/mesh_batch.ts";
import type { MeshLimits } from "./limits.ts";

/** Bytes that an entry takes beside its messages, as the engine's objects weigh. */
const ENTRY_OVERHEAD = 320;

/** The batches of one stream in the order of their sequences, without overlap. */
export class SegmentList {
  #batches: Batch[] = [];
  #head = 0;

  /** Number of batches. */
  get length(): number {
    return this.#batches.length - this.#head;
  }

  /** Adds a batch; those at the end and at the front of the list cost O(1). */
  insert(batch: Batch): void {
    const last = this.#batches.at(-1);
    if (last === undefined || last.last < batch.first || this.length === 0) {
      this.#batches.push(batch);
      return;
    }
    this.#batches.splice(this.#find(batch.first), 0, batch);
  }

  /** Removes a batch that is in the list. */
  remove(batch: Batch): void {
    let at = this.#head;
    if (this.#batches[at] !== batch) at = this.#batches.indexOf(batch, at);
    if (at < 0) return;
    if (at !== this.#head) {
      this.#batches.splice(at, 1);
      return;
    }
    this.#head++;
    if (this.#head > 64 && this.#head * 2 > this.#batches.length) {
      this.#batches = this.#batches.slice(this.#head);
      this.#head = 0;
    }
  }

  /** The batches that hold a message from `from` to `to`, in order. */
  *range(from: number, to: number): Generator<Batch> {
    for (let at = this.#find(from); at < this.#batches.length; at++) {
      const batch = this.#batches[at]!;
      if (batch.first > to) return;
      yield batch;
    }
  }

  // Index of the first batch whose last sequence is `sequence` or later: binary search.
  #find(sequence: number): number {
    let low = this.#head;
    let high = this.#batches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#batches[middle]!.last < sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

interface Entry {
  readonly list: SegmentList;
  readonly batch: Batch;
  readonly at: number;
}

/** The retention of a node: bounded by count, bytes and age. */
export class Log {
  #entries: Entry[] = [];
  #head = 0;
  #count = 0;
  #bytes = 0;

  /** `evicted` is told each batch that is forgotten. */
  constructor(
    private readonly limits: MeshLimits,
    private readonly evicted: (batch: Batch) => void = () => {},
  ) {}

  /** Messages remembered. */
  get count(): number {
    return this.#count;
  }

  /** Bytes they take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Remembers a batch, which must own its bytes, in the list of its stream. */
  append(list: SegmentList, batch: Batch, now: number): void {
    list.insert(batch);
    this.#entries.push({ list, batch, at: now });
    this.#count += batch.count;
    this.#bytes += batch.body.length + ENTRY_OVERHEAD;
    this.evict(now);
  }

  /** What is remembered, in the order of arrival, and when it came, in ms. */
  *entries(): Generator<{ readonly batch: Batch; readonly at: number }> {
    for (let i = this.#head; i < this.#entries.length; i++) yield this.#entries[i] as Entry;
  }

  /** Forgets what is over the limits at `now`. */
  evict(now: number): void {
    const { retentionCount, retentionBytes, retentionAge, retentionYoung } = this.limits;
    while (this.#head < this.#entries.length) {
      const { list, batch, at } = this.#entries[this.#head]!;
      const age = now - at;
      // Whole batches go, but only while what is left is enough.
      const tooMany = this.#count - batch.count >= retentionCount && age >= retentionYoung;
      if (!tooMany && this.#bytes <= retentionBytes && age <= retentionAge) break;
      this.#head++;
      this.#count -= batch.count;
      this.#bytes -= batch.body.length + ENTRY_OVERHEAD;
      list.remove(batch);
      this.evicted(batch);
    }
    if (this.#head > 1_024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}
