/**
 * What the board of notifications told the store and isn't on disk yet: PURE. As in `pending_mesh.ts`,
 * it is a difference between two states, and never more than the board itself remembers.
 *
 * @module
 */

import type { Notification } from "../notify/notification.ts";
import type { NotificationStore, StoredBoard } from "../notify/store.ts";
import type { BoardChanges } from "./group.ts";

/** Bytes that a row takes beside its texts, about. */
const ROW_BYTES = 128;

/**
 * Collects what changes, as {@linkcode NotificationStore}.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { PendingBoard } from "./pending_board.ts";
 * const board = new PendingBoard({ notifications: [], subscribers: [], offers: [] });
 * board.notification({ id: "a.1.1", topic: "hits", text: "3", time: 0, nick: "bob", server: "kitchen" });
 * board.forget("a.1.1");
 * assert(board.take()?.notifications.length === 0);
 * ```
 */
export class PendingBoard implements NotificationStore {
  readonly #changed: () => void;
  #found: StoredBoard | undefined;
  #notifications = new Map<string, Notification>();
  #offers = new Map<string, Notification>();
  #subscribers = new Map<string, string>();
  #settled = new Map<string, Set<string>>();
  #forgotten = new Set<string>();
  #forgottenOffers = new Set<string>();
  #forgottenSubscribers = new Set<string>();
  /** Subscribers that are, or may be, on disk. */
  readonly #known = new Set<string>();
  #bytes = 0;
  #isChanged = false;

  /** What the board is given as {@linkcode NotificationStore.clock}, if anything. */
  readonly clock?: () => number;

  /** `changed` is called once when something is there to be taken. */
  constructor(
    found: StoredBoard,
    { changed = () => {}, clock }: { changed?: () => void; clock?: () => number } = {},
  ) {
    if (clock !== undefined) this.clock = clock;
    this.#found = found;
    for (const { name } of found.subscribers) this.#known.add(name);
    this.#changed = changed;
  }

  /** Bytes that are to be written, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether nothing is to be written. */
  get isEmpty(): boolean {
    return !this.#isChanged;
  }

  /** What was found at the start; a second time there is nothing. */
  load(): StoredBoard {
    const found = this.#found ?? { notifications: [], subscribers: [], offers: [] };
    this.#found = undefined;
    return found;
  }

  notification(notification: Notification): void {
    this.#notifications.set(notification.id, notification);
    this.#change(sizeOf(notification));
  }

  forget(id: string): void {
    const unwritten = this.#notifications.get(id);
    this.#notifications.delete(id);
    for (const ids of this.#settled.values()) ids.delete(id);
    if (unwritten === undefined) this.#forgotten.add(id);
    this.#change(unwritten === undefined ? 0 : -sizeOf(unwritten));
  }

  subscriber(name: string, record: string): void {
    this.#subscribers.set(name, record);
    this.#change(0);
  }

  settled(name: string, id: string): void {
    let ids = this.#settled.get(name);
    if (ids === undefined) this.#settled.set(name, ids = new Set());
    ids.add(id);
    this.#change(0);
  }

  forgetSubscriber(name: string): void {
    this.#subscribers.delete(name);
    this.#settled.delete(name);
    if (this.#known.delete(name)) this.#forgottenSubscribers.add(name);
    this.#change(0);
  }

  offer(offer: Notification): void {
    this.#offers.set(offer.id, offer);
    this.#change(sizeOf(offer));
  }

  forgetOffer(id: string): void {
    const unwritten = this.#offers.get(id);
    this.#offers.delete(id);
    if (unwritten === undefined) this.#forgottenOffers.add(id);
    this.#change(unwritten === undefined ? 0 : -sizeOf(unwritten));
  }

  #change(bytes: number): void {
    this.#bytes += bytes;
    if (this.#isChanged) return;
    this.#isChanged = true;
    this.#changed();
  }

  /** What is to be written; then nothing is. Undefined when there is nothing. */
  take(): BoardChanges | undefined {
    if (!this.#isChanged) return undefined;
    const changes: BoardChanges = {
      forgotten: [...this.#forgotten],
      forgottenSubscribers: [...this.#forgottenSubscribers],
      forgottenOffers: [...this.#forgottenOffers],
      notifications: [...this.#notifications.values()],
      subscribers: [...this.#subscribers],
      settled: [...this.#settled].map(([name, ids]) => [name, [...ids]] as const),
      offers: [...this.#offers.values()],
    };
    for (const name of this.#subscribers.keys()) this.#known.add(name);
    this.#notifications = new Map();
    this.#offers = new Map();
    this.#subscribers = new Map();
    this.#settled = new Map();
    this.#forgotten = new Set();
    this.#forgottenOffers = new Set();
    this.#forgottenSubscribers = new Set();
    this.#bytes = 0;
    this.#isChanged = false;
    return changes;
  }
}

function sizeOf({ id, topic, text, nick, server, details = "" }: Notification): number {
  return ROW_BYTES + id.length + topic.length + text.length + nick.length + server.length +
    details.length;
}
