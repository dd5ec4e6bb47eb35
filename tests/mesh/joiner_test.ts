import { assert, assertEquals, assertLess } from "@std/assert";
import { type Candidate, type JoinAction, Joiner, type MeshView } from "../../lib/mesh/joiner.ts";
import { type Placed, ringNeighbours, ringPlace } from "../../lib/mesh/joiner_ring.ts";
import {
  MAX_JOIN_ADDRESSES,
  MAX_JOIN_ATTEMPTS,
  MAX_JOIN_ATTEMPTS_PER_SECOND,
  MAX_JOIN_CANDIDATES,
} from "../../lib/wire/limits.ts";
import fc from "fast-check";
import { seededRandom } from "../support/random.ts";

// ---------------------------------------------------------------- rings

Deno.test("joiner ring: neighbours are neighbours of each other, and it is one ring", () => {
  // Few places, so that nodes share them.
  const nodes = fc.uniqueArray(fc.tuple(fc.nat(4), fc.string({ minLength: 1, maxLength: 4 })), {
    selector: ([, id]) => id,
    minLength: 2,
    maxLength: 12,
  });
  fc.assert(fc.property(nodes, (drawn) => {
    const placed = drawn.map(([place, id]): Placed => ({ id, places: [place] }));
    const neighbours = (self: Placed) =>
      ringNeighbours(0, self, placed.filter((other) => other !== self));
    for (const self of placed) {
      for (const other of neighbours(self)) assert(neighbours(other).includes(self));
    }
    const [first] = placed as [Placed];
    let at = first, steps = 0;
    do {
      at = neighbours(at)[0] as Placed;
      steps++;
    } while (at !== first);
    assertEquals(steps, placed.length);
  }));
});

Deno.test("joiner ring: ids that are alike are spread, in another order on each ring", () => {
  const ids = Array.from({ length: 1_000 }, (_, i) => i.toString(16).padStart(16, "0"));
  for (const ring of [0, 1, 2]) {
    const eighths = new Array<number>(8).fill(0);
    for (const id of ids) eighths[Math.floor(ringPlace(ring, id) / 2 ** 29)]!++;
    for (const count of eighths) assert(count > 80 && count < 170, `${eighths}`);
  }
  const order = (ring: number) =>
    [...ids].sort((a, b) => ringPlace(ring, a) - ringPlace(ring, b)).join();
  assertEquals(new Set([0, 1, 2].map(order)).size, 3);
});

// ---------------------------------------------------------------- one joiner, by hand

/** One joiner; the test plays everybody else. */
class Hand {
  readonly joiner: Joiner;
  readonly links = new Map<string, boolean>();
  readonly reachable = new Set<string>();
  now = 0;

  constructor(readonly self = "50", seed = 1) {
    this.joiner = new Joiner({ self, mesh: "club", random: seededRandom(seed), now: 0 });
    this.reachable.add(self);
  }

  see(id: string, more: Partial<Candidate> = {}): void {
    const addresses = [{ hostname: `host-${id}`, port: 7000 }];
    this.joiner.seen({ id, name: id, mesh: "club", addresses, ...more }, this.now);
  }

  link(id: string, ours: boolean): void {
    this.links.set(id, ours);
    this.reachable.add(id);
    this.joiner.changed(this.now);
  }

  unlink(id: string): void {
    this.links.delete(id);
    this.reachable.delete(id);
    this.joiner.changed(this.now);
  }

  /** The graph: all that can be reached are linked to each other, and to this node by its links. */
  get view(): MeshView {
    const { links, reachable, self } = this;
    const others = [...reachable].filter((id) => id !== self);
    const graph = new Map<string, string[]>([[self, [...links.keys()]]]);
    for (const id of others) {
      graph.set(id, [...others.filter((other) => other !== id), ...(links.has(id) ? [self] : [])]);
    }
    return { links, reachable, graph: () => graph };
  }

  /** Lets time pass; what was to be done, and when. */
  run(ms: number): (JoinAction & { at: number })[] {
    const done: (JoinAction & { at: number })[] = [];
    const until = this.now + ms;
    while (this.joiner.due <= until) {
      this.now = Math.max(this.now, this.joiner.due);
      for (const action of this.joiner.step(this.now, this.view)) {
        done.push({ ...action, at: this.now });
      }
    }
    this.now = until;
    return done;
  }

