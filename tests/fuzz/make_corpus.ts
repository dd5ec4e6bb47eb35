/**
 * Writes the seeds: real messages, as the encoders of the project make them.
 *
 *     deno run --allow-read --allow-write tests/fuzz/make_corpus.ts
 *
 * @module
 */

import { Initiator, Responder } from "../../lib/link/secure/handshake.ts";
import { loadSodium } from "../../lib/link/secure/sodium.ts";
import { encodeEnvelope } from "../../lib/messaging/envelope.ts";
import { encodeJson } from "../../lib/messaging/json.ts";
import { encodeChanges, encodeFetched, encodeNotification } from "../../lib/notify/messages.ts";
import { encodeRecord } from "../../lib/notify/record.ts";
import { encodeListeners } from "../../lib/notify/listeners.ts";
import { type BeaconRecord, encodeBeacon } from "../../lib/wire/beacon_codec.ts";
import { encodeFrame } from "../../lib/wire/frame_codec.ts";
import { encodeBatches } from "../../lib/wire/mesh_batch.ts";
import { encodeMeshMessage, type MeshMessage } from "../../lib/wire/mesh_message.ts";
import { encodeNetworkzero } from "../../lib/wire/networkzero_codec.ts";
import { encodeText } from "../../lib/wire/text.ts";
import { HandMesh, HandNode } from "../support/mesh_pair.ts";
import { seededRandom } from "../support/random.ts";
import { corpusPath, formatInput } from "./corpus.ts";
import type { Input } from "./mutate.ts";

type Seed = Input | Uint8Array | string | readonly string[];

function write(name: string, about: string, seeds: readonly Seed[]): void {
  const lines = seeds.map((seed) => {
    if (seed instanceof Uint8Array) return formatInput([seed]);
    if (typeof seed === "string") return formatInput([latin1(seed)]);
    return formatInput(seed.map((piece) => typeof piece === "string" ? encodeText(piece) : piece));
  });
  Deno.writeTextFileSync(corpusPath(name), `# ${about}\n${[...new Set(lines)].join("\n")}\n`);
}

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const ID = "6576696c00000000", OTHER = "00000000000000bb", INCARNATION = 2 ** 32;

const lines = [
  "/nick ann",
  "hello",
  "/who",
  "@a1 /say hi",
  "/me waves",
  "/tell bob psst",
  "/history 10",
  "/format json",
  "/notify door/* hits as=phone timeout=30",
  "/publish hits 3",
  "/ack 00000000000000aa.1.1",
  "/normal",
  "/offer post A bicycle, nearly new",
  "/offers",
  "/topics",
  "/receipts 00000000000000aa.1.1 wait=1",
  "/random 3 1 6",
  "/ping x",
  "/time",
  "/echo off",
  "/format text",
  "/help who",
  "//etc",
  "@bob hi",
  "/quit",
];

write("line_codec", "Lines of clients, telnet's options among them.", [
  "hello\r\nworld\n/nick ann\r\0\r\n",
  "\xff\xfd\x01\xff\xfb\x03hi\xff\xff there\r\n\xff\xfa\x18\x00xterm\xff\xf0/who\r\n",
  "caf\xc3\xa9 \xe2\x82\xac\n\x1b[31mred\x07\n",
  "x".repeat(8192) + "\n" + "y".repeat(8193) + "\nz\n",
  lines.join("\r\n") + "\r\n",
]);
write("frame_codec", "Records behind their length.", [
  encodeFrame(encodeText("hello")),
  "         5hello         0         2hi",
  "        -1",
  "   1048577",
  encodeFrame(new Uint8Array(3000).fill(120)),
]);

