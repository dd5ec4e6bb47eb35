/**
 * Turns to compute: one after the other, with a pause after each, so that those who are connected
 * already don't feel how many others come. Who gives up while it waits is passed over.
 *
 * @module
 */

import { endOfTurn, type Turn } from "../../net/turn.ts";
import { HANDSHAKE_PAUSE_MS, MAX_UNPROVEN_PER_ADDRESS } from "../../wire/limits.ts";

/** Who takes turns. */
export interface TurnTaker {
  readonly address: string;
}

/** Turns of many, of which each address has some at a time at the most. */
export class Turns<T extends TurnTaker> {
  /** In the order in which they came. */
  readonly #waiting = new Map<T, PromiseWithResolvers<void>>();
  /** Who has had its turn, and is not done yet. */
  readonly #active = new Set<T>();
  /** For each address how many of those there are. */
  readonly #ofAddress = new Map<string, number>();
  #computed: Turn | undefined;
  #pause: ReturnType<typeof setTimeout> | undefined;
  #isPausing = false;
  #closed = false;

  /** Resolves when the turn has come; rejects when it was given up before. */
  take(taker: T): Promise<void> {
    const turn = Promise.withResolvers<void>();
    if (this.#closed) turn.reject(new Error("No more turns are given"));
    else {
      this.#waiting.set(taker, turn);
      if (!this.#isPausing) this.#next();
    }
    return turn.promise;
  }

  /** It is done, or doesn't want its turn any more. Harmless when it never had one. */
  done(taker: T): void {
    this.#waiting.get(taker)?.reject(new Error("It took too long"));
    this.#waiting.delete(taker);
    if (!this.#active.delete(taker)) return;
    const others = (this.#ofAddress.get(taker.address) ?? 1) - 1;
    if (others > 0) this.#ofAddress.set(taker.address, others);
    else this.#ofAddress.delete(taker.address);
    if (!this.#isPausing) this.#next();
  }

  /** No more turns. */
  close(): void {
    this.#closed = true;
    this.#computed?.cancel();
    clearTimeout(this.#pause);
    for (const { reject } of this.#waiting.values()) reject(new Error("No more turns are given"));
    this.#waiting.clear();
  }

  #next(): void {
    this.#isPausing = false;
    if (this.#closed) return;
    // Of one address only some may know of their guess and not have answered: else it could guess at
    // once as often as it likes.
    const first = this.#waiting.entries().find(([{ address }]) =>
      (this.#ofAddress.get(address) ?? 0) < MAX_UNPROVEN_PER_ADDRESS
    );
    if (first === undefined) return;
    const [taker, turn] = first;
    this.#waiting.delete(taker);
    this.#active.add(taker);
    this.#ofAddress.set(taker.address, (this.#ofAddress.get(taker.address) ?? 0) + 1);
    turn.resolve();
    this.#isPausing = true;
    // The pause begins when what is computed now is done.
    this.#computed = endOfTurn(() => {
      this.#pause = setTimeout(() => this.#next(), HANDSHAKE_PAUSE_MS);
    });
  }
}
