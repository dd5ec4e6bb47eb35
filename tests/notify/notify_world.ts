/**
 * Servers with notifications, joined in a simulated network (tests/support/mesh_simulator.ts), in virtual time.
 */
import type { Receipts } from "../../lib/notify/notifications.ts";
import { MemoryNotificationStore } from "../support/notify_store.ts";
import { NotifyRoom, type NotifyRoomOptions } from "../../lib/notify/notify_room.ts";
import type { NotifyMesh } from "../../lib/notify/room_mesh.ts";
import type { MeshLimits } from "../../lib/mesh/limits.ts";
import type { MeshWatcher } from "../../lib/mesh/driver.ts";
import { MeshSimulator, type SimNode } from "../support/mesh_simulator.ts";

/** How often a server looks who can be reached, in ms. */
const LOOK_EVERY = 40;

/** A server: alive when `room` is there. */
export interface Server {
  readonly host: SimNode;
  room: NotifyRoom | undefined;
  store: MemoryNotificationStore;
  /** How wrong its wall clock is, in ms. */
  skew: number;
}

/** Options of a world. */
export interface WorldOptions {
  readonly seed: number;
  readonly mesh?: Partial<MeshLimits>;
  readonly limits?: NotifyRoomOptions["limits"];
}

/** Servers, and the network between them. */
export class NotifyWorld {
  readonly sim: MeshSimulator;
  readonly servers: Server[] = [];
  readonly #options: WorldOptions;
  readonly #watchers = new Map<SimNode, MeshWatcher>();
  #sent = 0;
  #bytes = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.sim = new MeshSimulator({
      seed: options.seed,
      limits: options.mesh ?? {},
      observer: { gap: (host, gap) => this.#watchers.get(host)?.gap?.(gap) },
      onSend: (_from, body) => {
        this.#sent++;
        this.#bytes += body.length;
      },
    });
  }

  /** Frames and bytes that were sent. */
  get traffic(): { frames: number; bytes: number } {
    return { frames: this.#sent, bytes: this.#bytes };
  }

  /** Adds a server and starts it. */
  add(): Server {
    const host = this.sim.addNode();
    const server: Server = { host, room: undefined, store: new MemoryNotificationStore(), skew: 0 };
    this.servers.push(server);
    this.#attach(server);
    return server;
  }

  /** Adds a node without a board, which only relays. */
  addRelay(): { readonly host: SimNode } {
    return { host: this.sim.addNode() };
  }

  /** So many servers, each joined to the next; `ring`: and the last to the first. */
  line(count: number, ring = false): Server[] {
    const servers = Array.from({ length: count }, () => this.add());
    for (let i = 1; i < count; i++) this.join(servers[i - 1]!, servers[i]!);
    if (ring && count > 2) this.join(servers[count - 1]!, servers[0]!);
    return servers;
  }

  join(a: { readonly host: SimNode }, b: { readonly host: SimNode }) {
    return this.sim.addCable(a.host, b.host);
  }

  /** As kill -9 does. */
  kill(server: Server, loud = true): void {
    server.room = undefined;
    this.sim.crash(server.host, loud);
  }

  /** Starts a server that was killed. */
  start(server: Server, withMemory = true): void {
    if (!withMemory) server.store = new MemoryNotificationStore();
    this.sim.start(server.host, withMemory);
    this.#attach(server);
  }

  run(ms: number): void {
    this.sim.run(ms);
  }

  #attach(server: Server): void {
    const { sim } = this;
    const { host } = server;
    const { life } = host;
    const isAlive = () => host.life === life && host.node !== undefined;
    const at = (when: number, action: () => void) => {
      let cancelled = false;
      sim.queue.at(when, () => {
        if (isAlive() && !cancelled) action();
      });
      return () => void (cancelled = true);
    };
    let watcher: MeshWatcher = {};
    const node = host.node!;
    const driver: NotifyMesh = {
      node,
      now: (action) => sim.on(host, (one) => action(one, sim.now)),
      publish: (kind, payloads, time) =>
        sim.on(host, (one) => one.publish(kind, payloads, { now: sim.now, time })),
      watch: (one) => void this.#watchers.set(host, watcher = one),
    };
    const room = new NotifyRoom({
      driver,
      store: server.store,
      clock: {
        now: () => sim.now,
        wall: () => 1_700_000_000_000 + sim.now + server.skew,
      },
      later: (action) => void at(sim.now, action),
      after: (ms, action) => at(sim.now + ms, action),
      ...(this.#options.limits === undefined ? {} : { limits: this.#options.limits }),
    });
    server.room = room;
    let before = new Map<string, number>();
    const look = () => {
      const reachable = new Map(node.topology().map(({ id, incarnation }) => [id, incarnation]));
      for (const [id, incarnation] of before) {
        if (reachable.get(id) !== incarnation) watcher.unreachable?.(id, id, false);
      }
      for (const [id, incarnation] of reachable) {
        if (id !== host.id && before.get(id) !== incarnation) watcher.reachable?.(id, id);
      }
      before = reachable;
      if (room.due <= sim.now) room.tick(sim.now);
      at(sim.now + LOOK_EVERY, look);
    };
    at(sim.now, look);
  }
}

/** Lets time pass until it is answered, at the most so many ms. */
export async function answer(world: NotifyWorld, asked: Promise<Receipts | undefined>, ms = 3_000) {
  let result: Receipts | undefined | "open" = "open";
  void asked.then((receipts) => result = receipts);
  for (const end = world.sim.now + ms; world.sim.now < end && result === "open";) {
    world.run(10);
    for (let i = 0; i < 10; i++) await Promise.resolve();
  }
  return result as Receipts | undefined | "open";
}
