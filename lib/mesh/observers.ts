/**
 * Observers: whoever wants the messages of a kind registers for it. The mesh floods every kind
 * alike and knows nothing of what the kinds mean; a new one is added by registering it.
 */
import type { Batch } from "../wire/mesh_batch.ts";
import type { DirectMessage, DirectRequest } from "./context.ts";
import type { NodeId } from "./identity.ts";

/** Messages of one origin that are delivered: each once, in their order. */
export interface Delivery {
  /** The messages: `batch.forEach((payload, sequence) => …)`. */
  readonly batch: Batch;
  /** Said before this node first heard of the origin: for the history only. */
  readonly past: boolean;
  /** Published by this node, in this life. */
  readonly local: boolean;
}

/** The latest state of one kind of one reachable node. */
export interface StateChange {
  readonly origin: NodeId;
  readonly incarnation: number;
  readonly payload: Uint8Array;
}

/** Gets what concerns one kind. What it throws comes out of the event that was handled. */
export interface Observer {
  /** Messages that were published. */
  delivered?(delivery: Delivery): void;
  /** A reachable node's state changed, or a node with a state became reachable. */
  stateChanged?(change: StateChange): void;
  /** A message for this node alone. */
  received?(message: DirectMessage): void;
  /** A request for this node: to be answered with `MeshNode.answer`, now or later. */
  requested?(request: DirectRequest): void;
}

/** The kind of the link-state records that the mesh itself uses. */
export const KIND_TOPOLOGY = 0;

/** The observers of each kind. */
export class Observers {
  readonly #byKind = new Map<number, Set<Observer>>();

  /**
   * Registers an observer for a kind, 1 to 255. Returns the function that removes it.
   *
   * @throws {RangeError} when the kind is outside.
   */
  add(kind: number, observer: Observer): () => void {
    if (!Number.isInteger(kind) || kind < 1 || kind > 255) {
      throw new RangeError(`Cannot observe kind ${kind}: kinds are 1 to 255`);
    }
    const observers = this.#byKind.get(kind) ?? new Set();
    this.#byKind.set(kind, observers.add(observer));
    return () => void observers.delete(observer);
  }

  /** Calls `visit` for each observer of a kind. */
  tell(kind: number, visit: (observer: Observer) => void): void {
    const observers = this.#byKind.get(kind);
    if (observers !== undefined) { for (const observer of [...observers]) visit(observer); }
  }

  /** Whether somebody observes the kind. */
  has(kind: number): boolean {
    return (this.#byKind.get(kind)?.size ?? 0) > 0;
  }
}
