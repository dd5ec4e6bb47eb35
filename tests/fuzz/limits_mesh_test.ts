/** What the tables of a node take at the most, with a peer that wants more. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import * as limits from "../../lib/mesh/limits.ts";
import { encodeNodeRecord } from "../../lib/mesh/topology.ts";
import { encodeBatches } from "../../lib/wire/mesh_batch.ts";
import {
  decodeMeshMessage,
  encodeMeshMessage,
  type MeshMessage,
} from "../../lib/wire/mesh_message.ts";
import { HandMesh, HandNode, pair, SPEECH } from "../support/mesh_pair.ts";

const id = (n: number) => n.toString(16).padStart(16, "0");
const EVIL = 77;

/** A node with a link to one that says what the test wants. */
function attacked(some: Partial<limits.MeshLimits> = {}) {
  const kitchen = new HandNode({ name: "kitchen" }, some);
  kitchen.node.linkOpened(EVIL, false, 0);
  kitchen.receive(EVIL, {
    type: "iAm",
    minVersion: 1,
    maxVersion: 1,
    id: id(EVIL),
    incarnation: 1,
    nonce: 1,
    name: "evil",
    mesh: "",
  });
  kitchen.sent.splice(0);
  return kitchen;
}

const toEvil = (node: HandNode): MeshMessage[] =>
  node.sent.splice(0).filter(({ link }) => link === EVIL).map(({ body }) =>
    decodeMeshMessage(body)
  );

Deno.test("limit: links of one node; one more is told that it is full", () => {
  const { MAX_LINKS } = limits;
  const kitchen = new HandNode({ name: "kitchen" });
  for (let i = 0; i <= MAX_LINKS; i++) kitchen.node.linkOpened(i, false, 0);
  assertEquals(kitchen.drops.map(({ link, code }) => [link, code]), [[MAX_LINKS, "full"]]);
});

Deno.test("limit: who doesn't say who it is within GREETING_TIMEOUT makes room", () => {
  const { GREETING_TIMEOUT } = limits;
  const kitchen = new HandNode({ name: "kitchen" });
  kitchen.node.linkOpened(1, false, 0);
  kitchen.tick(GREETING_TIMEOUT - 1);
  assertEquals(kitchen.drops, []);
  kitchen.tick(GREETING_TIMEOUT);
  assertEquals(kitchen.drops.map(({ code }) => code), ["greeting"]);
});

/** States of so many nodes that nobody has seen. */
function states(from: number, count: number, payload: Uint8Array, version = 1): MeshMessage {
  const records = Array.from({ length: count }, (_, i) => ({
    origin: id(1_000_000 + from + i),
    incarnation: 1,
    kind: 2,
    version,
    payload,
  }));
  return { type: "state", records };
}

Deno.test("limit: records of state", () => {
  const { MAX_STATE_RECORDS } = limits;
  const kitchen = attacked({ origins: 10 });
  const chunk = 10_000;
  for (let i = 0; i <= MAX_STATE_RECORDS; i += chunk) {
    kitchen.receive(EVIL, states(i, chunk, new Uint8Array(0)));
  }
  const { stateRecords } = kitchen.node.stats();
  assert(stateRecords <= MAX_STATE_RECORDS, `${stateRecords}`);
  assert(stateRecords > MAX_STATE_RECORDS - chunk, "They were not taken at all");
});

Deno.test("limit: bytes of state, also when a small record is replaced by a large one", () => {
  const { MAX_STATE_BYTES } = limits;
  const kitchen = attacked();
  const large = new Uint8Array(1024 * 1024);
  const count = MAX_STATE_BYTES / large.length + 10;
  kitchen.receive(EVIL, states(0, count, new Uint8Array(1)));
  for (let i = 0; i < count; i++) kitchen.receive(EVIL, states(i, 1, large, 2));
  // A new peer is told all that is kept.
  kitchen.node.linkOpened(5, false, 0);
  kitchen.sent.splice(0);
  kitchen.receive(5, {
    type: "iAm",
    minVersion: 1,
    maxVersion: 1,
    id: id(5),
    incarnation: 1,
    nonce: 1,
    name: "new",
    mesh: "",
  });
  kitchen.tick(100);
  let told = 0;
  for (const { link, body } of kitchen.sent) if (link === 5) told += body.length;
  assert(told <= MAX_STATE_BYTES + 64 * 1024, `${told} bytes are kept`);
  assert(told > MAX_STATE_BYTES / 2, `only ${told} bytes are kept`);
});

