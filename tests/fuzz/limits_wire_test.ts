/** What the decoders take at the most: each limit is reached, and gone over by one. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { decodeNodeRecord, encodeNodeRecord } from "../../lib/mesh/topology.ts";
import { decodeEnvelope, encodeEnvelope, isTypeName } from "../../lib/messaging/envelope.ts";
import { decodeJson, encodeJson } from "../../lib/messaging/json.ts";
import { decodeNotification, encodeNotification } from "../../lib/notify/messages.ts";
import { encodeRecord, parseRecord } from "../../lib/notify/record.ts";
import { parseTopic } from "../../lib/wire/topic.ts";
import {
  decodeBeacon,
  encodeBeacon,
  isBeaconKind,
  whyNoAdvert,
} from "../../lib/wire/beacon_codec.ts";
import { isBeaconName } from "../../lib/wire/beacon_name.ts";
import { LocalFault, RemoteFault } from "../../lib/wire/errors.ts";
import { encodeFrame, FrameDecoder, writeFrameHeader } from "../../lib/wire/frame_codec.ts";
import * as limits from "../../lib/wire/limits.ts";
import { LineDecoder } from "../../lib/wire/line_codec.ts";
import { BatchBuilder, decodeBatch, encodeBatches } from "../../lib/wire/mesh_batch.ts";
import { ByteWriter, MeshFrameError } from "../../lib/wire/mesh_bytes.ts";
import * as mesh from "../../lib/wire/mesh_limits.ts";
import {
  decodeMeshMessage,
  encodeMeshMessage,
  encodeStateRecord,
  joinStateRecords,
  TYPE,
} from "../../lib/wire/mesh_message.ts";

const ID = "00000000000000aa";
const id = (n: number) => n.toString(16).padStart(16, "0");

function lineOf(bytes: Uint8Array): string[] {
  const got: string[] = [];
  new LineDecoder().push(bytes, {
    line: (_bytes, start, end) => got.push(`line ${end - start}`),
    tooLong: () => got.push("too long"),
  });
  return got;
}

Deno.test("limit: the length of a line", () => {
  const { MAX_LINE_BYTES } = limits;
  const line = (length: number) => new Uint8Array(length + 1).fill(120).fill(10, length);
  assertEquals(lineOf(line(MAX_LINE_BYTES)), [`line ${MAX_LINE_BYTES}`]);
  assertEquals(lineOf(line(MAX_LINE_BYTES + 1)), ["too long"]);
});

Deno.test("limit: a subnegotiation of telnet that does not end swallows no more than this", () => {
  const most = limits.MAX_TELNET_SUBNEGOTIATION_BYTES;
  const bytes = (length: number) => new Uint8Array([255, 250, ...Array(length).fill(120), 10]);
  assertEquals(lineOf(bytes(most - 1)), [], "swallowed, with the end of the line");
  assertEquals(lineOf(bytes(most + 1)), ["line 0"]);
  assertEquals(lineOf(bytes(most + 6)), ["line 5"]);
});

Deno.test("limit: the length of a frame is refused by its header, and when it is sent", () => {
  const { MAX_FRAME_BYTES } = limits;
  const header = (length: number) => {
    const bytes = new Uint8Array(10);
    writeFrameHeader(bytes, 0, length);
    return bytes;
  };
  new FrameDecoder().push(header(MAX_FRAME_BYTES), () => {});
  assertThrows(() => new FrameDecoder().push(header(MAX_FRAME_BYTES + 1), () => {}), RemoteFault);
  encodeFrame(new Uint8Array(MAX_FRAME_BYTES));
  assertThrows(() => encodeFrame(new Uint8Array(MAX_FRAME_BYTES + 1)), LocalFault);
});

// ---------------------------------------------------------------- beacons

const advert = {
  name: "kitchen",
  kind: "service",
  addresses: [{ ip: "10.0.0.1", port: 1 }],
  properties: {} as Record<string, string>,
  since: 0,
  ttl: 4_500,
  claiming: false,
};

/** Decodes what a stranger could send, whose encoder doesn't check. */
function received(change: Partial<typeof advert>) {
  return () =>
    decodeBeacon(encodeBeacon({
      id: ID,
      sequence: 1,
      method: "unicast",
      records: [{ type: "advert", advert: { ...advert, ...change } }],
    }));
}

