/**
 * Who sends much waits until the other side has taken it.
 *
 * @module
 */

import type { FramedLink } from "../link/framed_link.ts";
import { MAX_OPEN_ASKS, SEND_WAITS_BYTES } from "../wire/limits.ts";
import { AskError } from "./ask_error.ts";

/** The room in a link's queue, and who waits for it. */
export class Room {
  readonly #link: FramedLink;
  readonly #remote: string;
  #waiting: (() => void)[] = [];
  #forEmpty: (() => void)[] = [];
  #over = false;

  /** For that link. */
  constructor(link: FramedLink, remote: string) {
    this.#link = link;
    this.#remote = remote;
  }

  /** May more be sent at once? Where the link has ended too: that is told by other means. */
  get isFree(): boolean {
    return this.#over || (this.#link.queued <= SEND_WAITS_BYTES);
  }

  /**
   * Resolves when there is room.
   *
   * @throws {AskError} `busy` when too many wait
   */
  wait(): Promise<void> {
    if (this.#waiting.length >= MAX_OPEN_ASKS) {
      const what = `More than ${MAX_OPEN_ASKS} messages wait for ${this.#remote} to read`;
      return Promise.reject(new AskError("busy", `${what}; wait for the promise of each`));
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves when all was taken, or the link has ended. */
  empty(): Promise<void> {
    if (this.#over || this.#link.queued === 0) return Promise.resolve();
    return new Promise((resolve) => this.#forEmpty.push(resolve));
  }

  /** Some was taken: lets as many go on as there is room for. */
  taken(): void {
    // Each sends in a later turn: they go on one with each write that was taken.
    if (this.isFree) this.#waiting.shift()?.();
    if (this.#link.queued === 0) this.end(false);
  }

  /** Lets all go on; with `over` for good. */
  end(over: boolean): void {
    this.#over ||= over;
    for (const resolve of this.#waiting.splice(0)) resolve();
    for (const resolve of this.#forEmpty.splice(0)) resolve();
  }
}
