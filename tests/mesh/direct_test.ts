/** Messages for one node, and answers: what is long, and what can't be sent on. */
import { assertEquals, assertThrows } from "@std/assert";
import type { GatherResult, SendOutcome } from "../../lib/mesh/context.ts";
import { ANSWER_PART_BYTES, HANDOVER, ROUTE_RETRY } from "../../lib/mesh/limits.ts";
import { MAX_MESH_ANSWER, MAX_MESH_PAYLOAD } from "../../lib/wire/mesh_limits.ts";
import { decodeMeshMessage, type Routed } from "../../lib/wire/mesh_message.ts";
import { HandMesh, HandNode, pair, type SentFrame } from "../support/mesh_pair.ts";

const KIND = 8;

/** Three nodes in a line. */
function line() {
  const [a, b, c] = ["a", "b", "c"].map((name) => new HandNode({ name })) as [
    HandNode,
    HandNode,
    HandNode,
  ];
  const mesh = new HandMesh([a, b, c]);
  mesh.join(a, b);
  const far = mesh.join(c, b);
  mesh.pass(200);
  return { mesh, a, b, c, far };
}

/** Bytes that are not all the same. */
function bytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i * 31 >>> 3);
}

function routed({ body }: SentFrame): Routed | undefined {
  const message = decodeMeshMessage(body);
  return message.type === "routed" ? message : undefined;
}

/**
 * Lets time pass, a hop taking a millisecond. `passes` tells which of the messages for one node arrive; what else
 * goes on a link that one side does not know is lost.
 */
function pump(mesh: HandMesh, ms: number, passes: (from: HandNode, message: Routed) => boolean) {
  for (const end = mesh.now + ms; mesh.now < end;) {
    mesh.now += 1;
    for (const node of mesh.nodes) node.tick(mesh.now);
    const sent = mesh.nodes.map((node) => node.sent.splice(0));
    for (const [i, node] of mesh.nodes.entries()) {
      for (const frame of sent[i]!) {
        const message = routed(frame);
        if (message !== undefined && !passes(node, message)) continue;
        const link = mesh.links.get(frame.link);
        if (link !== undefined) (link.a === node ? link.b : link.a).receive(frame.link, frame.body);
      }
    }
  }
}

function answersWith(node: HandNode, answer: Uint8Array, mesh: HandMesh): void {
  node.node.observe(KIND, { requested: (request) => node.node.answer(request, answer, mesh.now) });
}

function gather(from: HandNode, targets: readonly HandNode[], mesh: HandMesh): GatherResult[] {
  const results: GatherResult[] = [];
  const finished = (result: GatherResult) => void results.push(result);
  const payload = new Uint8Array(0);
  from.node.gather(
    { kind: KIND, payload, targets: targets.map(({ id }) => id), finished },
    mesh.now,
  );
  return results;
}

Deno.test("answers: any length arrives whole, also one's own", () => {
  const part = ANSWER_PART_BYTES;
  for (const length of [0, 1, part, part + 1, 3 * part, 2 * MAX_MESH_PAYLOAD + 7]) {
    const { mesh, a, c } = line();
    const answer = bytes(length);
    for (const node of [a, c]) answersWith(node, answer, mesh);
    const results = gather(a, [a, c], mesh);
    mesh.carry();
    assertEquals(results[0]?.silent, []);
    for (const node of [a, c]) assertEquals(results[0]?.answers.get(node.id), answer);
    assertEquals(c.node.stats().routedUnderWay, 0);
  }
});

Deno.test("answers: a part goes when the one before has arrived, and again when that is not known", () => {
  const { mesh, a, c } = line();
  const answer = bytes(2.5 * ANSWER_PART_BYTES);
  answersWith(c, answer, mesh);
  const results = gather(a, [c], mesh);
  const order: string[] = [];
  pump(mesh, 1_500, (from, { purpose }) => {
    if (from === c || (from === a && purpose === "ack")) order.push(purpose);
    // The first acknowledgement is lost.
    return from !== a || purpose !== "ack" || order.filter((one) => one === "ack").length > 2;
  });
  // The first one of c is that of the request.
  const again = ["part", "ack", "part", "ack"];
  assertEquals(order, ["ack", ...again, "part", "ack", "answer", "ack"]);
  assertEquals(results[0]?.answers.get(c.id), answer);
});

Deno.test("answers: who goes in the midst of one is silent, and what is too long is refused", () => {
  const { mesh, a, b, c, far } = line();
  b.node.observe(KIND, {
    requested: (request) => {
      const tooLong = new Uint8Array(MAX_MESH_ANSWER + 1);
      assertThrows(() => b.node.answer(request, tooLong, mesh.now), RangeError, "16777216");
    },
  });
  answersWith(c, bytes(3 * ANSWER_PART_BYTES), mesh);
  const results = gather(a, [b, c], mesh);
  let passed = 0;
  pump(mesh, 2_100, (from, { purpose }) => {
    if (from === c && purpose === "part" && ++passed === 2) mesh.cut(far);
    return true;
  });
  assertEquals(passed, 2);
  assertEquals([results[0]?.answers.size, results[0]?.silent], [0, [b.id, c.id]]);
});

Deno.test("answers: of a peer that never ends no more is kept than an answer may have", () => {
  const { mesh, kitchen, attic } = pair();
  const { number: link } = mesh.join(kitchen, attic);
  mesh.pass(100);
  const results = gather(kitchen, [attic], mesh);
  const request = kitchen.sent.map(routed).find((message) => message?.purpose === "request")!;
  let parts = 0;
  for (; results.length === 0 && parts < 100; parts++) {
    kitchen.receive(link, {
      type: "routed",
      purpose: "part",
      kind: KIND,
      hop: 1,
      path: [attic.id, kitchen.id],
      incarnation: attic.node.identity.incarnation,
      number: 1_000 + parts,
      correlation: request.number,
      payload: new Uint8Array(MAX_MESH_PAYLOAD),
    });
  }
  assertEquals(parts, MAX_MESH_ANSWER / MAX_MESH_PAYLOAD + 1);
  assertEquals(results[0]?.silent, [attic.id]);
});

Deno.test("routes: what can't be sent on, and has no other way, is sent again when its time has come", () => {
  const { mesh, a, b, c } = line();
  let got = 0;
  c.node.observe(KIND, { received: () => void got++ });
  // c drops its link to b for another one, of which b hears nothing yet: they are neighbours all the same.
  const link = mesh.open(b, c);
  for (const { body } of b.sent.splice(0)) c.receive(link.number, body);
  for (const frame of c.sent.splice(0)) {
    if (frame.link !== link.number) b.receive(frame.link, frame.body);
  }
  assertEquals(b.node.peers().map(({ name }) => name), ["a"]);
  const outcomes: SendOutcome[] = [];
  const finished = (outcome: SendOutcome) => void outcomes.push(outcome);
  a.node.send({ to: c.id, kind: KIND, payload: bytes(9), finished }, mesh.now);
  const sentAt: number[] = [];
  const start = mesh.now;
  pump(mesh, HANDOVER - 10, (from, { purpose }) => {
    if (from === a && purpose === "message") sentAt.push(mesh.now - start);
    return true;
  });
  assertEquals([sentAt, got, outcomes], [[1, ROUTE_RETRY], 0, []]);
});