Deno.test("limit: what an advert may have, when it is made and when it comes", () => {
  const some = (count: number, value: string) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, value]));
  const addresses = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ ip: `10.0.0.${i + 1}`, port: 1 }));
  const { MAX_BEACON_PROPERTIES_BYTES: bytes, MAX_BEACON_KEY_BYTES: key } = limits;
  const cases: [string, Partial<typeof advert>, Partial<typeof advert>][] = [
    ["name", { name: "x".repeat(limits.MAX_BEACON_NAME) }, {
      name: "x".repeat(limits.MAX_BEACON_NAME + 1),
    }],
    [
      "kind",
      { kind: "x".repeat(limits.MAX_BEACON_KIND_BYTES) },
      { kind: "x".repeat(limits.MAX_BEACON_KIND_BYTES + 1) },
    ],
    [
      "addresses",
      { addresses: addresses(limits.MAX_BEACON_ADDRESSES) },
      { addresses: addresses(limits.MAX_BEACON_ADDRESSES + 1) },
    ],
    [
      "properties",
      { properties: some(limits.MAX_BEACON_PROPERTIES, "") },
      { properties: some(limits.MAX_BEACON_PROPERTIES + 1, "") },
    ],
    ["key", { properties: { ["k".repeat(key)]: "" } }, {
      properties: { ["k".repeat(key + 1)]: "" },
    }],
    [
      "bytes of properties",
      { properties: { k: "v".repeat(bytes - 1) } },
      { properties: { k: "v".repeat(bytes) } },
    ],
  ];
  for (const [what, most, over] of cases) {
    assertEquals(whyNoAdvert({ ...advert, ...most }), undefined, what);
    received(most)();
    assert(whyNoAdvert({ ...advert, ...over }) !== undefined, what);
    // Our encoder cuts some of it; what it can't cut is refused by whoever gets it.
    if (what !== "kind" && what !== "key") {
      assertThrows(received(over), RemoteFault, undefined, what);
    }
  }
  assert(
    isBeaconName("x".repeat(limits.MAX_BEACON_NAME)) &&
      !isBeaconName("x".repeat(limits.MAX_BEACON_NAME + 1)),
  );
  assert(!isBeaconKind("x".repeat(limits.MAX_BEACON_KIND_BYTES + 1)));
});

// ---------------------------------------------------------------- between servers

Deno.test("limit: the payload of a message between servers, and its frame", () => {
  const { MAX_MESH_PAYLOAD, MAX_MESH_FRAME } = mesh;
  const head = { origin: ID, incarnation: 1, first: 1, kind: 1, time: 0 };
  const [batch] = encodeBatches(head, [new Uint8Array(MAX_MESH_PAYLOAD)]);
  decodeBatch(batch!.body);
  assertThrows(() => encodeBatches(head, [new Uint8Array(MAX_MESH_PAYLOAD + 1)]), RangeError);
  const forged = new Uint8Array(batch!.body.length + 1);
  forged.set(batch!.body);
  new DataView(forged.buffer).setUint32(36, MAX_MESH_PAYLOAD + 1);
  assertThrows(() => decodeBatch(forged), MeshFrameError, "at most");
  assertThrows(
    () => decodeMeshMessage(new Uint8Array(MAX_MESH_FRAME + 1)),
    MeshFrameError,
    "at most",
  );
  const state = encodeStateRecord({
    origin: ID,
    incarnation: 1,
    kind: 1,
    version: 1,
    payload: new Uint8Array(MAX_MESH_PAYLOAD + 1),
  });
  assertThrows(() => decodeMeshMessage(joinStateRecords([state])), MeshFrameError, "at most");
});

