/**
 * The offers on the board: PURE. In the order of their times; the oldest is dropped when there are too many. What
 * was withdrawn is remembered as such, so that it doesn't come back from a server that didn't hear of it.
 *
 * @module
 */

import { MAX_OFFERS } from "../wire/limits.ts";
import type { Notification } from "./notification.ts";
import type { NotificationStore } from "./store.ts";
import { hashText } from "./stream.ts";

/** Offers that stand, and withdrawn ones. */
export class Offers {
  readonly #store: NotificationStore | undefined;
  readonly #standing = new Map<string, Notification>();
  readonly #withdrawn = new Set<string>();

  /** Without any. */
  constructor(store?: NotificationStore) {
    this.#store = store;
  }

  /** Ids of withdrawn ones, in the order in which that was heard. */
  get withdrawn(): ReadonlySet<string> {
    return this.#withdrawn;
  }

  /** A number that is the same where the same is on the board. */
  get hash(): number {
    let hash = 0;
    for (const id of this.#standing.keys()) hash ^= hashText(id);
    for (const id of this.#withdrawn) hash ^= hashText(`-${id}`);
    return hash;
  }

  /** The offer of an id, if it stands. */
  get(id: string): Notification | undefined {
    return this.#standing.get(id);
  }

  /** Those that stand, oldest first. */
  list(): Notification[] {
    return [...this.#standing.values()].sort(compare);
  }

  /** Would it be taken? */
  isNews(offer: Notification): boolean {
    if (this.#standing.has(offer.id) || this.#withdrawn.has(offer.id)) return false;
    return this.#standing.size < MAX_OFFERS || compare(this.#oldest()!, offer) < 0;
  }

  /** An offer was posted. False when it is none for this board. `restored`: it comes from the store. */
  add(offer: Notification, { restored = false } = {}): boolean {
    if (!this.isNews(offer)) return false;
    this.#standing.set(offer.id, offer);
    if (!restored) this.#store?.offer(offer);
    if (this.#standing.size > MAX_OFFERS) this.#drop(this.#oldest()!.id);
    return true;
  }

  /** An offer is off the board. False when that was known. */
  withdraw(id: string): boolean {
    if (this.#withdrawn.has(id)) return false;
    this.#withdrawn.add(id);
    if (this.#withdrawn.size > MAX_OFFERS) {
      const [oldest] = this.#withdrawn as Iterable<string> as [string];
      this.#withdrawn.delete(oldest);
    }
    if (this.#standing.has(id)) this.#drop(id);
    return true;
  }

  #drop(id: string): void {
    this.#standing.delete(id);
    this.#store?.forgetOffer(id);
  }

  #oldest(): Notification | undefined {
    let oldest: Notification | undefined;
    for (const offer of this.#standing.values()) {
      if (oldest === undefined || compare(offer, oldest) < 0) oldest = offer;
    }
    return oldest;
  }
}

function compare(a: Notification, b: Notification): number {
  return a.time - b.time || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}