const stream = { origin: ID, incarnation: INCARNATION };
const head = { ...stream, first: 1, kind: 1, time: 1_700_000_000_000 };
const said = (text: string) => Uint8Array.from([0, 6, ...latin1("evil: " + text)]);
const hello: MeshMessage = {
  type: "iAm",
  minVersion: 1,
  maxVersion: 1,
  id: ID,
  incarnation: INCARNATION,
  nonce: 7,
  name: "evil",
  mesh: "",
};
const topology = new Uint8Array([0, 4, ...latin1("evil"), 0, 0]);
const messages: MeshMessage[] = [
  hello,
  { type: "refuse", code: "mesh", reason: "Another mesh" },
  { type: "goodbye" },
  { type: "ping", token: 12 },
  { type: "pong", token: 12 },
  { type: "push", batch: encodeBatches(head, [said("one"), said("two")])[0]! },
  { type: "push", batch: encodeBatches({ ...head, first: 9 }, [said("later")])[0]! },
  { type: "reply", batch: encodeBatches({ ...head, origin: OTHER }, [said("past")])[0]! },
  { type: "iHave", entries: [{ ...stream, head: 12, lackFrom: 0, lackTo: 0 }] },
  {
    type: "summary",
    entries: [{ ...stream, head: 12, lackFrom: 3, lackTo: 5 }, {
      origin: OTHER,
      incarnation: 3,
      head: 7,
      lackFrom: 0,
      lackTo: 0,
    }],
  },
  {
    type: "want",
    request: 4,
    ranges: [{ ...stream, from: 1, to: 12, token: 0 }, {
      ...stream,
      from: 2,
      to: 3,
      token: 2 ** 31 + 5,
    }],
  },
  { type: "end", request: 4, lacks: [{ ...stream, from: 1, to: 2, later: true }] },
  { type: "prune", streams: [stream] },
  { type: "graft", entries: [{ ...stream, head: 2, lackFrom: 0, lackTo: 0 }] },
  { type: "names", nodes: [{ id: stream.origin, name: "attic" }] },
  {
    type: "state",
    records: [{ ...stream, kind: 0, version: 1, payload: topology }, {
      ...stream,
      kind: 2,
      version: 1,
      payload: encodeText('{"users":1,"last":0,"events":[]}'),
    }],
  },
  {
    type: "routed",
    purpose: "request",
    kind: 3,
    hop: 1,
    path: [ID, "006b69746368656e"],
    ...stream,
    incarnation: INCARNATION,
    number: 1,
    correlation: 0,
    payload: new Uint8Array([1, 2]),
  } as MeshMessage,
  {
    type: "routed",
    purpose: "ack",
    kind: 3,
    hop: 1,
    path: [ID, OTHER, "006b69746368656e"],
    incarnation: INCARNATION,
    number: 1,
    correlation: 1,
    payload: new Uint8Array(0),
  },
];
write("mesh_message", "Every message between servers.", messages.map(encodeMeshMessage));

// What a real node says to another while they talk.
const spoken: Uint8Array[] = [];
{
  const kitchen = new HandNode({ name: "kitchen" });
  const evil = new HandNode({ name: "evil", id: ID });
  const mesh = new HandMesh([kitchen, evil]);
  const link = mesh.open(kitchen, evil);
  const carry = mesh.carry.bind(mesh);
  mesh.carry = () => {
    for (const { body } of evil.sent) spoken.push(body.slice());
    carry();
  };
  mesh.carry();
  for (let i = 0; i < 4; i++) {
    evil.say(`said ${i}`);
    kitchen.say(`heard ${i}`);
    evil.node.setState(2, encodeText(`{"users":${i},"last":0,"events":[]}`), mesh.now);
    mesh.carry();
    mesh.pass(i === 1 ? 1_100 : 60);
  }
  evil.node.gather({ kind: 3, payload: new Uint8Array([1]), finished: () => {} }, mesh.now);
  mesh.pass(500);
  mesh.cut(link);
}
const encoded = messages.map(encodeMeshMessage);
write(
  "mesh_session",
  "What a hostile node says on its link: first as a real one does, then all kinds.",
  [
    spoken,
    encoded.filter((_, i) => i !== 1 && i !== 2),
    [encoded[0]!, encoded[14]!, encoded[5]!, encoded[6]!, encoded[9]!, encoded[10]!],
    [
      encoded[0]!,
      encoded[15]!,
      encoded[16]!,
      encoded[12]!,
      encoded[13]!,
      encoded[8]!,
      encoded[11]!,
    ],
  ],
);

