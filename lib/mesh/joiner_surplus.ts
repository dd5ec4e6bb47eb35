/**
 * Which link of a joiner is one too many.
 *
 * @module
 */

import type { NodeId, Random } from "./identity.ts";
import { MS } from "./joiner_times.ts";

/** Who is linked to whom. */
export type Graph = ReadonlyMap<NodeId, readonly NodeId[]>;

/** What is to be known to find one. */
export interface SurplusView {
  /** This node. */
  readonly self: NodeId;
  /** The direct peers; true for a link that may be dropped. */
  readonly links: ReadonlyMap<NodeId, boolean>;
  /** The links that are to stay. */
  readonly wanted: ReadonlySet<NodeId>;
  /** Links that are enough here. */
  readonly enough: number;
  /** Links that are too many at the other end. */
  readonly crowded: number;
  /** Whether links may be dropped now at all. */
  readonly isSafe: boolean;
  /** The graph as it is known. Asked for when there is something to be dropped. */
  graph(): Graph;
}

/** Remembers since when links aren't wanted, and drops one at a time. */
export class Surplus {
  /** When a link that isn't wanted may be dropped. */
  readonly #unwanted = new Map<NodeId, number>();
  readonly #random: Random;
  #nextDrop = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** The peer to which the link is to be dropped now, if any; `wakeAt` is told when to ask again. */
  find(now: number, view: SurplusView, wakeAt: (at: number) => void): NodeId | undefined {
    const overdue = this.#overdue(now, view, wakeAt);
    if (overdue.length === 0) return undefined;
    if (now < this.#nextDrop) {
      wakeAt(this.#nextDrop);
      return undefined;
    }
    const found = view.isSafe ? findDroppable(overdue, view) : undefined;
    this.#nextDrop = now + (found === undefined ? MS.betweenLooks : MS.betweenDrops);
    wakeAt(this.#nextDrop);
    if (found !== undefined) this.#unwanted.delete(found);
    return found;
  }

  /** Those that weren't wanted for long enough. */
  #overdue(now: number, { links, wanted }: SurplusView, wakeAt: (at: number) => void): NodeId[] {
    for (const id of this.#unwanted.keys()) {
      if (links.get(id) !== true || wanted.has(id)) this.#unwanted.delete(id);
    }
    const overdue: NodeId[] = [];
    for (const [id, isOurs] of links) {
      if (!isOurs || wanted.has(id)) continue;
      let at = this.#unwanted.get(id);
      if (at === undefined) {
        at = now + MS.keepUnwanted + this.#random() * MS.keepSpread;
        this.#unwanted.set(id, at);
      }
      if (at <= now) overdue.push(id);
      else wakeAt(at);
    }
    return overdue;
  }
}

/** The one whose peer has most links, if there are too many here or there. */
function findDroppable(ids: NodeId[], view: SurplusView): NodeId | undefined {
  const graph = view.graph();
  const degree = (id: NodeId) => graph.get(id)?.length ?? 0;
  return ids.sort((a, b) => degree(b) - degree(a)).find((id) =>
    (view.links.size > view.enough || degree(id) > view.crowded) &&
    isReachableWithout(graph, view.self, id)
  );
}

/** Whether `to` can be reached from `from` without the edge between them. */
function isReachableWithout(graph: Graph, from: NodeId, to: NodeId): boolean {
  const found = new Set([from]);
  for (const at of found) {
    for (const next of graph.get(at) ?? []) {
      if (at === from && next === to) continue;
      if (next === to) return true;
      found.add(next);
    }
  }
  return false;
}
