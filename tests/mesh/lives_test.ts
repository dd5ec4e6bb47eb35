/** What is past and what is news, and the order over the lives of one origin. */
import { assertEquals } from "@std/assert";
import { newIncarnation } from "../../lib/mesh/identity.ts";
import type { MeshLimits } from "../../lib/mesh/limits.ts";
import { MemoryStore } from "../support/mesh_store.ts";
import { encodeBatches } from "../../lib/wire/mesh_batch.ts";
import type { Announcement, MeshMessage } from "../../lib/wire/mesh_message.ts";
import { HandMesh, HandNode, pair, push, SPEECH } from "../support/mesh_pair.ts";

const life = (counter: number) => newIncarnation(counter, () => 0.5);

/** A node with a store, as often as it is started. */
function starts(name: string, store = new MemoryStore()) {
  return () => new HandNode({ name, incarnation: life(++store.starts) }, {}, store);
}

// ---------------------------------------------------------------- what is past

Deno.test("past: what is said in a short cut soon after the first meeting is news", () => {
  const { mesh, kitchen, attic } = pair();
  kitchen.say("before");
  const link = mesh.join(kitchen, attic);
  mesh.pass(100);
  mesh.cut(link);
  kitchen.say("meanwhile");
  mesh.join(kitchen, attic);
  mesh.pass(100);
  assertEquals(attic.words, ["[before]", "meanwhile"]);
});

Deno.test("past: a node that is started again soon after the first meeting is no stranger", () => {
  const start = starts("kitchen");
  const kitchen = start();
  const attic = new HandNode({ name: "attic" });
  const nodes = [kitchen, attic];
  const mesh = new HandMesh(nodes);
  const link = mesh.join(kitchen, attic);
  mesh.pass(50);
  mesh.cut(link);
  kitchen.say("alone");
  mesh.pass(50);
  const again = start();
  nodes.push(again);
  again.say("again");
  mesh.join(again, attic);
  mesh.pass(700);
  assertEquals(attic.words, ["alone", "again"]);
});

Deno.test("past: the first list tells the past of all lives, and nothing later does", () => {
  const start = starts("kitchen");
  start().say("first 1", "first 2");
  const kitchen = start();
  kitchen.say("second");
  const attic = new HandNode({ name: "attic" });
  const cellar = new HandNode({ name: "cellar" });
  const mesh = new HandMesh([kitchen, attic, cellar]);
  mesh.join(attic, cellar);
  mesh.join(kitchen, attic);
  kitchen.say("now");
  mesh.pass(700);
  for (const node of [attic, cellar]) {
    assertEquals(
      node.words.toSorted(),
      ["[first 1]", "[first 2]", "[second]", "now"],
    );
  }
});

Deno.test("past: who was heard of is known over a restart, also when it had said nothing", () => {
  const start = starts("attic");
  const kitchen = new HandNode({ name: "kitchen" });
  const before = start();
  const nodes = [kitchen, before];
  const mesh = new HandMesh(nodes);
  const link = mesh.join(kitchen, before);
  mesh.pass(100);
  mesh.cut(link);
  kitchen.say("meanwhile");
  mesh.pass(50);
  const attic = start();
  nodes.push(attic);
  mesh.join(kitchen, attic);
  mesh.pass(100);
  assertEquals(attic.words, ["meanwhile"]);
});

Deno.test("past: of a former life of its own a node fetches only what it lacks", () => {
  const store = new MemoryStore();
  const start = starts("kitchen", store);
  const first = start();
  const attic = new HandNode({ name: "attic" });
  const nodes = [first, attic];
  const mesh = new HandMesh(nodes);
  const link = mesh.join(first, attic);
  first.say("kept 1", "kept 2");
  mesh.pass(50);
  // Said, heard by others, and not on disk when the power failed.
  attic.receive(link.number, push(first, 3, "lost"));
  mesh.cut(link);
  mesh.pass(50);
  const again = start();
  nodes.push(again);
  mesh.join(again, attic);
  mesh.pass(100);
  assertEquals(again.words, ["[lost]"]);
});

