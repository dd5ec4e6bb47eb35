/**
 * Partitions of a mesh that heal, and nodes that are started again, with nothing else going on: so
 * each node is to be told that each other is back once, and of nothing that happened meanwhile.
 */
import { assertEquals } from "@std/assert";
import { PresenceWatch } from "./mesh_presence.ts";
import { type Cable, MeshSimulator, type SimNode } from "./mesh_simulator.ts";
import { build, WIRINGS } from "./mesh_wiring.ts";

/** Ms after which everything is quiet: silence is found in 4 s, links are tried every 2 s. */
const SETTLE = 9_000;

/** One mesh: `run` throws when something that must hold does not. */
export class MeshPartition {
  readonly simulator: MeshSimulator;
  readonly watch = new PresenceWatch(() => this.simulator);
  readonly #cables: Cable[];

  constructor(seed: number, wiring: string) {
    const { watch } = this;
    this.simulator = new MeshSimulator({
      seed,
      observer: {
        stateChanged: (host, change) => watch.stateChanged(host, change),
        reachable: (host, id) => watch.reachable(host, id),
        unreachable: (host, id) => watch.unreachable(host, id),
      },
    });
    const { dice } = this.simulator;
    const count = dice.int(4, 12);
    this.#cables = build(this.simulator, count, WIRINGS[wiring]!(count, dice));
  }

  run(): void {
    const { simulator } = this;
    for (const host of simulator.nodes) this.#announce(host);
    simulator.run(SETTLE);
    for (let i = 0; i < 3; i++) {
      this.#partition();
      this.#restart();
    }
  }

  #announce(host: SimNode): void {
    for (let i = this.simulator.dice.int(0, 3); i >= 0; i--) this.watch.announce(host);
  }

  #partition(): void {
    const { simulator, watch } = this;
    const { dice, nodes } = simulator;
    const side = new Set(dice.shuffle(nodes).slice(0, dice.int(1, nodes.length - 1)));
    const across = this.#cables.filter(({ a, b }) => side.has(a) !== side.has(b));
    for (const cable of across) simulator.cut(cable, dice.chance(0.7) ? "silent" : "loud");
    simulator.run(6_000);
    const parts = new Map<SimNode, SimNode[]>();
    for (const part of simulator.components()) for (const host of part) parts.set(host, part);
    for (const host of nodes) {
      if (dice.chance(0.5)) this.#announce(host);
      if (dice.chance(0.2)) this.#startAgain(host);
    }
    simulator.run(SETTLE);
    for (const host of nodes) if (dice.chance(0.3)) this.#announce(host);
    if (dice.chance(0.5)) simulator.run(2_000);
    watch.told.clear();
    for (const cable of across) {
      simulator.heal(cable);
      if (dice.chance(0.2)) simulator.run(dice.int(0, 300));
    }
    simulator.run(SETTLE);
    for (const host of nodes) {
      const others = nodes.filter((other) => !parts.get(host)!.includes(other));
      assertEquals(
        (watch.told.get(host) ?? []).sort(),
        others.map(({ index }) => `back n${index}`).sort(),
        `n${host.index} is told of the heal`,
      );
    }
  }

  #startAgain(host: SimNode): void {
    const { simulator, watch } = this;
    simulator.crash(host, simulator.dice.chance(0.6));
    simulator.run(simulator.dice.int(0, 3_000));
    watch.started(host);
    simulator.start(host, true);
    if (simulator.dice.chance(0.7)) this.#announce(host);
  }

  // The node itself, and those that were reached through it only, are lost and back once.
  #restart(): void {
    const { simulator, watch } = this;
    watch.told.clear();
    const again = simulator.dice.pick(simulator.nodes);
    this.#startAgain(again);
    watch.told.delete(again);
    simulator.run(SETTLE);
    for (const host of simulator.nodes) {
      if (host === again) continue;
      for (const { index } of simulator.nodes) {
        const told = watch.told.get(host)?.filter((what) => what.endsWith(` n${index}`)) ?? [];
        if (told.length === 0 && index !== again.index) continue;
        assertEquals(
          told,
          [`lost n${index}`, `back n${index}`],
          `n${host.index} is told that n${again.index} was started again`,
        );
      }
    }
  }
}
