/**
 * Joining a mesh by oneself: which of the servers that are seen on the network a node links to. Pure:
 * sightings, what became of attempts, and the time go in, connects and drops come out.
 *
 * **What is wanted**: one connected mesh, with about 4 links a node, whoever dies; above all the first.
 *
 * **Rings.** All who see the same candidates put them on two rings, each in an order of its own by a
 * hash of the ids, and each node wants a link to the one before and the one after it on both. Nobody
 * has to be asked. One ring connects everybody, at 2 links a node; two random rings together are, with
 * high probability, a graph where no 3 deaths cut anybody off, and where everybody is a few steps
 * from everybody (log n; on one ring it would be n/4). So do Law and Siu ("Distributed Construction
 * of Random Expander Networks", INFOCOM 2003), and the membership of Rapid (Suresh and others, USENIX
 * ATC 2018). Serf and memberlist need no lasting links, and choose a random node for each packet;
 * HyParView (Leitão and others, DSN 2007) keeps a random few and probes for others when one is lost,
 * since its nodes know few of the others. Ours know them all, and so can do without luck.
 *
 * - The first ring is for ever wanted. The second is wanted while a node has fewer than 4 links (any
 *   links: those of `--peer` count, and those that others made); what is linked on it stays. In a
 *   small mesh the rings share edges; then further rings fill up, among nodes that have too few.
 * - Both ends of an edge want it. The lower id connects at once, the other some hundred milliseconds
 *   later, if there is no link yet: it may not have been seen there, or not be let through.
 * - Whoever can't be linked (nobody answers, the link is refused) rests, for longer each time, and is
 *   passed over meanwhile: the next on the ring takes its place, here. One that takes long to answer
 *   is passed over as well.
 *
 * **Islands.** Views differ: beacons are lost, a node is seen by some only, one network is joined to
 * another by a machine with two cards. So the rings alone promise nothing. But each node knows whom it
 * can reach through the mesh; a candidate that stays out of reach is linked by whoever sees it,
 * whatever the rings say and however many links there are. Hence what counts: *if a chain of nodes,
 * of which one of each pair sees the other and can connect to it, leads from A to B, then A and B
 * come to be in one mesh.* (Otherwise some pair of the chain would be in two parts, and the one that
 * sees the other would connect.) Those nearest before it on the first ring try first, and wait
 * longer the farther they are, so that an island isn't stormed.
 *
 * **Too many links.** When a node is added to a ring, its neighbours have one more than they need. A
 * link is dropped by the node that made it, of its own accord and not by `--peer`, when it hasn't been
 * wanted for some seconds, this node or the other has too many, the first ring is complete, and the
 * other can be reached without it. The edges of the first ring are dropped by nobody who sees the same
 * candidates; should two drops in different places cut the mesh all the same, the parts are islands
 * to each other.
 *
 * @module
 */

import type { Endpoint } from "../net/transport.ts";
import { MAX_JOIN_ATTEMPTS, MAX_JOIN_ATTEMPTS_PER_SECOND } from "../wire/limits.ts";
import type { NodeId, Random } from "./identity.ts";
import {
  type Candidate,
  Candidates,
  type Entry,
  IDLE,
  type JoinFailure,
  RINGS,
} from "./joiner_candidates.ts";
import { type Placed, placed, ringDistance, ringNeighbours } from "./joiner_ring.ts";
import { Surplus } from "./joiner_surplus.ts";
import { MS } from "./joiner_times.ts";

export type { Candidate, JoinFailure } from "./joiner_candidates.ts";

/** Links that a node aims at. */
const AIMED_LINKS = 4;

/** Links of another node above which a link to it that isn't wanted is one too many there. */
const CROWDED_LINKS = 5;

/** Islands that are considered at a time: those nearest behind this node. */
const ISLANDS_AT_A_TIME = 4;

/** The mesh as the node knows it now. */
export interface MeshView {
  /** The direct peers; true for a link that was made by the joiner, and may be dropped by it. */
  readonly links: ReadonlyMap<NodeId, boolean>;
  /** Who can be reached through the mesh, this node included. */
  readonly reachable: ReadonlySet<NodeId>;
  /** Who of them is linked to whom. Asked for seldom: it may take some milliseconds. */
  graph(): ReadonlyMap<NodeId, readonly NodeId[]>;
}

/** What is to be done. */
export type JoinAction =
  /** Connect there now, and tell {@linkcode Joiner.connected} or {@linkcode Joiner.failed}. */
  | { readonly type: "connect"; readonly id: NodeId; readonly name: string; readonly to: Endpoint }
  /** Drop the link to that node. */
  | { readonly type: "drop"; readonly id: NodeId };

/** How a joiner is made. */
export interface JoinerOptions {
  /** This node. */
  readonly self: NodeId;
  /** Its mesh: candidates of others are passed over. */
  readonly mesh: string;
  readonly random: Random;
  /** The time of the start, in monotonic milliseconds. */
  readonly now: number;
}

