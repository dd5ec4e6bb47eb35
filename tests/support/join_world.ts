/**
 * Joiners in virtual time: nodes that see each other's beacons late, or not, and link to each other.
 * What a link is, and who can be reached, is the fabric's: a plain graph, or real nodes of the mesh.
 */
import type { NodeId } from "../../lib/mesh/identity.ts";
import { newNodeId } from "../../lib/mesh/identity.ts";
import { Joiner, type JoinFailure, type MeshView } from "../../lib/mesh/joiner.ts";
import { EventQueue } from "./event_queue.ts";
import { Dice, seededRandom } from "./random.ts";

/** A machine. */
export interface JoinNode {
  readonly id: NodeId;
  readonly index: number;
  readonly joiner: Joiner;
  alive: boolean;
  /** When each was last heard by this one, and whether it is seen. */
  readonly sightings: Map<JoinNode, { at: number; seen: boolean }>;
  wakeAt: number;
  /** When it connected of its own accord. */
  readonly attempts: number[];
  /** Most links at any time. */
  mostLinks: number;
}

/** What became of an attempt. */
export type JoinOutcome = { peer: NodeId } | { failure: JoinFailure };

/** What carries the links. */
export interface Fabric {
  add(node: JoinNode): void;
  /** Makes a link; the time that it takes is the fabric's. */
  connect(from: JoinNode, to: JoinNode, done: (outcome: JoinOutcome) => void): void;
  drop(from: JoinNode, to: NodeId): void;
  kill(node: JoinNode): void;
  /** The links across are dead from now on; who is linked finds out after some seconds. */
  parted(): void;
  view(node: JoinNode): MeshView;
}

/** How two machines get on. */
export type Reach = "open" | "refused" | "silent";

/** Options of a world. */
export interface WorldOptions {
  readonly seed: number;
  /** Part of the beacons that are lost. Default 0.1. */
  readonly loss?: number;
  /** Whether `from` hears the beacons of `to` when the network is whole. Default: always. */
  readonly hears?: (from: JoinNode, to: JoinNode) => boolean;
  /** What a connection from one to the other meets. Default: open. */
  readonly reach?: (from: JoinNode, to: JoinNode) => Reach;
}

/** Beacons: one each second; who isn't heard for so long is lost. In ms. */
const BEACON_EVERY = 1_000;
const EXPIRES_AFTER = 5_000;
/** Ms that a connection is tried where nobody answers. */
export const CONNECT_TIMEOUT = 2_000;

/** The world. */
export class JoinWorld {
  readonly queue = new EventQueue();
  readonly dice: Dice;
  readonly nodes: JoinNode[] = [];
  readonly fabric: Fabric;
  /** Which side of a partition a node is on. */
  side: (node: JoinNode) => number = () => 0;

  constructor(readonly options: WorldOptions, fabric: (world: JoinWorld) => Fabric) {
    this.dice = new Dice(seededRandom(options.seed));
    this.fabric = fabric(this);
  }

  get now(): number {
    return this.queue.now;
  }

  get alive(): JoinNode[] {
    return this.nodes.filter(({ alive }) => alive);
  }

  /** What a connection from one to the other meets now. */
  reach(from: JoinNode, to: JoinNode): Reach {
    if (this.side(from) !== this.side(to)) return "silent";
    return to.alive ? this.options.reach?.(from, to) ?? "open" : "refused";
  }

  /** Starts a machine: it asks who is there, and tells that it is. */
  start(): JoinNode {
    const { dice } = this;
    const id = newNodeId(dice.random);
    const node: JoinNode = {
      id,
      index: this.nodes.length,
      joiner: new Joiner({ self: id, mesh: "club", random: dice.random, now: this.now }),
      alive: true,
      sightings: new Map(),
      wakeAt: Infinity,
      attempts: [],
      mostLinks: 0,
    };
    const before = this.alive;
    this.nodes.push(node);
    this.fabric.add(node);
    for (const other of before) {
      this.#hearFirst(node, other);
      this.#hearFirst(other, node);
    }
    return node;
  }

  /** The question, the answer to it, or the first beacon: it may be lost, and the later ones, too. */
  #hearFirst(from: JoinNode, to: JoinNode): void {
    const { loss = 0.1 } = this.options;
    let at = this.now + this.dice.int(5, 120);
    while (this.dice.chance(loss)) at += BEACON_EVERY;
    this.queue.at(at, () => {
      if (!from.alive || !to.alive || !this.#hears(from, to)) return;
      if (from.sightings.get(to)?.seen === true) return;
      from.sightings.set(to, { at, seen: true });
      this.tell(from, (joiner, now) => {
        const addresses = [{ hostname: "192.0.2.1", port: to.index }];
        joiner.seen({ id: to.id, name: `n${to.index}`, mesh: "club", addresses }, now);
      });
    });
  }

