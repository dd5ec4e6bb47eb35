import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { decodeNodeRecord, encodeNodeRecord } from "../../lib/mesh/topology.ts";
import { decodeBatch, encodeBatches, TYPE_PUSH, TYPE_REPLY } from "../../lib/wire/mesh_batch.ts";
import { MeshFrameError } from "../../lib/wire/mesh_bytes.ts";
import { BATCH_TARGET_BYTES, MAX_MESH_PAYLOAD } from "../../lib/wire/mesh_limits.ts";
import {
  decodeMeshMessage,
  encodeMeshMessage,
  type MeshMessage,
} from "../../lib/wire/mesh_message.ts";

const origin = "00000000000000aa";
const incarnation = 5 * 2 ** 32 + 17;
const payload = new Uint8Array([1, 2, 3]);
const header = { origin, incarnation, first: 2 ** 40, kind: 3, time: 1_700_000_000_000 };
const batch = encodeBatches(header, [payload, new Uint8Array(0)])[0]!;

const samples: readonly MeshMessage[] = [
  {
    type: "iAm",
    minVersion: 1,
    maxVersion: 2,
    id: origin,
    incarnation,
    nonce: 2 ** 47,
    name: "küche",
    mesh: "club",
  },
  { type: "refuse", code: "clone", reason: "twice" },
  { type: "goodbye" },
  { type: "ping", token: 12_345 },
  { type: "pong", token: 2 ** 53 - 1 },
  { type: "iHave", entries: [{ origin, incarnation, head: 9, lackFrom: 0, lackTo: 0 }] },
  { type: "summary", entries: [{ origin, incarnation, head: 9, lackFrom: 2, lackTo: 5 }] },
  { type: "graft", entries: [{ origin, incarnation, head: 0, lackFrom: 0, lackTo: 0 }] },
  {
    type: "want",
    request: 2 ** 32 - 1,
    ranges: [{ origin, incarnation, from: 1, to: 7, token: 2 ** 31 + 5 }],
  },
  { type: "end", request: 3, lacks: [{ origin, incarnation, from: 1, to: 7, later: true }] },
  { type: "prune", streams: [{ origin, incarnation }] },
  { type: "state", records: [{ origin, incarnation, kind: 1, version: 4, payload }] },
  { type: "names", nodes: [{ id: origin, name: "küche" }, { id: origin, name: "x" }] },
  {
    type: "routed",
    purpose: "request",
    kind: 9,
    hop: 1,
    path: [origin, "00000000000000bb"],
    incarnation,
    number: 4,
    correlation: 0,
    payload,
  },
];

for (const sample of samples) {
  Deno.test(`mesh message: ${sample.type} survives the wire`, () => {
    assertEquals(decodeMeshMessage(encodeMeshMessage(sample)), sample);
  });

  Deno.test(`mesh message: ${sample.type} cut short is refused, never misread beyond its end`, () => {
    const whole = encodeMeshMessage(sample);
    for (let end = 0; end < whole.length; end++) {
      try {
        decodeMeshMessage(whole.slice(0, end));
      } catch (error) {
        assert(error instanceof MeshFrameError, `${error}`);
      }
    }
  });
}

Deno.test("mesh message: a node has a name, without blanks", () => {
  const [greeting] = samples as [MeshMessage & { type: "iAm" }];
  for (const name of ["", " ", "\t", "\u00a0", "\u0007", "x is back"]) {
    const body = encodeMeshMessage({ ...greeting, name });
    assertThrows(() => decodeMeshMessage(body), MeshFrameError, "is no name of a node");
    const record = encodeNodeRecord({ name, links: [], leaving: false });
    assertThrows(() => decodeNodeRecord(record, 1), MeshFrameError, "is no name of a node");
  }
});

Deno.test("mesh message: random bytes are refused with a MeshFrameError and nothing else", () => {
  const types = [
    1,
    2,
    3,
    4,
    5,
    0x10,
    0x11,
    0x12,
    0x13,
    0x14,
    0x15,
    0x16,
    0x17,
    0x18,
    0x19,
    0x20,
    0xff,
  ];
  fc.assert(
    fc.property(fc.constantFrom(...types), fc.uint8Array({ maxLength: 200 }), (type, rest) => {
      try {
        decodeMeshMessage(new Uint8Array([type, ...rest]));
      } catch (error) {
        assert(error instanceof MeshFrameError, `${error}`);
      }
    }),
    { seed: 7, numRuns: 5_000 },
  );
});

Deno.test("mesh batch: every way to cut it, and each part by itself", () => {
  const words = ["a", "", "ccc", "dd"].map((word) => new TextEncoder().encode(word));
  const whole = encodeBatches(header, words)[0]!;
  for (let from = 0; from < 4; from++) {
    for (let to = from; to < 4; to++) {
      const part = whole.slice(header.first + from, header.first + to);
      assertEquals(decodeBatch(part.body).payloads(), words.slice(from, to + 1));
      assertEquals([part.first, part.last], [header.first + from, header.first + to]);
    }
  }
});

Deno.test("mesh batch: many messages become few frames, a large one its own", () => {
  const words = Array.from({ length: 5_000 }, (_, i) => new Uint8Array(i % 300));
  words.splice(2_000, 0, new Uint8Array(MAX_MESH_PAYLOAD));
  const batches = encodeBatches({ ...header, first: 1 }, words);
  assert(batches.length < 20, `${batches.length}`);
  assertEquals(batches.flatMap((part) => part.payloads()), words);
  let next = 1;
  for (const part of batches) {
    assertEquals(part.first, next);
    next = part.last + 1;
    assert(part.count === 1 || part.body.length < BATCH_TARGET_BYTES * 2);
  }
});

Deno.test("mesh batch: the type changes in a copy, never in what was received", () => {
  const before = batch.body.slice();
  assertEquals(batch.bodyAs(TYPE_REPLY)[0], TYPE_REPLY);
  assertEquals(batch.bodyAs(TYPE_PUSH), batch.body);
  const owned = decodeBatch(batch.bodyAs(TYPE_REPLY)).owned();
  assertEquals(owned.body, before);
  assertEquals(batch.body, before);
  assert(owned.body.buffer !== batch.body.buffer);
});

Deno.test("mesh batch: wrong counts, lengths and sequences are refused", () => {
  const change = (at: number, value: number) => {
    const body = batch.body.slice();
    body[at] = value;
    return body;
  };
  for (const body of [change(3, 0), change(3, 3), change(39, 200), change(20, 0x40)]) {
    assertThrows(() => decodeBatch(body), MeshFrameError);
  }
  const zero = batch.body.slice();
  zero.fill(0, 20, 28);
  assertThrows(() => decodeBatch(zero), MeshFrameError);
});
