/**
 * One timer for all that is to be done at some time, and that does not keep the program alive.
 *
 * @module
 */

import { clearTimeout, setTimeout } from "node:timers";

/** Calls a function when it is time. */
export class Wake {
  readonly #run: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = Infinity;
  #isOver = false;

  /** Calls `run`, which is to say the next time. */
  constructor(run: () => void) {
    this.#run = run;
  }

  /**
   * At that time (monotonic, in milliseconds; `Infinity` for never), or before: a time that was set is
   * made earlier, never later, so that what comes often costs little.
   */
  at(due: number): void {
    if (due >= this.#due || this.#isOver) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => {
      this.#due = Infinity;
      this.#run();
    }, Math.max(0, Math.ceil(due - performance.now())));
    // What keeps the program alive is the connection, or whoever waits.
    this.#timer.unref();
  }

  /** Never again. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#isOver = true;
  }
}
