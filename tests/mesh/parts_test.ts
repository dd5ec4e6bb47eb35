import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { compareLinks, newIncarnation, startCounter } from "../../lib/mesh/identity.ts";
import { DEFAULT_LIMITS } from "../../lib/mesh/limits.ts";
import { decideHeartbeat, Link, LINK_TRANSITIONS } from "../../lib/mesh/links.ts";
import { keyOf } from "../../lib/mesh/keepers.ts";
import { Log, SegmentList } from "../../lib/mesh/log.ts";
import { Topology } from "../../lib/mesh/topology.ts";
import { type Batch, encodeBatches } from "../../lib/wire/mesh_batch.ts";
import { Dice, seededRandom } from "../support/random.ts";

const id = (n: number) => n.toString(16).padStart(16, "0");

function batchOf(first: number, count: number, bytes = 10): Batch {
  const head = { origin: id(1), incarnation: 1, first, kind: 1, time: 0 };
  return encodeBatches(head, Array.from({ length: count }, () => new Uint8Array(bytes)))[0]!;
}

Deno.test("incarnation: grows with each start, whatever is drawn", () => {
  const incarnations = [[1, 0.999999], [2, 0], [3, 0.5], [2 ** 21 - 1, 0.999999]] as const;
  let last = 0;
  for (const [counter, drawn] of incarnations) {
    const incarnation = newIncarnation(counter, () => drawn);
    assert(incarnation > last && Number.isSafeInteger(incarnation));
    assertEquals(startCounter(incarnation), counter);
    last = incarnation;
  }
  assertThrows(() => newIncarnation(0, Math.random), RangeError);
  assertThrows(() => newIncarnation(2 ** 21, Math.random), RangeError);
});

Deno.test("double links: exactly one of any two stays", () => {
  const key = fc.record({
    initiator: fc.constantFrom(id(1), id(2)),
    initiatorNonce: fc.nat(3),
    acceptorNonce: fc.nat(3),
  });
  fc.assert(
    fc.property(key, key, (a, b) => {
      const sign = Math.sign(compareLinks(a, b));
      assertEquals(sign + Math.sign(compareLinks(b, a)), 0);
      const isSame = JSON.stringify(a) === JSON.stringify(b);
      assertEquals(sign === 0, isSame);
    }),
    { seed: 1 },
  );
});

Deno.test("link: illegal events throw and change nothing", () => {
  const events = ["accept", "refuse", "close"] as const;
  for (const [phase, legal] of Object.entries(LINK_TRANSITIONS)) {
    for (const event of events) {
      const link = new Link(1, true, 1, 0);
      const peer = { type: "iAm", minVersion: 1, maxVersion: 1, id: id(2), name: "b", mesh: "" };
      const up = { peer: { ...peer, incarnation: 1, nonce: 1 } as never, version: 1, since: 0 };
      if (phase === "up") link.transition("accept", up);
      if (phase === "closed") link.transition("close");
      if (legal[event] === undefined) {
        assertThrows(() => link.transition(event, up));
        assertEquals(link.phase.name as string, phase);
      } else {
        link.transition(event, up);
        assertEquals(link.phase.name, legal[event]);
      }
    }
  }
});

Deno.test("heartbeat: pings each second, and silence is found within 5 s", () => {
  const up = { name: "up", peer: { name: "attic" }, version: 1, since: 0 } as never;
  const cases = [
    [{ phase: up, heard: 0, heartbeatDue: 1_000, opened: 0 }, 500, "wait"],
    [{ phase: up, heard: 0, heartbeatDue: 1_000, opened: 0 }, 1_000, "ping"],
    [{ phase: up, heard: 900, heartbeatDue: 5_000, opened: 0 }, 4_899, "wait"],
    [{ phase: up, heard: 900, heartbeatDue: 5_000, opened: 0 }, 4_900, "drop"],
    [{ phase: { name: "greeting" }, heard: 0, heartbeatDue: 0, opened: 0 }, 4_999, "wait"],
    [{ phase: { name: "greeting" }, heard: 0, heartbeatDue: 0, opened: 0 }, 5_000, "drop"],
  ] as const;
  for (const [link, now, expected] of cases) {
    assertEquals(decideHeartbeat(link as never, now).type, expected);
  }
});

Deno.test("keepers: an address is known as people write it", () => {
  assertEquals(keyOf({ hostname: "192.0.2.1", port: 7000 }), "192.0.2.1:7000");
  assertEquals(keyOf({ hostname: "fe80::1%eth0", port: 7000 }), "[fe80::1%eth0]:7000");
  assertEquals(keyOf({ hostname: "kitchen", port: 0 }), "kitchen");
});

