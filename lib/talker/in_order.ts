/**
 * What is prepared at the same time, and done in the order in which it was asked for.
 *
 * @module
 */

/**
 * Lanes of things to do: in each lane one is done behind the other.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { InOrder } from "./in_order.ts";
 * const done: string[] = [];
 * const order = new InOrder();
 * const slow = new Promise<string>((resolve) => setTimeout(() => resolve("slow"), 1));
 * order.run("bob", slow, (word) => done.push(word));
 * await order.run("bob", "quick", (word) => done.push(word));
 * assertEquals(done, ["slow", "quick"]);
 * ```
 */
export class InOrder {
  /** For each lane, what resolves when the last that was asked for is done. */
  readonly #lanes = new Map<string, Promise<void>>();

  /**
   * Calls `act` with what is prepared, when that is there and `act` was called for all that was asked for
   * in this lane before: at once, where nothing has to be waited for. Gives its result; what that promises is
   * not waited for by those behind.
   */
  run<P, R>(
    lane: string,
    prepared: P | Promise<P>,
    act: (prepared: P) => R | Promise<R>,
  ): R | Promise<R> {
    const before = this.#lanes.get(lane);
    if (before === undefined && !(prepared instanceof Promise)) return act(prepared);
    const done = Promise.withResolvers<void>();
    this.#lanes.set(lane, done.promise);
    return Promise.allSettled([prepared, before]).then(([it]) => {
      try {
        if (it.status === "rejected") throw it.reason;
        return act(it.value);
      } finally {
        done.resolve();
        if (this.#lanes.get(lane) === done.promise) this.#lanes.delete(lane);
      }
    });
  }
}
