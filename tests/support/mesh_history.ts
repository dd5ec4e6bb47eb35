/**
 * A random history of a mesh, and what must be true of it whatever happened: while it runs, no
 * message comes twice or out of its origin's order (over all of its lives), and no announcement that was made while the two
 * were apart is told; when everything is quiet again, all that are
 * connected have the same messages and know the true graph, questions and direct messages end as
 * they should, and nothing is left over in the tables.
 */
import { assert, assertEquals } from "@std/assert";
import type { DirectMessage, Gap, GatherResult, SendOutcome } from "../../lib/mesh/context.ts";
import type { NodeId } from "../../lib/mesh/identity.ts";
import type { Delivery } from "../../lib/mesh/observers.ts";
import { PresenceWatch } from "./mesh_presence.ts";
import { type Cable, MeshSimulator, SIM_KIND, type SimNode } from "./mesh_simulator.ts";
import { build, WIRINGS } from "./mesh_wiring.ts";

/** What a history consists of. */
export interface HistoryOptions {
  readonly seed: number;
  /** @default random */
  readonly wiring?: string;
  /** @default 15 */
  readonly nodes?: number;
  /** Random events. @default 60 */
  readonly steps?: number;
}

interface Memory {
  /** The highest sequence delivered as news, and as past, for each stream. */
  readonly marks: Map<string, { news: number; past: number }>;
  readonly messages: Set<string>;
  /** Past messages that nobody reachable had. */
  readonly givenUp: Set<string>;
  readonly presence: Map<NodeId, string>;
  /** When something of an origin was first seen here. */
  readonly heardAt: Map<NodeId, number>;
  /** The latest life of each origin of which something was delivered as news. */
  readonly lives: Map<NodeId, number>;
}

interface Sent {
  readonly from: SimNode;
  readonly to: NodeId;
  outcome: SendOutcome | undefined;
  arrivals: number;
  /** The life of the recipient in which it arrived last. */
  arrivedIn?: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Ms after which everything is quiet: silence is found in 4 s, links are tried every 2 s. */
const SETTLE = 9_000;
/** Events of one history: some thousands are usual, and 100,000 in a clique. */
const MOST_EVENTS = 2_000_000;

/** One history: `run` throws when something that must hold does not. */
export class MeshHistory {
  readonly simulator: MeshSimulator;
  readonly #watch = new PresenceWatch(() => this.simulator);
  readonly #memories = new Map<SimNode, Memory>();
  readonly #published = new Map<string, { readonly at: number; readonly by: SimNode }>();
  readonly #sent = new Map<string, Sent>();
  /** The origin, incarnation and sequence of each message. */
  readonly #names = new Map<string, string>();
  readonly #mute = new Set<SimNode>();
  readonly #cables: Cable[];
  #words = 0;

  constructor(readonly options: HistoryOptions) {
    this.simulator = new MeshSimulator({
      seed: options.seed,
      observer: {
        delivered: (host, delivery) => this.#delivered(host, delivery),
        stateChanged: (host, change) => {
          this.#memory(host).presence.set(change.origin, decoder.decode(change.payload));
          this.#watch.stateChanged(host, change);
        },
        reachable: (host, id) => {
          this.#noteHeard(host, id);
          this.#watch.reachable(host, id);
        },
        unreachable: (host, id) => {
          this.#memory(host).presence.delete(id);
          this.#watch.unreachable(host, id);
        },
        received: (host, message) => this.#received(host, message),
        requested: (host, request) => {
          if (this.#mute.has(host)) return;
          host.node!.answer(request, encoder.encode(host.id), this.simulator.now);
        },
        gap: (host, gap) => {
          // What was said before we met, and is known to exist by those who never got it.
          if (gap.past) return this.#gaveUpPast(host, gap);
          throw new Error(`n${host.index} declared a gap: ${JSON.stringify(gap)}`);
        },
        dropped: (host, code, reason) => {
          const isFault = code === "forged" || code === "protocol" || code === "self";
          if (isFault) throw new Error(`n${host.index} dropped a link (${code}): ${reason}`);
        },
      },
    });
    this.simulator.queue.most = MOST_EVENTS;
    const { dice } = this.simulator;
    const count = options.nodes ?? 15;
    const shape = options.wiring ?? dice.pick(Object.keys(WIRINGS));
    this.#cables = build(this.simulator, count, WIRINGS[shape]!(count, dice));
  }

  /** Runs the whole history and checks everything. */
  run(): void {
    const { simulator } = this;
    for (const host of simulator.nodes) this.#memory(host);
    simulator.run(simulator.dice.int(0, 3_000));
    for (let i = 0; i < (this.options.steps ?? 60); i++) {
      this.#step();
      const { dice } = simulator;
      simulator.run(dice.chance(0.5) ? dice.random() * 20 : dice.random() ** 3 * 3_000);
    }
    for (const cable of this.#cables) {
      if (cable.state !== "up" && simulator.dice.chance(0.9)) simulator.heal(cable);
    }
    for (const host of simulator.nodes) {
      if (host.node === undefined && simulator.dice.chance(0.8)) this.#start(host);
    }
    simulator.run(SETTLE);
    this.#checkQuiet();
    this.#checkQuestions();
    this.#checkDirect();
    this.#checkTables();
  }

  #memory(host: SimNode): Memory {
    let memory = this.#memories.get(host);
    if (memory === undefined) {
      memory = {
        marks: new Map(),
        messages: new Set(),
        givenUp: new Set(),
        presence: new Map(),
        heardAt: new Map(),
        lives: new Map(),
      };
      this.#memories.set(host, memory);
    }
    return memory;
  }

