/**
 * Queues: first in, first out, each in constant time.
 *
 * @module
 */

/**
 * Items in the order in which they came.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Queue } from "./queue.ts";
 * const queue = new Queue([1, 2]);
 * queue.push(3);
 * assertEquals([queue.shift(), ...queue], [1, 2, 3]);
 * ```
 */
export class Queue<T> implements Iterable<T> {
  #items: T[];
  #from = 0;

  /** With `items` in it, which it takes over. */
  constructor(items: T[] = []) {
    this.#items = items;
  }

  /** Items in the queue. */
  get size(): number {
    return this.#items.length - this.#from;
  }

  /** The item that is taken next. */
  get first(): T | undefined {
    return this.#items[this.#from];
  }

  /** Adds an item at the end. */
  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the first item; undefined when there is none. */
  shift(): T | undefined {
    if (this.#from === this.#items.length) return undefined;
    const item = this.#items[this.#from++];
    if (this.#from >= 64 && this.#from * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#from);
      this.#from = 0;
    }
    return item;
  }

  /** The items, first to last, of a queue that doesn't change meanwhile. */
  *[Symbol.iterator](): Iterator<T> {
    for (let i = this.#from; i < this.#items.length; i++) yield this.#items[i]!;
  }
}

/**
 * A set that gives up its oldest item in constant time. (A `Set` does not: the places of the items that were deleted
 * are passed over each time.)
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Oldest } from "./queue.ts";
 * const set = new Oldest<string>();
 * for (const item of ["a", "b", "c"]) set.add(item);
 * set.delete("a");
 * assertEquals([set.shift(), set.size], ["b", 1]);
 * ```
 */
export class Oldest<T> implements Iterable<T> {
  readonly #items = new Set<T>();
  // In their order; also those that were deleted and have not been passed over.
  #order = new Queue<T>();

  /** Items in the set. */
  get size(): number {
    return this.#items.size;
  }

  /** Is it in the set? */
  has(item: T): boolean {
    return this.#items.has(item);
  }

  /** Adds an item that is not in the set, and hasn't been lately. */
  add(item: T): void {
    this.#items.add(item);
    this.#order.push(item);
  }

  /** Takes an item out. False when it wasn't there. */
  delete(item: T): boolean {
    if (!this.#items.delete(item)) return false;
    this.#settle();
    if (this.#order.size > 64 && this.#order.size > 4 * this.#items.size) {
      this.#order = new Queue([...this.#items]);
    }
    return true;
  }

  /** Takes the oldest item out. */
  shift(): T | undefined {
    this.#settle();
    const item = this.#order.shift();
    if (item !== undefined) this.#items.delete(item);
    return item;
  }

  /** The items, in no order that is promised. */
  [Symbol.iterator](): Iterator<T> {
    return this.#items.values();
  }

  #settle(): void {
    while (this.#order.size > 0 && !this.#items.has(this.#order.first!)) this.#order.shift();
  }
}