  #hears(from: JoinNode, to: JoinNode): boolean {
    return this.side(from) === this.side(to) && (this.options.hears?.(from, to) ?? true);
  }

  /** Everybody finds out in a while whom they don't hear any more. */
  #expire(isGone: (from: JoinNode, to: JoinNode) => boolean): void {
    for (const from of this.alive) {
      for (const [to, sighting] of from.sightings) {
        if (sighting.seen && isGone(from, to)) this.#loseLater(from, to);
      }
    }
  }

  #loseLater(from: JoinNode, to: JoinNode): void {
    const at = this.now + EXPIRES_AFTER - this.dice.int(0, BEACON_EVERY);
    this.queue.at(at, () => {
      if (!from.alive || (to.alive && this.#hears(from, to))) return;
      from.sightings.set(to, { at: this.now, seen: false });
      this.tell(from, (joiner, now) => joiner.gone(to.id, now));
    });
  }

  /** Stops a machine by kill -9: its connections are reset, its beacon falls silent. */
  kill(node: JoinNode): void {
    node.alive = false;
    this.fabric.kill(node);
    this.#expire((_, to) => to === node);
  }

  /** Parts the network: nothing gets from a side to another. */
  part(side: (node: JoinNode) => number): void {
    this.side = side;
    this.fabric.parted();
    this.#expire((from, to) => side(from) !== side(to));
  }

  /** Joins it again. */
  heal(): void {
    this.side = () => 0;
    for (const from of this.alive) {
      for (const to of this.alive) if (from !== to) this.#hearFirst(from, to);
    }
  }

  /** One machine doesn't hear another for so long that it takes it for gone; then it does again. */
  miss(from: JoinNode, to: JoinNode, ms: number): void {
    from.sightings.set(to, { at: this.now, seen: false });
    this.tell(from, (joiner, now) => joiner.gone(to.id, now));
    this.queue.at(this.now + ms, () => this.#hearFirst(from, to));
  }

  /** Tells a node's joiner something. */
  tell(node: JoinNode, what: (joiner: Joiner, now: number) => void): void {
    if (!node.alive) return;
    what(node.joiner, this.now);
    this.#schedule(node);
  }

  #schedule(node: JoinNode): void {
    const { due } = node.joiner;
    if (due >= node.wakeAt || due === Infinity) return;
    node.wakeAt = due;
    this.queue.at(due, () => {
      if (!node.alive || node.wakeAt !== due) return;
      node.wakeAt = Infinity;
      this.#step(node);
    });
  }

  #step(node: JoinNode): void {
    const view = this.fabric.view(node);
    node.mostLinks = Math.max(node.mostLinks, view.links.size);
    for (const action of node.joiner.step(this.now, view)) {
      if (action.type === "drop") {
        this.fabric.drop(node, action.id);
        continue;
      }
      node.attempts.push(this.now);
      const { id, to: { port } } = action;
      this.fabric.connect(node, this.nodes[port] as JoinNode, (outcome) => {
        this.tell(node, (joiner, now) => {
          if ("peer" in outcome) joiner.connected(id, outcome.peer, now);
          else joiner.failed(id, outcome.failure, now);
        });
      });
    }
    this.#schedule(node);
  }

  /** Lets time pass until it is so; the ms that it took. */
  until(what: string, isSo: () => boolean, within: number): number {
    const from = this.now;
    while (!isSo()) {
      if (this.now - from >= within) throw new Error(`Not within ${within} ms: ${what}`);
      this.run(20);
    }
    return this.now - from;
  }

  run(ms: number): void {
    this.queue.run(this.now + ms);
  }

  /** Whether all that are alive, on one side each, can reach each other. */
  isConnected(side: (node: JoinNode) => number = () => 0): boolean {
    const count = new Map<number, number>();
    for (const node of this.alive) count.set(side(node), (count.get(side(node)) ?? 0) + 1);
    // Who is dead or parted isn't linked for long: that many are all.
    return this.alive.every((node) =>
      this.fabric.view(node).reachable.size === count.get(side(node))
    );
  }

  /** How many links the nodes have that are alive. */
  links(): { mean: number; least: number; most: number } {
    const counts = this.alive.map((node) => this.fabric.view(node).links.size);
    return {
      mean: counts.reduce((sum, count) => sum + count, 0) / counts.length,
      least: Math.min(...counts),
      most: Math.max(...counts),
    };
  }

  /** Most attempts that one node made within a second. */
  mostAttempts(): number {
    let most = 0;
    for (const { attempts } of this.nodes) {
      attempts.forEach((at, i) => {
        let end = i;
        while (end < attempts.length && (attempts[end] as number) < at + 1_000) end++;
        most = Math.max(most, end - i);
      });
    }
    return most;
  }
}

