/** The shapes of networks that the simulations use. */
import type { Cable, MeshSimulator, SimNode } from "./mesh_simulator.ts";
import type { Dice } from "./random.ts";

/** A wiring: pairs of indexes of nodes; a pair may come twice (parallel links). */
export type Wiring = readonly (readonly [number, number])[];

/** The shapes, by name, for `count` nodes. */
export const WIRINGS: Readonly<Record<string, (count: number, dice: Dice) => Wiring>> = {
  line: (count) => range(1, count).map((i) => [i - 1, i]),
  star: (count) => range(1, count).map((i) => [0, i]),
  ring: (count) => range(0, count).map((i) => [i, (i + 1) % count]),
  clique: (count) =>
    range(0, count).flatMap((a) => range(a + 1, count).map((b) => [a, b] as const)),
  parallel: (count) =>
    range(1, count).flatMap((i) => [[i - 1, i], [i - 1, i], [i, i - 1]] as const),
  random: (count, dice) => regular(count, 3, dice),
  four: (count, dice) => regular(count, 4, dice),
};

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}

/**
 * A connected graph where each node has about `degree` links: a ring in random order, and random
 * pairs of those who have too few.
 */
export function regular(count: number, degree: number, dice: Dice): Wiring {
  const order = dice.shuffle(range(0, count));
  const links = new Set<string>();
  const degrees = new Array<number>(count).fill(0);
  const join = (a: number, b: number) => {
    const key = a < b ? `${a},${b}` : `${b},${a}`;
    if (a === b || links.has(key)) return;
    links.add(key);
    degrees[a]!++;
    degrees[b]!++;
  };
  for (let i = 0; i < count; i++) join(order[i]!, order[(i + 1) % count]!);
  for (let tries = 0; tries < count * degree * 4; tries++) {
    const a = dice.int(0, count - 1);
    const b = dice.int(0, count - 1);
    if (degrees[a]! < degree && degrees[b]! < degree) join(a, b);
  }
  return [...links].map((key) => key.split(",").map(Number) as [number, number]);
}

/** Adds nodes and cables to a simulator. */
export function build(simulator: MeshSimulator, count: number, wiring: Wiring): Cable[] {
  const { dice } = simulator;
  const nodes: SimNode[] = range(0, count).map(() => simulator.addNode());
  return wiring.map(([a, b]) => {
    const ends = [nodes[a]!, nodes[b]!] as const;
    const dialers = dice.chance(0.3) ? ends : [dice.pick(ends)];
    const slow = dice.chance(0.1) ? 60 : 0;
    return simulator.addCable(...ends, { dialers, delay: [0.2 + slow, 3 + slow * 1.5] });
  });
}
