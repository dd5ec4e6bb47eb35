/** What the clients of simulated servers are told of the others: who is back, who is lost, who came. */
import type { NodeId } from "../../lib/mesh/identity.ts";
import type { StateChange } from "../../lib/mesh/observers.ts";
import { type MeshSimulator, SIM_KIND, type SimNode } from "./mesh_simulator.ts";

/** Ms from when a node has a state until its peers show it, at the most: the slowest cable takes 150. */
const LAST_HOP = 250;

/** An announcement of a node. */
interface Announced {
  readonly at: number;
  /** The nodes that were apart from it, and knew that. */
  readonly apart: ReadonlySet<SimNode>;
}

/** What one node shows of another. */
interface Shown {
  /** Since when it is reachable. */
  readonly since: number;
  /** Until when. */
  until: number;
  /** The announcements up to which number had come when. */
  readonly came: { readonly last: number; readonly at: number }[];
}

/**
 * Keeps presence as the talker does: the state is the number of announcements so far; the first that
 * is seen of a node that became reachable is where one stands, each later one tells what is new.
 */
export class PresenceWatch {
  /** What each node was told, as `back n3` or `lost n3`, since it was last cleared. */
  readonly told = new Map<SimNode, string[]>();
  readonly #announced = new Map<string, Announced[]>();
  readonly #shown = new Map<SimNode, Map<NodeId, Shown>>();
  /** All that any node has shown of each other. */
  readonly #views = new Map<NodeId, Shown[]>();
  readonly #simulator: () => MeshSimulator;

  /** Watches a simulator, which has the methods here as its observer. */
  constructor(simulator: () => MeshSimulator) {
    this.#simulator = simulator;
  }

  /** A node announces something. */
  announce(host: SimNode): void {
    const simulator = this.#simulator();
    const all = this.#of(host.id, host.life);
    const connected = simulator.connected(host);
    const isApart = (other: SimNode) =>
      !connected.has(other) && !this.#shown.get(other)?.has(host.id);
    all.push({ at: simulator.now, apart: new Set(simulator.nodes.filter(isApart)) });
    const state = new TextEncoder().encode(`${host.life} ${all.length}`);
    simulator.on(host, (node) => node.setState(SIM_KIND.presence, state, simulator.now));
  }

  #of(id: NodeId, life: number): Announced[] {
    const key = `${id} ${life}`;
    let all = this.#announced.get(key);
    if (all === undefined) this.#announced.set(key, all = []);
    return all;
  }

  /** A node is started: it knows nobody yet. */
  started(host: SimNode): void {
    for (const shown of this.#shown.get(host)?.values() ?? []) shown.until = this.#simulator().now;
    this.#shown.delete(host);
  }

  reachable(host: SimNode, id: NodeId): void {
    let shown = this.#shown.get(host);
    if (shown === undefined) this.#shown.set(host, shown = new Map());
    const view = { since: this.#simulator().now, until: Infinity, came: [] };
    shown.set(id, view);
    const views = this.#views.get(id);
    if (views === undefined) this.#views.set(id, [view]);
    else views.push(view);
    this.#tell(host, "back", id);
  }

  unreachable(host: SimNode, id: NodeId): void {
    const shown = this.#shown.get(host)?.get(id);
    if (shown !== undefined) shown.until = this.#simulator().now;
    this.#shown.get(host)?.delete(id);
    this.#tell(host, "lost", id);
  }

  #tell(host: SimNode, what: string, id: NodeId): void {
    const index = this.#simulator().nodes.find((other) => other.id === id)?.index;
    const told = this.told.get(host);
    if (told === undefined) this.told.set(host, [`${what} n${index}`]);
    else told.push(`${what} n${index}`);
  }

  /** A state came. @throws {Error} when that tells what happened while the two were apart. */
  stateChanged(host: SimNode, { origin, payload }: StateChange): void {
    const shown = this.#shown.get(host)?.get(origin);
    if (shown === undefined) return;
    const text = new TextDecoder().decode(payload);
    const [life, last] = text.split(" ").map(Number) as [number, number];
    const before = shown.came.at(-1)?.last;
    shown.came.push({ last, at: this.#simulator().now });
    if (before === undefined) return;
    for (let number = before + 1; number <= last; number++) {
      const { at, apart } = this.#of(origin, life)[number - 1]!;
      if (!apart.has(host) || this.#isOnItsWay(origin, number, at, shown.since - LAST_HOP)) {
        continue;
      }
      throw new Error(
        `n${host.index} is told announcement ${number} of ${origin}, made while they were apart`,
      );
    }
  }

  // Whether an announcement, made `at`, had not come to all who could hear it by a time. (Also those
  // who have lost the node and don't know yet.)
  #isOnItsWay(origin: NodeId, number: number, at: number, by: number): boolean {
    return this.#views.get(origin)!.some(({ since, until, came }) =>
      since <= at && until >= by && !came.some((state) => state.last >= number && state.at <= by)
    );
  }
}
