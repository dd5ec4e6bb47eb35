import { assert, assertEquals } from "@std/assert";
import { newIncarnation } from "../../lib/mesh/identity.ts";
import { HANDOVER } from "../../lib/mesh/limits.ts";
import { encodeMeshMessage, type MeshMessage } from "../../lib/wire/mesh_message.ts";
import { HandMesh, HandNode, pair, push, SPEECH } from "../support/mesh_pair.ts";

const text = (word: string) => new TextEncoder().encode(word);

// ---------------------------------------------------------------- who is linked

Deno.test("mesh node: two nodes greet, hear each other, and know the graph", () => {
  const { mesh, kitchen, attic } = pair();
  mesh.join(kitchen, attic);
  mesh.pass(100);
  kitchen.say("hello", "attic");
  mesh.carry();
  assertEquals(attic.words, ["hello", "attic"]);
  assertEquals(kitchen.words, ["hello", "attic"]);
  assertEquals(attic.node.topology().map(({ name }) => name).sort(), ["attic", "kitchen"]);
  assertEquals(attic.events, ["up kitchen", "reachable kitchen"]);
});

Deno.test("mesh node: another mesh name is refused, with the reason on both sides", () => {
  const a = new HandNode({ name: "a", mesh: "club" });
  const b = new HandNode({ name: "b", mesh: "school" });
  const mesh = new HandMesh([a, b]);
  mesh.join(a, b);
  for (const node of [a, b]) {
    assertEquals(node.drops.map(({ code }) => code), ["mesh"]);
    assert(node.drops[0]!.reason.includes('"club"'), node.drops[0]!.reason);
    assert(node.drops[0]!.reason.includes('"school"'), node.drops[0]!.reason);
    assertEquals(node.node.peers(), []);
  }
});

Deno.test("mesh node: a link to itself is refused", () => {
  const a = new HandNode({ name: "a" });
  a.node.linkOpened(1, true, 0);
  a.node.linkOpened(2, false, 0);
  const [first, second] = a.sent.splice(0);
  a.receive(2, first!.body);
  a.receive(1, second!.body);
  assertEquals(a.drops.map(({ code }) => code), ["self", "self"]);
});

Deno.test("mesh node: an unknown version is refused by name", () => {
  const a = new HandNode({ name: "a" });
  a.node.linkOpened(1, true, 0);
  a.receive(1, {
    type: "iAm",
    minVersion: 7,
    maxVersion: 9,
    id: "00000000000000ff",
    incarnation: 1,
    nonce: 1,
    name: "future",
    mesh: "",
  });
  assertEquals(a.drops[0]?.code, "version");
  assert(a.drops[0]!.reason.includes("future speaks version 7 to 9"));
});

Deno.test("mesh node: the same id alive twice is refused, at once or when the parts meet", () => {
  const hub = new HandNode({ name: "hub" });
  const card = new HandNode({ name: "card", incarnation: newIncarnation(3, () => 0.1) });
  const copy = new HandNode({ name: "card", incarnation: newIncarnation(3, () => 0.9) });
  const far = new HandNode({ name: "far" });
  const mesh = new HandMesh([hub, card, copy, far]);
  mesh.join(hub, card);
  mesh.pass(50);
  mesh.join(hub, copy);
  assertEquals(copy.drops[0]?.code, "clone");
  assert(copy.drops[0]!.reason.includes("card"));
  assertEquals(hub.node.peers().length, 1);

  // Each in a part of its own first: the newer life stays, the older is told.
  mesh.join(far, copy);
  mesh.pass(50);
  mesh.join(hub, far);
  mesh.pass(100);
  assertEquals(card.drops.map(({ code, remote }) => [code, remote]), [["clone", true]]);
  assertEquals(hub.node.peers().map(({ name }) => name), ["far"]);
  mesh.join(card, hub);
  assertEquals(hub.node.peers().map(({ name }) => name), ["far"]);
});

Deno.test("mesh node: two links between the same pair become one, the same on both sides", () => {
  for (const order of [[0, 1], [1, 0]] as const) {
    const { mesh, kitchen, attic } = pair();
    const ends = [[kitchen, attic], [attic, kitchen]] as const;
    for (const i of order) mesh.open(...ends[i]);
    mesh.carry();
    mesh.pass(100);
    const links = [kitchen, attic].map(({ node }) => node.peers().map(({ link }) => link));
    assertEquals(links[0]!.length, 1);
    assertEquals(links[0], links[1]);
    kitchen.say("once");
    mesh.carry();
    assertEquals(attic.words, ["once"]);
  }
});

