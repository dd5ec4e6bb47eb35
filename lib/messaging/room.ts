/**
 * Who sends much waits until the other side has taken it.
 *
 * @module
 */

import type { FramedLink } from "../link/framed_link.ts";
import { MAX_OPEN_ASKS, SEND_WAITS_BYTES } from "../wire/limits.ts";
import { AskError } from "./ask_error.ts";

/** How long somebody waits for room. */
export interface Waits {
  /** Until that time (monotonic, in milliseconds). @default for ever */
  readonly deadline?: number;
  /** Ends the waiting: the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

interface Waiter {
  readonly deadline: number;
  /** Ends its waiting: there is room, or it is too late. */
  readonly end: (isInTime: boolean) => void;
}

/** The room in a link's queue, and who waits for it. It has no timer: its owner calls {@linkcode tick}. */
export class Room {
  readonly #link: FramedLink;
  readonly #remote: string;
  /** Who came first goes on first. */
  readonly #waiting = new Set<Waiter>();
  #forEmpty: (() => void)[] = [];
  #over = false;
  /** At or before the first time that somebody waits no longer. */
  #due = Infinity;

  /** For that link. */
  constructor(link: FramedLink, remote: string) {
    this.#link = link;
    this.#remote = remote;
  }

  /** May more be sent at once? Where the link has ended too: that is told by other means. */
  get isFree(): boolean {
    return this.#over || (this.#link.queued <= SEND_WAITS_BYTES);
  }

  /** When {@linkcode tick} is to be called next. */
  get due(): number {
    return this.#due;
  }

  /**
   * Resolves with true when there is room, or the link has ended; with false at the deadline.
   *
   * @throws {AskError} `busy` when too many wait
   * @throws the reason of `signal`
   */
  wait({ deadline = Infinity, signal }: Waits = {}): Promise<boolean> {
    if (this.#waiting.size >= MAX_OPEN_ASKS) {
      const what = `More than ${MAX_OPEN_ASKS} messages wait for ${this.#remote} to read`;
      return Promise.reject(new AskError("busy", `${what}; wait for the promise of each`));
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.delete(waiter);
        signal?.removeEventListener("abort", abort);
      };
      const abort = () => {
        leave();
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        deadline,
        end: (isInTime) => {
          leave();
          resolve(isInTime);
        },
      };
      signal?.addEventListener("abort", abort);
      this.#waiting.add(waiter);
      this.#due = Math.min(this.#due, deadline);
    });
  }

  /** Resolves when all was taken, or the link has ended. */
  empty(): Promise<void> {
    if (this.#over || this.#link.queued === 0) return Promise.resolve();
    return new Promise((resolve) => this.#forEmpty.push(resolve));
  }

  /** Some was taken: lets as many go on as there is room for. */
  taken(): void {
    // Each sends in a later turn: they go on one with each write that was taken.
    if (this.isFree) {
      const [first] = this.#waiting;
      first?.end(true);
    }
    if (this.#link.queued === 0) this.end(false);
  }

  /** Time has passed: who has waited long enough waits no longer. */
  tick(now: number): void {
    if (now < this.#due) return;
    this.#due = Infinity;
    for (const waiter of [...this.#waiting]) {
      if (waiter.deadline > now) this.#due = Math.min(this.#due, waiter.deadline);
      else waiter.end(false);
    }
  }

  /** Lets all go on; with `over` for good. */
  end(over: boolean): void {
    this.#over ||= over;
    this.#due = Infinity;
    for (const { end } of [...this.#waiting]) end(true);
    for (const resolve of this.#forEmpty.splice(0)) resolve();
  }
}
