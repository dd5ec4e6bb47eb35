/**
 * A network of mesh nodes in virtual time. Cables join nodes; a cable carries connections that
 * behave as TCP does: in order, nothing lost unless an end closes. A cable is cut silently (what is
 * sent waits) or loudly (both ends are told). Nodes crash loudly (the kernel resets their
 * connections) or silently (the power fails), and start again with or without their memory.
 * Everything depends on one seed.
 */
import { backoffDelay } from "../../lib/link/backoff.ts";
import type { DirectMessage, DirectRequest, Gap } from "../../lib/mesh/context.ts";
import { newIncarnation, newNodeId, type NodeId } from "../../lib/mesh/identity.ts";
import type { MeshLimits } from "../../lib/mesh/limits.ts";
import { MeshNode } from "../../lib/mesh/node.ts";
import type { Delivery, Observer, StateChange } from "../../lib/mesh/observers.ts";
import { MemoryStore } from "./mesh_store.ts";
import { EventQueue } from "./event_queue.ts";
import { Dice, seededRandom } from "./random.ts";

/** What a test hears of a node. */
export interface SimObserver {
  delivered?(node: SimNode, delivery: Delivery): void;
  stateChanged?(node: SimNode, change: StateChange): void;
  reachable?(node: SimNode, id: NodeId): void;
  unreachable?(node: SimNode, id: NodeId): void;
  received?(node: SimNode, message: DirectMessage): void;
  requested?(node: SimNode, request: DirectRequest): void;
  gap?(node: SimNode, gap: Gap): void;
  dropped?(node: SimNode, code: string, reason: string, remote: boolean): void;
}

/** The kinds of messages that simulated nodes use. */
export const SIM_KIND = { speech: 1, presence: 2, direct: 3, question: 4 } as const;

/** A machine: alive when `node` is there. */
export interface SimNode {
  readonly index: number;
  id: NodeId;
  node: MeshNode | undefined;
  store: MemoryStore;
  /** Connections by the node's link number. */
  readonly connections: Map<number, Connection>;
  wakeAt: number;
  /** Counts starts, so that events for an earlier life are recognised. */
  life: number;
}

/** Where a cable is. */
export type CableState = "up" | "silent" | "loud";

/** A cable between two machines. */
export interface Cable {
  readonly a: SimNode;
  readonly b: SimNode;
  /** Ms that a frame travels, at least and at most. */
  readonly delay: readonly [number, number];
  state: CableState;
  connections: Set<Connection>;
  /** Who connects: one end or both. */
  readonly dialers: readonly SimNode[];
}

/** A frame, or the end of a connection, on its way. */
interface Transit {
  /** In the order of sending. */
  readonly number: number;
  readonly deliver: () => void;
}

interface End {
  readonly host: SimNode;
  readonly life: number;
  readonly link: number;
  open: boolean;
  /** When the last frame to this end arrives. */
  lastArrival: number;
  /** What waits for the cable, in no order: what was under way when it was cut joins what was sent since. */
  held: Transit[];
}

/** A TCP connection. */
export class Connection {
  constructor(readonly cable: Cable, readonly ends: readonly [End, End]) {}
}

/** Options of a simulated network. */
export interface SimOptions {
  readonly seed: number;
  readonly observer?: SimObserver;
  readonly limits?: Partial<MeshLimits>;
  /** Called with each frame sent; for counting. */
  readonly onSend?: (from: SimNode, body: Uint8Array) => void;
}

/** The network. */
export class MeshSimulator {
  readonly queue = new EventQueue();
  readonly dice: Dice;
  readonly nodes: SimNode[] = [];
  readonly cables: Cable[] = [];
  #links = 0;
  #sent = 0;

  constructor(readonly options: SimOptions) {
    this.dice = new Dice(seededRandom(options.seed));
  }

  /** Virtual time in ms. */
  get now(): number {
    return this.queue.now;
  }

  /** Adds a machine and starts it. */
  addNode(): SimNode {
    const host: SimNode = {
      index: this.nodes.length,
      id: "",
      node: undefined,
      store: new MemoryStore(),
      connections: new Map(),
      wakeAt: Infinity,
      life: 0,
    };
    this.nodes.push(host);
    this.start(host, false);
    return host;
  }

  /** Joins two machines; the dialing ends connect, and again for ever. */
  addCable(
    a: SimNode,
    b: SimNode,
    options: { delay?: readonly [number, number]; dialers?: readonly SimNode[] } = {},
  ): Cable {
    const { delay = [1, 5], dialers = [a] } = options;
    const cable: Cable = { a, b, delay, state: "up", connections: new Set(), dialers };
    this.cables.push(cable);
    for (const dialer of dialers) this.#dialLater(cable, dialer, dialer.life, 0);
    return cable;
  }