Deno.test("mesh node: a link that gives way to another leaves no gap, whichever is heard of first", () => {
  for (const comes of [true, false]) {
    const { mesh, kitchen, attic } = pair();
    mesh.join(kitchen, attic);
    mesh.pass(100);
    // That of the lower id stays; what kitchen says on it is overtaken.
    const link = mesh.open(attic, kitchen);
    for (const { body } of attic.sent.splice(0)) kitchen.receive(link.number, body);
    const late = kitchen.sent.filter((frame) => frame.link === link.number);
    for (const frame of kitchen.sent.splice(0)) {
      if (!late.includes(frame)) attic.receive(frame.link, frame.body);
    }
    for (const end = mesh.now + HANDOVER / 2; mesh.now < end;) attic.tick(mesh.now += 10);
    assertEquals(attic.node.peers(), []);
    assertEquals(attic.events.slice(2), ["down kitchen"]);
    if (comes) { for (const { body } of late) attic.receive(link.number, body); }
    else mesh.cut(link);
    mesh.pass(2 * HANDOVER);
    const gap = comes ? ["up kitchen"] : ["unreachable kitchen"];
    assertEquals(attic.events.slice(2), ["down kitchen", ...gap]);
  }
});

Deno.test("mesh node: a round trip is measured from when it was sent, and only once", () => {
  const { mesh, kitchen, attic } = pair();
  const { number } = mesh.join(kitchen, attic);
  // Parts of a millisecond count: it takes 0.2 ms here.
  for (mesh.now = 0.9; mesh.now < 20_000; mesh.now += 100.3) {
    for (const node of mesh.nodes) node.tick(mesh.now);
    for (const { body } of kitchen.sent.splice(0)) attic.receive(number, body);
    kitchen.now = mesh.now + 0.2;
    const answers = attic.sent.splice(0);
    for (const { body } of answers) kitchen.receive(number, body);
    kitchen.now = mesh.now + 50;
    for (const { body } of answers) {
      // Again, or with what was never asked.
      if (body[0] === 0x05) kitchen.receive(number, body);
    }
    kitchen.receive(number, { type: "pong", token: 0 });
    kitchen.receive(number, { type: "pong", token: 2 ** 40 });
    for (const { body } of kitchen.sent.splice(0)) attic.receive(number, body);
  }
  const [peer] = kitchen.node.peers();
  assert(Math.abs(peer!.roundTrip! - 0.2) < 1e-6, `${peer!.roundTrip} ms`);
});

// ---------------------------------------------------------------- bad input

const bad: Record<string, (node: HandNode, peer: HandNode) => MeshMessage | Uint8Array> = {
  "garbage": () => new Uint8Array([0xee, 1, 2, 3]),
  "an empty frame": () => new Uint8Array(0),
  "a frame cut in the middle": (_node, peer) =>
    encodeMeshMessage(push(peer, 1, "cut")).slice(0, -1),
  "an oversized frame": () => new Uint8Array(2 * 1024 * 1024),
  "a forged message of ours": (node) => push(node, 5, "I never said that"),
  "a forged state of ours": (node) => {
    const { id: origin, incarnation } = node.node.identity;
    const record = { origin, incarnation, kind: 2, version: 9, payload: text("x") };
    return { type: "state", records: [record] };
  },
  "a second I-AM": (_node, peer) => {
    const { identity } = peer.node;
    return { type: "iAm", minVersion: 1, maxVersion: 1, nonce: 5, ...identity };
  },
  "a routed message from nowhere": (node) => ({
    type: "routed",
    purpose: "message",
    kind: SPEECH,
    hop: 1,
    path: ["00000000000000aa", node.id],
    incarnation: 1,
    number: 1,
    correlation: 0,
    payload: text("x"),
  }),
};

for (const [what, make] of Object.entries(bad)) {
  Deno.test(`mesh node: ${what} ends the link with a reason, and changes nothing`, () => {
    const { mesh, kitchen, attic } = pair();
    const third = new HandNode({ name: "third" });
    const all = new HandMesh([kitchen, attic, third]);
    const link = all.join(kitchen, attic);
    all.join(kitchen, third);
    all.pass(100);
    void mesh;
    kitchen.say("before");
    all.carry();
    kitchen.receive(link.number, make(kitchen, attic));
    assertEquals(kitchen.drops.length, 1);
    assert(kitchen.drops[0]!.reason.length > 5);
    all.carry();
    kitchen.say("after");
    all.carry();
    assertEquals(kitchen.words, ["before", "after"]);
    assertEquals(third.words, ["before", "after"]);
    assertEquals(kitchen.node.stats().refused, 1);
  });
}

Deno.test("mesh node: nothing is taken before the I-AM", () => {
  const { kitchen, attic } = pair();
  kitchen.node.linkOpened(1, false, 0);
  kitchen.receive(1, push(attic, 1, "hello"));
  assertEquals(kitchen.words, []);
  assertEquals(kitchen.drops[0]?.code, "protocol");
});