Deno.test("limit: messages and bytes in one batch", () => {
  const { MAX_BATCH_COUNT, BATCH_TARGET_BYTES } = mesh;
  const head = { origin: ID, incarnation: 1, first: 1, kind: 1, time: 0 };
  // 4 bytes for the length of each: the bytes are the limit that comes first.
  const many = encodeBatches(head, Array(MAX_BATCH_COUNT + 1).fill(new Uint8Array(0)));
  assert(
    many.every(({ count, body }) =>
      count <= MAX_BATCH_COUNT && body.length <= BATCH_TARGET_BYTES + 64
    ),
  );
  assertEquals(many.reduce((sum, { count }) => sum + count, 0), MAX_BATCH_COUNT + 1);
  const builder = new BatchBuilder();
  builder.open(BATCH_TARGET_BYTES);
  assert(builder.isFull(1));
});

Deno.test("limit: names and reasons between servers", () => {
  const { MAX_NAME_BYTES, MAX_REASON_BYTES } = mesh;
  const hello = (name: string) =>
    encodeMeshMessage({
      type: "iAm",
      minVersion: 1,
      maxVersion: 1,
      id: ID,
      incarnation: 1,
      nonce: 1,
      name,
      mesh: "",
    });
  const cut = decodeMeshMessage(hello("x".repeat(MAX_NAME_BYTES + 1)));
  assertEquals(cut.type === "iAm" && cut.name.length, MAX_NAME_BYTES);
  const forged = new ByteWriter().u8(TYPE.iAm).u8(1).u8(1).nodeId(ID).u64(1).u64(1)
    .text("x".repeat(MAX_NAME_BYTES + 1), 1000).text("", 1).finish();
  assertThrows(() => decodeMeshMessage(forged), MeshFrameError, "at most");
  const reason = new ByteWriter().u8(TYPE.refuse).u8(2).text("x".repeat(MAX_REASON_BYTES + 1), 5000)
    .finish();
  assertThrows(() => decodeMeshMessage(reason), MeshFrameError, "at most");
  const told = decodeMeshMessage(
    encodeMeshMessage({ type: "refuse", code: "mesh", reason: "x".repeat(5000) }),
  );
  assertEquals(told.type === "refuse" && told.reason.length, MAX_REASON_BYTES);
});

Deno.test("limit: entries of a list, nodes of a path, links of a node", () => {
  const { MAX_LIST_ENTRIES, MAX_PATH_NODES, MAX_LINKS_IN_RECORD } = mesh;
  const prune = (count: number) =>
    encodeMeshMessage({
      type: "prune",
      streams: Array.from({ length: count }, (_, i) => ({ origin: id(i), incarnation: 1 })),
    });
  decodeMeshMessage(prune(MAX_LIST_ENTRIES));
  assertThrows(() => decodeMeshMessage(prune(MAX_LIST_ENTRIES + 1)), MeshFrameError, "More than");
  const routed = (count: number) =>
    encodeMeshMessage({
      type: "routed",
      purpose: "message",
      kind: 1,
      hop: 1,
      path: Array.from({ length: count }, (_, i) => id(i)),
      incarnation: 1,
      number: 1,
      correlation: 0,
      payload: new Uint8Array(0),
    });
  decodeMeshMessage(routed(MAX_PATH_NODES));
  assertThrows(() => decodeMeshMessage(routed(MAX_PATH_NODES + 1)), MeshFrameError, "allowed");
  const node = (count: number) =>
    encodeNodeRecord({
      name: "kitchen",
      leaving: false,
      links: Array.from({ length: count }, (_, i) => id(i)),
    });
  decodeNodeRecord(node(MAX_LINKS_IN_RECORD), 1);
  assertThrows(() => decodeNodeRecord(node(MAX_LINKS_IN_RECORD + 1), 1), MeshFrameError, "links");
});

// ---------------------------------------------------------------- between programs, and notifications

