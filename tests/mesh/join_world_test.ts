/** Whole meshes that form by themselves, in virtual time; each from a seed. */
import { assert, assertEquals } from "@std/assert";
import { NodeFabric } from "../support/join_nodes.ts";
import { GraphFabric, type JoinNode, JoinWorld, type WorldOptions } from "../support/join_world.ts";

const graph = (options: WorldOptions) => new JoinWorld(options, (world) => new GraphFabric(world));
const real = (options: WorldOptions) => new JoinWorld(options, (world) => new NodeFabric(world));

/** Starts so many, over so many ms; gives the ms from the last start until they are one mesh. */
function form(world: JoinWorld, count: number, over: number): number {
  for (let i = 0; i < count; i++) {
    world.start();
    world.run(over / count);
  }
  return world.until("all are one mesh", () => world.isConnected(), 10_000);
}

function describe({ mean, least, most }: { mean: number; least: number; most: number }): string {
  return `${mean.toFixed(2)} links each, ${least} to ${most}`;
}

for (const count of [2, 10, 100, 1_000]) {
  for (const over of count === 1_000 ? [200] : [0, 2_000]) {
    Deno.test(`join: ${count} nodes started within ${over} ms become one mesh`, () => {
      for (const seed of count === 1_000 ? [1] : [1, 2, 3, 4]) {
        const world = graph({ seed });
        const took = form(world, count, over);
        assert(took <= 1_500, `seed ${seed}: ${took} ms`);
        world.run(count === 1_000 ? 5_000 : 15_000);
        assert(world.isConnected());
        const links = world.links();
        const aim = Math.min(4, count - 1);
        const text = `seed ${seed}: ${describe(links)}`;
        assert(links.mean >= aim - 0.5 && links.mean <= aim + 0.3, text);
        assert(links.most <= 6 && links.least >= Math.min(3, aim), text);
        const peak = Math.max(...world.nodes.map(({ mostLinks }) => mostLinks));
        assert(peak <= 14, `seed ${seed}: ${peak} links at one time`);
        assert(world.mostAttempts() <= 10, `seed ${seed}: ${world.mostAttempts()} in a second`);
        const attempts = world.nodes.reduce((sum, node) => sum + node.attempts.length, 0);
        assert(attempts <= 4 * count, `seed ${seed}: ${attempts} attempts`);
      }
    });
  }
}

for (const [what, make] of [["graph", graph], ["real nodes", real]] as const) {
  Deno.test(`join: any 2 of 10 die, and the others are one mesh (${what})`, () => {
    let cut = 0;
    for (let a = 0; a < 10; a++) {
      for (let b = a + 1; b < 10; b++) {
        const world = make({ seed: 10 * a + b });
        form(world, 10, 500);
        // Some die while it is still forming.
        world.run((a + b) % 2 === 0 ? 8_000 : 0);
        world.kill(world.nodes[a] as JoinNode);
        world.kill(world.nodes[b] as JoinNode);
        world.run(100);
        const took = world.until(`without ${a}, ${b}`, () => world.isConnected(), 5_000);
        if (took > 0) cut++;
        world.run(6_000);
        assert(world.isConnected());
        const links = world.links();
        assert(links.mean >= 3 && links.mean <= 4.5 && links.most <= 6, describe(links));
      }
    }
    assert(cut < 15, `${cut} of 45 pairs of deaths cut the others off, for a while`);
  });

  Deno.test(`join: parted and joined again (${what})`, () => {
    for (const count of [10, 40]) {
      for (const seed of [1, 2, 3]) {
        const world = make({ seed });
        form(world, count, 500);
        world.run(8_000);
        const side = ({ index }: JoinNode) => index % 3 === 0 ? 1 : 0;
        world.part(side);
        world.run(5_000);
        world.until("each side is a mesh", () => world.isConnected(side), 5_000);
        world.run(8_000);
        world.heal();
        const took = world.until("one mesh again", () => world.isConnected(), 5_000);
        assert(took <= 3_000, `${took} ms`);
        world.run(10_000);
        assert(world.isConnected());
        const links = world.links();
        assert(links.mean <= 4.5 && links.most <= 7, describe(links));
      }
    }
  });
}

Deno.test("join: half of 100 die at once", () => {
  for (const seed of [1, 2, 3]) {
    const world = graph({ seed });
    form(world, 100, 500);
    world.run(8_000);
    for (const node of world.nodes) if (node.index % 2 === 0) world.kill(node);
    world.run(100);
    world.until("the others are one mesh", () => world.isConnected(), 5_000);
    world.run(10_000);
    const links = world.links();
    assert(links.mean >= 3.5 && links.mean <= 4.5 && links.most <= 6, describe(links));
  }
});

Deno.test("join: half of the pairs refuse each other", () => {
  for (const seed of [1, 2, 3, 4]) {
    const refuses = (a: number, b: number) =>
      (Math.min(a, b) * 7_919 + Math.max(a, b) * 104_729 + seed) % 10 < 5;
    const world = graph({
      seed,
      reach: (from, to) => refuses(from.index, to.index) ? "refused" : "open",
    });
    form(world, 20, 500);
    world.run(60_000);
    assert(world.isConnected());
    const links = world.links();
    assert(links.mean <= 5 && links.most <= 8, describe(links));
    const late = world.nodes.flatMap(({ attempts }) => attempts.filter((at) => at > 40_000));
    // 20 nodes in 20 s: those who refused are asked ever more seldom.
    assert(late.length < 20 * 8, `${late.length} attempts`);
  }
});