  // ---------------------------------------------------------------- what happens

  #step(): void {
    const { simulator } = this;
    const { dice, nodes } = simulator;
    const alive = nodes.filter(({ node }) => node !== undefined);
    const up = this.#cables.filter(({ state }) => state === "up");
    const cut = this.#cables.filter(({ state }) => state !== "up");
    const roll = dice.random();
    if (alive.length === 0) this.#start(dice.pick(nodes));
    else if (roll < 0.5) this.#speak(dice.pick(alive));
    else if (roll < 0.55) this.#watch.announce(dice.pick(alive));
    else if (roll < 0.6) this.#sendDirect(dice.pick(alive));
    else if (roll < 0.65) this.#ask(dice.pick(alive));
    else if (roll < 0.75 && up.length > 0) {
      simulator.cut(dice.pick(up), dice.chance(0.5) ? "silent" : "loud");
    } else if (roll < 0.85 && cut.length > 0) simulator.heal(dice.pick(cut));
    else if (roll < 0.88) this.#restartApart(dice.pick(alive));
    else if (roll < 0.93 && alive.length > 1) simulator.crash(dice.pick(alive), dice.chance(0.6));
    else {
      const dead = nodes.filter(({ node }) => node === undefined);
      if (dead.length > 0) this.#start(dice.pick(dead));
      else this.#speak(dice.pick(alive));
    }
  }

