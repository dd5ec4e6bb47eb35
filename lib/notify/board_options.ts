/**
 * What a board is made of, and what goes in and out of it beside what `notifications.ts` says.
 *
 * @module
 */

import type { BoardClock, BoardNode, BoardOutlet } from "./context.ts";
import type { MemoryLimits } from "./memory.ts";
import type { Notifications, Receipt } from "./notifications.ts";
import type { NotificationStore } from "./store.ts";

/** How a board is made. */
export interface BoardOptions {
  /** Which server this is. @default a server without a mesh, called "server" */
  readonly node?: BoardNode;
  readonly clock: BoardClock;
  /** Where it writes down what happens, and what it begins with. @default nowhere, with nothing */
  readonly store?: NotificationStore | undefined;
  /** Is told what happens here. */
  readonly outlet?: BoardOutlet;
  /** How many subscribers other servers have for a topic, beside the named ones. @default none */
  readonly elsewhere?: (topic: string) => number;
  /** How much is remembered; smaller for tests. */
  readonly limits?: Partial<MemoryLimits> & { readonly pending?: number };
}

/** What somebody publishes. */
export type Publication = Parameters<Notifications["publish"]>[0];

/** A receipt, and whose it is. */
export interface BoardReceipt extends Receipt {
  /** The folded name of a named subscriber. */
  readonly key?: string | undefined;
}