const advert = (name: string): BeaconRecord => ({
  type: "advert",
  advert: {
    name,
    kind: "server",
    addresses: [{ ip: "10.0.0.1", port: 8889 }, { ip: "fe80::1", port: 8889 }],
    properties: { node: ID, mesh: "club" },
    since: 1_700_000_000_000,
    ttl: 4_500,
    claiming: false,
  },
});
const claim = advert("kitchen");
const records: BeaconRecord[][] = [
  [{ type: "beacon", revision: 2, adverts: 1, host: "pi" }, advert("attic")],
  [{ type: "goodbye", name: "attic" }],
  [{ type: "known", beacons: [{ id: OTHER, revision: 2 }] }, {
    type: "query",
    pattern: "robot/*",
    kind: "",
    toAll: true,
  }],
  [{ type: "query", pattern: "kitchen", kind: "server", toAll: false }],
  [{ type: "heard", ids: [OTHER, "00000000000000aa"], complete: true }],
  [
    claim.type === "advert"
      ? { type: "advert", advert: { ...claim.advert, claiming: true, since: 5 } }
      : claim,
  ],
  [advert("kitchen")],
];
const datagrams = records.map((some, i) =>
  encodeBeacon({ id: ID, sequence: i, method: "multicast", records: some })
);
write("beacon_codec", "Datagrams of beacons.", datagrams);
write("beacon_session", "Datagrams of beacons, one after another.", [
  datagrams,
  datagrams.slice(0, 2),
  [datagrams[6]!, datagrams[5]!, datagrams[3]!],
]);
write("networkzero_codec", "Adverts of networkzero.", [
  encodeNetworkzero({ name: "caf\u00e9", host: "10.0.0.1", port: 4567, ttl: 20 }),
  encodeNetworkzero({ name: "hello", host: "127.0.0.1", port: 1, ttl: null }),
  '["x", "10.0.0.1:99999", 1]',
]);
write("words", "Names, topics, patterns, ids, commands.", [
  "door/front",
  "door/*",
  "**",
  "a/**",
  "00000000000000aa.1.7",
  "ann",
  "j\xc3\xbcrgen-2",
  "/nick ann",
  "@t1 /say hello there",
  "@bob hi",
  "//etc",
  "nikc",
  "peer-conect",
]);
write("address", "Addresses as people write them.", [
  ":8889",
  "8889",
  "[::1]:8889",
  "[fe80::1%eth0]:1",
  "kitchen",
  "kitchen.local:80",
  "192.168.1.5:8889",
  "::1",
  "1.2.3",
  "host:",
]);
write("flags", "Arguments.", [
  ["ann"],
  ["--count", "3", "--no-echo", "ann"],
  ["--count=3", "--level=debug", "--port", "80", "ann", "bob"],
  ["--peer", "a:1", "--peer=b:2", "--", "--name"],
  ["--wait", "0.5", "--name=", "ann"],
  ["--help"],
]);
write("keys", "What a terminal sends.", [
  "hi\x1b[D\x1b[C\r",
  "\x1b[200~pasted\ntext\x1b[201~",
  "\x1b[1;5D\x1bb\x7f\x03",
  "\x1bOA\x1b[[A\x1b",
]);

const body = encodeJson({ target: [1, "two", null, { deep: true }] });
write("envelope", "Messages between programs.", [
  encodeEnvelope({ kind: "hello", versions: [1, 1], role: "connects" }),
  encodeEnvelope({ kind: "ask", id: 1, type: "message", body }),
  encodeEnvelope({ kind: "answer", id: 1, body }),
  encodeEnvelope({ kind: "refuse", id: 1, code: "busy", reason: "later" }),
  encodeEnvelope({ kind: "cancel", id: 1 }),
  encodeEnvelope({ kind: "tell", type: "x", body }),
  encodeEnvelope({ kind: "subscribe", prefix: "hits" }),
  encodeEnvelope({ kind: "news", topic: "hits", body, missed: 2 }),
  encodeEnvelope({ kind: "ping" }),
  encodeEnvelope({ kind: "goodbye", reason: "done" }),
]);
write("json", "JSON.", [
  '{"a":[1,2.5e3,"x\\u0041",null,true],"b":{}}',
  '{"__proto__":{"x":1}}',
  '{"constructor":{"prototype":1}}',
  "[".repeat(101) + "]".repeat(101),
  "[".repeat(102) + "]".repeat(102),
  '{"\\u005f_proto__":1}',
  '"\\ud800"',
]);