/** Ms until the ends of a link notice that it is dead. */
const SILENT_AFTER = 4_000;
/** Ms that what is known of the graph is old at the most. */
const STALE = 60;

/** Links as edges of a graph that everybody knows, a little late. */
export class GraphFabric implements Fabric {
  /** For each node its links, and whether it made them. */
  readonly #links = new Map<JoinNode, Map<JoinNode, boolean>>();
  #parts = new Map<JoinNode, Set<NodeId>>();
  #isStale = false;

  constructor(readonly world: JoinWorld) {}

  add(node: JoinNode): void {
    this.#links.set(node, new Map());
    this.#parts.set(node, new Set([node.id]));
  }

  connect(from: JoinNode, to: JoinNode, done: (outcome: JoinOutcome) => void): void {
    const { queue, dice } = this.world;
    const reach = this.world.reach(from, to);
    const takes = reach === "silent" ? CONNECT_TIMEOUT : dice.int(1, 15);
    queue.at(queue.now + takes, () => {
      if (!from.alive) return;
      if (this.world.reach(from, to) !== "open" || reach !== "open") {
        const isSilent = reach === "silent" || !to.alive;
        return done({ failure: isSilent ? "unreachable" : "refused" });
      }
      if (!this.#links.get(from)!.has(to)) this.join(from, to, true);
      done({ peer: to.id });
    });
  }

  /** Links two nodes; `ours` tells that the joiner of the first made it. */
  join(from: JoinNode, to: JoinNode, ours: boolean): void {
    this.#links.get(from)!.set(to, ours);
    this.#links.get(to)!.set(from, false);
    this.#changed(from, to);
  }

  drop(from: JoinNode, to: NodeId): void {
    for (const other of this.#links.get(from)!.keys()) if (other.id === to) this.#cut(from, other);
  }

  kill(node: JoinNode): void {
    for (const other of [...this.#links.get(node)!.keys()]) this.#cut(node, other);
  }

  parted(): void {
    const { queue, side } = this.world;
    queue.at(queue.now + SILENT_AFTER, () => {
      if (this.world.side !== side) return;
      for (const [node, links] of this.#links) {
        for (const other of [...links.keys()]) {
          if (side(node) !== side(other)) this.#cut(node, other);
        }
      }
    });
  }

  #cut(a: JoinNode, b: JoinNode): void {
    this.#links.get(a)!.delete(b);
    this.#links.get(b)!.delete(a);
    this.#changed(a, b);
  }

  #changed(...nodes: JoinNode[]): void {
    for (const node of nodes) this.world.tell(node, (joiner, now) => joiner.changed(now));
    if (this.#isStale) return;
    this.#isStale = true;
    const { queue } = this.world;
    queue.at(queue.now + STALE, () => this.#lookAgain());
  }

  #lookAgain(): void {
    this.#isStale = false;
    const before = this.#parts;
    this.#parts = new Map();
    for (const node of this.world.alive) {
      if (this.#parts.has(node)) continue;
      const part = new Set([node]);
      for (const at of part) for (const next of this.#links.get(at)!.keys()) part.add(next);
      const ids = new Set([...part].map(({ id }) => id));
      for (const member of part) this.#parts.set(member, ids);
    }
    for (const [node, part] of this.#parts) {
      if (before.get(node)?.size === part.size) continue;
      this.world.tell(node, (joiner, now) => joiner.changed(now));
    }
  }

  view(node: JoinNode): MeshView {
    const links = this.#links.get(node)!;
    return {
      links: new Map([...links].map(([other, ours]) => [other.id, ours])),
      reachable: this.#parts.get(node)!,
      graph: () =>
        new Map(
          [...this.#links].map((
            [{ id }, links],
          ) => [id, [...links.keys()].map((other) => other.id)]),
        ),
    };
  }
}