/**
 * Decides whom a node links to. All times are monotonic milliseconds. After each event the driver
 * looks at {@linkcode Joiner.due}, and calls {@linkcode Joiner.step} then.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Joiner } from "./joiner.ts";
 *
 * const joiner = new Joiner({ self: "aa", mesh: "club", random: () => 0.5, now: 0 });
 * const addresses = [{ hostname: "192.0.2.7", port: 7000 }];
 * joiner.seen({ id: "bb", name: "attic", mesh: "club", addresses }, 0);
 * const view = { links: new Map(), reachable: new Set(["aa"]), graph: () => new Map() };
 * const actions = [];
 * while (actions.length === 0) actions.push(...joiner.step(joiner.due, view));
 * assertEquals(actions, [{ type: "connect", id: "bb", name: "attic", to: addresses[0] }]);
 * ```
 */
export class Joiner {
  readonly #self: Placed;
  readonly #mesh: string;
  readonly #random: Random;
  readonly #candidates: Candidates;
  readonly #surplus: Surplus;
  /** Nothing is done before. */
  readonly #from: number;
  /** Since when all that the two rings want is linked. */
  #completeSince: number | undefined;
  /** How long after that this node fills up. */
  readonly #fillAfter: number;
  /** When links were tried, within the last second. */
  #tried: number[] = [];
  #due = Infinity;

  /** A joiner that has seen nobody. */
  constructor({ self, mesh, random, now }: JoinerOptions) {
    this.#self = placed(self, RINGS);
    this.#mesh = mesh;
    this.#random = random;
    this.#candidates = new Candidates(random);
    this.#surplus = new Surplus(random);
    this.#from = now + MS.first;
    this.#fillAfter = MS.fillAfter + random() * MS.fillSpread;
  }

  /** When {@linkcode step} is to be called; it may be called earlier. */
  get due(): number {
    return this.#due;
  }

  /** Candidates that are remembered. */
  get size(): number {
    return this.#candidates.size;
  }