  /** Starts a machine that is down. */
  start(host: SimNode, withMemory: boolean): void {
    if (!withMemory) {
      host.store = new MemoryStore();
      host.id = newNodeId(this.dice.random);
    }
    host.life++;
    host.wakeAt = Infinity;
    const { observer = {}, limits = {} } = this.options;
    const { random } = this.dice;
    const node = new MeshNode({
      identity: {
        id: host.id,
        incarnation: newIncarnation(++host.store.starts, random),
        name: `n${host.index}`,
        mesh: "sim",
      },
      random,
      now: this.now,
      limits,
      store: host.store,
      effects: {
        send: (link, body) => this.#send(host, link, body),
        drop: (link, code, reason, remote) => {
          observer.dropped?.(host, code, reason, remote);
          this.#close(host, link);
        },
        linkDown: (_link, peer) => this.#redial(host, peer.id),
        reachable: (id) => observer.reachable?.(host, id),
        unreachable: (id) => observer.unreachable?.(host, id),
        gap: (gap) => observer.gap?.(host, gap),
      },
    });
    host.node = node;
    const all: Observer = {
      delivered: (delivery) => observer.delivered?.(host, delivery),
      stateChanged: (change) => observer.stateChanged?.(host, change),
      received: (message) => observer.received?.(host, message),
      requested: (request) => observer.requested?.(host, request),
    };
    for (const kind of Object.values(SIM_KIND)) node.observe(kind, all);
    for (const cable of this.cables) {
      if (cable.dialers.includes(host)) this.#dialLater(cable, host, host.life, 0);
    }
    this.#schedule(host);
  }

  /** Stops a machine: its peers are told by a reset when `loud`, else they hear nothing more. */
  crash(host: SimNode, loud: boolean): void {
    host.node = undefined;
    for (const connection of host.connections.values()) {
      const [mine, theirs] = ordered(connection, host);
      mine.open = false;
      mine.held = [];
      if (loud && connection.cable.state === "up") this.#arrive(connection, theirs, "close");
      else if (connection.cable.state === "up") theirs.held = [];
    }
    host.connections.clear();
  }

  /** Cuts a cable that is up. */
  cut(cable: Cable, state: "silent" | "loud"): void {
    cable.state = state;
    if (state === "silent") return;
    for (const connection of [...cable.connections]) {
      for (const end of connection.ends) {
        end.held = [];
        this.#closed(connection, end);
      }
    }
  }

  /** Puts a cable right again: what waits on it arrives, unless its connection has ended. */
  heal(cable: Cable): void {
    cable.state = "up";
    for (const connection of [...cable.connections]) {
      for (const end of connection.ends) {
        const { held } = end;
        end.held = [];
        held.sort((a, b) => a.number - b.number);
        for (const transit of held) this.#travel(connection, end, transit);
      }
    }
  }

  /** Runs something on a node that is alive. */
  on<T>(host: SimNode, act: (node: MeshNode) => T): T {
    const result = act(host.node!);
    this.#schedule(host);
    return result;
  }

  /** Lets time pass. */
  run(ms: number): void {
    this.queue.run(this.now + ms);
  }

