/**
 * A queue whose front is cheap to take, however long it is.
 *
 * @module
 */

/**
 * First in, first out, in amortised constant time (an array's own `shift` copies a long array).
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { Fifo } from "./fifo.ts";
 * const queue = new Fifo<number>();
 * queue.push(1);
 * queue.push(2);
 * assert(queue.first === 1 && queue.shift() === 1 && queue.size === 1);
 * ```
 */
export class Fifo<T> {
  #items: T[] = [];
  #from = 0;

  /** Items in the queue. */
  get size(): number {
    return this.#items.length - this.#from;
  }

  /** The item that is the next to be taken. */
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
    if (this.#from > 32 && this.#from * 2 > this.#items.length) {
      this.#items.splice(0, this.#from);
      this.#from = 0;
    }
    return item;
  }
}