Deno.test("limit: origins, lives of one, bytes that wait for an earlier message", () => {
  const { DEFAULT_LIMITS } = limits;
  assert(DEFAULT_LIMITS.origins <= 100_000 && DEFAULT_LIMITS.incarnations <= 1_000);
  const few = {
    origins: 20,
    incarnations: 3,
    pendingBytes: 10_000,
    retentionCount: 50,
    retentionBytes: 20_000,
    retentionYoung: 0,
  };
  const kitchen = attacked(few);
  const say = (origin: string, incarnation: number, first: number, bytes = 1) =>
    kitchen.receive(EVIL, {
      type: "push",
      batch: encodeBatches({ origin, incarnation, first, kind: SPEECH, time: 0 }, [
        new Uint8Array(bytes),
      ])[0]!,
    });
  for (let i = 0; i < 100; i++) say(id(500 + i), 1, 1);
  for (let i = 0; i < 50; i++) say(id(500), 10 + i, 1);
  // With a hole before it, each waits.
  for (let i = 0; i < 50; i++) say(id(501), 1, 100 + 2 * i, 1_000);
  const { origins, pendingBytes, retainedMessages, retainedBytes } = kitchen.node.stats();
  assert(origins <= few.origins + 1, `${origins} origins`);
  assert(
    pendingBytes <= few.pendingBytes && pendingBytes > few.pendingBytes / 2,
    `${pendingBytes} bytes wait`,
  );
  assert(retainedMessages <= few.retentionCount && retainedBytes <= few.retentionBytes);
});

Deno.test("limit: what one request for messages is answered with", () => {
  const { FETCH_BYTES } = limits;
  const { mesh, kitchen, attic } = pair();
  for (let i = 0; i < 40; i++) {
    kitchen.node.publish(SPEECH, [new Uint8Array(20_000)], { now: 0, time: 0 });
  }
  mesh.join(attic, kitchen);
  const { id: origin, incarnation } = kitchen.node.identity;
  const link = mesh.links.keys().next().value!;
  kitchen.sent.splice(0);
  const range = { origin, incarnation, from: 1, to: 40, token: 0 };
  kitchen.receive(link, { type: "want", request: 9, ranges: Array(100).fill(range) });
  const bytes = kitchen.sent.reduce((sum, { body }) => sum + body.length, 0);
  assert(bytes > FETCH_BYTES / 2 && bytes <= FETCH_BYTES + 2 * 128 * 1024, `${bytes} bytes`);
});

Deno.test("limit: ranges in one request", () => {
  const { FETCH_RANGES } = limits;
  const kitchen = attacked();
  const count = FETCH_RANGES + 100;
  // So many streams of which the peer says that it has more.
  const entries = Array.from({ length: count }, (_, i) => ({
    origin: id(2_000 + i),
    incarnation: 1,
    head: 5,
    lackFrom: 0,
    lackTo: 0,
  }));
  for (const origin of entries.map(({ origin }) => origin)) {
    kitchen.receive(EVIL, {
      type: "push",
      batch: encodeBatches({ origin, incarnation: 1, first: 1, kind: SPEECH, time: 0 }, [
        new Uint8Array(1),
      ])[0]!,
    });
  }
  kitchen.receive(EVIL, { type: "summary", entries });
  kitchen.tick(limits.REPAIR_AFTER + 100);
  const wants = toEvil(kitchen).filter((message) => message.type === "want");
  assert(wants.length > 0, "It asks for nothing");
  for (const want of wants) assert(want.type === "want" && want.ranges.length <= FETCH_RANGES);
});

Deno.test("limit: searches that come through a node", () => {
  const { MAX_SEEKS } = limits;
  const kitchen = attacked();
  const other = new HandNode({ name: "other" });
  void new HandMesh([kitchen, other]).join(kitchen, other);
  kitchen.sent.splice(0);
  const chunk = 1_000;
  let passed = 0;
  for (let i = 0; i < MAX_SEEKS + chunk; i += chunk) {
    for (let n = 0; n < chunk; n++) {
      const range = { origin: id(3_000), incarnation: 1, from: 1, to: 2, token: 2 ** 31 + i + n };
      kitchen.receive(EVIL, { type: "want", request: i, ranges: [range] });
    }
    passed += kitchen.sent.splice(0).filter(({ link, body }) =>
      link !== EVIL && body[0] === 0x14
    ).length;
  }
  assertEquals(passed, MAX_SEEKS);
});

