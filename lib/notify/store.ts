/**
 * What the board of notifications writes down so that it comes back with its memory. The board calls
 * these in the order of events and never waits: a store collects what it is told and commits it in
 * groups.
 *
 * @module
 */

import type { Notification } from "./notification.ts";

/** The offers and notifications, and who subscribed to them, as a store gives them back. */
export interface StoredBoard {
  /** What is remembered, in the order of arrival at this server. */
  readonly notifications: Iterable<Notification>;
  /** Named subscribers. */
  readonly subscribers: Iterable<StoredSubscriber>;
  /** Offers that stand, in the order of arrival. */
  readonly offers: Iterable<Notification>;
}

/** A named subscriber; or, under a name that begins with `/`, what the board notes for itself. */
export interface StoredSubscriber {
  /** Case folded. */
  readonly name: string;
  /** Its patterns of topics, and the rest that the board wants back, as JSON. */
  readonly record: string;
  /** Ids of remembered notifications that it acknowledged, or never is to get. */
  readonly settled: Iterable<string>;
}

/** Where the board writes down what happens. */
export interface NotificationStore {
  /** What was written before. Called once, before anything else. */
  load(): StoredBoard;
  /**
   * Milliseconds that go on only while a server runs, from one start to the next: a wall clock may jump by
   * years. @default the wall clock
   */
  clock?(): number;
  /** A notification arrived. */
  notification(notification: Notification): void;
  /** A notification is forgotten, and with it that anybody settled it. */
  forget(id: string): void;
  /** A subscriber is new, or its record changed. */
  subscriber(name: string, record: string): void;
  /** A subscriber acknowledged a notification, or never is to get it. */
  settled(name: string, id: string): void;
  /** A subscriber is forgotten, with all it settled. */
  forgetSubscriber(name: string): void;
  /** An offer was posted. */
  offer(offer: Notification): void;
  /** An offer is withdrawn or dropped. */
  forgetOffer(id: string): void;
}
