/**
 * State: what each node says about itself, of each kind in its latest version. It is flooded on
 * all links as link-state routing does, sent whole to a new peer, and never replayed. The links of
 * a node are such a state, and tell who can be reached; the states of a node are shown to the
 * observers as long as it can.
 *
 * Changes are collected for some ms. Messages go at once, but what a node said of itself before a
 * message goes before it on each link, where it is urgent: so it is before it everywhere.
 *
 * A node tells of a link only when the peer has told all that it knows (as OSPF does, RFC 2328), and
 * sends what it knows before it tells of its links. So whoever learns of a new way to a node has that
 * node's latest state already: after a partition no old state is taken for the present one, nor an
 * old link for one that is still there.
 */
import type { NodeId } from "../wire/mesh_bytes.ts";
import { encodeStateRecord, joinStateRecords, type StateRecord } from "../wire/mesh_message.ts";
import { ForgedError } from "./broadcast.ts";
import type { MeshContext } from "./context.ts";
import {
  GRAPH_NODES_PER_MS,
  MAX_STATE_BYTES,
  MAX_STATE_RECORDS,
  STALE_STATE,
  STATE_CHUNK_BYTES,
  STATE_FLUSH,
} from "./limits.ts";
import type { Link } from "./links.ts";
import { KIND_TOPOLOGY, type Observers } from "./observers.ts";
import { decodeNodeRecord, encodeNodeRecord, Topology } from "./topology.ts";

interface Kept {
  readonly record: StateRecord;
  /** The record as it is sent. */
  readonly bytes: Uint8Array;
  /** Since when its node can't be reached. */
  staleSince: number | undefined;
}

/** What the membership causes elsewhere. */
export interface MembershipHooks {
  /** A newer life of a node says something. */
  newerLife(id: NodeId, incarnation: number): void;
  /** Something of the node was heard. */
  heard(id: NodeId, incarnation: number): void;
  /** These nodes can't be reached any more, or were started again. */
  lost(nodes: readonly NodeId[]): void;
}

/** The states of all nodes, and who can be reached. */
export class Membership {
  readonly topology: Topology;
  readonly #kept = new Map<NodeId, Map<number, Kept>>();
  readonly #versions = new Map<number, number>();
  /** The nodes that the observers take for reachable, and in which life. */
  readonly #present = new Map<NodeId, number>();
  /** Nodes of which a state is collected that goes before what they say next. */
  readonly #urgent = new Set<NodeId>();
  #count = 0;
  #bytes = 0;
  #due = Infinity;
  #sweepDue = Infinity;
  #ownChanged = true;
  #leaving = false;
  // The links that this node last told.
  #told: string | undefined;
  // When the graph is looked at again; Infinity when it has not changed.
  #graphDue = Infinity;

  constructor(
    private readonly context: MeshContext,
    private readonly observers: Observers,
    private readonly hooks: MembershipHooks,
  ) {
    this.topology = new Topology(context.self.id);
    this.#flush();
    this.#updateReachable();
  }

