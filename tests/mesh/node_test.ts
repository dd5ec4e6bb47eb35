import { assert, assertEquals } from "@std/assert";
import type { GatherResult, SendOutcome } from "../../lib/mesh/context.ts";
import { newIncarnation } from "../../lib/mesh/identity.ts";
import { MAX_GATHERS, TELL_FORGOTTEN_EVERY } from "../../lib/mesh/limits.ts";
import { HandMesh, HandNode, pair, push, SPEECH } from "../support/mesh_pair.ts";

const text = (word: string) => new TextEncoder().encode(word);

// ---------------------------------------------------------------- once, in order, for ever

Deno.test("mesh node: a message that comes again after a day is suppressed", () => {
  const { mesh, kitchen, attic } = pair();
  const { number } = mesh.join(kitchen, attic);
  mesh.pass(100);
  kitchen.say("once");
  const replay = kitchen.sent.find(({ body }) => body[0] === 0x10)!;
  mesh.carry();
  for (const wait of [1_000, 86_400_000]) {
    attic.now = mesh.now + wait;
    attic.receive(number, replay.body);
  }
  assertEquals(attic.words, ["once"]);
  assertEquals(attic.node.stats().duplicates, 2);
});

Deno.test("mesh node: what overtakes on another link waits for what was said before", () => {
  const { mesh, kitchen, attic } = pair();
  const { number } = mesh.join(kitchen, attic);
  mesh.pass(100);
  const far = new HandNode({ name: "far" });
  attic.receive(number, push(far, 1, "one"));
  attic.receive(number, push(far, 3, "three", "four"));
  assertEquals(attic.words, ["one"]);
  attic.receive(number, push(far, 2, "two", "three"));
  assertEquals(attic.words, ["one", "two", "three", "four"]);
});

Deno.test("mesh node: nothing said during a cut is lost, both ways", () => {
  const { mesh, kitchen, attic } = pair();
  const link = mesh.join(kitchen, attic);
  mesh.pass(4_000);
  mesh.cut(link);
  mesh.pass(45_000);
  for (let i = 0; i < 500; i++) {
    kitchen.say(`kitchen ${i}`);
    attic.say(`attic ${i}`);
  }
  mesh.join(attic, kitchen);
  mesh.pass(50);
  for (const node of [kitchen, attic]) {
    assertEquals(node.heard.length, 1_000);
    assertEquals(new Set(node.words).size, 1_000);
    assert(node.heard.every(({ past }) => !past));
  }
});

Deno.test("mesh node: nodes that meet for the first time exchange the past for the history only", () => {
  const { mesh, kitchen, attic } = pair();
  const cellar = new HandNode({ name: "cellar" });
  const all = new HandMesh([kitchen, attic, cellar]);
  all.join(attic, cellar);
  kitchen.say("old 1", "old 2");
  all.pass(5_000);
  all.join(kitchen, attic);
  kitchen.say("new");
  all.pass(100);
  void mesh;
  for (const node of [attic, cellar]) {
    assertEquals([...node.words].sort(), ["[old 1]", "[old 2]", "new"]);
  }
});

Deno.test("mesh node: a node without memory relays what it never heard itself", () => {
  const kitchen = new HandNode({ name: "kitchen" });
  const attic = new HandNode({ name: "attic" });
  const relay = new HandNode({ name: "relay" });
  const reborn = new HandNode({ name: "reborn" });
  const mesh = new HandMesh([kitchen, relay, attic, reborn]);
  const links = [mesh.join(kitchen, relay), mesh.join(relay, attic)];
  mesh.pass(5_000);
  kitchen.say("one");
  mesh.pass(50);
  links.forEach((link) => mesh.cut(link));
  kitchen.say("two");
  mesh.pass(5_000);
  mesh.join(kitchen, reborn);
  mesh.join(reborn, attic);
  mesh.pass(700);
  assertEquals(attic.words, ["one", "two"]);
  assertEquals(reborn.words, ["[one]", "[two]"]);
});

Deno.test("mesh node: what fell out of everybody's memory is told as a gap", () => {
  const limits = { retentionCount: 100, retentionYoung: 0 };
  const kitchen = new HandNode({ name: "kitchen" }, limits);
  const attic = new HandNode({ name: "attic" }, limits);
  const mesh = new HandMesh([kitchen, attic]);
  const link = mesh.join(kitchen, attic);
  mesh.pass(4_000);
  kitchen.say("first");
  mesh.pass(50);
  mesh.cut(link);
  for (let i = 2; i <= 401; i++) kitchen.say(`${i}`);
  mesh.join(kitchen, attic);
  mesh.pass(200);
  const { from, to } = attic.gaps[0]!;
  assertEquals(attic.gaps.length, 1);
  assertEquals([from, to], [2, 301]);
  assertEquals(attic.heard.length, 101);
  assertEquals(attic.words.slice(0, 2), ["first", "302"]);
  assertEquals(attic.node.stats().missed, 300);
});

