/**
 * The whole graph, as link-state routing knows it (OSPF, RFC 2328): each node floods the set of
 * its links, and an edge counts when both ends list it. So what a dead node last said is harmless:
 * its neighbours don't list it any more.
 */
import { ByteReader, ByteWriter, MeshFrameError } from "../wire/mesh_bytes.ts";
import { MAX_LINKS_IN_RECORD, MAX_NAME_BYTES } from "../wire/mesh_limits.ts";
import type { NodeId } from "./identity.ts";

/** What one node says about itself. */
export interface NodeRecord {
  readonly incarnation: number;
  readonly name: string;
  /** The nodes that it is linked to. */
  readonly links: readonly NodeId[];
  /** It said goodbye. */
  readonly leaving: boolean;
}

/** Encodes a record as the payload of a state of the kind topology. */
export function encodeNodeRecord(record: Omit<NodeRecord, "incarnation">): Uint8Array {
  const out = new ByteWriter(64 + record.links.length * 8);
  out.u8(record.leaving ? 1 : 0).text(record.name, MAX_NAME_BYTES).u16(record.links.length);
  for (const id of record.links) out.nodeId(id);
  return out.finish();
}

/** Decodes it. @throws {MeshFrameError} when it is invalid. */
export function decodeNodeRecord(payload: Uint8Array, incarnation: number): NodeRecord {
  const input = new ByteReader(payload);
  const leaving = (input.u8() & 1) === 1;
  const name = input.nodeName(MAX_NAME_BYTES);
  const count = input.u16();
  if (count > MAX_LINKS_IN_RECORD) throw new MeshFrameError(`A node with ${count} links`);
  const links: NodeId[] = [];
  for (let i = 0; i < count; i++) links.push(input.nodeId());
  input.end();
  return { incarnation, name, links, leaving };
}

/** What a path must not use. */
export interface Avoid {
  readonly nodes: ReadonlySet<NodeId>;
  /** Edges as {@linkcode edgeKey}. */
  readonly edges: ReadonlySet<string>;
}

const NOTHING: Avoid = { nodes: new Set(), edges: new Set() };

/** The name of an edge, the same in both directions. */
export function edgeKey(a: NodeId, b: NodeId): string {
  return a < b ? a + b : b + a;
}

/** The graph as one node knows it. */
export class Topology {
  readonly #records = new Map<NodeId, NodeRecord>();
  // What each node lists, and of that what the other end lists too.
  readonly #listed = new Map<NodeId, Set<NodeId>>();
  readonly #adjacent = new Map<NodeId, Set<NodeId>>();
  #reachable = new Set<NodeId>();
  // The breadth-first tree from this node: each node's predecessor.
  #before = new Map<NodeId, NodeId>();
  // Whether the tree may not be the shortest any more, and whether more or less may be reachable.
  #isTreeStale = true;
  #isReachStale = true;

  constructor(private readonly self: NodeId) {}

  /** Replaces what a node says. Call {@linkcode recompute} afterwards. */
  set(id: NodeId, record: NodeRecord): void {
    this.#records.set(id, record);
    this.#replaceLinks(id, new Set(record.links));
  }

  /** Forgets a node. */
  delete(id: NodeId): void {
    this.#records.delete(id);
    this.#replaceLinks(id, new Set());
    this.#listed.delete(id);
    this.#adjacent.delete(id);
  }

  // Costs as much as the node has links, not as the graph has nodes.
  #replaceLinks(id: NodeId, links: Set<NodeId>): void {
    const before = this.#listed.get(id) ?? new Set();
    this.#listed.set(id, links);
    for (const other of before) {
      if (links.has(other)) continue;
      if (!this.#adjacent.get(id)?.delete(other)) continue;
      this.#adjacent.get(other)!.delete(id);
      this.#isTreeStale = true;
      // Reachability hangs on the edges of the tree only.
      this.#isReachStale ||= this.#before.get(id) === other || this.#before.get(other) === id;
    }
    for (const other of links) {
      if (before.has(other) || !this.#listed.get(other)?.has(id)) continue;
      this.#join(id, other);
      this.#join(other, id);
      this.#isTreeStale = true;
      this.#isReachStale ||= this.#reachable.has(id) !== this.#reachable.has(other);
    }
  }

  #join(from: NodeId, to: NodeId): void {
    const adjacent = this.#adjacent.get(from);
    if (adjacent === undefined) this.#adjacent.set(from, new Set([to]));
    else adjacent.add(to);
  }

