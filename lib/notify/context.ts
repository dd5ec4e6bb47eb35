/**
 * What the parts of the board have in common.
 *
 * @module
 */

import type { Entry, Memory } from "./memory.ts";
import type { Named } from "./named.ts";
import type { PatternIndex } from "./pattern_index.ts";
import type { SubscriberRecord } from "./record.ts";
import type { NotificationStore } from "./store.ts";

/** The time, as the board is told it. */
export interface BoardClock {
  /** Monotonic milliseconds: durations are measured with this. */
  now(): number;
  /** Milliseconds since 1970: stands in notifications, and decides nothing while a server runs. */
  wall(): number;
}

/** Which server a board is on. */
export interface BoardNode {
  readonly id: string;
  readonly incarnation: number;
  readonly name: string;
}

/** Who wants what matches its patterns. */
export interface Listener {
  /** Something arrived that matches. */
  offer(entry: Entry): void;
}

/** What happens here and is to be told to the other servers. */
export interface BoardOutlet {
  /** A named subscriber acknowledged. */
  acknowledged?(key: string, id: string): void;
  /** A named subscriber's record changed here. */
  subscribed?(key: string, record: SubscriberRecord): void;
  /** An offer was withdrawn. */
  withdrawn?(id: string): void;
  /** Nameless subscribers came or went, or changed their patterns. */
  listenersChanged?(): void;
  /** Something became of a notification for one of its recipients here. */
  receiptChanged?(entry: Entry): void;
  /** {@linkcode Notifications.due} came nearer. */
  dueChanged?(): void;
}

/** Shared by the parts of one board. */
export interface BoardContext {
  readonly clock: BoardClock;
  readonly memory: Memory;
  readonly index: PatternIndex<Listener>;
  readonly store: NotificationStore | undefined;
  readonly outlet: BoardOutlet;
  /** What is written down of a named subscriber changed a little: to be saved, not at once. */
  unsaved(named: Named): void;
  /** A named subscriber is told here what was dropped: the other servers needn't. */
  told(named: Named): void;
  /** Notifications that wait for one subscriber at the most. */
  readonly maxPending: number;
}
