/**
 * Confirmed means on disk: answers that are given only when what they confirm is committed. One look
 * at the disk serves all that was done in a turn.
 *
 * @module
 */

/** Called once: with nothing when all is on disk, else with the reason why it isn't. */
export type Settle = (reason: string | undefined) => void;

/** How {@linkcode Confirmations} are made. */
export interface ConfirmationsOptions {
  /** Resolves when everything done so far is on disk; rejects with the reason. */
  durable: () => Promise<void>;
  /** {@linkcode Confirmations.turnEnds} is to be called when this turn is over. */
  endOfTurn: () => void;
  /** The disk takes nothing any more (with the reason), or takes everything again. Called when that changes. */
  changed: Settle;
}

/**
 * What waits to be on disk.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { Confirmations } from "./confirmations.ts";
 * const confirmations = new Confirmations({
 *   durable: () => Promise.resolve(),
 *   endOfTurn() {},
 *   changed() {},
 * });
 * let confirmed = false;
 * confirmations.wait((reason) => confirmed = reason === undefined);
 * await confirmations.turnEnds();
 * assert(confirmed);
 * ```
 */
export class Confirmations {
  readonly #options: ConfirmationsOptions;
  #waiting: Settle[] = [];
  #count = 0;
  #reason: string | undefined;
  /** Confirmations that were refused. */
  refused = 0;

  /** Nothing waits. */
  constructor(options: ConfirmationsOptions) {
    this.#options = options;
  }

  /** Confirmations that wait. */
  get size(): number {
    return this.#count;
  }

  /** Why nothing is confirmed; undefined while all is well. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** `settle` is called when everything done up to the end of this turn is on disk, or can't be. */
  wait(settle: Settle): void {
    this.#count++;
    this.#waiting.push(settle);
    if (this.#waiting.length === 1) this.#options.endOfTurn();
  }

  /** The disk takes nothing any more, for this reason, or (undefined) everything again. */
  failed(reason: string | undefined): void {
    const isNews = (reason === undefined) !== (this.#reason === undefined);
    this.#reason = reason;
    if (isNews) this.#options.changed(reason);
  }

  /** The turn is over. Resolves when what waited is settled; never rejects. */
  async turnEnds(): Promise<void> {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    let reason: string | undefined;
    try {
      await this.#options.durable();
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
      this.refused += waiting.length;
    }
    this.#count -= waiting.length;
    this.failed(reason);
    for (const settle of waiting) settle(reason);
  }
}
