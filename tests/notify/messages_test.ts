import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Board } from "../../lib/notify/board.ts";
import { encodeListeners, Listeners } from "../../lib/notify/listeners.ts";
import {
  decodeJson,
  decodeNotification,
  encodeChanges,
  encodeFetched,
  encodeNotification,
  parseChanges,
  parseFetched,
} from "../../lib/notify/messages.ts";
import { Outbound } from "../../lib/notify/outbound.ts";
import { Parking } from "../../lib/notify/parking.ts";
import {
  compareRecords,
  encodeRecord,
  isWanted,
  joinRecords,
  newWants,
  parseRecord,
  type SubscriberRecord,
} from "../../lib/notify/record.ts";
import { answer, digest } from "../../lib/notify/sync_answers.ts";
import { MAX_NOTIFICATION_CHARACTERS } from "../../lib/wire/limits.ts";
import { encodeText } from "../../lib/wire/text.ts";
import { HandClock, Reader } from "./reader.ts";

const A = "00000000000000aa", B = "00000000000000bb", C = "00000000000000cc";
const STAMP = { stream: `${A}.1`, sequence: 7 };
const CLOCK = fc.dictionary(
  fc.constantFrom(`${A}.1`, `${B}.2`, `${C}.3`),
  fc.integer({ min: 1, max: 9 }),
)
  .map((clock) => new Map(Object.entries(clock)));
const RECORD: fc.Arbitrary<SubscriberRecord> = fc.record({
  name: fc.constant("bob"),
  version: fc.integer({ min: 1, max: 3 }),
  by: fc.constantFrom(A, B, C),
  server: fc.constant("kitchen"),
  created: fc.record({ time: fc.nat(3), by: fc.constantFrom(A, B, C) }),
  wants: fc.uniqueArray(fc.record({ pattern: fc.constantFrom("a", "b", "**"), since: CLOCK }), {
    selector: ({ pattern }) => pattern,
  }),
});

Deno.test("notification: comes back as it was sent", () => {
  const line = fc.string({ unit: "grapheme", maxLength: 200 })
    // deno-lint-ignore no-control-regex
    .map((text) => text.replace(/[\x00-\x1f\x7f-\x9f]/g, "").toWellFormed());
  fc.assert(fc.property(line, fc.option(line, { nil: undefined }), (text, details) => {
    const sent = { topic: "door/front", text, nick: "jürgen", server: "küche 2", details };
    const back = decodeNotification(encodeNotification(sent), STAMP, 5);
    assertEquals(back, { id: `${A}.1.7`, time: 5, ...sent });
    const fetched = { notification: back!, age: 17 };
    assertEquals(parseFetched(JSON.parse(JSON.stringify(encodeFetched(fetched)))), fetched);
  }));
});

Deno.test("notification: of the longest text nothing is cut off, a longer one is refused", () => {
  const good = {
    topic: "a",
    nick: "bob",
    server: "s",
    text: "\u{fffd}".repeat(MAX_NOTIFICATION_CHARACTERS),
  };
  assertEquals(decodeNotification(encodeNotification(good), STAMP, 0)?.text, good.text);
  const bad = { ...good, text: "x".repeat(MAX_NOTIFICATION_CHARACTERS + 1) };
  assertEquals(decodeNotification(encodeNotification(bad), STAMP, 0), undefined);
});

Deno.test("notification: one with a wrong topic, nick or text is refused", () => {
  const good = { topic: "a", nick: "bob", server: "s", text: "t" };
  assert(decodeNotification(encodeNotification(good), STAMP, 0) !== undefined);
  const wrong = [{ topic: "a/*" }, { topic: "" }, { topic: "a b" }, { nick: "b b" }, { nick: "" }];
  for (const change of wrong) {
    assertEquals(
      decodeNotification(encodeNotification({ ...good, ...change }), STAMP, 0),
      undefined,
    );
  }
  assertEquals(decodeNotification(encodeNotification(good), STAMP, -1), undefined);
  const bytes = encodeNotification(good);
  for (let length = 0; length < bytes.length; length++) {
    assertEquals(decodeNotification(bytes.subarray(0, length), STAMP, 0), undefined);
  }
});

