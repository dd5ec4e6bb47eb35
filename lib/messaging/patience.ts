/**
 * Waiting for so long and no longer; and keeping the program alive meanwhile.
 *
 * @module
 */

import { checkWait, MAX_TIMER_MS } from "../net/wait.ts";

/** How long to wait until what was sent is taken, in milliseconds. */
const TAKEN_WITHIN_MS = 1_000;

/** How long to wait. */
export interface WaitOptions {
  /** How long, in milliseconds. @default for ever */
  wait?: number | undefined;
  /** Ends the waiting: the promise is rejected with the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** Waiting for ever, or until the signal: without `wait` there is no null. */
export interface EndlessOptions extends WaitOptions {
  /** None. */
  wait?: undefined;
}

let holders = 0;
let holder: ReturnType<typeof setInterval> | undefined;

/** Keeps the program alive until it is disposed of: somebody waits. */
function hold(): void {
  if (holders++ === 0) holder = setInterval(() => {}, MAX_TIMER_MS);
}

function release(): void {
  if (--holders === 0) clearInterval(holder);
}

/** A time that runs from when it is made; while it isn't disposed of, the program stays alive. */
export class Patience implements Disposable {
  readonly #end = new AbortController();
  readonly #until: number;
  readonly #given: AbortSignal | undefined;
  readonly #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #onAbort = () => this.#end.abort(this.#given?.reason);
  #isOver = false;

  /**
   * Begins.
   *
   * @throws {RangeError} for a time that is none, and the signal's reason when that is aborted
   */
  constructor({ wait = Infinity, signal }: WaitOptions) {
    checkWait(wait);
    signal?.throwIfAborted();
    this.#until = performance.now() + wait;
    this.#given = signal;
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (wait <= MAX_TIMER_MS) {
      this.#timer = setTimeout(() => {
        this.#isOver = true;
        this.#end.abort();
      }, wait);
    }
    hold();
  }

  /** Aborted when the time is over, or by the signal that was given. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Is the time over? (And not: given up.) */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** How long is left, in milliseconds. */
  get left(): number {
    return Math.max(0, this.#until - performance.now());
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#given?.removeEventListener("abort", this.#onAbort);
    release();
  }
}

/**
 * Waits so many milliseconds.
 *
 * @throws the reason of `signal`
 */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, milliseconds);
    signal.addEventListener("abort", abort, { once: true });
  });
}

/** Waits until something is taken by the other side; not long, since that may never be. */
export async function within(promise: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise((resolve) => timer = setTimeout(resolve, TAKEN_WITHIN_MS));
  await Promise.race([promise, late]);
  clearTimeout(timer);
}