  /** Lets time pass; each attempt fails. Who was tried, and when. */
  fail(ms: number, failure: "unreachable" | "refused"): { to: string; at: number }[] {
    const tried: { to: string; at: number }[] = [];
    const until = this.now + ms;
    while (this.now < until) {
      for (const action of this.run(10)) {
        if (action.type !== "connect") continue;
        tried.push({ to: action.to.hostname, at: action.at });
        this.joiner.failed(action.id, failure, this.now);
      }
    }
    return tried;
  }
}

Deno.test("joiner: what is seen is linked soon, the lower id of the two first", () => {
  const lower = new Hand("10");
  lower.see("50");
  const [first] = lower.run(1_000);
  const higher = new Hand("90");
  higher.see("50");
  const [second] = higher.run(1_000);
  assertLess(first!.at, 450);
  assert(second!.at > first!.at + 200, "the higher one leaves time for the lower");
  // And leaves it at that when there is a link by then.
  const linked = new Hand("90");
  linked.see("50");
  linked.run(300);
  linked.link("50", false);
  assertEquals(linked.run(10_000), []);
});

Deno.test("joiner: itself, other meshes and those without an address are passed over", () => {
  const hand = new Hand();
  hand.see("50");
  hand.see("60", { mesh: "school" });
  hand.see("70", { addresses: [] });
  assertEquals(hand.run(60_000), []);
  assertEquals(hand.joiner.size, 0);
  hand.see("80");
  hand.see("80", { mesh: "school" });
  assertEquals(hand.run(60_000), [], "it has gone to another mesh");
});

Deno.test("joiner: the addresses of a candidate are tried in their order, and no more than some", () => {
  const hand = new Hand();
  const addresses = Array.from({ length: 9 }, (_, i) => ({ hostname: `a${i}`, port: 7000 }));
  hand.see("60", { addresses });
  const tried = hand.fail(900, "unreachable").map(({ to }) => to);
  assertEquals(tried, addresses.slice(0, MAX_JOIN_ADDRESSES).map(({ hostname }) => hostname));
});

Deno.test("joiner: who doesn't answer is tried again and again, ever more seldom", () => {
  const hand = new Hand();
  hand.see("60");
  const times = hand.fail(300_000, "unreachable").map(({ at }) => at);
  const gaps = times.slice(1).map((at, i) => at - (times[i] as number));
  assert(gaps[0]! < 4_000, `${gaps}`);
  assert(gaps.slice(5).every((gap) => gap > 7_000 && gap < 20_000), `${gaps}`);
});

Deno.test("joiner: who refuses is left alone for longer, until it is started again", () => {
  const hand = new Hand();
  hand.see("60", { life: "first" });
  assert(hand.fail(300_000, "refused").length < 10);
  assertEquals(hand.fail(4_000, "refused").length, 0);
  hand.see("60", { life: "first" });
  assertEquals(hand.fail(4_000, "refused").length, 0, "seen as before");
  hand.see("60", { life: "second" });
  assertEquals(hand.fail(4_000, "refused").length, 1);
  const elsewhere = [{ hostname: "elsewhere", port: 7000 }];
  hand.see("60", { life: "second", addresses: elsewhere });
  assertEquals(hand.fail(4_000, "refused").map(({ to }) => to), ["elsewhere"]);
  hand.joiner.gone("60", hand.now);
  hand.run(100);
  assertEquals(hand.joiner.size, 0);
  hand.see("60", { life: "second" });
  assertEquals(hand.fail(4_000, "refused").length, 1, "seen again");
});

Deno.test("joiner: another one at its address is no link to it", () => {
  const hand = new Hand();
  hand.see("60");
  const [action] = hand.run(1_000);
  assertEquals(action?.type, "connect");
  hand.joiner.connected("60", "70", hand.now);
  hand.link("70", true);
  assertEquals(hand.run(4_000), []);
});

Deno.test("joiner: a link that was ended on purpose isn't made again at once", () => {
  const hand = new Hand();
  hand.see("60");
  hand.run(1_000);
  hand.joiner.connected("60", "60", hand.now);
  hand.link("60", true);
  hand.run(5_000);
  hand.unlink("60");
  hand.joiner.killed("60", hand.now);
  assertEquals(hand.run(100_000), []);
  assertEquals(hand.run(60_000).length, 1);
});

Deno.test("joiner: who is gone is forgotten, unless the mesh reaches it", () => {
  const hand = new Hand();
  hand.see("60");
  hand.see("70");
  hand.link("60", false);
  hand.joiner.gone("60", hand.now);
  hand.joiner.gone("70", hand.now);
  hand.run(1_000);
  assertEquals(hand.joiner.size, 1);
  // Its beacons got lost; it is still there, and linked again when the link is lost.
  hand.links.delete("60");
  hand.joiner.changed(hand.now);
  assertEquals(hand.run(1_000).map((action) => action.type === "connect" && action.id), ["60"]);
  hand.unlink("60");
  hand.joiner.failed("60", "unreachable", hand.now);
  hand.run(1_000);
  assertEquals(hand.joiner.size, 0);
});