Deno.test("log: forgets by count, by bytes and by age, the oldest first", () => {
  const limits = {
    ...DEFAULT_LIMITS,
    retentionCount: 100,
    retentionBytes: 20_000,
    retentionYoung: 0,
  };
  const log = new Log(limits);
  const list = new SegmentList();
  const firsts = () => [...list.range(1, 1_000_000)].map(({ first }) => first);
  for (let first = 1; first <= 300; first += 10) log.append(list, batchOf(first, 10), 0);
  assertEquals(log.count, 100);
  assertEquals(firsts()[0], 201);
  log.append(list, batchOf(301, 1, 18_000), 0);
  assert(log.bytes <= 20_000);
  log.evict(limits.retentionAge + 1);
  assertEquals([log.count, log.bytes, list.length], [0, 0, 0]);
});

Deno.test("log: a large batch is not forgotten while what is left would be too little", () => {
  const log = new Log({ ...DEFAULT_LIMITS, retentionCount: 10, retentionYoung: 0 });
  const list = new SegmentList();
  log.append(list, batchOf(1, 8), 0);
  log.append(list, batchOf(9, 5), 0);
  assertEquals(log.count, 13);
  log.append(list, batchOf(14, 5), 0);
  assertEquals(log.count, 10);
});

Deno.test("log: keeps the young beyond the count", () => {
  const log = new Log({ ...DEFAULT_LIMITS, retentionCount: 10 });
  const list = new SegmentList();
  for (let first = 1; first <= 100; first++) log.append(list, batchOf(first, 1), first * 10);
  assertEquals(log.count, 100);
  log.evict(10_500);
  assertEquals(log.count, 50);
});

Deno.test("segments: found in any order of arrival", () => {
  const dice = new Dice(seededRandom(3));
  for (let round = 0; round < 50; round++) {
    const batches = dice.shuffle(Array.from({ length: 40 }, (_, i) => batchOf(i * 5 + 1, 5)));
    const list = new SegmentList();
    for (const batch of batches) list.insert(batch);
    for (const batch of batches.splice(0, 10)) list.remove(batch);
    const from = dice.int(1, 200);
    const to = dice.int(from, 200);
    const expected = batches.filter((batch) => batch.last >= from && batch.first <= to)
      .map(({ first }) => first).sort((a, b) => a - b);
    assertEquals([...list.range(from, to)].map(({ first }) => first), expected);
  }
});

Deno.test("topology: what is reachable, paths and cut points, against brute force", () => {
  const dice = new Dice(seededRandom(5));
  for (let round = 0; round < 60; round++) {
    const count = dice.int(2, 12);
    const links = Array.from({ length: count }, () => new Set<number>());
    const topology = new Topology(id(0));
    const set = (n: number) => {
      const record = { incarnation: 1, name: `${n}`, leaving: false };
      topology.set(id(n), { ...record, links: [...links[n]!].map(id) });
    };
    for (let n = 0; n < count; n++) set(n);
    for (let change = 0; change < 30; change++) {
      const a = dice.int(0, count - 1);
      const b = dice.int(0, count - 1);
      if (a === b) continue;
      const has = links[a]!.has(b);
      for (const [x, y] of [[a, b], [b, a]] as const) {
        if (has) links[x]!.delete(y);
        else links[x]!.add(y);
        set(x);
      }
      topology.recompute();
      const reach = reachableFrom(0, links);
      assertEquals([...topology.reachable].sort(), [...reach].map(id).sort());
      for (const n of reach) checkPath(topology, n, links);
      const cuts = [...reach].filter((n) => {
        const [start] = [...reach].filter((other) => other !== n);
        return start !== undefined && reachableFrom(start, links, n).size < reach.size - 1;
      });
      assertEquals([...topology.cutPoints()].sort(), cuts.map(id).sort());
    }
  }
});

function checkPath(topology: Topology, to: number, links: readonly Set<number>[]): void {
  const path = topology.path(id(to))!.map((node) => parseInt(node, 16));
  assertEquals([path[0], path.at(-1)], [0, to]);
  path.slice(1).forEach((node, i) => assert(links[path[i]!]!.has(node)));
}

function reachableFrom(start: number, links: readonly Set<number>[], without = -1): Set<number> {
  const found = new Set([start]);
  for (const at of found) {
    for (const next of links[at]!) if (next !== without) found.add(next);
  }
  return found;
}
