/**
 * What goes between the store and its thread: groups of changes that are committed together, and
 * what was found at opening.
 *
 * @module
 */

import type { StoredMark } from "../mesh/store.ts";
import type { Notification } from "../notify/notification.ts";
import type { StoreErrorCode } from "./error.ts";

/** Changes of the mesh's memory. What is forgotten is applied first, then what is new. */
export interface MeshChanges {
  /** Batches to delete: pairs of the first and the last number of a range. */
  readonly evicted: Float64Array;
  /** Number of the first batch in `lengths`; the others follow. */
  readonly firstNumber: number;
  /** Bytes of each new batch; 0: this one was forgotten before it was written. */
  readonly lengths: Uint32Array;
  /** When each came, by the clock of retention. */
  readonly times: Float64Array;
  /** The new batches, one after the other. */
  readonly bytes: Uint8Array;
  /** Origins whose marks and names go. */
  readonly forgotten: readonly string[];
  readonly marks: readonly StoredMark[];
  /** Origin and name. */
  readonly names: readonly (readonly [string, string])[];
}

/** Changes of the board of notifications. What is forgotten is applied first, then what is new. */
export interface BoardChanges {
  readonly forgotten: readonly string[];
  readonly forgottenSubscribers: readonly string[];
  readonly forgottenOffers: readonly string[];
  readonly notifications: readonly Notification[];
  /** Name and record. */
  readonly subscribers: readonly (readonly [string, string])[];
  /** Name of the subscriber, and the notifications that it settled. */
  readonly settled: readonly (readonly [string, readonly string[]])[];
  readonly offers: readonly Notification[];
}

/** What is committed together. */
export interface Group {
  /** The clock of retention, in ms. */
  readonly clock: number;
  readonly mesh: MeshChanges | undefined;
  readonly board: BoardChanges | undefined;
}

/** A piece of the retained batches, in their order. */
export interface LoadedBatches {
  readonly numbers: Float64Array;
  readonly times: Float64Array;
  readonly lengths: Uint32Array;
  readonly bytes: Uint8Array;
}

/** A file was found damaged, or something in it was. */
export interface StoreReport {
  /** Set aside as damaged, or as another program's; or just something to know. */
  readonly kind: "corrupt" | "foreign" | "note";
  /** One sentence for the log. */
  readonly message: string;
  /** Where the file is now, when it was set aside. */
  readonly setAside?: string | undefined;
}

/** Who the data belongs to. */
export interface StoredIdentity {
  /** Node id. */
  readonly id: string;
  /** How often a node was started with this data, this time included; committed and synced. */
  readonly starts: number;
}

/** What was found at opening, beside the batches, which come before it. */
export interface Loaded {
  readonly identity: StoredIdentity;
  readonly reports: readonly StoreReport[];
  /** The clock of retention, in ms, as it was last committed. */
  readonly clock: number;
  /** The highest number that was given to a batch. */
  readonly lastNumber: number;
  readonly marks: readonly StoredMark[];
  readonly names: readonly { readonly origin: string; readonly name: string }[];
  readonly notifications: readonly Notification[];
  readonly subscribers: readonly {
    readonly name: string;
    readonly record: string;
    readonly settled: readonly string[];
  }[];
  readonly offers: readonly Notification[];
}

/** What the store's thread is told. */
export type ToWorker =
  | { readonly type: "open"; readonly directory: string; readonly time: number }
  | { readonly type: "write"; readonly group: Group }
  | { readonly type: "retry" }
  | { readonly type: "close"; readonly clock: number };

/** What the store's thread tells. */
export type FromWorker =
  | { readonly type: "batches"; readonly batches: LoadedBatches }
  | { readonly type: "opened"; readonly loaded: Loaded }
  | { readonly type: "written" }
  | { readonly type: "failed"; readonly code: StoreErrorCode; readonly message: string }
  | { readonly type: "closed" };