Deno.test("limit: depth, size, names and topics of messages between programs", () => {
  const { MAX_JSON_DEPTH, MAX_BODY_BYTES, MAX_TYPE_NAME, MAX_NEWS_TOPIC, MAX_ENVELOPE_BYTES } =
    limits;
  const nested = (depth: number) => new TextEncoder().encode("[".repeat(depth) + "]".repeat(depth));
  // The envelope is one more.
  decodeJson(nested(MAX_JSON_DEPTH + 1));
  assertThrows(() => decodeJson(nested(MAX_JSON_DEPTH + 2)), RemoteFault, "deeper");
  encodeJson("x".repeat(MAX_BODY_BYTES - 2));
  assertThrows(() => encodeJson("x".repeat(MAX_BODY_BYTES - 1)), LocalFault);
  assert(isTypeName("x".repeat(MAX_TYPE_NAME)) && !isTypeName("x".repeat(MAX_TYPE_NAME + 1)));
  const subscribe = (length: number) =>
    encodeEnvelope({ kind: "subscribe", prefix: "\u{2028}".repeat(length) });
  decodeEnvelope(subscribe(MAX_NEWS_TOPIC));
  assertThrows(() => decodeEnvelope(subscribe(MAX_NEWS_TOPIC + 1)), RemoteFault, "prefix");
  // The largest envelope around a body: a topic in which each character is written as an escape of six bytes.
  const around = encodeEnvelope({
    kind: "news",
    topic: "\u{7}".repeat(MAX_NEWS_TOPIC),
    missed: 2 ** 53 - 1,
    body: encodeJson(0),
  });
  const asked = encodeEnvelope({
    kind: "ask",
    id: 2 ** 53 - 1,
    type: "\u{ffff}".repeat(MAX_TYPE_NAME),
    body: encodeJson(0),
  });
  assert(Math.max(around.length, asked.length) <= MAX_ENVELOPE_BYTES);
});

Deno.test("limit: topics, texts and patterns of notifications", () => {
  const { MAX_TOPIC_CHARACTERS, MAX_TOPIC_LEVELS, MAX_NOTIFICATION_CHARACTERS, MAX_PATTERNS } =
    limits;
  assertEquals(parseTopic("x".repeat(MAX_TOPIC_CHARACTERS))?.length, MAX_TOPIC_CHARACTERS);
  assertEquals(parseTopic("x".repeat(MAX_TOPIC_CHARACTERS + 1)), undefined);
  assert(parseTopic(Array(MAX_TOPIC_LEVELS).fill("a").join("/")) !== undefined);
  assertEquals(parseTopic(Array(MAX_TOPIC_LEVELS + 1).fill("a").join("/")), undefined);
  const stamp = { stream: `${ID}.1`, sequence: 1 };
  const sent = (length: number, more: object = {}) =>
    decodeNotification(
      encodeNotification({
        topic: "t",
        text: "x".repeat(length),
        nick: "bob",
        server: "k",
        details: undefined,
        ...more,
      }),
      stamp,
      1,
    );
  assert(sent(MAX_NOTIFICATION_CHARACTERS) !== undefined);
  assertEquals(sent(MAX_NOTIFICATION_CHARACTERS + 1), undefined);
  assertEquals(sent(1, { details: "x".repeat(MAX_NOTIFICATION_CHARACTERS + 1) }), undefined);
  const since = new Map<string, number>();
  const record = (count: number) =>
    parseRecord(encodeRecord({
      name: "phone",
      version: 1,
      by: ID,
      server: "k",
      created: { time: 1, by: ID },
      wants: Array.from({ length: count }, (_, i) => ({ pattern: `t${i}`, since })),
    }));
  assertEquals(record(MAX_PATTERNS)?.wants.length, MAX_PATTERNS);
  assertEquals(record(MAX_PATTERNS + 1), undefined);
  const clock = (count: number) =>
    parseRecord(encodeRecord({
      name: "phone",
      version: 1,
      by: ID,
      server: "k",
      created: { time: 1, by: ID },
      wants: [{
        pattern: "t",
        since: new Map(Array.from({ length: count }, (_, i) => [`${id(i)}.1`, 1])),
      }],
    }));
  assert(clock(limits.MAX_NOTIFICATION_STREAMS) !== undefined);
  assertEquals(clock(limits.MAX_NOTIFICATION_STREAMS + 1), undefined);
});
