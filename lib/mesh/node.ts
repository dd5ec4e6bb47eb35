/**
 * One node of the mesh: takes events (a link opened, a frame came, a link closed, something is to be
 * published, time has passed) and causes effects (send a frame, drop a link, tell the observers).
 * It holds no socket, no timer, no clock and no source of randomness of its own, so that a test can
 * run a thousand of them.
 *
 * Every method that takes `now` expects monotonic milliseconds that never go back. After each call
 * the driver asks for {@linkcode MeshNode.nextWake} and calls {@linkcode MeshNode.tick} then.
 */
import type { Batch, BatchBuilder } from "../wire/mesh_batch.ts";
import { MeshFrameError } from "../wire/mesh_bytes.ts";
import { MAX_MESH_ANSWER, MAX_MESH_PAYLOAD } from "../wire/mesh_limits.ts";
import { decodeMeshMessage, type MeshMessage, type RefusalCode } from "../wire/mesh_message.ts";
import { Broadcast, ForgedError, type Published } from "./broadcast.ts";
import { type DirectRequest, MeshContext, type MeshEffects } from "./context.ts";
import { Gathers, type Question } from "./gather.ts";
import type { Identity, NodeId, Random } from "./identity.ts";
import { DEFAULT_LIMITS, type MeshLimits } from "./limits.ts";
import { LinkTable } from "./link_table.ts";
import type { Link, LinkId } from "./links.ts";
import { Membership } from "./membership.ts";
import { type Observer, Observers } from "./observers.ts";
import type { KnownNode, MeshStats, Peer } from "./report.ts";
import { type Outgoing, Routes } from "./routes.ts";
import type { MeshStore } from "./store.ts";

export type { KnownNode, MeshStats, Peer } from "./report.ts";

/** What a node is made of. */
export interface MeshOptions {
  readonly identity: Identity;
  readonly random: Random;
  readonly effects: MeshEffects;
  /** The time of the start, in ms. */
  readonly now: number;
  readonly limits?: Partial<MeshLimits>;
  readonly store?: MeshStore;
  /**
   * It only has a look: what it hears on one link it passes on to no other, so that it joins nobody who
   * isn't linked already. @default false
   */
  readonly isLeaf?: boolean;
}

/** A message for one node. */
export type Direct = Pick<Outgoing, "to" | "kind" | "payload" | "timeout" | "finished">;

/**
 * A node of the mesh, without its sockets.
 *
 * @example
 * ```ts
 * import { MeshNode } from "./node.ts";
 * const node = new MeshNode({
 *   identity: { id: "00000000000000aa", incarnation: 1, name: "attic", mesh: "" },
 *   random: Math.random,
 *   effects: { send: () => {}, drop: () => {} },
 *   now: 0,
 * });
 * let heard = 0;
 * node.observe(1, { delivered: ({ batch }) => heard += batch.count });
 * node.publish(1, [new TextEncoder().encode("hello")], { now: 0, time: 0 });
 * if (heard !== 1) throw new Error();
 * ```
 */
export class MeshNode {
  readonly identity: Identity;
  readonly #context: MeshContext;
  readonly #observers = new Observers();
  readonly #broadcast: Broadcast;
  readonly #membership: Membership;
  readonly #links: LinkTable;
  readonly #routes: Routes;
  readonly #gathers: Gathers;
  #evictDue: number;

