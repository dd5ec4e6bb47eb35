/** Virtual time: events in the order of their time, and of their scheduling when that is equal. */

interface Entry {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** A binary heap of events. */
export class EventQueue {
  readonly #heap: Entry[] = [];
  #order = 0;
  /** The virtual time, in ms. */
  now = 0;
  /** Events run so far. */
  count = 0;
  /** More than this are a storm that never ends. */
  most = Infinity;

  /** Runs `run` at the time `at`, or now when that is past. */
  at(at: number, run: () => void): void {
    const heap = this.#heap;
    const entry = { at: Math.max(at, this.now), order: this.#order++, run };
    let i = heap.length;
    heap.push(entry);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = entry;
  }

  /** Runs everything up to the time `until`. */
  run(until: number): void {
    while (this.#heap.length > 0 && this.#heap[0]!.at <= until) {
      const entry = this.#pop();
      this.now = entry.at;
      if (++this.count > this.most) throw new Error(`A storm: ${this.most} events were not all`);
      entry.run();
    }
    this.now = Math.max(this.now, until);
  }

  #pop(): Entry {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    const { length } = heap;
    if (length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= length) break;
      if (child + 1 < length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
    return top;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