Deno.test("mesh node: what the neighbour has forgotten is found two nodes further", () => {
  const forgetful = { retentionCount: 20, retentionYoung: 0 };
  const names = ["origin", "library", "second", "first", "reader"];
  const [origin, library, second, first, reader] = names.map((name) =>
    new HandNode({ name }, name === "library" || name === "reader" ? {} : forgetful)
  ) as [HandNode, HandNode, HandNode, HandNode, HandNode];
  const side = new HandNode({ name: "side" }, forgetful);
  const mesh = new HandMesh([origin, library, second, first, reader, side]);
  mesh.join(origin, library);
  mesh.join(library, second);
  mesh.join(second, first);
  mesh.join(second, side);
  mesh.join(side, first);
  const link = mesh.join(first, reader);
  mesh.pass(4_000);
  origin.say("0");
  mesh.pass(100);
  mesh.cut(link);
  for (let i = 1; i <= 200; i++) origin.say(`${i}`);
  mesh.pass(100);
  mesh.join(reader, first);
  mesh.pass(300);
  assertEquals(reader.gaps, []);
  assertEquals(reader.words, Array.from({ length: 201 }, (_, i) => `${i}`));

  // And when the library is gone, the gap is told as soon as everybody was asked.
  mesh.cut([...mesh.links.values()].at(-1)!);
  for (let i = 201; i <= 300; i++) origin.say(`${i}`);
  mesh.pass(100);
  for (const other of mesh.links.values()) if (other.b === library) mesh.cut(other);
  for (const other of mesh.links.values()) if (other.a === library) mesh.cut(other);
  mesh.join(reader, first);
  mesh.pass(300);
  assertEquals(reader.gaps.map(({ from, to }) => [from, to]), [[202, 281]]);
  assertEquals(reader.words.at(-1), "300");
});

Deno.test("mesh node: a former life's last words still arrive, beside the new life's", () => {
  const kitchen = new HandNode({ name: "kitchen", incarnation: newIncarnation(1, () => 0.5) });
  const again = new HandNode({ name: "kitchen", incarnation: newIncarnation(2, () => 0.5) });
  const attic = new HandNode({ name: "attic" });
  const cellar = new HandNode({ name: "cellar" });
  const mesh = new HandMesh([kitchen, again, attic, cellar]);
  const links = [mesh.join(kitchen, attic), mesh.join(attic, cellar)];
  mesh.pass(4_000);
  mesh.cut(links[1]!);
  kitchen.say("last words");
  mesh.pass(50);
  mesh.cut(links[0]!);
  mesh.pass(50);
  mesh.join(again, cellar);
  again.say("first words");
  mesh.pass(50);
  assertEquals(cellar.words, ["first words"]);
  mesh.join(attic, cellar);
  mesh.pass(300);
  assertEquals([...cellar.words].sort(), ["first words", "last words"]);
  assertEquals([...attic.words].sort(), ["first words", "last words"]);
  assertEquals([...again.words].sort(), ["[last words]", "first words"]);
});

Deno.test("mesh node: memory is bounded by the number of origins", () => {
  const { mesh, attic } = pair();
  const small = new HandNode({ name: "small" }, { origins: 50 });
  const all = new HandMesh([attic, small]);
  void mesh;
  const { number } = all.join(attic, small);
  all.pass(100);
  for (let i = 1; i <= 500; i++) {
    const stranger = new HandNode({ name: "s", id: i.toString(16).padStart(16, "0") });
    small.receive(number, push(stranger, 1, "hello"));
  }
  assertEquals(small.node.stats().origins, 50);
  assert(small.node.knows(attic.id), "who is reachable is not forgotten");
  assertEquals(small.words.length, 500);
  // It is told at once, and then once a minute.
  const note = (count: number, last: number) =>
    `warning: Forgot ${count} origins (the last was ${
      last.toString(16).padStart(16, "0")
    }): too many are known`;
  assertEquals(small.notes, [note(1, 1)]);
  small.tick(small.now + TELL_FORGOTTEN_EVERY);
  assertEquals(small.notes, [note(1, 1), note(451, 452)]);
  small.tick(small.now + 2 * TELL_FORGOTTEN_EVERY);
  assertEquals(small.notes.length, 2);
});

