/**
 * Waiting: for a time, for news, and for whichever end comes first.
 *
 * @module
 */

import { MAX_TIMER_MS } from "../net/wait.ts";

/** Something that ends by itself after a time, or with the first of some signals. Disposing of it ends the timer. */
export class Deadline implements Disposable {
  readonly #controller = new AbortController();
  readonly #signals: readonly AbortSignal[];
  readonly #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #end = () => this.#controller.abort();

  /** Ends after `ms` (more than 24 days: never), or when one of the signals is aborted. */
  constructor(ms: number, signals: readonly (AbortSignal | undefined)[]) {
    this.#signals = signals.filter((signal) => signal !== undefined);
    this.#timer = ms <= MAX_TIMER_MS ? setTimeout(this.#end, Math.max(0, ms)) : undefined;
    for (const signal of this.#signals) {
      if (signal.aborted) this.#end();
      else signal.addEventListener("abort", this.#end, { once: true });
    }
  }

  /** Aborted at the end. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Resolves at the end. */
  get over(): Promise<void> {
    const { signal } = this.#controller;
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) =>
      signal.addEventListener("abort", () => resolve(), { once: true })
    );
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    for (const signal of this.#signals) signal.removeEventListener("abort", this.#end);
  }
}

/** A bell that rings for one waiter. What rings while nobody waits is remembered, once. */
export class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  /** Wakes the waiter. */
  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Waits until it rings (or rang), `signal` is aborted, or so many milliseconds are over. */
  async next(signal: AbortSignal, ms: number): Promise<void> {
    if (!this.#rung && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, ms);
      const aborted = () => resolve();
      signal.addEventListener("abort", aborted, { once: true });
      await promise;
      clearTimeout(timer);
      signal.removeEventListener("abort", aborted);
      this.#wake = undefined;
    }
    this.#rung = false;
  }
}
