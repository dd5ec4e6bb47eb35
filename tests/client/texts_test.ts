/** The small pure parts: what is harmless, records, outgoing lines, delays, mentions, completion. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { retryDelay } from "../../lib/client/backoff.ts";
import { complete } from "../../lib/client/complete.ts";
import { harmless, harmlessJson } from "../../lib/client/harmless.ts";
import { mentions } from "../../lib/client/mention.ts";
import { parseOutgoing, recordsFor } from "../../lib/client/outgoing.ts";
import { People } from "../../lib/client/people.ts";
import { parseRecord } from "../../lib/client/record.ts";
import { MAX_JSON_DEPTH } from "../../lib/wire/limits.ts";

/** Anything that no terminal should be given, but tab. */
// deno-lint-ignore no-control-regex
const HARMFUL = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;

Deno.test("harmless: every harmful character is replaced, every other one stays", () => {
  for (let code = 0; code <= 0xffff; code++) {
    const character = String.fromCharCode(code);
    const surrogate = code >= 0xd800 && code <= 0xdfff;
    const expected = surrogate || HARMFUL.test(character) ? "\ufffd" : character;
    assertEquals(harmless(character), expected, code.toString(16));
  }
  assertEquals(harmless("a🦕b\ud83e c"), "a🦕b\ufffd c");
});

Deno.test("harmless: JSON stays what it is, and has nothing harmful in it", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const json = harmlessJson({ [text]: text });
    assertEquals(JSON.parse(json), { [text]: text });
    assert(!HARMFUL.test(json) && !json.includes("\n"));
  }));
  const nasty = "\u001b\u007f\u009b\u2028\u202e\u2066\ud800";
  assertEquals(harmlessJson(nasty), '"\\u001b\\u007f\\u009b\\u2028\\u202e\\u2066\\ud800"');
});

Deno.test("record: texts of an event are harmless, its raw object is as it came", () => {
  const event = parseRecord(JSON.stringify({
    type: "speech",
    id: "../../etc/passwd\n",
    nick: "b\u202eob",
    server: "k\u0007",
    text: "x\u001b[2J",
    time: "yesterday",
  }));
  if (event?.type !== "speech") throw new Error(`It is ${event?.type}`);
  assertEquals([event.nick, event.server, event.text], ["b\ufffdob", "k\ufffd", "x\ufffd[2J"]);
  assertEquals([event.id, event.time], [undefined, undefined]);
  assertEquals(event.raw.text, "x\u001b[2J");
});

Deno.test("record: whatever comes, there is an event without harm, or none", () => {
  const type = fc.constantFrom(
    "welcome",
    "speech",
    "action",
    "whisper",
    "joined",
    "left",
    "renamed",
    "notice",
    "notify",
    "reply",
    "ok",
    "error",
    "new",
  );
  const value = fc.oneof(fc.string({ unit: "binary" }), fc.jsonValue());
  const object = fc.record({
    type,
    id: value,
    time: value,
    nick: value,
    server: value,
    text: value,
    nicks: value,
    count: value,
    old: value,
    tag: value,
    code: value,
    topic: fc.oneof(fc.constant("door/front"), value),
  }, { requiredKeys: [] });
  fc.assert(fc.property(fc.oneof(object, fc.jsonValue()), (given) => {
    const event = parseRecord(JSON.stringify(given));
    if (event === undefined) return;
    // A tag is compared, never shown.
    const { raw: _raw, ...shown } = {
      ...event,
      ...(event.type === "notify" ? event.notification : {}),
      tag: "",
      notification: "",
    };
    assert(!HARMFUL.test(Object.values(shown).flat().join("")), JSON.stringify(shown));
  }));
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void parseRecord(text)));
  const deep = (depth: number) =>
    `{"type":"speech","nick":"a","text":"b","z":${"[".repeat(depth)}1${"]".repeat(depth)}}`;
  const deepest = parseRecord(deep(MAX_JSON_DEPTH - 1));
  assert(harmlessJson(deepest?.raw).length > 2 * MAX_JSON_DEPTH - 2);
  assertEquals(parseRecord(deep(MAX_JSON_DEPTH)), undefined);
  assertEquals(parseRecord(deep(300_000)), undefined);
  parseRecord("[".repeat(500_000));
  parseRecord('{"type":'.repeat(100_000));
});

