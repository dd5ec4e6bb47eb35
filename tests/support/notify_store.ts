/** A store of the notice board in memory: it survives the board, not the process. */
import type { Notification } from "../../lib/notify/notification.ts";
import type { NotificationStore, StoredBoard } from "../../lib/notify/store.ts";

/** Remembers what a board tells it. */
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
