/**
 * Notifications, as the talker and its commands see them. `Board` gives them for a server alone, `NotifyRoom` for one
 * in a mesh.
 *
 * @module
 */

import type { Notification } from "./notification.ts";

/** What became of a notification on its way to one recipient. */
export type ReceiptState = "queued" | "delivered" | "acknowledged" | "expired";

/** One recipient of a notification. */
export interface Receipt {
  /** Name of a named subscriber, nick of another. */
  readonly recipient: string;
  /** The server where it is or was last. */
  readonly server: string;
  readonly state: ReceiptState;
}

/** Who got a notification, as far as could be found out. */
export interface Receipts {
  /** Sorted by recipient. */
  readonly receipts: readonly Receipt[];
  /** Names of servers that did not answer, sorted. */
  readonly silent: readonly string[];
}

/** A session in notification mode, to whom notifications are pushed. */
export interface Subscriber {
  /** For receipts, where the subscription has no name. */
  readonly nick: string;
  /** May more be pushed? Asked before each push. */
  readonly takes: boolean;
  /** Sends a notification. */
  push(notification: Notification): void;
  /** So many will never come: too many waited, or they waited too long. */
  dropped(count: number): void;
  /** The mode ended, not by {@linkcode Subscription.leave}. */
  ended(why: { type: "timeout"; seconds: number } | { type: "replaced"; name: string }): void;
}

/** How to subscribe. */
export interface SubscribeOptions {
  /** Patterns of topics, checked; empty: those it had, else `**`. */
  readonly topics: readonly string[];
  /** Name under which the subscription outlives the session, checked. */
  readonly as?: string | undefined;
  /** Only what came after this id; `all`: everything that is remembered. Default: what comes, and for a name what it has not acknowledged. */
  readonly since?: string | undefined;
  /** Milliseconds until the mode ends. */
  readonly timeout: number;
}

/** A session's notification mode. */
export interface Subscription {
  /** Its patterns. */
  readonly topics: readonly string[];
  readonly as: string | undefined;
  /** How many notifications are pushed at once. */
  readonly pending: number;
  /** `since` is no id that is remembered. */
  readonly unknownSince: boolean;
  /** True until the mode ends. */
  readonly active: boolean;
  /** Pushes what waits, now that the answer to the request is queued; and again whenever {@linkcode Subscriber.takes} may have become true. */
  resume(): void;
  /** Acknowledges; false when there is no such notification for it. Works after the mode ended, too. */
  acknowledge(id: string): boolean;
  /** It was pushed here, and its acknowledgement is awaited. */
  awaits(id: string): boolean;
  /** Leaves the mode. */
  leave(): void;
  /** Leaves it for good: what has no name and was not acknowledged will not be any more. */
  abandon(): void;
}

/** One topic that is remembered or subscribed to. */
export interface TopicCount {
  readonly topic: string;
  readonly notifications: number;
  readonly subscribers: number;
}

/** The notifications of a server and its mesh. */
export interface Notifications {
  /** Publishes; `details` makes it an offer on the board. Gives the id, and how many subscribers there are, mesh-wide. */
  publish(
    what: { topic: string; text: string; nick: string; details?: string | undefined },
  ): { id: string; subscribers: number };
  /**
   * Puts a session into notification mode; nothing is pushed before {@linkcode Subscription.resume}. The same
   * subscriber again renews its mode: what waits for it, and what it has but did not acknowledge, stays so.
   *
   * @throws {Error} when there are too many subscribers; its message is for the client.
   */
  subscribe(subscriber: Subscriber, options: SubscribeOptions): Subscription;
  /** Is there a subscriber of that name, mesh-wide? */
  hasSubscriber(name: string): boolean;
  /** Id of the newest notification that is remembered: what comes later comes after it. */
  readonly last: string | undefined;
  /** Topics, sorted. */
  topics(): TopicCount[];
  /** Who got it; waits up to `wait` ms until all have acknowledged, or can't any more. Undefined: no such notification. */
  receipts(id: string, wait: number): Promise<Receipts | undefined>;
  /** Offers that stand, oldest first. */
  offers(): readonly Notification[];
  /** Takes an offer off the board, mesh-wide. False when there is none. */
  withdraw(id: string): boolean;
  /** When {@linkcode tick} is to be called, in monotonic ms; Infinity when it needn't. */
  readonly due: number;
  /** Does what is due at `now` (monotonic ms): modes that time out, notifications that are too old. */
  tick(now: number): void;
  /** Lines for `/stats`. */
  stats(): string[];
}
