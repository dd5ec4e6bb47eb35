/**
 * What the parts of the core have in common: the time, the links, and the ways out.
 */
import type { Batch } from "../wire/mesh_batch.ts";
import { encodeMeshMessage, type MeshMessage, type RefusalCode } from "../wire/mesh_message.ts";
import type { Identity, NodeId, Random } from "./identity.ts";
import type { MeshLimits } from "./limits.ts";
import type { Link, LinkId } from "./links.ts";

/** Messages of one origin that nobody reachable has. */
export interface Gap {
  readonly origin: NodeId;
  readonly incarnation: number;
  /** First and last sequence, both included. */
  readonly from: number;
  readonly to: number;
  /** They are past: missing in the history only, nothing to tell to clients. */
  readonly past: boolean;
}

/** A message that came for this node alone. */
export interface DirectMessage {
  readonly from: NodeId;
  readonly kind: number;
  readonly payload: Uint8Array;
}

/** A request for this node: answered with `MeshNode.answer`. */
export interface DirectRequest extends DirectMessage {
  readonly incarnation: number;
  readonly number: number;
}

/** How a message for one node ended. */
export type SendOutcome =
  | { readonly type: "delivered" }
  | { readonly type: "failed"; readonly reason: string };

/** How a gather ended. */
export interface GatherResult {
  readonly answers: ReadonlyMap<NodeId, Uint8Array>;
  /** Those that were asked and did not answer. */
  readonly silent: readonly NodeId[];
  /** Of those, the ones that could not be reached, or not any more: they were not late. */
  readonly lost: ReadonlySet<NodeId>;
}

/**
 * The ways out of the core. `send` and `drop` are called at once and must not call back into the
 * core. Everything else is told at the end of the event, in order, and may.
 */
export interface MeshEffects {
  /** Send the body of one frame on a link, behind what was sent before. The core never changes it. */
  send(link: LinkId, body: Uint8Array): void;
  /**
   * Close a link once what was sent has left; the core has forgotten it already. `remote` tells
   * that the other side gave the reason. `peer` is the other side, if it said who it is.
   */
  drop(
    link: LinkId,
    code: RefusalCode | "goodbye" | "replaced",
    reason: string,
    remote: boolean,
    peer: Identity | undefined,
  ): void;
  /** A link is up. */
  linkUp?(link: LinkId, peer: Identity): void;
  /** A link that was up has ended. */
  linkDown?(link: LinkId, peer: Identity): void;
  /** A node can be reached. */
  reachable?(node: NodeId, name: string): void;
  /**
   * A node can't be reached any more (`left` tells that it said goodbye), or was started again: then
   * `reachable` follows at once. Its states are void.
   */
  unreachable?(node: NodeId, name: string, left: boolean): void;
  /** A peer told what a node is called that can't be reached. */
  named?(node: NodeId, name: string): void;
  /** Messages were missed. */
  gap?(gap: Gap): void;
  /** Another node of our id is alive: this one should stop. */
  cloned?(name: string): void;
  /** Something that an operator should know; rare. */
  note?(level: "info" | "warning", text: string): void;
}

/** Counters since the start. */
export interface MeshCounters {
  /** Messages published here. */
  published: number;
  /** Messages delivered, ours included. */
  delivered: number;
  /** Messages received again. */
  duplicates: number;
  /** Messages sent as part of pushes and replies, over all links. */
  sentCopies: number;
  /** Frames that were refused. */
  refused: number;
  /** Messages declared missed. */
  missed: number;
  /** Batches relayed. */
  relayed: number;
}

/** A peer that another link is to come up to. */
export interface Handover {
  readonly incarnation: number;
  /** If none came until then, the link is lost. */
  readonly until: number;
}

/** Shared by the parts of one node. */
export class MeshContext {
  now = 0;
  readonly links = new Map<LinkId, Link>();
  /** The links that are up, by peer. */
  readonly up = new Map<NodeId, Link>();
  /** Peers whose link has given way to another one, which is not up yet: they stay neighbours. */
  readonly handovers = new Map<NodeId, Handover>();
  readonly counters: MeshCounters = {
    published: 0,
    delivered: 0,
    duplicates: 0,
    sentCopies: 0,
    refused: 0,
    missed: 0,
    relayed: 0,
  };
  #told: (() => void)[] = [];
  #telling = false;

  constructor(
    readonly self: Identity,
    readonly random: Random,
    readonly effects: MeshEffects,
    readonly limits: MeshLimits,
    /** Nothing is passed on from one link to another, but messages for one node. */
    readonly isLeaf = false,
  ) {}

  /** Sends a message on a link. */
  send(link: Link, message: MeshMessage): void {
    this.effects.send(link.id, encodeMeshMessage(message));
  }

  /** Sends a batch as it is. */
  sendBatch(link: Link, batch: Batch, body: Uint8Array): void {
    this.counters.sentCopies += batch.count;
    this.effects.send(link.id, body);
  }

  /** Has something told at the end of the event. */
  tell(what: () => void): void {
    this.#told.push(what);
  }

  /**
   * Tells everything; what the listeners cause is told too, in order. When one throws, the others
   * are told all the same, and its error comes out at the end.
   */
  flush(): void {
    if (this.#telling) return;
    this.#telling = true;
    const errors: unknown[] = [];
    for (let told = this.#told; told.length > 0; told = this.#told) {
      this.#told = [];
      for (const what of told) {
        try {
          what();
        } catch (error) {
          errors.push(error);
        }
      }
    }
    this.#telling = false;
    if (errors.length > 0) throw errors[0];
  }
}