  /** What a node last said, reachable or not. */
  record(id: NodeId): NodeRecord | undefined {
    return this.#records.get(id);
  }

  /** The nodes that can be reached, this one included. */
  get reachable(): ReadonlySet<NodeId> {
    return this.#reachable;
  }

  /** The neighbours of a node: both ends list the link. Unsorted. */
  neighbours(id: NodeId): NodeId[] {
    return [...this.#adjacent.get(id) ?? []];
  }

  /** The graph of the reachable nodes, both sorted. */
  graph(): Map<NodeId, NodeId[]> {
    return new Map([...this.#reachable].sort().map((id) => [id, this.neighbours(id).sort()]));
  }

  /** Finds out again what can be reached: does nothing when that can't have changed. */
  recompute(): void {
    if (!this.#isReachStale) return;
    this.#isReachStale = false;
    this.#isTreeStale = false;
    this.#before = this.#search(NOTHING);
    this.#reachable = new Set(this.#before.keys()).add(this.self);
  }

  /** The shortest path to a node, both ends included; undefined when there is none. */
  path(to: NodeId, avoid?: Avoid): NodeId[] | undefined {
    if (this.#isTreeStale && avoid === undefined) {
      this.#isTreeStale = false;
      this.#before = this.#search(NOTHING);
    }
    const before = avoid === undefined ? this.#before : this.#search(avoid, to);
    if (to !== this.self && !before.has(to)) return undefined;
    const path = [to];
    for (let at = to; at !== this.self;) path.push(at = before.get(at)!);
    return path.reverse();
  }

  // Breadth-first search from this node, until `target` is found.
  #search(avoid: Avoid, target?: NodeId): Map<NodeId, NodeId> {
    const before = new Map<NodeId, NodeId>();
    const queue = [this.self];
    for (const at of queue) {
      if (at === target) break;
      for (const next of this.#adjacent.get(at) ?? []) {
        if (next === this.self || before.has(next)) continue;
        if (next !== target && avoid.nodes.has(next)) continue;
        if (avoid.edges.size > 0 && avoid.edges.has(edgeKey(at, next))) continue;
        before.set(next, at);
        queue.push(next);
      }
    }
    return before;
  }

  /**
   * The cut points: the nodes without which the others would fall apart. Tarjan's articulation
   * points (1972), without recursion so that a long line does not exhaust the stack.
   */
  cutPoints(): Set<NodeId> {
    const found = new Set<NodeId>();
    const order = new Map<NodeId, number>();
    const low = new Map<NodeId, number>();
    interface Frame {
      readonly id: NodeId;
      readonly from: NodeId | undefined;
      readonly rest: NodeId[];
    }
    const enter = (id: NodeId, from: NodeId | undefined): Frame => {
      order.set(id, order.size);
      low.set(id, order.size - 1);
      return { id, from, rest: this.neighbours(id) };
    };
    const stack = [enter(this.self, undefined)];
    let children = 0;
    while (stack.length > 0) {
      const { id, from, rest } = stack.at(-1)!;
      const next = rest.pop();
      if (next === undefined) {
        stack.pop();
        if (from === undefined) continue;
        low.set(from, Math.min(low.get(from)!, low.get(id)!));
        if (from === this.self) children++;
        else if (low.get(id)! >= order.get(from)!) found.add(from);
      } else if (!order.has(next)) stack.push(enter(next, id));
      else if (next !== from) low.set(id, Math.min(low.get(id)!, order.get(next)!));
    }
    if (children > 1) found.add(this.self);
    return found;
  }
}