const time = "2026-01-02T03:04:05.678Z";
const told: Record<string, unknown>[] = [
  { type: "welcome", nick: "guest1", server: "kitchen", time, text: "Welcome, guest1" },
  { type: "ok", tag: "TAG" },
  { type: "speech", id: "k.1.1", time, nick: "bob", server: "kitchen", text: "hello" },
  { type: "action", id: "k.1.2", time, nick: "bob", server: "kitchen", text: "waves" },
  { type: "whisper", time, nick: "bob", server: "kitchen", text: "psst" },
  {
    type: "joined",
    time,
    server: "kitchen",
    text: "bob has joined",
    count: 1,
    nicks: ["bob"],
    nick: "bob",
  },
  {
    type: "left",
    time,
    server: "kitchen",
    text: "3 have left: a, b, c",
    count: 3,
    nicks: ["a", "b", "c"],
  },
  {
    type: "renamed",
    time,
    server: "kitchen",
    old: "bob",
    nick: "rob",
    text: "bob renames themself as rob",
  },
  { type: "notice", time, text: "You missed 3 lines", lost: 3 },
  {
    type: "reply",
    tag: "TAG",
    text: "Notifications on for 60 s",
    timeout: 60,
    topics: ["**"],
    pending: 0,
    last: "k.1.3",
  },
  { type: "notify", id: "k.1.4", topic: "hits", text: "3", time, nick: "bob", server: "kitchen" },
  {
    type: "notify",
    id: "k.1.5",
    topic: "offers",
    text: "A bicycle",
    time,
    nick: "bob",
    server: "kitchen",
  },
  {
    type: "reply",
    tag: "TAG",
    text: "Offer",
    id: "k.1.5",
    details: "A bicycle, nearly new",
    nick: "bob",
  },
  { type: "reply", tag: "TAG", text: "Published", id: "k.1.6", topic: "hits", subscribers: 2 },
  { type: "ok", tag: "TAG", id: "k.1.6" },
  {
    type: "reply",
    tag: "TAG",
    text: "r",
    id: "k.1.6",
    recipients: 2,
    acknowledged: 1,
    delivered: 1,
    queued: 0,
    expired: 0,
  },
  {
    type: "reply",
    tag: "TAG",
    text: "r",
    recipient: "phone",
    server: "kitchen",
    state: "acknowledged",
  },
  { type: "reply", tag: "TAG", text: "No answer from: attic", silent: ["attic"] },
  {
    type: "reply",
    tag: "TAG",
    text: "h",
    id: "k.1.1",
    time,
    nick: "bob",
    server: "kitchen",
    kind: "speech",
    said: "hello",
  },
  {
    type: "notice",
    time,
    text: "Notifications off after 60 s: /notify goes on",
    notifications: false,
  },
  {
    type: "notice",
    time,
    text: "Notifications off: phone came back on another connection",
    notifications: false,
  },
  { type: "error", tag: "TAG", code: "failed", text: "no" },
  { type: "error", code: "too-long", text: "Line too long" },
];
const asText = told.map((one) => JSON.stringify(one));
const ok = '{"type":"ok","tag":"TAG"}';
write("server_record", "Records of a server, as JSON.", asText.map((text) => [text]));
write(
  "server_session",
  "What a server says to its client; TAG is the tag of something that it asked.",
  [
    [
      "Welcome, guest1",
      ok,
      asText[0]!,
      ok,
      ok,
      asText[9]!,
      ok,
      asText[10]!,
      ok,
      asText[11]!,
      ok,
      asText[12]!,
      ok,
      asText[19]!,
    ],
    [
      "Welcome, guest1",
      ok,
      asText[0]!,
      ok,
      ok,
      asText[13]!,
      asText[14]!,
      asText[15]!,
      asText[16]!,
      asText[17]!,
      ok,
    ],
    asText,
    [ok, ok, ok, ok, asText[21]!, asText[10]!, asText[10]!, asText[20]!],
  ],
);
write("client_session", "What clients say to a server.", [
  lines,
  lines.slice(0, 8),
  [
    "/service",
    "/format json",
    "@n1 /notify hits as=phone",
    "@n2 /publish hits 1",
    "@n3 /ack 00000000000000aa.1.1",
  ],
  ["/nick x", "/nick bob", "@t /tell bystander hi", "/kill bystander", "@t /kill bob", "/stats"],
  [
    "/offer post one",
    "/offer 00000000000000aa.1.1",
    "/offer withdraw 00000000000000aa.1.1",
    "/offers",
  ],
]);