Deno.test("limit: gathers and routed messages that a node has under way", () => {
  const { MAX_GATHERS, MAX_GATHERS_WAITING, MAX_ROUTED_SENDS } = limits;
  const { mesh, kitchen, attic } = pair();
  mesh.join(kitchen, attic);
  mesh.pass(100);
  const ask = () =>
    kitchen.node.gather({
      kind: 9,
      payload: new Uint8Array(0),
      targets: [attic.id],
      finished: () => {},
    }, mesh.now);
  for (let i = 0; i < MAX_GATHERS + MAX_GATHERS_WAITING; i++) ask();
  assertThrows(ask, RangeError, "wait already");
  const outcomes: string[] = [];
  for (let i = 0; i < MAX_ROUTED_SENDS; i++) {
    kitchen.node.send({
      to: attic.id,
      kind: 9,
      payload: new Uint8Array(0),
      finished: ({ type }) => void outcomes.push(type),
    }, mesh.now);
  }
  assertEquals(outcomes.length, MAX_GATHERS, "those that were too many fail at once");
  assertEquals(new Set(outcomes), new Set(["failed"]));
});

Deno.test("limit: numbers of routed messages by which repeats are known", () => {
  const { ROUTED_WINDOW } = limits;
  const kitchen = attacked();
  const got: number[] = [];
  kitchen.node.observe(9, { received: ({ payload }) => void got.push(payload[0]!) });
  kitchen.receive(EVIL, {
    type: "state",
    records: [{
      origin: id(EVIL),
      incarnation: 1,
      kind: 0,
      version: 1,
      payload: encodeNodeRecord({ name: "evil", leaving: false, links: [kitchen.id] }),
    }],
  });
  const send = (number: number, mark: number) =>
    kitchen.receive(EVIL, {
      type: "routed",
      purpose: "message",
      kind: 9,
      hop: 1,
      path: [id(EVIL), kitchen.id],
      incarnation: 1,
      number,
      correlation: 0,
      payload: new Uint8Array([mark]),
    });
  for (let n = 1; n <= 3 * ROUTED_WINDOW; n++) send(n, 1);
  assertEquals(got.length, 3 * ROUTED_WINDOW);
  send(3 * ROUTED_WINDOW, 2);
  send(ROUTED_WINDOW, 2);
  assertEquals(got.length, 3 * ROUTED_WINDOW, "a repeat, and one older than the window");
});

Deno.test("limit: sources of routed messages by which repeats are known; the first is forgotten", () => {
  const { MAX_ROUTED_SOURCES } = limits;
  const kitchen = attacked();
  let got = 0;
  kitchen.node.observe(9, { received: () => void got++ });
  const send = (source: number) =>
    kitchen.receive(EVIL, {
      type: "routed",
      purpose: "message",
      kind: 9,
      hop: 2,
      path: [id(source), id(EVIL), kitchen.id],
      incarnation: 1,
      number: 1,
      correlation: 0,
      payload: new Uint8Array(0),
    });
  for (let i = 0; i < MAX_ROUTED_SOURCES; i++) send(1_000 + i);
  send(1_000);
  assertEquals([got, kitchen.drops], [MAX_ROUTED_SOURCES, []], "a repeat is known");
  send(999);
  send(1_000);
  assertEquals(got, MAX_ROUTED_SOURCES + 2, "one more source, and one that was forgotten for it");
});

Deno.test("limit: one list frame, however much there is to announce", () => {
  const { LIST_CHUNK, STATE_CHUNK_BYTES } = limits;
  const { mesh, kitchen, attic } = pair();
  const evil = 5;
  kitchen.node.linkOpened(evil, false, 0);
  kitchen.receive(
    evil,
    encodeMeshMessage({
      type: "iAm",
      minVersion: 1,
      maxVersion: 1,
      id: id(5),
      incarnation: 1,
      nonce: 1,
      name: "evil",
      mesh: "",
    }),
  );
  for (let i = 0; i < LIST_CHUNK + 100; i++) {
    kitchen.receive(evil, {
      type: "push",
      batch: encodeBatches({
        origin: id(9_000 + i),
        incarnation: 1,
        first: 1,
        kind: SPEECH,
        time: 0,
      }, [new Uint8Array(1)])[0]!,
    });
  }
  kitchen.receive(evil, states(0, 1_000, new Uint8Array(500)));
  kitchen.sent.splice(0);
  const { number } = mesh.open(attic, kitchen);
  mesh.carry = () => {};
  for (const { body } of attic.sent.splice(0)) kitchen.receive(number, body);
  kitchen.tick(200);
  const told = kitchen.sent.filter(({ link }) => link === number).map(({ body }) => body);
  const lists = told.map((body) => decodeMeshMessage(body));
  const summaries = lists.flatMap((one) =>
    one.type === "summary" || one.type === "iHave" ? [one.entries.length] : []
  );
  assert(summaries.length >= 2 && Math.max(...summaries) <= LIST_CHUNK, `${summaries}`);
  const sizes = told.filter((body) => body[0] === 0x18).map(({ length }) => length);
  assert(sizes.length > 2 && Math.max(...sizes) <= STATE_CHUNK_BYTES + 1_024, `${sizes}`);
});
