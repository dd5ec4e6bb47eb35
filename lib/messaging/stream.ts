/**
 * What comes one after another, and is taken one after another: by `next`, or with `for await`.
 *
 * @module
 */

/** How a {@linkcode Stream} is bounded, and what is told of it. */
export interface StreamOptions<T> {
  /** How many may wait; then the oldest is dropped. @default no bound: its owner has one */
  limit?: number;
  /** How much those that wait may weigh together; then the oldest is dropped. @default no bound */
  maxWeight?: number;
  /** The oldest was dropped. */
  dropped?: (item: T) => void;
  /** One was taken. */
  taken?: (item: T) => void;
}

interface Entry<T> {
  readonly item: T;
  readonly weight: number;
}

/** In the place of one that was taken, so that nothing holds on to it. */
const NOTHING: Entry<unknown> = { item: undefined, weight: 0 };

interface Taker<T> {
  readonly give: (result: IteratorResult<T, undefined>) => void;
}

/**
 * A queue between what happens and who looks at it. Each item is taken by one: the longest waiting.
 * It ends when its source ends, after what was in it.
 *
 * @example
 * ```ts
 * import { Stream } from "./stream.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const numbers = new Stream<number>();
 * numbers.push(1);
 * numbers.push(2);
 * numbers.end();
 * const all: number[] = [];
 * for await (const each of numbers) all.push(each);
 * assertEquals(all, [1, 2]);
 * ```
 */
export class Stream<T> implements AsyncIterable<T, undefined> {
  readonly #options: StreamOptions<T>;
  #waiting: Entry<T>[] = [];
  #weight = 0;
  /** Of those, how many were taken from the front. */
  #gone = 0;
  readonly #takers = new Set<Taker<T>>();
  #ended = false;

  /** An empty one. */
  constructor(options: StreamOptions<T> = {}) {
    this.#options = options;
  }

  /** How many wait to be taken. */
  get size(): number {
    return this.#waiting.length - this.#gone;
  }

  /** Has its source ended? What is in it can still be taken. */
  get ended(): boolean {
    return this.#ended;
  }

  /** How many wait for one to come. */
  get takers(): number {
    return this.#takers.size;
  }

  /** One more, of that weight. Nothing happens after the end. */
  push(item: T, weight = 0): void {
    if (this.#ended) return;
    for (const taker of this.#takers) {
      this.#takers.delete(taker);
      this.#options.taken?.(item);
      taker.give({ value: item, done: false });
      return;
    }
    this.#waiting.push({ item, weight });
    this.#weight += weight;
    const { limit = Infinity, maxWeight = Infinity, dropped } = this.#options;
    while (this.size > limit || (this.#weight > maxWeight && this.size > 1)) {
      const oldest = this.#shift();
      dropped?.(oldest);
    }
  }

  #shift(): T {
    const { item, weight } = this.#waiting[this.#gone] as Entry<T>;
    this.#waiting[this.#gone++] = NOTHING as Entry<T>;
    this.#weight -= weight;
    if (this.#gone === this.#waiting.length || this.#gone >= 1024) {
      this.#waiting.splice(0, this.#gone);
      this.#gone = 0;
    }
    return item;
  }

  /** Removes one that waits; says whether it was there. */
  remove(item: T): boolean {
    const at = this.#waiting.findIndex((entry, i) => i >= this.#gone && entry.item === item);
    if (at < 0) return false;
    this.#weight -= this.#waiting[at]?.weight ?? 0;
    this.#waiting.splice(at, 1);
    return true;
  }

  /** No more will come. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const { give } of this.#takers) give({ value: undefined, done: true });
    this.#takers.clear();
  }

  /**
   * The next one; nothing (`undefined`) after the last. Nothing is taken when `signal` is aborted
   * first.
   *
   * @throws the reason of `signal`
   */
  async next(signal?: AbortSignal): Promise<T | undefined> {
    return (await this.take(signal)).value;
  }

  /** As {@linkcode next}, for streams of which `undefined` may be an item. */
  take(signal?: AbortSignal): Promise<IteratorResult<T, undefined>> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.size > 0) {
      const value = this.#shift();
      this.#options.taken?.(value);
      return Promise.resolve({ value, done: false });
    }
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#takers.delete(taker);
        reject(signal?.reason);
      };
      const taker: Taker<T> = {
        give: (result) => {
          signal?.removeEventListener("abort", abort);
          resolve(result);
        },
      };
      signal?.addEventListener("abort", abort, { once: true });
      this.#takers.add(taker);
    });
  }

  /** Takes each as it comes. Several loops share what comes. */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return { next: () => this.take() };
  }
}