  #start(host: SimNode): void {
    const withMemory = this.simulator.dice.chance(0.6);
    if (!withMemory) this.#memories.delete(host);
    else this.#memory(host).presence.clear();
    this.#watch.started(host);
    this.simulator.start(host, withMemory);
  }

  // Cut off it speaks, is started again with its memory, and speaks on while its cables are healed.
  #restartApart(host: SimNode): void {
    const { simulator } = this;
    const { dice } = simulator;
    const cables = this.#cables.filter(({ a, b, state }) =>
      state === "up" && (a === host || b === host)
    );
    for (const cable of cables) simulator.cut(cable, "loud");
    for (let life = dice.int(1, 2); life > 0; life--) {
      for (let i = dice.int(1, 20); i > 0; i--) this.#speak(host);
      simulator.crash(host, true);
      simulator.run(dice.int(0, 100));
      this.#watch.started(host);
      this.#memory(host).presence.clear();
      simulator.start(host, true);
    }
    this.#speak(host);
    for (const cable of dice.shuffle(cables)) {
      simulator.heal(cable);
      if (dice.chance(0.3)) simulator.run(dice.int(0, 300));
    }
    for (let i = dice.int(0, 5); i > 0; i--) {
      if (host.node !== undefined) this.#speak(host);
      simulator.run(dice.random() * 100);
    }
  }

  #speak(host: SimNode): void {
    const { simulator } = this;
    const count = simulator.dice.chance(0.3) ? simulator.dice.int(2, 20) : 1;
    const payloads = Array.from({ length: count }, () => encoder.encode(`word ${this.#words++}`));
    const at = simulator.now;
    for (const payload of payloads) {
      this.#published.set(decoder.decode(payload), { at, by: host });
    }
    simulator.on(host, (node) => node.publish(SIM_KIND.speech, payloads, { now: at, time: at }));
  }

  #sendDirect(host: SimNode, to?: NodeId): Sent {
    const { simulator } = this;
    to ??= simulator.dice.pick(simulator.nodes).id;
    const word = `direct ${this.#words++}`;
    const sent: Sent = { from: host, to, outcome: undefined, arrivals: 0 };
    this.#sent.set(word, sent);
    const message = {
      to,
      kind: SIM_KIND.direct,
      payload: encoder.encode(word),
      finished: (outcome: SendOutcome) => {
        assertEquals(sent.outcome, undefined, "a direct message ended twice");
        sent.outcome = outcome;
      },
    };
    simulator.on(host, (node) => node.send(message, simulator.now));
    return sent;
  }

  #ask(host: SimNode) {
    const { simulator } = this;
    const gather: { readonly startedAt: number; result?: GatherResult } = {
      startedAt: simulator.now,
    };
    const question = {
      kind: SIM_KIND.question,
      payload: encoder.encode("who"),
      finished: (result: GatherResult) => {
        assertEquals(gather.result, undefined, "a question ended twice");
        assert(simulator.now - gather.startedAt <= 2_001, "a question took too long");
        gather.result = result;
      },
    };
    simulator.on(host, (node) => node.gather(question, simulator.now));
    return gather;
  }

  // ---------------------------------------------------------------- what must hold at any time

  #delivered(host: SimNode, { batch, past }: Delivery): void {
    const memory = this.#memory(host);
    const { marks, messages, heardAt, lives } = memory;
    const stream = `${batch.origin}/${batch.incarnation}`;
    let mark = marks.get(stream);
    if (mark === undefined) marks.set(stream, mark = { news: 0, past: 0 });
    const cursor = past ? "past" : "news";
    assert(
      batch.first > mark[cursor],
      `n${host.index} got ${stream}/${batch.first} after ${mark[cursor]}: out of order or twice`,
    );
    mark[cursor] = batch.last;
    if (!past) {
      const life = lives.get(batch.origin) ?? 0;
      assert(
        batch.incarnation >= life,
        `n${host.index} got ${stream}/${batch.first} after something of the later life ${life}`,
      );
      lives.set(batch.origin, batch.incarnation);
    }
    this.#noteHeard(host, batch.origin);
    const isOwnFormer = batch.origin === host.id;
    batch.forEach((payload, sequence) => {
      const word = decoder.decode(payload);
      this.#names.set(word, `${stream}/${sequence}`);
      assert(!messages.has(word), `n${host.index} got "${word}" twice`);
      messages.add(word);
      const published = this.#published.get(word);
      if (published === undefined) throw new Error(`n${host.index} got an invented "${word}"`);
      // Who had heard of an origin gets what it says as news.
      const known = heardAt.get(batch.origin)!;
      if (past && !isOwnFormer && published.at > known) {
        throw new Error(`n${host.index} got "${word}" as past, said ${published.at}, met ${known}`);
      }
    });
  }

  #noteHeard(host: SimNode, origin: NodeId): void {
    const { heardAt } = this.#memory(host);
    if (!heardAt.has(origin)) heardAt.set(origin, this.simulator.now);
  }

  #gaveUpPast(host: SimNode, { origin, incarnation, from, to }: Gap): void {
    const { givenUp } = this.#memory(host);
    for (let i = from; i <= to; i++) givenUp.add(`${origin}/${incarnation}/${i}`);
  }

  #received(host: SimNode, message: DirectMessage): void {
    const word = decoder.decode(message.payload);
    const sent = this.#sent.get(word);
    if (sent === undefined) throw new Error(`n${host.index} got "${word}", which nobody sent`);
    assertEquals(host.id, sent.to, `"${word}" came to the wrong node`);
    // Whoever is started again knows nothing of what came in the life before.
    assert(sent.arrivedIn !== host.life, `"${word}" came twice`);
    sent.arrivedIn = host.life;
    sent.arrivals++;
  }

  // ---------------------------------------------------------------- what must hold at the end

  #checkQuiet(): void {
    const { simulator } = this;
    const graph = simulator.trueGraph();
    for (const component of simulator.components()) {
      const ids = component.map(({ id }) => id).sort();
      const all = new Set(component.flatMap((host) => [...this.#memory(host).messages]));
      for (const host of component) {
        const { messages, presence, givenUp } = this.#memory(host);
        const missing = [...all].filter((word) =>
          !messages.has(word) && !givenUp.has(this.#names.get(word)!)
        );
        assertEquals(
          missing,
          [],
          `n${host.index} misses messages that n${
            component.find((other) => this.#memory(other).messages.has(missing[0] ?? ""))?.index
          } has`,
        );
        const known = host.node!.topology();
        assertEquals(known.map(({ id }) => id), ids, `n${host.index} knows other nodes`);
        for (const { id, links } of known) {
          assertEquals(links, graph.get(id), `n${host.index} knows other links of ${id}`);
        }
        for (const other of component) {
          const said = this.#memory(other).presence.get(other.id);
          assertEquals(presence.get(other.id), said, `n${host.index} knows another presence`);
        }
        for (const id of presence.keys()) {
          assert(ids.includes(id), `n${host.index} shows ${id}, which is unreachable`);
        }
      }
    }
    // What a node that never lost its memory said is there.
    for (const [word, { by }] of this.#published) {
      const memory = this.#memory(by);
      if (by.node === undefined || by.store.starts > 1) continue;
      if (memory.marks.size > 0 && !memory.messages.has(word)) {
        const isEarlierLife = ![...memory.messages].length;
        assert(isEarlierLife || by.life > 1, `n${by.index} lost its own "${word}"`);
      }
    }
  }

  #checkQuestions(): void {
    const { simulator } = this;
    for (const component of simulator.components()) {
      const host = simulator.dice.pick(component);
      const others = component.filter((other) => other !== host);
      this.#mute.clear();
      for (const other of others) if (simulator.dice.chance(0.1)) this.#mute.add(other);
      const started = simulator.now;
      const gather = this.#ask(host);
      for (let i = 0; i < 500 && gather.result === undefined; i++) simulator.run(5);
      const silent = [...this.#mute].map(({ id }) => id).sort();
      if (gather.result === undefined) throw new Error("a question did not end");
      assertEquals(gather.result.silent, silent, "the silent are named exactly");
      assertEquals(gather.result.answers.size, component.length - silent.length);
      for (const [id, answer] of gather.result.answers) assertEquals(decoder.decode(answer), id);
      const took = simulator.now - started;
      if (silent.length === 0) assert(took < 1_990, `all answered, and it took ${took} ms`);
    }
    this.#mute.clear();
  }

  #checkDirect(): void {
    const { simulator } = this;
    const tries: { sent: Sent; possible: boolean }[] = [];
    for (const component of simulator.components()) {
      for (let i = 0; i < 3; i++) {
        const target = simulator.dice.pick(simulator.nodes);
        const sent = this.#sendDirect(simulator.dice.pick(component), target.id);
        tries.push({ sent, possible: component.includes(target) });
      }
    }
    simulator.run(3_000);
    for (const { sent, possible } of tries) {
      assertEquals(sent.outcome?.type, possible ? "delivered" : "failed");
      assertEquals(sent.arrivals, possible ? 1 : 0);
    }
    for (const { outcome, arrivals } of this.#sent.values()) {
      if (outcome?.type === "delivered") assert(arrivals > 0, "confirmed and not delivered");
    }
  }

  #checkTables(): void {
    this.simulator.run(3_000);
    for (const { node, index } of this.simulator.nodes) {
      if (node === undefined) continue;
      const stats = node.stats();
      const left = {
        pendingBytes: stats.pendingBytes,
        behind: stats.behind,
        routed: stats.routedUnderWay,
        gathers: stats.gathers,
      };
      assertEquals(
        left,
        { pendingBytes: 0, behind: 0, routed: 0, gathers: 0 },
        `n${index} has something left over`,
      );
    }
  }
}