Deno.test("messages: whatever comes is taken or refused, without a throw", () => {
  const board = new Board({ clock: new HandClock() });
  const listeners = new Listeners();
  const key = fc.constantFrom(
    ..."subscribers acknowledged withdrawn topics ask keys ids after since created".split(" "),
  );
  const value = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom<unknown>("digest", "records", "inventory", "notification", `${A}.1.7`, ["bob"]),
  );
  const anything = fc.oneof(value, fc.dictionary(key, fc.oneof(value, fc.dictionary(key, value))));
  fc.assert(
    fc.property(anything, fc.uint8Array({ maxLength: 300 }), (json, bytes) => {
      parseChanges(json);
      parseRecord(json);
      parseFetched(json);
      answer(board, json);
      listeners.set("x", encodeText(JSON.stringify(json)));
      decodeNotification(bytes, STAMP, 0);
      parseChanges(decodeJson(bytes));
      listeners.set("x", bytes);
    }),
    { numRuns: 2_000 },
  );
  assertEquals([listeners.count("a"), board.subscribers.size], [0, 0]);
});

Deno.test("changes: what is sound is taken, though something else is not", () => {
  const record = {
    name: "bob",
    version: 1,
    by: A,
    server: "s",
    created: { time: 1, by: A },
    wants: [{ pattern: "a", since: new Map() }],
  };
  const sent = JSON.parse(encodeChanges({
    subscribers: [record],
    acknowledged: new Map([["bob", [STAMP]]]),
    withdrawn: [`${A}.1.7`],
  }));
  sent.subscribers.push({ name: "eve" });
  sent.acknowledged["Not Folded"] = {};
  sent.withdrawn.push("7");
  assertEquals(parseChanges(sent), {
    subscribers: [record],
    acknowledged: new Map([["bob", [STAMP]]]),
    withdrawn: [`${A}.1.7`],
    refused: 3,
  });
});

Deno.test("record: comes back as it was sent", () => {
  fc.assert(fc.property(RECORD, (record) => {
    assertEquals(parseRecord(JSON.parse(JSON.stringify(encodeRecord(record)))), record);
  }));
});