  constructor(options: MeshOptions) {
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const { identity, random, effects, isLeaf, now } = options;
    this.identity = identity;
    const context = new MeshContext(identity, random, effects, limits, isLeaf);
    context.now = now;
    this.#context = context;
    this.#evictDue = now + EVICT_EVERY;
    this.#broadcast = new Broadcast(
      context,
      this.#observers,
      {
        isPresent: (id) => this.#membership.isPresent(id),
        sendBefore: (link, origin) => this.#membership.sendBefore(link, origin),
      },
      options.store,
    );
    this.#membership = new Membership(context, this.#observers, {
      newerLife: (id, incarnation) => this.#links.newerLife(id, incarnation),
      heard: (id, incarnation) => this.#broadcast.hear(id, incarnation),
      lost: (lost) => {
        const nodes = new Set(lost);
        this.#routes.lost(nodes);
        this.#gathers.lost(nodes);
      },
    });
    this.#links = new LinkTable(context, {
      up: (link) => {
        this.#broadcast.sync.sendSummary(link);
        this.#broadcast.names.sendAll(link, (id) => this.#membership.isPresent(id));
        this.#membership.sendAll(link);
        this.#membership.linksChanged();
      },
      down: (link) => {
        this.#broadcast.linkDown(link);
        this.#membership.linksChanged();
      },
      handoverFailed: () => this.#membership.linksChanged(),
      aliveAs: (id) => this.#membership.incarnationOf(id),
    });
    this.#routes = new Routes(
      context,
      this.#membership.topology,
      this.#observers,
      (part) => this.#gathers.answered(part),
    );
    this.#gathers = new Gathers(context, this.#routes);
  }

  // ---------------------------------------------------------------- links

  /** A connection is there; `initiator` tells whether this node made it. Says who we are. */
  linkOpened(id: LinkId, initiator: boolean, now: number): void {
    this.#context.now = now;
    this.#links.open(id, initiator);
    this.#context.flush();
  }

  /** Bytes came on a link, if only a part of a frame: it is not silent. */
  linkHeard(id: LinkId, now: number): void {
    const link = this.#context.links.get(id);
    if (link !== undefined) link.heard = now;
  }

  /** A connection has ended, and nothing more can be sent on it. */
  linkClosed(id: LinkId, now: number): void {
    this.#context.now = now;
    const link = this.#context.links.get(id);
    if (link !== undefined) this.#links.forget(link, "close");
    this.#context.flush();
  }

  /** Drops a link, telling the peer why. */
  dropLink(id: LinkId, code: RefusalCode, reason: string, now: number): void {
    this.#context.now = now;
    const link = this.#context.links.get(id);
    if (link !== undefined) this.#links.drop(link, code, reason);
    this.#context.flush();
  }

  /** One frame came on a link. `body` is read during the call only, and may be reused. */
  frameReceived(id: LinkId, body: Uint8Array, now: number): void {
    const context = this.#context;
    context.now = now;
    const link = context.links.get(id);
    if (link === undefined) return;
    link.heard = now;
    try {
      this.#received(link, decodeMeshMessage(body), body);
    } catch (error) {
      const isForged = error instanceof ForgedError;
      if (!isForged && !(error instanceof MeshFrameError)) throw error;
      context.counters.refused++;
      this.#links.drop(link, isForged ? "forged" : "protocol", error.message);
    }
    context.flush();
  }

  #received(link: Link, message: MeshMessage, body: Uint8Array): void {
    const broadcast = this.#broadcast;
    if (link.phase.name !== "up" && message.type !== "iAm" && message.type !== "refuse") {
      throw new MeshFrameError(`The first message is ${message.type} instead of I-AM`);
    }
    switch (message.type) {
      case "push":
        return broadcast.received(link, message.batch, false);
      case "reply":
        return broadcast.received(link, message.batch, true);
      case "iHave":
      case "summary":
        return broadcast.sync.announced(link, message.entries);
      case "want":
        return broadcast.serve(link, message.request, message.ranges);
      case "end":
        return broadcast.ended(link, message.request, message.lacks);
      case "prune":
        return broadcast.pruned(link, message.streams);
      case "graft":
        return broadcast.grafted(link, message.entries);
      case "state":
        return this.#membership.received(link, message.records);
      case "names":
        return broadcast.names.received(link, message.nodes);
      case "routed":
        return this.#routes.received(link, message, body);
      case "ping":
        return this.#context.send(link, { type: "pong", token: message.token });
      case "pong":
        return link.pong(message.token, this.#context.now);
      case "iAm":
        return this.#links.greeted(link, message);
      case "refuse":
        return this.#links.end(link, message.code, message.reason, true);
      case "goodbye":
        return this.#links.end(link, "goodbye", "The peer stopped", true);
    }
  }

  /** Says goodbye on all links, and drops them. */
  leave(now: number): void {
    this.#context.now = now;
    this.#membership.leave();
    this.#links.leave();
    this.#context.flush();
  }

  // ---------------------------------------------------------------- messages

  /** Registers an observer for a kind, 1 to 255. Returns the function that removes it. */
  observe(kind: number, observer: Observer): () => void {
    return this.#observers.add(kind, observer);
  }

  /**
   * Publishes messages of a kind to all nodes, this one included. They are copied into as few
   * frames as possible. `time` is in ms since 1970, the same for all of them.
   *
   * @throws {RangeError} when there is none, or one is too long.
   */
  publish(
    kind: number,
    payloads: readonly Uint8Array[],
    when: { readonly now: number; readonly time: number },
  ): Published {
    this.#context.now = when.now;
    const published = this.#broadcast.publish(kind, payloads, when.time);
    this.#context.flush();
    return published;
  }

  /** The sequence that the next message published here gets. */
  get nextSequence(): number {
    return this.#broadcast.nextSequence;
  }

  /** As {@linkcode publish}, for what was collected in the form of the wire. The builder is empty then. */
  publishBatch(
    kind: number,
    builder: BatchBuilder,
    when: { readonly now: number; readonly time: number },
  ): void {
    this.#context.now = when.now;
    this.#broadcast.publishBatch(kind, builder, when.time);
    this.#context.flush();
  }

  /**
   * Sets this node's state of a kind: all nodes see its latest version while they reach this one. They see it
   * some ms later; with `isUrgent` before whatever is published here from now on, all the same.
   */
  setState(kind: number, payload: Uint8Array, now: number, isUrgent = false): void {
    checkPayload(payload);
    this.#context.now = now;
    this.#membership.set(kind, payload, isUrgent);
    this.#context.flush();
  }

  /**
   * Sends a message to one node; `message.finished` is told once whether it arrived.
   *
   * @throws {RangeError} when it has more than 1 MiB.
   */
  send(message: Direct, now: number): void {
    checkPayload(message.payload);
    this.#context.now = now;
    this.#routes.send({ purpose: "message", ...message });
    this.#context.flush();
  }

  /**
   * Asks all reachable nodes, this one included, or `question.targets`; `question.finished` is told
   * once who answered what, and who did not.
   *
   * @throws {RangeError} when too many questions wait for their turn, or the question has more than 1 MiB.
   */
  gather(question: Omit<Question, "targets"> & Partial<Question>, now: number): void {
    checkPayload(question.payload);
    this.#context.now = now;
    this.#gathers.start({ targets: this.reachable(), ...question });
    this.#context.flush();
  }

  /**
   * Answers a request that an observer was given, with up to 16 MiB. `payload` must not be changed any more.
   *
   * @throws {RangeError} when it is longer.
   */
  answer(request: DirectRequest, payload: Uint8Array, now: number): void {
    checkPayload(payload, MAX_MESH_ANSWER);
    this.#context.now = now;
    const { from, kind, number } = request;
    this.#routes.answer({ to: from, kind, payload, correlation: number });
    this.#context.flush();
  }

  // ---------------------------------------------------------------- time

  /** When {@linkcode tick} is to be called, in ms. It may be called earlier. */
  nextWake(): number {
    return Math.min(
      this.#links.due,
      this.#evictDue,
      this.#broadcast.due,
      this.#membership.due,
      this.#routes.due,
      this.#gathers.due,
    );
  }

  /** Does what is due at `now`. */
  tick(now: number): void {
    this.#context.now = now;
    this.#links.tick();
    if (now >= this.#evictDue) {
      this.#evictDue = now + EVICT_EVERY;
      this.#broadcast.log.evict(now);
    }
    this.#membership.tick();
    this.#broadcast.tick();
    this.#routes.tick();
    this.#gathers.tick();
    this.#context.flush();
  }

  // ---------------------------------------------------------------- queries

  /** The direct peers, sorted by name. */
  peers(): Peer[] {
    const peers: Peer[] = [];
    for (const { id: link, phase, initiator, roundTrip } of this.#context.up.values()) {
      if (phase.name !== "up") continue;
      const { id, incarnation, name } = phase.peer;
      peers.push({ link, id, incarnation, name, initiator, roundTrip, since: phase.since });
    }
    return peers.sort((a, b) => compareText(a.name, b.name) || compareText(a.id, b.id));
  }

  /** The ids of the nodes that can be reached, this one included, sorted. */
  reachable(): NodeId[] {
    return [...this.#membership.topology.reachable].sort();
  }

  /** The name of a node that is or was reachable, or was given to {@linkcode keepName}. */
  nameOf(id: NodeId): string | undefined {
    return this.#membership.topology.record(id)?.name ?? this.#broadcast.names.of(id);
  }

  /** In which life a node can be reached, if it can. */
  incarnationOf(id: NodeId): number | undefined {
    return this.#membership.incarnationOf(id);
  }

  /** Writes down what a node is called that said something: {@linkcode nameOf} knows it after a restart. */
  keepName(id: NodeId, name: string): void {
    this.#broadcast.names.keep(id, name);
  }

  /**
   * What is remembered of a kind, in the order of arrival, with its age in ms: also from before the
   * start. `past`: said before this node first heard of the origin.
   */
  *retained(kind: number, now: number): Generator<{ batch: Batch; age: number; past: boolean }> {
    const { log, seen } = this.#broadcast;
    for (const { batch, at } of log.entries()) {
      if (batch.kind !== kind) continue;
      const past = batch.last <= (seen.get(batch.origin, batch.incarnation)?.pastEnd ?? 0);
      yield { batch, age: now - at, past };
    }
  }

  /** The graph of the reachable nodes, sorted by id. */
  topology(): KnownNode[] {
    const { topology } = this.#membership;
    const cutPoints = topology.cutPoints();
    return [...topology.graph()].map(([id, links]) => {
      const { name, incarnation } = topology.record(id)!;
      return { id, name, incarnation, links, isCutPoint: cutPoints.has(id) };
    });
  }

  /** Whether something of the origin was ever heard. */
  knows(id: NodeId): boolean {
    return this.#broadcast.seen.origin(id) !== undefined;
  }

  /** Counters, and how full the tables are. */
  stats(): MeshStats {
    const { seen, log, sync } = this.#broadcast;
    return {
      ...this.#context.counters,
      links: this.#context.up.size,
      reachable: this.#membership.topology.reachable.size,
      origins: seen.size,
      retainedMessages: log.count,
      retainedBytes: log.bytes,
      pendingBytes: seen.pendingBytes,
      behind: sync.behind,
      stateRecords: this.#membership.count,
      routedUnderWay: this.#routes.pending,
      gathers: this.#gathers.pending,
    };
  }
}

/** Ms between looks at the age of what is retained. */
const EVICT_EVERY = 1_000;

function checkPayload({ length }: Uint8Array, most = MAX_MESH_PAYLOAD): void {
  if (length > most) throw new RangeError(`Cannot send ${length} bytes: ${most} are the most`);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
