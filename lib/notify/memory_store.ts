/**
 * A {@linkcode NotificationStore} in memory: it survives the board, not the process. For tests.
 *
 * @module
 */

import type { Notification } from "./notification.ts";
import type { NotificationStore, StoredBoard } from "./store.ts";

/**
 * Remembers what a board tells it.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Board } from "./board.ts";
 * import { MemoryNotificationStore } from "./memory_store.ts";
 * const store = new MemoryNotificationStore();
 * const clock = { now: () => 0, wall: () => 1_700_000_000_000 };
 * new Board({ clock, store }).publish({ topic: "hits", text: "3", nick: "bob" });
 * const again = new Board({ clock, store });
 * assertEquals(again.topics(), [{ topic: "hits", notifications: 1, subscribers: 0 }]);
 * ```
 */
export class MemoryNotificationStore implements NotificationStore {
  /** What is remembered, by id. */
  readonly notifications = new Map<string, Notification>();
  /** Records of subscribers, by name. */
  readonly subscribers = new Map<string, string>();
  /** What each subscriber settled. */
  readonly settledBy = new Map<string, Set<string>>();
  /** Offers, by id. */
  readonly offers = new Map<string, Notification>();

  load(): StoredBoard {
    const { settledBy } = this;
    return {
      notifications: [...this.notifications.values()],
      subscribers: [...this.subscribers].map(([name, record]) => (
        { name, record, settled: [...settledBy.get(name) ?? []] }
      )),
      offers: [...this.offers.values()],
    };
  }

  notification(notification: Notification): void {
    this.notifications.set(notification.id, notification);
  }

  forget(id: string): void {
    this.notifications.delete(id);
    for (const ids of this.settledBy.values()) ids.delete(id);
  }

  subscriber(name: string, record: string): void {
    this.subscribers.set(name, record);
  }

  settled(name: string, id: string): void {
    const ids = this.settledBy.get(name) ?? new Set();
    this.settledBy.set(name, ids.add(id));
  }

  forgetSubscriber(name: string): void {
    this.subscribers.delete(name);
    this.settledBy.delete(name);
  }

  offer(offer: Notification): void {
    this.offers.set(offer.id, offer);
  }

  forgetOffer(id: string): void {
    this.offers.delete(id);
  }
}