  /** When {@linkcode tick} is due. */
  get due(): number {
    return Math.min(this.#due, this.#graphDue, this.#sweepDue);
  }

  /** Records kept. */
  get count(): number {
    return this.#count;
  }

  /** Whether a node can be reached, as the observers were told. */
  isPresent(id: NodeId): boolean {
    return this.#present.has(id);
  }

  /** In which life a node can be reached, if it can. */
  incarnationOf(id: NodeId): number | undefined {
    return this.#present.get(id);
  }

  #schedule(): void {
    if (this.#due === Infinity) this.#due = this.context.now + STATE_FLUSH;
  }

  /** A link came up or went down: what this node says of its links is to be told. */
  linksChanged(): void {
    this.#ownChanged = true;
    this.#schedule();
  }

  /** Says goodbye to everybody: sent at once. */
  leave(): void {
    this.#leaving = true;
    this.#ownChanged = true;
    this.#flush();
  }

  /** Sets this node's state of a kind; urgent: what is published from now on doesn't overtake it. The payload is copied. */
  set(kind: number, payload: Uint8Array, isUrgent = false): void {
    const { self } = this.context;
    const version = (this.#versions.get(kind) ?? 0) + 1;
    this.#versions.set(kind, version);
    const { id: origin, incarnation } = self;
    if (isUrgent) this.#urgent.add(origin);
    this.#accept({ origin, incarnation, kind, version, payload }, null);
  }

  /** A message of `origin` is about to go on a link: what it said of itself before it, goes before it. */
  sendBefore(link: Link, origin: NodeId): void {
    if (link.states.size === 0 || !this.#urgent.has(origin)) return;
    for (const kind of this.#kept.get(origin)?.keys() ?? []) {
      const key = `${origin}/${kind}`;
      const record = link.states.get(key);
      if (record === undefined) continue;
      link.states.delete(key);
      this.context.effects.send(link.id, joinStateRecords([record]));
    }
  }

  /** The latest states of a kind, of the nodes that can be reached. */
  *states(kind: number): Generator<StateRecord> {
    for (const [id, kinds] of this.#kept) {
      const kept = kinds.get(kind);
      if (kept !== undefined && this.#present.has(id)) yield kept.record;
    }
  }

  /** Sends everything to a new peer. */
  sendAll(link: Link): void {
    const { self, isLeaf } = this.context;
    for (const [id, kinds] of this.#kept) {
      if (isLeaf && id !== self.id) continue;
      for (const [kind, { bytes }] of kinds) enqueue(link, id, kind, bytes);
    }
    this.#schedule();
  }

  /**
   * States came on a link.
   *
   * @throws {ForgedError} when one claims to be a later one of ours.
   * @throws {MeshFrameError} when one of the kind topology is invalid.
   */
  received(link: Link, records: readonly StateRecord[]): void {
    const { self } = this.context;
    for (const record of records) {
      if (record.origin !== self.id) {
        if (this.#isNews(record)) {
          // How urgent it was is not known here. It comes no more often than its node sends it.
          this.#urgent.add(record.origin);
          this.#accept(record, link);
        }
        if (record.origin === link.peer && record.kind === KIND_TOPOLOGY) this.#hasTold(link);
        continue;
      }
      if (record.incarnation > self.incarnation) {
        this.hooks.newerLife(self.id, record.incarnation);
        return;
      }
      const own = this.#versions.get(record.kind) ?? 0;
      if (record.incarnation === self.incarnation && record.version > own) {
        throw new ForgedError(`A state of kind ${record.kind} claims to be ours`);
      }
    }
  }

  // The peer's own links are the last that it sends of what it knows.
  #hasTold(link: Link): void {
    if (link.hasTold) return;
    link.hasTold = true;
    this.linksChanged();
  }

  #isNews(record: StateRecord): boolean {
    const kinds = this.#kept.get(record.origin);
    const kept = kinds?.get(record.kind);
    if (kept === undefined) {
      for (const other of kinds?.values() ?? []) {
        if (other.record.incarnation > record.incarnation) return false;
      }
      return this.#count < MAX_STATE_RECORDS &&
        this.#bytes + record.payload.length <= MAX_STATE_BYTES;
    }
    const known = kept.record;
    const growth = record.payload.length - known.payload.length;
    if (growth > 0 && this.#bytes + growth > MAX_STATE_BYTES) return false;
    return record.incarnation > known.incarnation ||
      (record.incarnation === known.incarnation &&
        (record.version > known.version ||
          (record.version === known.version && kept.staleSince !== undefined)));
  }

  #accept(received: StateRecord, source: Link | null): void {
    const { origin, incarnation, kind } = received;
    const record = { ...received, payload: received.payload.slice() };
    if (kind === KIND_TOPOLOGY) {
      this.topology.set(origin, decodeNodeRecord(record.payload, incarnation));
      // A large graph is looked at less often, as it takes longer.
      const wait = STATE_FLUSH + this.#present.size / GRAPH_NODES_PER_MS;
      if (this.#graphDue === Infinity) this.#graphDue = this.context.now + wait;
    }
    this.hooks.heard(origin, incarnation);
    let kinds = this.#kept.get(origin);
    if (kinds === undefined) this.#kept.set(origin, kinds = new Map());
    for (const [otherKind, other] of kinds) {
      if (other.record.incarnation < incarnation) {
        this.#remove(kinds, otherKind);
        if (otherKind === KIND_TOPOLOGY) this.hooks.newerLife(origin, incarnation);
      }
    }
    this.#remove(kinds, kind);
    const kept = { record, bytes: encodeStateRecord(record), staleSince: undefined };
    kinds.set(kind, kept);
    this.#count++;
    this.#bytes += record.payload.length;
    const isPassedOn = source === null || !this.context.isLeaf;
    for (const link of this.context.up.values()) {
      if (link !== source && isPassedOn) enqueue(link, origin, kind, kept.bytes);
    }
    this.#schedule();
    if (this.#present.get(origin) === incarnation) this.#show(record);
    else this.#sweepDue = Math.min(this.#sweepDue, this.context.now + STALE_STATE);
  }

  #remove(kinds: Map<number, Kept>, kind: number): void {
    const kept = kinds.get(kind);
    if (kept === undefined) return;
    kinds.delete(kind);
    this.#count--;
    this.#bytes -= kept.record.payload.length;
  }

  #show(record: StateRecord): void {
    const { origin, incarnation, kind, payload } = record;
    if (!this.observers.has(kind)) return;
    this.context.tell(() =>
      this.observers.tell(
        kind,
        (observer) => observer.stateChanged?.({ origin, incarnation, payload }),
      )
    );
  }

  /** Does what is due. */
  tick(): void {
    const { now } = this.context;
    if (now >= this.#due) this.#flush();
    if (now >= this.#graphDue) this.#updateReachable();
    if (now >= this.#sweepDue) this.#sweep();
  }

  #flush(): void {
    this.#due = Infinity;
    if (this.#ownChanged) {
      this.#ownChanged = false;
      this.#tellLinks();
      this.#due = Infinity;
    }
    for (const link of this.context.up.values()) this.#sendStates(link);
    this.#urgent.clear();
  }

  #tellLinks(): void {
    const links = [...this.context.handovers.keys()];
    for (const [id, { hasTold }] of this.context.up) if (hasTold) links.push(id);
    const told = `${this.#leaving} ${links.sort()}`;
    if (told === this.#told) return;
    this.#told = told;
    const { name } = this.context.self;
    this.set(KIND_TOPOLOGY, encodeNodeRecord({ name, links, leaving: this.#leaving }));
  }

  #sendStates(link: Link): void {
    const { self, effects } = this.context;
    let chunk: Uint8Array[] = [];
    let bytes = 0;
    // Our own links say that this was all.
    const own = link.topology.get(self.id);
    if (own !== undefined && link.topology.delete(self.id)) link.topology.set(self.id, own);
    for (const records of [link.states, link.topology]) {
      for (const record of records.values()) {
        chunk.push(record);
        bytes += record.length;
        if (bytes < STATE_CHUNK_BYTES) continue;
        effects.send(link.id, joinStateRecords(chunk));
        chunk = [];
        bytes = 0;
      }
      records.clear();
    }
    if (chunk.length > 0) effects.send(link.id, joinStateRecords(chunk));
  }

  #updateReachable(): void {
    this.#graphDue = Infinity;
    this.topology.recompute();
    const { context, topology } = this;
    const lost: NodeId[] = [];
    for (const [id, incarnation] of this.#present) {
      // A node that was started again is lost in its former life, and gained in the new one.
      const { name, leaving, incarnation: latest } = topology.record(id)!;
      const isReachable = topology.reachable.has(id);
      if (isReachable && incarnation === latest) continue;
      this.#present.delete(id);
      lost.push(id);
      if (!isReachable) this.#markStale(id);
      context.tell(() => context.effects.unreachable?.(id, name, leaving));
    }
    const gained = [...topology.reachable].filter((id) => !this.#present.has(id));
    if (lost.length === 0 && gained.length === 0) return;
    for (const id of gained) {
      const { name, incarnation } = topology.record(id)!;
      this.#present.set(id, incarnation);
      if (id !== context.self.id) context.tell(() => context.effects.reachable?.(id, name));
      for (const kept of this.#kept.get(id)?.values() ?? []) {
        kept.staleSince = undefined;
        this.#show(kept.record);
      }
    }
    if (lost.length > 0) this.hooks.lost(lost);
  }

  #markStale(id: NodeId): void {
    const { now } = this.context;
    for (const kept of this.#kept.get(id)?.values() ?? []) kept.staleSince = now;
    this.#sweepDue = Math.min(this.#sweepDue, now + STALE_STATE);
  }

  // Forgets the states of nodes that were unreachable for long, and of those never reached.
  #sweep(): void {
    const { now } = this.context;
    this.#sweepDue = Infinity;
    for (const [id, kinds] of this.#kept) {
      if (this.#present.has(id)) continue;
      for (const [kind, kept] of kinds) {
        const since = kept.staleSince ??= now;
        if (now - since >= STALE_STATE) {
          this.#remove(kinds, kind);
          if (kind === KIND_TOPOLOGY) this.topology.delete(id);
        } else this.#sweepDue = Math.min(this.#sweepDue, since + STALE_STATE);
      }
      if (kinds.size === 0) this.#kept.delete(id);
    }
  }
}

function enqueue(link: Link, origin: NodeId, kind: number, bytes: Uint8Array): void {
  if (kind === KIND_TOPOLOGY) link.topology.set(origin, bytes);
  else link.states.set(`${origin}/${kind}`, bytes);
}
