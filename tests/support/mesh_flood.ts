/** Counts the copies of payloads that a mesh with about 4 links for each node sends. */
import type { Delivery } from "../../lib/mesh/observers.ts";
import { TYPE_PUSH, TYPE_REPLY } from "../../lib/wire/mesh_batch.ts";
import { readU32 } from "../../lib/wire/mesh_bytes.ts";
import { MeshSimulator, SIM_KIND, type SimNode } from "./mesh_simulator.ts";
import { build, regular } from "./mesh_wiring.ts";

/** At most so many nodes speak. */
const SPEAKERS = 10;

/** What became of the messages while nodes crashed. */
export interface CrashResult {
  readonly crashed: number;
  /** Nodes that stayed connected. */
  readonly stayed: number;
  /** Messages said among them. */
  readonly said: number;
  /** Deliveries of these to them, and how many there should be. */
  readonly delivered: number;
  readonly expected: number;
}

/** One mesh under measurement. */
export class FloodMeasurement {
  readonly simulator: MeshSimulator;
  readonly #got = new Map<SimNode, Set<number>>();
  #speakers: SimNode[];
  #copies = 0;
  #words = 0;
  #latest = 0;

  constructor(readonly size: number, seed: number) {
    this.simulator = new MeshSimulator({
      seed,
      observer: { delivered: (host, delivery) => this.#delivered(host, delivery) },
      onSend: (_from, body) => {
        const isBatch = body[0] === TYPE_PUSH || body[0] === TYPE_REPLY;
        if (isBatch) this.#copies += (body[2]! << 8) | body[3]!;
      },
    });
    const { dice } = this.simulator;
    build(this.simulator, size, regular(size, Math.min(4, size - 1), dice));
    this.#speakers = dice.shuffle(this.simulator.nodes).slice(0, Math.min(SPEAKERS, size));
  }

  #delivered(host: SimNode, { batch }: Delivery): void {
    let words = this.#got.get(host);
    if (words === undefined) this.#got.set(host, words = new Set());
    batch.forEach((payload) => words.add(readU32(payload, 0)));
    this.#latest = this.simulator.now;
  }

  #say(host: SimNode): number {
    const word = this.#words++;
    const payload = new Uint8Array(64);
    new DataView(payload.buffer).setUint32(0, word);
    const { now } = this.simulator;
    this.simulator.on(host, (node) => node.publish(SIM_KIND.speech, [payload], { now, time: 0 }));
    return word;
  }

  /** Lets all nodes find each other; the virtual ms until each knew the whole graph. */
  settle(): number {
    const { simulator } = this;
    for (let i = 0; i < 200; i++) {
      simulator.run(50);
      if (simulator.nodes.every(({ node }) => node!.stats().reachable === this.size)) {
        const settled = simulator.now;
        simulator.run(2_000);
        return settled;
      }
    }
    throw new Error(`${this.size} nodes did not find each other within 10 s`);
  }

  /** Has the speakers speak in turn, so many rounds; copies sent per message. */
  speak(rounds: number): number {
    const before = this.#copies;
    for (let i = 0; i < rounds; i++) {
      for (const host of this.#speakers) {
        this.#say(host);
        this.simulator.run(5);
      }
    }
    this.simulator.run(1_000);
    return (this.#copies - before) / (rounds * this.#speakers.length);
  }

  /** The virtual ms that one message takes to the last node. */
  spread(): number {
    const start = this.simulator.now;
    this.#say(this.#speakers[0]!);
    this.simulator.run(1_000);
    return this.#latest - start;
  }

  /**
   * Nodes crash within 2 s, one after another, half of them silently, while the speakers go on.
   * What counts are the nodes that stay connected with each other.
   */
  crash(share: number): CrashResult {
    const { simulator } = this;
    const { dice } = simulator;
    const others = simulator.nodes.filter((host) => !this.#speakers.includes(host));
    const victims = dice.shuffle(others).slice(0, Math.round(this.size * share));
    const words: number[] = [];
    for (const victim of victims) {
      simulator.crash(victim, dice.chance(0.5));
      for (const host of this.#speakers) if (dice.chance(0.2)) words.push(this.#say(host));
      simulator.run(2_000 / victims.length);
    }
    simulator.run(10_000);
    const [stayed] = simulator.components().sort((a, b) => b.length - a.length);
    const has = (host: SimNode, word: number) => this.#got.get(host)?.has(word) ?? false;
    const said = words.filter((word) => stayed!.some((host) => has(host, word)));
    let delivered = 0;
    for (const host of stayed!) delivered += said.filter((word) => has(host, word)).length;
    this.#speakers = this.#speakers.filter((host) => stayed!.includes(host));
    return {
      crashed: victims.length,
      stayed: stayed!.length,
      said: said.length,
      delivered,
      expected: said.length * stayed!.length,
    };
  }
}
