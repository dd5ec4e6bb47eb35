/**
 * What the mesh told the store and isn't on disk yet: PURE. It is a difference between two states, not
 * a list of events, so it never holds more than the mesh itself remembers: a batch that was forgotten
 * before it was written is just dropped, a mark that moved twice is written once.
 *
 * @module
 */

import type { MeshStore, StoredMark, StoredMesh } from "../mesh/store.ts";
import type { Batch } from "../wire/mesh_batch.ts";
import type { NodeId } from "../wire/mesh_bytes.ts";
import type { MeshChanges } from "./group.ts";

/** Bytes that a row takes beside its batch, about. */
const ROW_BYTES = 64;

/** A retained batch, as it was found on disk. */
export interface RetainedBatch {
  readonly batch: Batch;
  readonly number: number;
  /** When it came, by the clock of retention. */
  readonly time: number;
}

/** What was on disk at the start. */
export interface FoundMesh {
  readonly batches: readonly RetainedBatch[];
  readonly lastNumber: number;
  readonly marks: readonly StoredMark[];
  readonly names: StoredMesh["names"];
}

/**
 * Collects what changes, as {@linkcode MeshStore}.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { encodeBatches } from "../wire/mesh_batch.ts";
 * import { PendingMesh } from "./pending_mesh.ts";
 * const mesh = new PendingMesh({ batches: [], lastNumber: 0, marks: [], names: [] }, { clock: () => 5 });
 * const head = { origin: "00000000000000aa", incarnation: 1, first: 1, kind: 1, time: 0 };
 * const [batch] = encodeBatches(head, [new Uint8Array([1, 2])]);
 * mesh.append(batch!);
 * const changes = mesh.take();
 * assert(changes?.firstNumber === 1 && changes.lengths[0] === batch!.body.length);
 * assert(mesh.take() === undefined);
 * ```
 */
export class PendingMesh implements MeshStore {
  readonly #clock: () => number;
  readonly #changed: () => void;
  #found: FoundMesh | undefined;
  /** The number of each retained batch, in the order of arrival. */
  readonly #numbers = new Map<Batch, number>();
  /** Batches that aren't written: the first has the number `#first`. */
  #queue: (Batch | undefined)[] = [];
  #times: number[] = [];
  #first: number;
  /** So many at the beginning of the queue were forgotten before they were written. */
  #gone = 0;
  /** Ranges to delete: first, last, first, last, and so on. */
  #evicted: number[] = [];
  #forgotten = new Set<NodeId>();
  /** Origins that are, or may be, on disk. */
  readonly #known: Set<NodeId>;
  #marks = new Map<NodeId, Map<number, StoredMark>>();
  /** The last mark, which most often is replaced by the next one of the same stream. */
  #mark: StoredMark | undefined;
  #names = new Map<NodeId, string>();
  #bytes = 0;
  #isChanged = false;

  /** `clock` is the clock of retention; `changed` is called once when something is there to be taken. */
  constructor(
    found: FoundMesh,
    { clock, changed = () => {} }: { clock: () => number; changed?: () => void },
  ) {
    this.#found = found;
    this.#first = found.lastNumber + 1;
    this.#known = new Set(found.marks.map(({ origin }) => origin));
    this.#clock = clock;
    this.#changed = changed;
    for (const { batch, number } of found.batches) this.#numbers.set(batch, number);
  }

  /** Bytes that are to be written, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether nothing is to be written. */
  get isEmpty(): boolean {
    return !this.#isChanged;
  }

  /** What was found at the start; a second time there is nothing. */
  load(): StoredMesh {
    const found = this.#found;
    if (found === undefined) return { marks: [], batches: [], names: [] };
    this.#found = undefined;
    const now = this.#clock();
    return {
      marks: found.marks,
      names: found.names,
      batches: found.batches.map(({ batch, time }) => ({ batch, age: Math.max(0, now - time) })),
    };
  }

  append(batch: Batch): void {
    this.#numbers.set(batch, this.#first + this.#queue.length);
    this.#queue.push(batch);
    this.#times.push(this.#clock());
    this.#bytes += batch.body.length + ROW_BYTES;
    if (!this.#isChanged) this.#change();
  }

  mark(mark: StoredMark): void {
    const last = this.#mark;
    if (last === undefined) this.#change();
    else if (last.incarnation !== mark.incarnation || last.origin !== mark.origin) this.#fileMark();
    this.#mark = mark;
  }

  // Puts the last mark with the others.
  #fileMark(): void {
    const mark = this.#mark;
    if (mark === undefined) return;
    this.#mark = undefined;
    const lives = this.#marks.get(mark.origin) ?? new Map<number, StoredMark>();
    lives.set(mark.incarnation, mark);
    // Deleted first: the order of the marks tells which origin was heard last.
    this.#marks.delete(mark.origin);
    this.#marks.set(mark.origin, lives);
  }

  evict(batch: Batch): void {
    const number = this.#numbers.get(batch);
    if (number === undefined) return;
    this.#numbers.delete(batch);
    this.#change();
    const at = number - this.#first;
    if (at >= 0) {
      this.#queue[at] = undefined;
      this.#bytes -= batch.body.length + ROW_BYTES;
      if (at === this.#gone) this.#dropGone();
      return;
    }
    // Batches fall out in the order in which they came: most often this only moves the end of a range.
    const evicted = this.#evicted;
    if (evicted.at(-1) === number - 1) evicted[evicted.length - 1] = number;
    else evicted.push(number, number);
  }

  // While nothing can be written for hours, what comes and goes must leave nothing behind.
  #dropGone(): void {
    const queue = this.#queue;
    while (this.#gone < queue.length && queue[this.#gone] === undefined) this.#gone++;
    if (this.#gone < 1_024 || this.#gone * 2 < queue.length) return;
    this.#queue = queue.slice(this.#gone);
    this.#times = this.#times.slice(this.#gone);
    this.#first += this.#gone;
    this.#gone = 0;
  }

  name(origin: NodeId, name: string): void {
    this.#names.set(origin, name);
    this.#change();
  }

  forget(origin: NodeId): void {
    this.#fileMark();
    this.#marks.delete(origin);
    this.#names.delete(origin);
    if (this.#known.delete(origin)) this.#forgotten.add(origin);
    this.#change();
  }

  #change(): void {
    if (this.#isChanged) return;
    this.#isChanged = true;
    this.#changed();
  }

  /** What is to be written, copied; then nothing is. Undefined when there is nothing. */
  take(): MeshChanges | undefined {
    if (!this.#isChanged) return undefined;
    this.#fileMark();
    const queue = this.#queue;
    const lengths = Uint32Array.from(queue, (batch) => batch?.body.length ?? 0);
    const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
    let at = 0;
    for (const batch of queue) {
      if (batch === undefined) continue;
      bytes.set(batch.body, at);
      at += batch.body.length;
    }
    const changes: MeshChanges = {
      evicted: Float64Array.from(this.#evicted),
      firstNumber: this.#first,
      lengths,
      times: Float64Array.from(this.#times),
      bytes,
      forgotten: [...this.#forgotten],
      marks: [...this.#marks.values()].flatMap((lives) => [...lives.values()]),
      names: [...this.#names],
    };
    for (const origin of this.#marks.keys()) this.#known.add(origin);
    for (const origin of this.#names.keys()) this.#known.add(origin);
    this.#first += queue.length;
    this.#gone = 0;
    this.#queue = [];
    this.#times = [];
    this.#evicted = [];
    this.#forgotten = new Set();
    this.#marks = new Map();
    this.#names = new Map();
    this.#bytes = 0;
    this.#isChanged = false;
    return changes;
  }
}