// ---------------------------------------------------------------- the order over lives

const KITCHEN = new HandNode({ name: "kitchen" }).id;

function batches(incarnation: number, first: number, ...words: string[]): MeshMessage {
  const head = { origin: KITCHEN, incarnation, first, kind: SPEECH, time: 0 };
  const payloads = words.map((word) => new TextEncoder().encode(word));
  return { type: "push", batch: encodeBatches(head, payloads)[0]! };
}

function entry(incarnation: number, head: number): Announcement {
  return { origin: KITCHEN, incarnation, head, lackFrom: 0, lackTo: 0 };
}

/** A node that knows the kitchen, and two peers whose frames are made by hand. */
function reader(limits: Partial<MeshLimits> = {}) {
  const attic = new HandNode({ name: "attic" }, limits);
  const [left, right] = ["left", "right"].map((name) => new HandNode({ name })) as [
    HandNode,
    HandNode,
  ];
  const mesh = new HandMesh([attic, left, right]);
  const links = [mesh.join(attic, left), mesh.join(attic, right)] as const;
  mesh.pass(100);
  attic.receive(links[0].number, batches(life(1), 1, "1.1"));
  const pass = (ms: number) => {
    for (const end = attic.now + ms; attic.now < end;) {
      attic.tick(attic.now + 50);
      for (const { number } of links) attic.receive(number, { type: "pong", token: 0 });
    }
  };
  return { mesh, attic, links, first: links[0].number, second: links[1].number, pass };
}

Deno.test("lives: news waits for what is known of a former life, whichever link brings it", () => {
  const { attic, first, second, pass } = reader();
  attic.receive(first, { type: "summary", entries: [entry(life(1), 3), entry(life(2), 2)] });
  attic.receive(second, batches(life(2), 1, "2.1"));
  attic.receive(second, batches(life(2), 2, "2.2"));
  attic.receive(first, batches(life(1), 2, "1.2"));
  pass(100);
  assertEquals(attic.words, ["1.1", "1.2"]);
  attic.receive(first, batches(life(1), 3, "1.3"));
  pass(50);
  assertEquals(attic.words, ["1.1", "1.2", "1.3", "2.1", "2.2"]);
  assertEquals(attic.node.stats().pendingBytes, 0);
});

Deno.test("lives: what nobody has any more is a gap, told before the later life's words", () => {
  const { attic, first, second, pass } = reader();
  attic.receive(first, { type: "summary", entries: [entry(life(1), 3)] });
  attic.receive(second, batches(life(2), 1, "2.1"));
  attic.receive(first, {
    type: "end",
    request: 1,
    lacks: [{ origin: KITCHEN, incarnation: life(1), from: 2, to: 3, later: false }],
  });
  pass(50);
  assertEquals(attic.gaps.map(({ from, to, past }) => [from, to, past]), [[2, 3, false]]);
  assertEquals(attic.words, ["1.1", "2.1"]);
  // It is over: what comes all the same is a repeat.
  attic.receive(first, batches(life(1), 2, "1.2"));
  assertEquals(attic.words, ["1.1", "2.1"]);
});

Deno.test("lives: what nobody has any more is a gap, too, when the later life is only announced", () => {
  const { attic, first, pass } = reader();
  attic.receive(first, { type: "summary", entries: [entry(life(1), 3), entry(life(2), 1)] });
  attic.receive(first, {
    type: "end",
    request: 1,
    lacks: [{ origin: KITCHEN, incarnation: life(1), from: 2, to: 3, later: false }],
  });
  pass(50);
  attic.receive(first, batches(life(2), 1, "2.1"));
  attic.receive(first, batches(life(1), 2, "1.2"));
  assertEquals(attic.gaps.map(({ from, to, past }) => [from, to, past]), [[2, 3, false]]);
  assertEquals(attic.words, ["1.1", "2.1"]);
});