  #schedule(host: SimNode): void {
    const wake = host.node?.nextWake() ?? Infinity;
    if (wake >= host.wakeAt || wake === Infinity) return;
    host.wakeAt = wake;
    const { life } = host;
    this.queue.at(wake, () => {
      if (host.life !== life || host.wakeAt !== wake || host.node === undefined) return;
      host.wakeAt = Infinity;
      this.on(host, (node) => node.tick(this.now));
    });
  }

  // ---------------------------------------------------------------- connections

  #dialLater(cable: Cable, dialer: SimNode, life: number, failures: number): void {
    const delay = backoffDelay("lan", failures, this.dice.random);
    this.queue.at(this.now + delay, () => this.#dial(cable, dialer, life, failures));
  }

  #dial(cable: Cable, dialer: SimNode, life: number, failures: number): void {
    if (dialer.node === undefined || dialer.life !== life) return;
    const other = cable.a === dialer ? cable.b : cable.a;
    // Linked already, or connecting on this cable: linkDown or the end of that one dials again.
    if (dialer.node.peers().some(({ id }) => id === other.id)) return;
    for (const { ends } of cable.connections) {
      if (ends[0].host === dialer && ends[0].open) return;
    }
    if (other.node === undefined || cable.state !== "up") {
      this.#dialLater(cable, dialer, life, failures + 1);
      return;
    }
    const end = (host: SimNode): End => ({
      host,
      life: host.life,
      link: ++this.#links,
      open: true,
      lastArrival: 0,
      held: [],
    });
    const connection = new Connection(cable, [end(dialer), end(other)]);
    cable.connections.add(connection);
    for (const { host, link } of connection.ends) host.connections.set(link, connection);
    connection.ends.forEach(({ host, link }, i) => {
      this.on(host, (node) => node.linkOpened(link, i === 0, this.now));
    });
  }

  // The link to a peer is gone: whoever dials on a cable between the two does so again.
  #redial(host: SimNode, peer: NodeId): void {
    for (const cable of this.cables) {
      if (!cable.dialers.includes(host)) continue;
      if (cable.a.id !== peer && cable.b.id !== peer) continue;
      this.#dialLater(cable, host, host.life, 0);
    }
  }

  #send(host: SimNode, link: number, body: Uint8Array): void {
    const connection = host.connections.get(link);
    if (connection === undefined) return;
    this.options.onSend?.(host, body);
    const [, theirs] = ordered(connection, host, link);
    this.#arrive(connection, theirs, body);
  }

  #close(host: SimNode, link: number): void {
    const connection = host.connections.get(link);
    if (connection === undefined) return;
    const [mine, theirs] = ordered(connection, host, link);
    mine.open = false;
    mine.held = [];
    host.connections.delete(link);
    if (!theirs.open) connection.cable.connections.delete(connection);
    this.#arrive(connection, theirs, "close");
    this.#retryAfterRefusal(connection, host);
  }

  #retryAfterRefusal(connection: Connection, host: SimNode): void {
    const { cable, ends } = connection;
    if (ends[0].host === host && host.node !== undefined) {
      this.#dialLater(cable, host, host.life, 3);
    }
  }

  #arrive(connection: Connection, end: End, what: Uint8Array | "close"): void {
    const deliver = () => {
      if (!end.open) return;
      if (what === "close") return this.#closed(connection, end);
      this.on(end.host, (node) => node.frameReceived(end.link, what, this.now));
    };
    const transit = { number: ++this.#sent, deliver };
    if (connection.cable.state === "up" && end.held.length === 0) {
      this.#travel(connection, end, transit);
    } else if (connection.cable.state === "silent") end.held.push(transit);
  }

  #travel(connection: Connection, end: End, transit: Transit): void {
    const { cable } = connection;
    const [low, high] = cable.delay;
    const delay = low + this.dice.random() * (high - low);
    // In order on one connection; between connections it may be overtaken.
    end.lastArrival = Math.max(end.lastArrival, this.now + delay);
    this.queue.at(end.lastArrival, () => {
      if (!end.open || end.host.life !== end.life || end.host.node === undefined) return;
      if (cable.state === "up" && end.held.length === 0) transit.deliver();
      else if (cable.state === "silent") end.held.push(transit);
    });
  }

  #closed(connection: Connection, end: End): void {
    const { host, link } = end;
    const wasOpen = end.open;
    end.open = false;
    host.connections.delete(link);
    if (connection.ends.every(({ open }) => !open)) connection.cable.connections.delete(connection);
    if (!wasOpen || host.life !== end.life || host.node === undefined) return;
    this.on(host, (node) => node.linkClosed(link, this.now));
    this.#retryAfterRefusal(connection, host);
  }

  // ---------------------------------------------------------------- truth

  /** The machines that are alive, and who is joined to whom by a cable that is up. */
  trueGraph(): Map<NodeId, NodeId[]> {
    const graph = new Map<NodeId, Set<NodeId>>();
    for (const { node, id } of this.nodes) if (node !== undefined) graph.set(id, new Set());
    for (const { a, b, state } of this.cables) {
      if (state !== "up" || a.node === undefined || b.node === undefined) continue;
      graph.get(a.id)!.add(b.id);
      graph.get(b.id)!.add(a.id);
    }
    return new Map([...graph].map(([id, links]) => [id, [...links].sort()]));
  }

  /** The machines that a chain of open connections on cables that are up leads to, this one included. */
  connected(host: SimNode): Set<SimNode> {
    const found = new Set([host]);
    for (const at of found) {
      for (const { cable, ends } of at.connections.values()) {
        if (cable.state !== "up" || !ends.every(({ open }) => open)) continue;
        for (const end of ends) if (end.host.node !== undefined) found.add(end.host);
      }
    }
    return found;
  }

  /** The machines that can reach each other, component by component. */
  components(): SimNode[][] {
    const graph = this.trueGraph();
    const byId = new Map(this.nodes.map((host) => [host.id, host]));
    const left = new Set(graph.keys());
    const found: SimNode[][] = [];
    for (const start of graph.keys()) {
      if (!left.delete(start)) continue;
      const component = [start];
      for (const at of component) {
        for (const next of graph.get(at)!) if (left.delete(next)) component.push(next);
      }
      found.push(component.map((id) => byId.get(id)!));
    }
    return found;
  }
}

// The two ends: this machine's first.
function ordered(connection: Connection, host: SimNode, link?: number): [End, End] {
  const [first, second] = connection.ends;
  const isFirst = first.host === host && (link === undefined || first.link === link);
  return isFirst ? [first, second] : [second, first];
}
