/**
 * A random history of servers with notifications, and what must be true of it whatever happened. Publishers
 * publish; named subscribers come, read, acknowledge, vanish and come back elsewhere; cables are cut and healed,
 * servers killed and started again. While it runs, nothing comes to a subscriber that it acknowledged on the
 * server that pushes it; when everything is quiet again, nobody lacks anything, and nothing
 * acknowledged comes again anywhere.
 */
import { assert, assertEquals } from "@std/assert";
import type { Notification } from "../../lib/notify/notification.ts";
import type { Subscriber } from "../../lib/notify/notifications.ts";
import { parseId } from "../../lib/notify/stream.ts";
import { matches } from "../../lib/wire/topic.ts";
import { Dice } from "../support/random.ts";
import type { Cable } from "../support/mesh_simulator.ts";
import { WIRINGS } from "../support/mesh_wiring.ts";
import { NotifyWorld, type Server, type WorldOptions } from "./notify_world.ts";

const TOPICS = ["door", "door/front", "window", "a/b/c"];
const PATTERNS = [["**"], ["door/**"], ["door", "a/*/c"], ["*"], ["window", "door/*"]];

/** What a history consists of. */
export interface HistoryOptions extends WorldOptions {
  /** @default 4 */
  readonly servers?: number;
  /** @default 80 */
  readonly steps?: number;
  /** The mesh brings everything by itself, in order: nothing is too old for it. @default true */
  readonly ordered?: boolean;
}

interface Published {
  readonly id: string;
  readonly topic: string;
  readonly at: number;
}

/** A connection of a named subscriber to a server. */
class Visit implements Subscriber {
  readonly nick: string;
  takes = true;
  /** Cut off without a word: what is pushed to it is lost. */
  isDead = false;
  /** The highest sequence of each stream and topic that came for the first time on this connection. */
  readonly highest = new Map<string, number>();

  constructor(readonly bob: Bob, readonly server: Server) {
    this.nick = bob.name;
  }

  push(notification: Notification): void {
    if (!this.isDead) this.bob.got(notification, this);
  }

  dropped(count: number): void {
    if (!this.isDead) this.bob.dropped += count;
  }

  ended(): void {
    if (this.bob.visit === this) this.bob.visit = undefined;
  }
}

/** A named subscriber, with its program's view. */
class Bob {
  visit: Visit | undefined;
  since = Infinity;
  dropped = 0;
  readonly received = new Map<string, number>();
  /** On which servers it acknowledged what. */
  readonly acknowledged = new Map<string, Set<Server>>();
  readonly open = new Map<string, Visit>();

  constructor(
    readonly name: string,
    readonly patterns: readonly string[],
    readonly ordered: boolean,
  ) {}

  got(notification: Notification, visit: Visit): void {
    const { id, topic } = notification;
    assert(this.patterns.some((pattern) => matches(pattern, topic)), `${topic} is not wanted`);
    assert(
      this.acknowledged.get(id)?.has(visit.server) !== true,
      `${this.name} got ${id} again from the server where it acknowledged it`,
    );
    if (!this.received.has(id)) {
      const { stream, sequence } = parseId(id)!;
      const key = `${stream} ${topic}`;
      const before = visit.highest.get(key) ?? 0;
      if (this.ordered) assert(sequence > before, `${id} came after ${before}`);
      visit.highest.set(key, Math.max(before, sequence));
    }
    this.received.set(id, (this.received.get(id) ?? 0) + 1);
    this.open.set(id, visit);
  }
}

/** One history: `run` throws when something that must hold does not. */
export class NotifyHistory {
  readonly world: NotifyWorld;
  readonly #dice: Dice;
  readonly #cables: Cable[];
  readonly #bobs: Bob[];
  readonly #published: Published[] = [];
  readonly #ordered: boolean;
  #words = 0;

  constructor(readonly options: HistoryOptions) {
    this.world = new NotifyWorld(options);
    const { sim } = this.world;
    this.#dice = sim.dice;
    this.#ordered = options.ordered ?? true;
    const count = options.servers ?? 4;
    const wiring = WIRINGS[this.#dice.pick(["line", "star", "ring", "clique"])]!(count, this.#dice);
    for (let i = 0; i < count; i++) {
      const server = this.world.add();
      server.skew = this.#dice.pick([0, 0, -3_600_000 * 1_000, 86_400_000]);
    }
    this.#cables = wiring.map(([a, b]) =>
      this.world.join(this.world.servers[a]!, this.world.servers[b]!)
    );
    this.#bobs = PATTERNS.map((patterns, i) => new Bob(`bob${i}`, patterns, this.#ordered));
  }