Deno.test("record: of two the same one holds on all servers", () => {
  fc.assert(
    fc.property(RECORD, RECORD, (a, b) => {
      fc.pre(a.version !== b.version || a.by !== b.by);
      const joined = joinRecords(a, b);
      assertEquals(joinRecords(b, a), joined);
      assertEquals(joinRecords(joined, a), joined);
      assertEquals(joinRecords(b, joined), joined);
      assert(compareRecords(joined, a) >= 0 && compareRecords(joined, b) >= 0);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("record: what was wanted since the earlier of two beginnings stays wanted", () => {
  const made = (version: number, time: number, by: string, since: number) => ({
    name: "bob",
    version,
    by,
    server: "s",
    created: { time, by },
    wants: [{ pattern: "a", since: new Map([[STAMP.stream, since]]) }],
  });
  const early = made(1, 10, A, 3), late = made(5, 20, B, 9);
  assert(isWanted(joinRecords(early, late), "a", STAMP));
  // Of one line the later holds: the topic was asked for anew.
  const again = { ...made(2, 10, A, 9) };
  assertEquals(isWanted(joinRecords(early, again), "a", STAMP), false);
});

Deno.test("record: however often patterns are added, it stays short, and nothing is forgotten", () => {
  let wants = newWants([], ["a"], new Map([[STAMP.stream, 1]]));
  for (let i = 2; i < 60; i++) {
    const patterns = [...wants.map(({ pattern }) => pattern), `p${i}`];
    wants = newWants(wants, patterns, new Map([[STAMP.stream, i]]));
  }
  assert(new Set(wants.map(({ since }) => since)).size <= 8);
  for (const [i, { pattern, since }] of wants.entries()) {
    assert((since.get(STAMP.stream) ?? 0) <= i + 1, pattern);
  }
});

Deno.test("outbound: many acknowledgements are one message, long records several", () => {
  const outbound = new Outbound();
  assert(outbound.isEmpty);
  for (let i = 1; i <= 5_000; i++) outbound.acknowledged("bob", `${A}.1.${i}`);
  assert(outbound.isFull);
  const since = new Map(Array.from({ length: 1_000 }, (_, i) => [`${A}.${i}`, 1]));
  for (let i = 0; i < 20; i++) {
    const created = { time: 0, by: A };
    const wants = [{ pattern: "a", since }];
    outbound.subscribed(`n${i}`, { name: `n${i}`, version: 1, by: A, server: "", created, wants });
  }
  const payloads = outbound.take();
  assert(outbound.isEmpty && payloads.length > 2);
  for (const { length } of payloads) assert(length < 512 * 1024);
  const changes = payloads.map((payload) => parseChanges(decodeJson(payload))!);
  assertEquals(changes.flatMap(({ subscribers }) => subscribers).length, 20);
  assertEquals(changes.at(-1)!.acknowledged.get("bob")!.length, 5_000);
});

Deno.test("listeners: counted by topic, told anew by each server, gone with it", () => {
  const listeners = new Listeners();
  assert(listeners.set(A, encodeListeners([["a"], ["a"], ["b", "**"]])));
  assert(listeners.set(B, encodeListeners([["*"]])));
  assertEquals([listeners.count("a"), listeners.count("b"), listeners.count("x/y")], [4, 2, 1]);
  assert(listeners.set(A, encodeListeners([["b"]])));
  assertEquals([listeners.count("a"), listeners.count("b")], [1, 2]);
  listeners.delete(B);
  assertEquals(listeners.count("a"), 0);
  const many = Array.from({ length: 5_000 }, (_, i) => [`topic${i}`]);
  assert(listeners.set(A, encodeListeners(many)), "what is too much is not counted");
});

Deno.test("parking: what follows what is past waits with it, and comes behind it", () => {
  const clock = new HandClock();
  const board = new Board({ clock });
  const reader = new Reader().enter(board, { as: "bob" });
  let look = () => {};
  const parking = new Parking(board, (_ms, action) => {
    look = action;
    return () => {};
  });
  let isHeld = true;
  parking.isHeld = () => isHeld;
  const come = (sequence: number, isPast: boolean) => {
    const stamp = { ...STAMP, sequence };
    const notification = {
      id: `${stamp.stream}.${sequence}`,
      topic: "a",
      text: `${sequence}`,
      time: 0,
      nick: "eve",
      server: "s",
    };
    if (parking.holds(stamp, isPast)) parking.park(notification, stamp, isPast);
    else board.take(notification, stamp);
  };
  come(5, false);
  come(3, true);
  come(6, false);
  look();
  assertEquals(reader.texts, []);
  isHeld = false;
  look();
  come(7, false);
  assertEquals(reader.texts, ["3", "5", "6", "7"]);
  isHeld = true;
  come(2, true);
  clock.pass(10_000);
  look();
  assertEquals(reader.texts.at(-1), "2", "it waits ten seconds at the most");
});

Deno.test("sync: equal memories have equal digests, others don't", () => {
  const make = () => new Board({ clock: new HandClock() });
  const [one, other] = [make(), make()] as const;
  const fill = (board: Board, order: number[]) => {
    for (const sequence of order) {
      const stamp = { ...STAMP, sequence };
      const id = `${stamp.stream}.${sequence}`;
      const details = "d";
      const text = { topic: "offers", text: "", time: sequence, nick: "e", server: "s", details };
      board.take({ id, ...text }, stamp);
      board.acknowledged(board.subscribers.meet("bob")!, id);
    }
  };
  fill(one, [1, 2, 3]);
  fill(other, [3, 1]);
  const before = digest(other);
  fill(other, [2]);
  assertEquals(digest(one), digest(other));
  for (const part of ["notifications", "subscribers", "offers"] as const) {
    assert(before[part] !== digest(one)[part], part);
  }
});