Deno.test("lives: a later life waits for 10 s at the most", () => {
  const { attic, first, second, pass } = reader();
  attic.receive(first, { type: "summary", entries: [entry(life(1), 3)] });
  attic.receive(second, batches(life(2), 1, "2.1"));
  pass(9_900);
  assertEquals(attic.words, ["1.1"]);
  pass(200);
  assertEquals(attic.gaps.map(({ from, to }) => [from, to]), [[2, 3]]);
  assertEquals(attic.words, ["1.1", "2.1"]);
  assertEquals(attic.node.stats().behind, 0);
});

Deno.test("lives: when who has both lives is cut off, both wait for it", () => {
  const { mesh, attic, links, first, pass } = reader();
  attic.receive(first, { type: "summary", entries: [entry(life(1), 3), entry(life(2), 1)] });
  attic.receive(first, batches(life(2), 1, "2.1"));
  mesh.cut(links[0]);
  pass(15_000);
  assertEquals([attic.words, attic.gaps], [["1.1"], []]);
  const { pendingBytes, behind } = attic.node.stats();
  assertEquals([pendingBytes, behind], [0, 0], "nothing is left: it is told again");
});

Deno.test("lives: what waits in its own life is dropped when who has it is cut off", () => {
  const { mesh, attic, links, first, pass } = reader();
  attic.receive(first, { type: "summary", entries: [entry(life(1), 2), entry(life(2), 2)] });
  attic.receive(first, batches(life(2), 2, "2.2"));
  attic.receive(first, batches(life(1), 2, "1.2"));
  // The second life waits only for its own beginning now.
  pass(100);
  assertEquals(attic.words, ["1.1", "1.2"]);
  mesh.cut(links[0]);
  pass(100);
  const { pendingBytes, behind } = attic.node.stats();
  assertEquals([pendingBytes, behind], [0, 0]);
  attic.receive(links[1].number, { type: "summary", entries: [entry(life(2), 2)] });
  attic.receive(links[1].number, batches(life(2), 1, "2.1", "2.2"));
  assertEquals([attic.words, attic.gaps], [["1.1", "1.2", "2.1", "2.2"], []]);
});

Deno.test("lives: what need not wait any more is delivered although who has it is cut off", () => {
  const { mesh, attic, links, first } = reader();
  attic.receive(first, { type: "summary", entries: [entry(life(1), 2), entry(life(2), 1)] });
  attic.receive(first, batches(life(2), 1, "2.1"));
  attic.receive(first, batches(life(1), 2, "1.2"));
  mesh.cut(links[0]);
  assertEquals(attic.words, ["1.1", "1.2", "2.1"]);
});

Deno.test("lives: a life that is too old to be told apart is not fetched any more", () => {
  const { attic, first, pass } = reader({ incarnations: 2 });
  attic.receive(first, { type: "summary", entries: [entry(life(1), 3)] });
  attic.receive(first, { type: "summary", entries: [entry(life(2), 1), entry(life(3), 1)] });
  assertEquals(attic.node.stats().behind, 2);
  attic.receive(first, batches(life(2), 1, "2.1"));
  attic.receive(first, batches(life(3), 1, "3.1"));
  pass(100);
  assertEquals(attic.words, ["1.1", "2.1", "3.1"]);
  assertEquals(attic.node.stats().behind, 0);
});

Deno.test("lives: what a relay has of a former life is announced before it pushes a later one", () => {
  const { attic, first, second } = reader();
  // The right peer has the first life from elsewhere; it is only announced there.
  attic.receive(second, {
    type: "prune",
    streams: [{ origin: KITCHEN, incarnation: life(1) }],
  });
  attic.sent.length = 0;
  attic.receive(first, batches(life(1), 2, "1.2"));
  attic.receive(first, batches(life(2), 1, "2.1"));
  const types = attic.sent.filter(({ link }) => link === second).map(({ body }) => body[0]);
  assertEquals(types, [0x12, 0x10]);
});