const clock = new Map([[`${OTHER}.1`, 4]]);
const record = {
  name: "phone",
  version: 2,
  by: OTHER,
  server: "attic",
  created: { time: 5, by: OTHER },
  wants: [{ pattern: "hits", since: clock }, {
    pattern: "door/**",
    since: new Map([[`${ID}.7`, 1]]),
  }],
};
const notification = {
  id: `${OTHER}.1.7`,
  topic: "hits",
  text: "three",
  time: 1_700_000_000_000,
  nick: "bob",
  server: "attic",
  details: undefined,
};
const offer = { ...notification, topic: "offers", details: "A bicycle, nearly new" };
const changes = encodeChanges({
  subscribers: [record],
  acknowledged: new Map([["phone", [{ stream: `${OTHER}.1`, sequence: 7 }]]]),
  withdrawn: [`${OTHER}.1.8`],
});
write("notify_messages", "What servers tell each other about notifications.", [
  encodeNotification(notification),
  encodeNotification(offer),
  encodeText(changes),
  encodeText(JSON.stringify(encodeRecord(record))),
  encodeText(JSON.stringify(encodeFetched({ notification: offer, age: 5 }))),
]);

/** How the hostile node says it: see targets/notify.ts. */
const flooded = (kind: number, payload: Uint8Array) => Uint8Array.from([kind << 2, ...payload]);
const state = (kind: number, payload: string) =>
  Uint8Array.from([2 + (kind << 2), ...encodeText(payload)]);
const asked = (kind: number, payload: string) =>
  Uint8Array.from([3 + (kind << 2), ...encodeText(payload)]);
const presence = JSON.stringify({
  users: 2,
  last: 2,
  events: [{ type: "joined", time: 5, count: 1, nicks: ["x"] }, {
    type: "renamed",
    time: 6,
    old: "x",
    nick: "y",
  }],
});
write(
  "mesh_payloads",
  "What the node says to the observers of a server; the first byte is the way.",
  [
    [
      flooded(0, said("hello")),
      flooded(0, Uint8Array.from([1, 7, ...latin1("* evil waves")])),
      state(0, presence),
    ],
    [
      flooded(1, encodeNotification(notification)),
      flooded(1, encodeNotification(offer)),
      flooded(2, encodeText(changes)),
    ],
    [
      state(1, new TextDecoder().decode(encodeListeners([["hits"], ["door/*"]]))),
      asked(5, '{"ask":"digest"}'),
    ],
    [
      asked(0, ""),
      asked(1, "bob"),
      asked(2, '{"from":"eve","to":"bob","text":"psst"}'),
      asked(3, '{"from":"eve","text":"x"}'),
    ],
    [
      asked(5, '{"ask":"subscribers"}'),
      asked(5, '{"ask":"offers"}'),
      asked(5, '{"ask":"records","keys":["phone"]}'),
    ],
    [
      asked(5, '{"ask":"inventory","after":0}'),
      asked(5, `{"ask":"notification","ids":["${OTHER}.1.7"]}`),
      asked(4, `{"id":"${OTHER}.1.7","wait":1000}`),
    ],
    [
      asked(0, '{"nicks":["a","b"]}'),
      asked(1, '{"nick":"bob"}'),
      asked(5, '{"notifications":1,"subscribers":2,"offers":3}'),
    ],
  ],
);

{
  const sodium = await loadSodium();
  const random = seededRandom(1);
  const bytes = (count: number) =>
    Uint8Array.from({ length: count }, () => Math.floor(random() * 256));
  const seeds: Input[] = [];
  for (
    const secrets of [[], [new Uint8Array(32).fill(1)], [
      new Uint8Array(32).fill(1),
      new Uint8Array(32).fill(2),
    ]]
  ) {
    const options = { sodium, purpose: "peer" as const, mesh: "club", secrets, random: bytes };
    const initiator = new Initiator(options), responder = new Responder(options);
    const { send: reply } = responder.push(initiator.opening);
    const { send: conclusion } = initiator.push(reply!);
    seeds.push([initiator.opening], [reply!], [initiator.opening, conclusion!]);
  }
  write("handshake", "Messages of the key exchange.", seeds);
}