Deno.test("mesh node: who only has a look sees all and joins nobody", () => {
  const [kitchen, attic, cellar] = ["kitchen", "attic", "cellar"].map((name) =>
    new HandNode({ name })
  ) as [HandNode, HandNode, HandNode];
  const eye = new HandNode({ name: "eye" }, {}, undefined, true);
  const mesh = new HandMesh([kitchen, attic, cellar, eye]);
  mesh.join(attic, cellar);
  kitchen.say("old");
  mesh.join(eye, kitchen);
  mesh.join(eye, attic);
  mesh.pass(100);
  kitchen.say("new");
  cellar.say("also new");
  mesh.pass(600);
  const names = (node: HandNode) => node.node.topology().map(({ name }) => name).sort();
  assertEquals(names(eye), ["attic", "cellar", "eye", "kitchen"]);
  assertEquals(eye.words.toSorted(), ["[old]", "also new", "new"]);
  assertEquals(names(kitchen), ["eye", "kitchen"]);
  assertEquals(names(cellar), ["attic", "cellar", "eye"]);
  assertEquals([kitchen.words, attic.words], [["old", "new"], ["also new"]]);
  assert(!cellar.node.knows(kitchen.id));
});

// ---------------------------------------------------------------- failure, goodbye

Deno.test("mesh node: a silent link is dropped within 5 s, and the peer is unreachable", () => {
  const { mesh, kitchen, attic } = pair();
  const link = mesh.join(kitchen, attic);
  mesh.pass(10_000);
  assertEquals(kitchen.drops, []);
  mesh.cutSilently(link);
  mesh.pass(5_000);
  assertEquals(kitchen.drops.map(({ code }) => code), ["silent"]);
  assertEquals(kitchen.events.slice(-2), ["down attic", "unreachable attic"]);
});

Deno.test("mesh node: a goodbye is told from a loss", () => {
  const { mesh, kitchen, attic } = pair();
  mesh.join(kitchen, attic);
  mesh.pass(100);
  attic.node.leave(mesh.now);
  mesh.pass(100);
  assertEquals(kitchen.events.slice(-2), ["down attic", "left attic"]);
});

// ---------------------------------------------------------------- one node, some nodes

function ring(names: readonly string[]): { mesh: HandMesh; nodes: HandNode[] } {
  const nodes = names.map((name) => new HandNode({ name }));
  const mesh = new HandMesh(nodes);
  nodes.forEach((node, i) => mesh.join(node, nodes[(i + 1) % nodes.length]!));
  mesh.pass(200);
  return { mesh, nodes };
}

Deno.test("mesh node: a message for one node takes another path when one is dead", () => {
  const { mesh, nodes } = ring(["a", "b", "c", "d", "e"]);
  const [a, b, c] = nodes as [HandNode, HandNode, HandNode];
  const got: string[] = [];
  for (const node of nodes) {
    node.node.observe(7, { received: ({ payload }) => got.push(`${node.id} ${payload.length}`) });
  }
  const outcomes: SendOutcome[] = [];
  const send = () => {
    const finished = (outcome: SendOutcome) => void outcomes.push(outcome);
    a.node.send({ to: c.id, kind: 7, payload: text("psst"), finished }, mesh.now);
  };
  send();
  mesh.carry();
  assertEquals(got, [`${c.id} 4`]);
  assertEquals(outcomes, [{ type: "delivered" }]);

  // b is frozen: what is sent to it is lost, and nobody knows yet.
  for (const link of mesh.links.values()) if (link.a === b || link.b === b) mesh.cutSilently(link);
  send();
  mesh.pass(1_000);
  assertEquals(got.length, 2);
  assertEquals(outcomes.length, 2);

  // c is cut off: fails with a reason, as soon as that is known.
  for (const link of mesh.links.values()) if (link.a === c || link.b === c) mesh.cut(link);
  mesh.pass(6_000);
  send();
  mesh.pass(10);
  assertEquals(outcomes[2]?.type, "failed");
  assertEquals(got.length, 2);
});

Deno.test("mesh node: a gather ends when all have answered, or names the silent", () => {
  const { mesh, nodes } = ring(["a", "b", "c", "d"]);
  let mute = new Set<HandNode>();
  for (const node of nodes) {
    node.node.observe(8, {
      requested: (request) => {
        if (!mute.has(node)) node.node.answer(request, text(`I am ${node.id}`), mesh.now);
      },
    });
  }
  const [a, , c] = nodes as [HandNode, HandNode, HandNode];
  const results: GatherResult[] = [];
  const ask = () => {
    const finished = (result: GatherResult) => void results.push(result);
    a.node.gather({ kind: 8, payload: text("who"), finished }, mesh.now);
  };
  ask();
  mesh.carry();
  assertEquals(results[0]?.answers.size, 4);
  assertEquals(results[0]?.silent, []);

  mute = new Set([c]);
  ask();
  mesh.pass(1_980);
  assertEquals(results.length, 1);
  mesh.pass(40);
  assertEquals(results[1]?.silent, [c.id]);
  assertEquals(results[1]?.lost.size, 0, "it was late");
  assertEquals(results[1]?.answers.size, 3);

  // Who is lost is not waited for.
  ask();
  for (const link of mesh.links.values()) if (link.a === c || link.b === c) mesh.cut(link);
  mesh.pass(100);
  assertEquals(results[2]?.silent, [c.id]);
  assertEquals([...results[2]?.lost ?? []], [c.id]);

  // It can't even be asked.
  const finished = (result: GatherResult) => void results.push(result);
  a.node.gather({ kind: 8, payload: text("who"), targets: [c.id], finished }, mesh.now);
  mesh.carry();
  assertEquals(results[3]?.silent, [c.id]);
  assertEquals([...results[3]?.lost ?? []], [c.id]);
});