  /**
   * A candidate is seen. If it was gone, or was started again, or its addresses are others, then it
   * is tried soon, although it may have failed before.
   */
  seen(candidate: Candidate, now: number): void {
    if (candidate.id === this.#self.id) return;
    if (candidate.mesh !== this.#mesh || candidate.addresses.length === 0) {
      return this.gone(candidate.id, now);
    }
    if (this.#candidates.seen(candidate)) this.changed(now);
  }

  /** A candidate isn't seen any more. It is forgotten unless it can be reached through the mesh. */
  gone(id: NodeId, now: number): void {
    if (this.#candidates.gone(id)) this.changed(now);
  }

  /** The links, or who can be reached, have changed. */
  changed(now: number): void {
    this.#wakeAt(now + MS.collect);
  }

  /** The attempt went well; `peer` is who answered. */
  connected(id: NodeId, peer: NodeId, now: number): void {
    // Or another one lives at that address now.
    if (peer === id) this.#candidates.connected(id);
    else this.#candidates.failed(id, "refused", now);
    this.changed(now);
  }

  /** The attempt failed; the next address is tried, or else the candidate rests. */
  failed(id: NodeId, failure: JoinFailure, now: number): void {
    this.#candidates.failed(id, failure, now);
    this.changed(now);
  }

  /** The link to it was ended on purpose: it isn't made again for a while. */
  killed(id: NodeId, now: number): void {
    this.#candidates.killed(id, now);
    this.changed(now);
  }

  readonly #wakeAt = (at: number): void => {
    this.#due = Math.min(this.#due, Math.max(at, this.#from));
  };

  /** Looks at everything, and tells what is to be done now. */
  step(now: number, view: MeshView): JoinAction[] {
    if (now < this.#from) return [];
    this.#due = Infinity;
    const usable = this.#candidates.usable(now, view, this.#wakeAt);
    const wanted = this.#wanted(now, usable, view);
    const actions = this.#connects(now, usable, wanted, view);
    const drop = this.#surplus.find(now, {
      self: this.#self.id,
      links: view.links,
      wanted: new Set([...wanted].map(({ id }) => id)),
      enough: AIMED_LINKS,
      crowded: CROWDED_LINKS,
      // The first ring holds everything together while two drop a link at the same moment.
      isSafe: this.#completeSince !== undefined,
      graph: view.graph,
    }, this.#wakeAt);
    if (drop !== undefined) actions.push({ type: "drop", id: drop });
    return actions;
  }

  /** Whom this node wants to be linked to, by the rings. */
  #wanted(now: number, usable: Entry[], view: MeshView): Set<Entry> {
    const { links } = view;
    const wanted = new Set(ringNeighbours(0, this.#self, usable));
    const missing = () => [...wanted].filter(({ id }) => !links.has(id)).length;
    for (const entry of ringNeighbours(1, this.#self, usable)) {
      if (links.has(entry.id) || links.size + missing() < AIMED_LINKS) wanted.add(entry);
    }
    if (missing() > 0) {
      this.#completeSince = undefined;
      return wanted;
    }
    this.#completeSince ??= now;
    if (links.size >= AIMED_LINKS) return wanted;
    const fillAt = this.#completeSince + this.#fillAfter;
    if (now < fillAt) this.#wakeAt(fillAt);
    else this.#fillUp(usable, wanted, view);
    return wanted;
  }

  /** The two rings share edges: further ones have more, among those who have too few. */
  #fillUp(usable: Entry[], wanted: Set<Entry>, view: MeshView): void {
    const { links, reachable } = view;
    const graph = view.graph();
    let count = links.size;
    for (let ring = 2; ring < RINGS; ring++) {
      for (const entry of ringNeighbours(ring, this.#self, usable)) {
        const { id } = entry;
        if (count >= AIMED_LINKS) return;
        if (wanted.has(entry) || links.has(id) || !reachable.has(id)) continue;
        if ((graph.get(id)?.length ?? 0) >= AIMED_LINKS) continue;
        wanted.add(entry);
        count++;
      }
    }
  }

  /** Plans attempts, and gives those whose time has come. */
  #connects(now: number, usable: Entry[], wanted: Set<Entry>, view: MeshView): JoinAction[] {
    const islands = this.#islands(usable, view);
    const due: { entry: Entry; at: number; address: number }[] = [];
    for (const entry of usable) {
      const isWanted = wanted.has(entry) && !view.links.has(entry.id);
      const isIsland = islands.has(entry);
      if (isWanted) this.#plan(entry, now, () => this.#delay(entry));
      else if (isIsland) this.#plan(entry, now, () => this.#islandDelay(entry, usable, view));
      const { attempt } = entry;
      if (attempt.name !== "planned") continue;
      // What was begun goes on with the next address.
      if (!isWanted && !isIsland && attempt.address === 0) entry.attempt = IDLE;
      else if (attempt.at > now) this.#wakeAt(attempt.at);
      else due.push({ entry, ...attempt });
    }
    const free = this.#freeAttempts(now, due.length);
    return due.sort((a, b) => a.at - b.at).slice(0, free).map(({ entry, address }) => {
      entry.attempt = { name: "trying", since: now, address };
      this.#tried.push(now);
      this.#wakeAt(now + MS.slow);
      const { id, name, addresses } = entry.candidate;
      return { type: "connect", id, name, to: addresses[address] as Endpoint };
    });
  }

  /** How many attempts may be made now; `due` are. */
  #freeAttempts(now: number, due: number): number {
    this.#tried = this.#tried.filter((at) => at > now - 1_000);
    const [first] = this.#tried;
    const left = MAX_JOIN_ATTEMPTS_PER_SECOND - this.#tried.length;
    if (due > left && first !== undefined) this.#wakeAt(first + 1_000);
    return Math.max(0, Math.min(left, MAX_JOIN_ATTEMPTS - this.#candidates.trying));
  }

  /** Plans an attempt; one that is planned as an island, for later, may become wanted. */
  #plan(entry: Entry, now: number, delay: () => number): void {
    const { attempt } = entry;
    const isFar = attempt.name === "planned" &&
      attempt.at > now + MS.higherAfter + MS.higherSpread;
    if (attempt.name !== "idle" && !isFar) return;
    const at = now + delay();
    if (!isFar || at < attempt.at) entry.attempt = { name: "planned", at, address: 0 };
  }

  #delay({ id }: Entry): number {
    return this.#self.id < id
      ? this.#random() * MS.lowerWithin
      : MS.higherAfter + this.#random() * MS.higherSpread;
  }

  /** Candidates that can't be reached through the mesh: those that this node is to look after. */
  #islands(usable: Entry[], { reachable }: MeshView): Set<Entry> {
    const nearest: { entry: Entry; distance: number }[] = [];
    for (const entry of usable) {
      if (reachable.has(entry.id)) continue;
      const distance = ringDistance(0, this.#self, entry);
      if (nearest.length === ISLANDS_AT_A_TIME) {
        if (distance >= (nearest.at(-1)?.distance as number)) continue;
        nearest.pop();
      }
      nearest.push({ entry, distance });
      nearest.sort((a, b) => a.distance - b.distance);
    }
    return new Set(nearest.map(({ entry }) => entry));
  }

  /** The farther away on the first ring, the later: others are nearer to it. */
  #islandDelay(island: Entry, usable: Entry[], { reachable }: MeshView): number {
    const own = ringDistance(0, this.#self, island);
    let nearer = 0;
    for (const entry of usable) {
      if (entry === island || !reachable.has(entry.id)) continue;
      if (ringDistance(0, entry, island) < own) nearer++;
    }
    const slots = Math.floor(Math.log2(nearer + 1)) * 2 ** Math.min(island.failures, 4);
    return MS.islandAfter + slots * MS.islandSlot + this.#random() * MS.islandSpread;
  }
}