Deno.test("join: a chain of sight is enough: each sees one other, and only it can connect", () => {
  for (const seed of [1, 2, 3]) {
    const isNext = (from: JoinNode, to: JoinNode) => to.index === from.index + 1;
    const world = graph({
      seed,
      hears: isNext,
      reach: (from, to) => isNext(from, to) ? "open" : "silent",
    });
    form(world, 20, 500);
  }
});

Deno.test("join: a machine with two cards makes two networks one mesh", () => {
  for (const seed of [1, 2, 3]) {
    const together = (a: JoinNode, b: JoinNode) =>
      a.index === 0 || b.index === 0 || a.index % 2 === b.index % 2;
    const world = graph({
      seed,
      hears: together,
      reach: (from, to) => together(from, to) ? "open" : "silent",
    });
    form(world, 31, 500);
    world.run(10_000);
    const links = world.links();
    assert(links.mean <= 4.5 && links.most <= 10, describe(links));
  }
});

Deno.test("join: nodes that nobody can connect to, by a firewall, connect themselves", () => {
  for (const seed of [1, 2, 3]) {
    const walled = ({ index }: JoinNode) => index % 5 === 0;
    const world = graph({ seed, reach: (_, to) => walled(to) ? "silent" : "open" });
    for (let i = 0; i < 30; i++) world.start();
    world.until("all are one mesh", () => world.isConnected(), 10_000);
  }
});

Deno.test("join: nodes that are seen and can't be linked at all keep nobody from it", () => {
  for (const seed of [1, 2, 3]) {
    const dead = ({ index }: JoinNode) => index % 6 === 0;
    const world = graph({ seed, reach: (a, b) => dead(a) || dead(b) ? "silent" : "open" });
    for (let i = 0; i < 30; i++) world.start();
    const alive = world.nodes.filter((node) => !dead(node));
    const isOne = () =>
      alive.every((node) => world.fabric.view(node).reachable.size === alive.length);
    world.until("the others are one mesh", isOne, 5_000);
    world.run(60_000);
    assert(isOne());
    const late = alive.flatMap(({ attempts }) => attempts.filter((at) => at > world.now - 20_000));
    // Each of 25 tries each of 5: about every ten seconds.
    assert(late.length < 25 * 5 * 4, `${late.length} attempts in 20 s`);
  }
});

Deno.test("join: who can't be linked isn't tried by everybody at once", () => {
  for (const seed of [1, 2, 3]) {
    const dead = ({ index }: JoinNode) => index === 100;
    const world = graph({ seed, loss: 0, reach: (a, b) => dead(a) || dead(b) ? "silent" : "open" });
    form(world, 100, 500);
    world.run(10_000);
    const from = world.now;
    world.start();
    world.run(10_000);
    const times = world.nodes.filter((node) => !dead(node))
      .flatMap(({ attempts }) => attempts.filter((at) => at > from)).sort((a, b) => a - b);
    const within = times.map((at) => times.filter((each) => each >= at && each < at + 500).length);
    const most = Math.max(...within);
    assert(times.length > 40 && most < 45, `${most} of ${times.length} within half a second`);
  }
});

Deno.test("join: links of --peer count", () => {
  const world = graph({ seed: 1 });
  const nodes = Array.from({ length: 10 }, () => world.start());
  const fabric = world.fabric as GraphFabric;
  // A clique of some, a star of others.
  for (const [a, b] of [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3], [4, 5], [4, 6], [4, 7]]) {
    fabric.join(nodes[a!]!, nodes[b!]!, false);
  }
  world.until("all are one mesh", () => world.isConnected(), 5_000);
  world.run(15_000);
  const links = world.links();
  assert(links.mean <= 4.8, describe(links));
  const kept = [...fabric.view(nodes[4]!).links].filter(([, ours]) => !ours).map(([id]) => id);
  for (const other of [5, 6, 7]) assert(kept.includes(nodes[other]!.id), "they are not dropped");
});

Deno.test("join: beacons that get lost make no links come and go", () => {
  for (const seed of [1, 2, 3]) {
    const world = graph({ seed });
    form(world, 20, 500);
    world.run(10_000);
    const before = world.nodes.map(({ attempts }) => attempts.length);
    for (let i = 0; i < 200; i++) {
      const [from, to] = world.dice.shuffle(world.nodes) as [JoinNode, JoinNode];
      world.miss(from, to, world.dice.int(100, 3_000));
      world.run(100);
    }
    assert(world.isConnected());
    assertEquals(world.nodes.map(({ attempts }) => attempts.length), before);
  }
});

Deno.test("join: random histories end as one mesh", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const make = seed % 4 === 0 ? real : graph;
    const world = make({ seed, loss: (seed % 5) / 10 });
    const { dice } = world;
    const count = dice.int(2, 15);
    for (let i = 0; i < count; i++) {
      world.start();
      world.run(dice.int(0, 800));
    }
    for (let i = 0; i < 12; i++) {
      const alive = world.alive;
      switch (dice.int(0, 4)) {
        case 0:
          if (alive.length > 2) world.kill(dice.pick(alive));
          break;
        case 1:
          world.start();
          break;
        case 2: {
          const salt = dice.int(1, 1_000);
          world.part(({ index }) => ((index + 7) * salt) % 3 === 0 ? 1 : 0);
          break;
        }
        case 3:
          world.heal();
          break;
        case 4:
          if (alive.length > 1) {
            const [from, to] = dice.shuffle(alive) as [JoinNode, JoinNode];
            world.miss(from, to, dice.int(100, 6_000));
          }
      }
      world.run(dice.int(0, 6_000));
    }
    world.heal();
    try {
      world.until("all are one mesh", () => world.isConnected(), 15_000);
      world.run(15_000);
      assert(world.isConnected());
      const links = world.links();
      assert(links.mean <= 5 && links.most <= 8, describe(links));
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
});