Deno.test("outgoing: what lines become", () => {
  const table: [string, string[]][] = [
    ["hello", ["@t /say hello"]],
    ["//etc", ["@t /say /etc"]],
    ["@bob hi", ["@t /say @bob hi"]],
    ["@bob /me", ["@t /me"]],
    ["/me waves ", ["@t /me waves "]],
    [" hi", [" hi", "@t /ping"]],
    ["   ", ["   ", "@t /ping"]],
    ["// x ", ["// x ", "@t /ping"]],
    ["a\u001b[2Jb\rc", ["@t /say a[2Jbc"]],
    ["tab\there", ["@t /say tab\there"]],
  ];
  for (const [line, records] of table) {
    const outgoing = parseOutgoing(line);
    if (outgoing === undefined || "most" in outgoing) throw new Error(line);
    assertEquals(recordsFor(outgoing, "t"), records);
  }
  for (const nothing of ["", "\u0000", "\r"]) assertEquals(parseOutgoing(nothing), undefined);
});

Deno.test("outgoing: no record is over the limit, and no line within it is lost", () => {
  const size = (text: string) => new TextEncoder().encode(text).length;
  const near = fc.tuple(
    fc.constantFrom("", " ", "/", "//", "@a /", "/me ", "@x1 //"),
    fc.integer({ min: 8100, max: 8200 }),
    fc.constantFrom("x", "é", "€", "🦕"),
  ).map(([start, length, character]) => start + character.repeat(length / size(character)));
  fc.assert(fc.property(fc.oneof(near, fc.string({ unit: "binary" })), (line) => {
    const outgoing = parseOutgoing(line);
    if (outgoing === undefined) return;
    if ("most" in outgoing) {
      const { bytes, most, isTagged } = outgoing;
      return assert(bytes > most && (bytes > 8192 || isTagged && line.match(/^[/@]/) !== null));
    }
    for (const record of recordsFor(outgoing, "c12345678")) {
      assert(size(record) <= 8192, `${size(record)} bytes`);
      // deno-lint-ignore no-control-regex
      assert(!/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/.test(record));
    }
  }));
});

Deno.test("backoff: it doubles, is spread, and has a limit", () => {
  const table: [number, number, number][] = [
    [0, 0, 250],
    [0, 0.999999, 500],
    [1, 0, 500],
    [4, 0, 4000],
    [5, 0, 7500],
    [5, 0.999999, 15_000],
    [1e9, 0.5, 11_250],
  ];
  for (const [attempt, random, delay] of table) assertEquals(retryDelay(attempt, random), delay);
  assertEquals(retryDelay(3, 0, { first: 10, longest: 50 }), 25);
});

Deno.test("mention: a nick is named as a word", () => {
  const yes = ["ann", "Ann: hi", "hi ANN!", "(ann)", "annan ann", "@ann", "ann's"];
  const no = ["", "annotated", "joann", "ann2", "ann-b", "ann_", "ännann"];
  for (const text of yes) assert(mentions(text, "ann"), text);
  for (const text of no) assert(!mentions(text, "ann"), text);
  assert(!mentions("anything", ""));
  assert(mentions("na, jürgen?", "Jürgen"));
  mentions("a".repeat(1_000_000), "aa");
});

Deno.test("people: the last heard come first, and memory is bounded", () => {
  const people = new People();
  for (let i = 0; i < 6000; i++) people.met(`nick${i}`);
  assertEquals(people.nicks.length, 5000);
  people.met("NICK3000");
  assertEquals(people.nicks.slice(0, 2), ["NICK3000", "nick5999"]);
});

Deno.test("complete: commands, nicks, and what several have in common", () => {
  const words = {
    commands: ["who", "help", "history"],
    nicks: ["Bob", "bobby", "ann-2", "ann-1"],
    ids: ["k.1.2", "k.1.3"],
  };
  const table: [string, string | undefined, string[]][] = [
    ["/wh", "/who ", []],
    ["/h", "/h", ["/help", "/history"]],
    ["/hi", "/history ", []],
    ["/x", undefined, []],
    ["", undefined, []],
    ["hello ", undefined, []],
    ["b", "Bob", ["Bob", "bobby"]],
    ["hi a", "ann-", ["ann-1", "ann-2"]],
    ["hi ann-1", "ann-1 ", []],
    ["ann-1", "ann-1: ", []],
    ["/tell ann-2", "ann-2 ", []],
    ["hi /h", undefined, []],
    ["/ack ", "k.1.2", []],
    ["/ACK  k.1.3", "k.1.3", []],
    ["/ack k", "k.1.", ["k.1.2", "k.1.3"]],
    ["/ack b", undefined, []],
    ["hi /ack ", undefined, []],
  ];
  for (const [before, text, choices] of table) {
    const completion = complete(before, words);
    assertEquals(completion?.text, text, before);
    assertEquals(completion?.choices ?? [], choices, before);
  }
});

Deno.test("complete: what was typed is not taken away", () => {
  const nick = fc.string({ unit: fc.constantFrom(..."aAbßıİ-"), minLength: 1, maxLength: 4 });
  fc.assert(fc.property(nick, fc.array(nick), (before, nicks) => {
    const completion = complete(before, { commands: [], nicks });
    assert(completion === undefined || completion.text.length >= before.length - 1);
  }));
});