Deno.test("joiner: candidates are bounded; those that fail make room", () => {
  const hand = new Hand();
  const ids = Array.from({ length: MAX_JOIN_CANDIDATES + 100 }, (_, i) => `f${i}`);
  for (const id of ids) hand.see(id);
  assertEquals(hand.joiner.size, MAX_JOIN_CANDIDATES);
  const [action] = hand.run(1_000);
  hand.joiner.failed((action as JoinAction).id, "unreachable", hand.now);
  hand.see("new");
  hand.see("newer");
  assertEquals(hand.joiner.size, MAX_JOIN_CANDIDATES);
});

Deno.test("joiner: attempts under way are bounded, and the slow are passed over", () => {
  const hand = new Hand();
  for (let i = 0; i < 100; i++) hand.see(`f${i}`);
  const first = hand.run(1_000).length;
  // Nobody answers, and nobody refuses: others are tried, but not everybody at once.
  const second = hand.run(30_000).length;
  assert(first >= 2 && first <= MAX_JOIN_ATTEMPTS, `${first}`);
  assertEquals(first + second, MAX_JOIN_ATTEMPTS);
});

Deno.test("joiner: attempts are bounded in a second, whatever is seen, and go on later", () => {
  const hand = new Hand();
  const times: number[] = [];
  for (let round = 0; round < 300; round++) {
    // Adverts that are others each time: whoever rests is tried anew.
    for (let i = 0; i < 50; i++) hand.see(`f${i}`, { life: `${round}` });
    for (const { to: _, at } of hand.fail(20, "unreachable")) times.push(at);
  }
  const within = times.map((at) => times.filter((each) => each > at - 1_000 && each <= at).length);
  assertEquals(Math.max(...within), MAX_JOIN_ATTEMPTS_PER_SECOND);
  assert(times.length > 40, `${times.length} attempts in 6 s`);
});

Deno.test("joiner: only links that it made are dropped, and not when that would cut the mesh", () => {
  const make = () => {
    const hand = new Hand();
    const ids = Array.from({ length: 12 }, (_, i) => `a${i}`);
    for (const id of ids) hand.see(id);
    for (const id of ids) hand.link(id, false);
    return hand;
  };
  assertEquals(make().run(60_000), [], "all were made by others");
  const own = make();
  for (const id of [...own.links.keys()]) own.link(id, true);
  const kept = new Set(own.links.keys());
  for (let i = 0; i < 600; i++) {
    for (const action of own.run(100)) {
      assertEquals(action.type, "drop");
      kept.delete(action.id);
      own.links.delete(action.id);
      own.joiner.changed(own.now);
    }
  }
  assert(kept.size >= 2 && kept.size <= 4, `${[...kept]}`);
  // A star: nobody is reached but through this node.
  const centre = make();
  for (const id of [...centre.links.keys()]) centre.link(id, true);
  const spokes = new Map([...centre.links.keys()].map((id) => [id, [centre.self]]));
  spokes.set(centre.self, [...centre.links.keys()]);
  const { view } = centre;
  for (let now = 0; now < 60_000; now += 100) {
    assertEquals(centre.joiner.step(now, { ...view, graph: () => spokes }), []);
  }
});

Deno.test("joiner: nothing is dropped while a link of the first ring is missing", () => {
  const hand = new Hand();
  const ids = Array.from({ length: 12 }, (_, i) => `a${i}`);
  for (const id of ids) hand.see(id);
  const nodes = ids.map((id): Placed => ({ id, places: [ringPlace(0, id)] }));
  const self = { id: hand.self, places: [ringPlace(0, hand.self)] };
  const next = ringNeighbours(0, self, nodes).map(({ id }) => id);
  for (const id of ids) if (!next.includes(id)) hand.link(id, true);
  // The two that it should be linked to are there, and not: started again and again.
  for (let life = 0; life < 200; life++) {
    for (const action of hand.run(100)) {
      assertEquals(action.type, "connect");
      hand.joiner.failed(action.id, "unreachable", hand.now);
    }
    for (const id of next) hand.see(id, { life: `${life}` });
  }
  for (const id of next) hand.link(id, false);
  assert(hand.run(10_000).some(({ type }) => type === "drop"));
});
