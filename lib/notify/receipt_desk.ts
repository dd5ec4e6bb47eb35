/**
 * Questions for receipts that wait until nothing can change any more, or their time is over: PURE.
 *
 * @module
 */

import { MAX_RECEIPT_WATCHES } from "../wire/limits.ts";
import type { Receipt, Receipts } from "./notifications.ts";

interface Waiting {
  readonly id: string;
  readonly deadline: number;
  readonly collect: () => Receipts;
  readonly resolve: (receipts: Receipts) => void;
  /** So many may be settled one by one before it is looked at again. */
  patience: number;
}

/** Of a crowd so many are settled between two looks, as a part of those who are not: each look takes long. */
const PATIENCE = 1 / 16;

/** The questions that wait. */
export class ReceiptDesk {
  readonly #waiting = new Map<string, Set<Waiting>>();
  #count = 0;
  #due = Infinity;

  /** When {@linkcode tick} is to be called, in monotonic ms. */
  get due(): number {
    return this.#due;
  }

  /** Questions that wait. */
  get size(): number {
    return this.#count;
  }

  /**
   * Resolves with what `collect` gives as soon as all have acknowledged it, or can't any more, and no server is
   * silent; at the latest at `deadline` (monotonic ms). Ask {@linkcode changed} to have it looked at again.
   */
  wait(id: string, deadline: number, collect: () => Receipts): Promise<Receipts> {
    const receipts = collect();
    if (isComplete(receipts) || this.#count >= MAX_RECEIPT_WATCHES) {
      return Promise.resolve(receipts);
    }
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(
        id,
        waiting.add({ id, deadline, collect, resolve, patience: patience(receipts) }),
      );
      this.#count++;
      this.#due = Math.min(this.#due, deadline);
    });
  }

  /** Something became of the notification of this id; `isOne`: for one recipient. */
  changed(id: string, isOne = false): void {
    if (this.#count === 0) return;
    for (const waiting of [...this.#waiting.get(id) ?? []]) {
      if (isOne && --waiting.patience >= 0) continue;
      const receipts = waiting.collect();
      if (isComplete(receipts)) this.#settle(waiting, receipts);
      else waiting.patience = patience(receipts);
    }
  }

  /** Answers those whose time is over. */
  tick(now: number): void {
    if (now < this.#due) return;
    this.#due = Infinity;
    for (const group of [...this.#waiting.values()]) {
      for (const waiting of [...group]) {
        if (now >= waiting.deadline) this.#settle(waiting, waiting.collect());
        else this.#due = Math.min(this.#due, waiting.deadline);
      }
    }
  }

  #settle(waiting: Waiting, receipts: Receipts): void {
    const group = this.#waiting.get(waiting.id);
    if (group?.delete(waiting) !== true) return;
    if (group.size === 0) this.#waiting.delete(waiting.id);
    this.#count--;
    waiting.resolve(receipts);
  }
}

function isComplete({ receipts, silent }: Receipts): boolean {
  return silent.length === 0 && receipts.every(isSettled);
}

function isSettled({ state }: Receipt): boolean {
  return state === "acknowledged" || state === "expired";
}

// Less than those who are not settled: nobody is the last one unnoticed.
function patience({ receipts }: Receipts): number {
  return Math.floor(receipts.filter((receipt) => !isSettled(receipt)).length * PATIENCE);
}

/** Sorts receipts as they are shown: by recipient, then by server. */
export function sortReceipts(receipts: Receipt[]): Receipt[] {
  return receipts.sort((a, b) => compare(a.recipient, b.recipient) || compare(a.server, b.server));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