  /** Runs the whole history and checks everything. */
  run(): void {
    const { world } = this;
    const dice = this.#dice;
    world.run(4_000);
    // Each has its subscription before anything else: what a name is to get is clear then.
    for (const bob of this.#bobs) this.#enter(bob, dice.pick(world.servers));
    world.run(1_000);
    for (let i = 0; i < (this.options.steps ?? 80); i++) {
      this.#step();
      world.run(dice.chance(0.6) ? dice.random() * 20 : dice.random() ** 3 * 4_000);
    }
    for (const cable of this.#cables) if (cable.state !== "up") world.sim.heal(cable);
    for (const server of world.servers) if (server.room === undefined) world.start(server);
    world.run(this.#ordered ? 30_000 : 120_000);
    this.#check();
  }

  // ---------------------------------------------------------------- what happens

  #step(): void {
    const { world } = this;
    const dice = this.#dice;
    const alive = world.servers.filter(({ room }) => room !== undefined);
    const roll = dice.random();
    if (alive.length === 0) return world.start(dice.pick(world.servers));
    if (roll < 0.45) return this.#publish(dice.pick(alive));
    if (roll < 0.6) return this.#acknowledge(dice.pick(this.#bobs));
    if (roll < 0.75) return this.#enter(dice.pick(this.#bobs), dice.pick(alive));
    if (roll < 0.8) return this.#leave(dice.pick(this.#bobs));
    if (roll < 0.86) {
      const up = this.#cables.filter(({ state }) => state === "up");
      if (up.length > 0) world.sim.cut(dice.pick(up), dice.chance(0.5) ? "silent" : "loud");
      return;
    }
    if (roll < 0.92) {
      const cut = this.#cables.filter(({ state }) => state !== "up");
      if (cut.length > 0) world.sim.heal(dice.pick(cut));
      return;
    }
    if (roll < 0.95) return this.#kill(dice.pick(alive));
    const dead = world.servers.filter(({ room }) => room === undefined);
    if (dead.length > 0) world.start(dice.pick(dead));
  }

  #publish({ room }: Server): void {
    for (let i = this.#dice.int(1, 3); i > 0; i--) {
      const topic = this.#dice.pick(TOPICS);
      const { id } = room!.publish({ topic, text: `${++this.#words}`, nick: "eve" });
      this.#published.push({ id, topic, at: this.world.sim.now });
    }
  }

  #enter(bob: Bob, server: Server): void {
    // The former connection ends with a word, or without one.
    if (bob.visit !== undefined) bob.visit.isDead = true;
    const visit = new Visit(bob, server);
    bob.visit = visit;
    bob.open.clear();
    visit.takes = this.#dice.chance(0.9);
    const topics = this.#dice.chance(0.5) || bob.since === Infinity ? bob.patterns : [];
    const knows = topics.length > 0 || server.room!.board.subscribers.get(bob.name) !== undefined;
    const subscription = server.room!.subscribe(visit, {
      topics: knows ? topics : bob.patterns,
      as: bob.name,
      timeout: this.#dice.pick([1_000, 60_000]),
    });
    bob.since = Math.min(bob.since, this.world.sim.now);
    subscription.resume();
    this.#subscriptions.set(visit, (id) => subscription.acknowledge(id));
  }

  readonly #subscriptions = new Map<Visit, (id: string) => boolean>();

  #acknowledge(bob: Bob): void {
    for (const [id, visit] of bob.open) {
      if (visit.server.room === undefined || visit.isDead || this.#dice.chance(0.3)) continue;
      assert(this.#subscriptions.get(visit)!(id), `${bob.name} can't acknowledge ${id}`);
      bob.open.delete(id);
      const at = bob.acknowledged.get(id) ?? new Set();
      bob.acknowledged.set(id, at.add(visit.server));
    }
  }

  #leave(bob: Bob): void {
    const { visit } = bob;
    if (visit === undefined) return;
    visit.isDead = true;
    bob.visit = undefined;
  }

  #kill(server: Server): void {
    this.world.kill(server, this.#dice.chance(0.7));
    for (const bob of this.#bobs) {
      for (const [id, visit] of bob.open) if (visit.server === server) bob.open.delete(id);
      if (bob.visit?.server === server) this.#leave(bob);
    }
  }

  // ---------------------------------------------------------------- what must be true

  #check(): void {
    const { servers, sim } = this.world;
    for (const bob of this.#bobs) {
      const twice = new Map(bob.received);
      this.#enter(bob, this.#dice.pick(servers));
      bob.visit!.takes = true;
      bob.visit!.server.room!.board.subscribers.get(bob.name)!.session!.resume();
      for (const id of bob.acknowledged.keys()) {
        assertEquals(bob.received.get(id), twice.get(id), `${bob.name} got ${id} again`);
      }
      const lacks = this.#published.filter(({ id, topic, at }) =>
        at > bob.since && !bob.received.has(id) &&
        bob.patterns.some((pattern) => matches(pattern, topic))
      );
      assertEquals(lacks, [], `${bob.name} lacks something`);
      assertEquals(bob.dropped, 0);
      while (bob.open.size > 0) this.#acknowledge(bob);
    }
    // A mesh that remembers next to nothing loses what is said, and each peer is asked in its turn.
    this.world.run(this.#ordered ? 2_000 : 120_000);
    for (const bob of this.#bobs) {
      for (const server of servers) {
        const named = server.room!.board.subscribers.get(bob.name)!;
        assertEquals(named.pending.size, 0, `something waits for ${bob.name}`);
        assertEquals(named.early.size, 0);
        const active = servers.filter(({ room }) =>
          room!.board.subscribers.get(bob.name)!.session !== undefined
        );
        assert(active.length <= 1, `${bob.name} is in the mode on ${active.length} servers`);
      }
    }
    const first = servers[0]!.room!.board;
    for (const { room } of servers) {
      const { memory, subscribers } = room!.board;
      assertEquals(memory.size, this.#published.length);
      assertEquals(memory.hash, first.memory.hash);
      for (const { record, key } of subscribers) {
        const there = first.subscribers.get(key)!.record;
        assertEquals([record.version, record.by], [there.version, there.by]);
      }
    }
    assert(sim.now > 0);
  }
}