Deno.test("mesh node: more gathers than may be under way take turns, each with its own time", () => {
  const { mesh, nodes } = ring(["a", "b", "c"]);
  const [a, b, c] = nodes as [HandNode, HandNode, HandNode];
  const asked: string[] = [];
  for (const { node } of [a, b]) {
    node.observe(8, {
      requested: (request) => {
        if (node === b.node) asked.push(new TextDecoder().decode(request.payload));
        node.answer(request, text("yes"), mesh.now);
      },
    });
  }
  const results: GatherResult[] = [];
  const count = 2 * MAX_GATHERS + 10;
  for (let i = 0; i < count; i++) {
    const finished = (result: GatherResult) => void results.push(result);
    a.node.gather({ kind: 8, payload: text(`${i}`), finished }, mesh.now);
  }
  mesh.carry();
  assertEquals([asked.length, results.length], [MAX_GATHERS, 0], "c answers none");
  mesh.pass(2_010);
  assertEquals([asked.length, results.length], [2 * MAX_GATHERS, MAX_GATHERS]);
  mesh.pass(4_020);
  assertEquals([asked.length, results.length], [count, count]);
  assertEquals(asked, Array.from({ length: count }, (_, i) => `${i}`));
  for (const { answers, silent } of results) {
    assertEquals([answers.size, silent], [2, [c.id]]);
  }
});

// ---------------------------------------------------------------- state before messages

/** Nodes in a line, and what each sees of states and words. */
function line(...names: string[]) {
  const nodes = names.map((name) => new HandNode({ name }));
  const mesh = new HandMesh(nodes);
  for (const [i, node] of nodes.slice(1).entries()) mesh.join(nodes[i]!, node);
  mesh.pass(200);
  const seen = nodes.map((node) => {
    const words: string[] = [];
    const add = (payload: Uint8Array) => void words.push(new TextDecoder().decode(payload));
    node.node.observe(9, { stateChanged: ({ payload }) => add(payload) });
    node.node.observe(SPEECH, {
      delivered: ({ batch }) => batch.forEach((payload) => add(payload)),
    });
    return words;
  });
  return { mesh, nodes, seen };
}

Deno.test("mesh node: an urgent state is seen before what its node says next, on all nodes, at once", () => {
  const { mesh, nodes, seen } = line("a", "b", "c", "d");
  const [a] = nodes as [HandNode];
  const expected: string[] = [];
  for (let i = 0; i < 3; i++) {
    a.node.setState(9, text(`state ${i}`), mesh.now, true);
    a.say(`said ${i}`);
    expected.push(`state ${i}`, `said ${i}`);
  }
  mesh.carry();
  for (const words of seen) assertEquals(words, expected);
  mesh.pass(100);
  for (const words of seen) assertEquals(words, expected, "nothing comes twice");
});

Deno.test("mesh node: a state that a relay collects is not overtaken there", () => {
  const { mesh, nodes, seen } = line("a", "b", "c");
  const [a, b] = nodes as [HandNode, HandNode];
  a.node.setState(9, text("state"), mesh.now);
  a.tick(mesh.now += 10);
  mesh.carry();
  assertEquals(seen, [["state"], ["state"], []]);
  // What another says is no reason to send it.
  b.say("other");
  mesh.carry();
  assertEquals(seen[2], ["other"]);
  a.say("said");
  mesh.carry();
  assertEquals(seen[2], ["other", "state", "said"]);
});

Deno.test("mesh node: a state that isn't urgent waits for others, whatever is said meanwhile", () => {
  const { mesh, nodes, seen } = line("a", "b");
  const [a] = nodes as [HandNode];
  a.node.setState(9, text("one"), mesh.now);
  a.say("said");
  a.node.setState(9, text("two"), mesh.now);
  mesh.carry();
  assertEquals(seen[1], ["said"]);
  mesh.pass(20);
  assertEquals(seen[1], ["said", "two"]);
});
