import { assert, assertEquals } from "@std/assert";
import { Board } from "../../lib/notify/board.ts";
import { MemoryNotificationStore } from "../support/notify_store.ts";
import type { Receipts } from "../../lib/notify/notifications.ts";
import { MAX_OFFERS } from "../../lib/wire/limits.ts";
import { HOUR, restart, setUp } from "./board_rig.ts";
import { HandClock, Reader } from "./reader.ts";

// ---------------------------------------------------------------- restarts

Deno.test("board: a server that was killed comes back with its memory", () => {
  const store = new MemoryNotificationStore();
  const { board, say, clock } = setUp({ store });
  const bob = new Reader().enter(board, { as: "bob", topics: ["a"] });
  say("a", "1", "2");
  bob.ack("1");
  say("b", "x");
  say("a", "3");
  clock.pass(HOUR);
  const after = restart(store, clock);
  assertEquals(after.topics().map(({ topic, notifications }) => [topic, notifications]), [
    ["a", 3],
    ["b", 1],
  ]);
  const again = new Reader().enter(after, { as: "bob" });
  assertEquals([again.texts, again.subscription!.topics], [["2", "3"], ["a"]]);
  assert(again.ack());
  assertEquals(new Reader().enter(restart(store, clock, 3), { as: "bob" }).texts, []);
});

Deno.test("board: age goes on over a restart, and a clock that was set back loses nothing", () => {
  const store = new MemoryNotificationStore();
  const { board, say, clock } = setUp({ store });
  new Reader().enter(board, { as: "bob" }).subscription!.leave();
  say("a", "1");
  clock.pass(30 * 60_000);
  say("a", "2");
  clock.pass(10 * HOUR);
  clock.time -= 300 * HOUR;
  assertEquals(new Reader().enter(restart(store, clock), { as: "bob" }).texts, ["1", "2"]);
  clock.time += 300 * HOUR;
  clock.pass(13.75 * HOUR);
  // The first one is a day and a quarter of an hour old now; it is known to ten minutes.
  const late = restart(store, clock, 3);
  const bob = new Reader().enter(late, { as: "bob" });
  assertEquals(bob.texts, ["2"]);
  assertEquals(store.notifications.size, 1);
});

Deno.test("board: what was dropped is told after a restart, too, and doesn't come back", () => {
  const store = new MemoryNotificationStore();
  const { board, say, clock, pass } = setUp({ store, limits: { pending: 2 } });
  new Reader().enter(board, { as: "bob" }).subscription!.leave();
  say("a", "1", "2", "3");
  pass(1_000);
  const bob = new Reader().enter(restart(store, clock), { as: "bob" });
  assertEquals([bob.texts, bob.dropped_], [["2", "3"], 1]);
});

Deno.test("board: records in the store that make no sense are passed over", () => {
  const store = new MemoryNotificationStore();
  store.subscriber("bob", "{");
  store.subscriber("eve", "{}");
  store.subscriber("/board", "[]");
  store.notification({ id: "?", topic: "a", text: "", time: 0, nick: "n", server: "s" });
  const board = new Board({ clock: new HandClock(), store });
  assertEquals([board.subscribers.size, board.topics()], [0, []]);
});

// ---------------------------------------------------------------- topics, receipts, offers

Deno.test("board: topics, with what is remembered and who wants them", () => {
  const { board, say } = setUp();
  new Reader().enter(board, { topics: ["door/*"] });
  new Reader().enter(board, { as: "bob", topics: ["door/front", "bell"] });
  say("door/front", "1", "2");
  say("attic", "3");
  assertEquals(board.topics(), [
    { topic: "attic", notifications: 1, subscribers: 0 },
    { topic: "bell", notifications: 0, subscribers: 1 },
    { topic: "door/front", notifications: 2, subscribers: 2 },
  ]);
});

Deno.test("board: receipts tell for each recipient what became of it", async () => {
  const { board, say } = setUp({ limits: { pending: 2 } });
  const got = new Reader("anna").enter(board, { topics: ["a"] });
  const slow = new Reader("slow").enter(board, { topics: ["a"] });
  slow.takes = false;
  new Reader("x").enter(board, { topics: ["b"] });
  new Reader().enter(board, { as: "away" }).subscription!.leave();
  const bob = new Reader().enter(board, { as: "bob" });
  const { id } = say("a", "1")[0]!;
  const states = async () =>
    (await board.receipts(id, 0))?.receipts.map(({ recipient, state }) => `${recipient} ${state}`);
  assertEquals(await states(), [
    "anna delivered",
    "away queued",
    "bob delivered",
    "slow queued",
  ]);
  got.ack();
  bob.ack();
  say("a", "2", "3");
  new Reader().enter(board, { as: "late" });
  assertEquals(await states(), [
    "anna acknowledged",
    "away expired",
    "bob acknowledged",
    "slow expired",
  ]);
  assertEquals(await board.receipts("0000000000000000.1.99", 0), undefined);
  got.subscription!.leave();
  slow.subscription!.leave();
  assertEquals((await states())?.[0], "anna acknowledged");
});

Deno.test("board: receipts wait until all have acknowledged, or for the time that was given", async () => {
  const { board, say, pass } = setUp();
  const readers = ["one", "two"].map((as) => new Reader().enter(board, { as }));
  const { id } = say("a", "1")[0]!;
  const early = board.receipts(id, 60_000);
  const late = board.receipts(id, 5_000);
  readers[0]!.ack();
  pass(5_000);
  assertEquals((await late)?.receipts.map(({ state }) => state), ["acknowledged", "delivered"]);
  readers[1]!.ack();
  assertEquals((await early)?.receipts.map(({ state }) => state), [
    "acknowledged",
    "acknowledged",
  ]);
  assertEquals(board.due > 50_000, true);
});

Deno.test("board: what a nameless one was pushed can be acknowledged until its connection is gone", async () => {
  const { board, say } = setUp();
  const [left, gone, slow] = ["left", "gone", "slow"].map((nick) => new Reader(nick).enter(board));
  slow!.takes = false;
  const { id } = say("a", "1")[0]!;
  const states = (receipts: Receipts | undefined) =>
    receipts?.receipts.map(({ recipient, state }) => `${recipient} ${state}`);
  for (const reader of [left, gone, slow]) reader!.subscription!.leave();
  const waits = board.receipts(id, 60_000);
  const now = states(await board.receipts(id, 0));
  assertEquals(now, ["gone delivered", "left delivered", "slow queued"]);
  left!.ack();
  gone!.subscription!.abandon();
  slow!.subscription!.abandon();
  slow!.subscription!.abandon();
  assertEquals(states(await waits), ["gone expired", "left acknowledged", "slow expired"]);
  left!.subscription!.abandon();
  assertEquals(states(await board.receipts(id, 0))?.[1], "left acknowledged");
});

Deno.test("board: a crowd that comes back to the mode again and again stays in the receipts", async () => {
  const { board, say } = setUp();
  const readers = Array.from({ length: 600 }, (_, i) => new Reader(`r${i}`).enter(board));
  const { id } = say("a", "1")[0]!;
  for (let turn = 0; turn < 5; turn++) {
    for (const reader of readers) {
      if (turn === 0) reader.ack();
      reader.subscription!.leave();
      reader.enter(board);
    }
  }
  const receipts = (await board.receipts(id, 0))!.receipts;
  assertEquals([receipts.length, new Set(receipts.map(({ state }) => state))], [
    600,
    new Set(["acknowledged"]),
  ]);
});

Deno.test("board: offers are posted, listed, withdrawn, and announced on their topic", () => {
  const store = new MemoryNotificationStore();
  const { board, clock } = setUp({ store });
  const reader = new Reader().enter(board, { topics: ["offers"] });
  const post = (text: string) =>
    board.publish({ topic: "offers", text, nick: "eve", details: `${text}, in full` }).id;
  const boat = post("boat"), car = post("car");
  board.publish({ topic: "offers", text: "no offer", nick: "eve" });
  assertEquals(reader.texts, ["boat", "car", "no offer"]);
  assertEquals(board.offers().map(({ id, details }) => [id, details]), [
    [boat, "boat, in full"],
    [car, "car, in full"],
  ]);
  assert(board.withdraw(boat) && !board.withdraw(boat));
  assertEquals(board.offers().map(({ id }) => id), [car]);
  clock.pass(30 * HOUR);
  const after = restart(store, clock);
  assertEquals(after.offers().map(({ id }) => id), [car]);
  assertEquals([...after.posted.withdrawn], [boat], "and what was withdrawn doesn't come back");
});

Deno.test("board: of too many offers the oldest goes", () => {
  const { board, clock } = setUp();
  for (let i = 0; i <= MAX_OFFERS; i++) {
    board.publish({ topic: "offers", text: `${i}`, nick: "eve", details: "" });
    clock.pass(1);
  }
  const offers = board.offers();
  assertEquals([offers.length, offers[0]!.text, offers.at(-1)!.text], [
    MAX_OFFERS,
    "1",
    `${MAX_OFFERS}`,
  ]);
});

// ---------------------------------------------------------------- what comes from elsewhere

const ELSEWHERE = "00000000000000bb.1";

function arrive(board: Board, sequence: number, how: Parameters<Board["take"]>[2] = {}): boolean {
  const stamp = { stream: ELSEWHERE, sequence };
  const id = `${ELSEWHERE}.${sequence}`;
  const { time } = new HandClock();
  const notification = { id, topic: "a", text: `${sequence}`, time, nick: "eve", server: "attic" };
  return board.take(notification, stamp, how);
}

Deno.test("board: what comes twice is taken once, also when it is forgotten already", () => {
  const { board } = setUp({ limits: { count: 2 } });
  const reader = new Reader().enter(board);
  assertEquals([1, 2, 3, 4].map((sequence) => arrive(board, sequence)), [true, true, true, true]);
  assertEquals([4, 1].map((sequence) => arrive(board, sequence)), [false, false]);
  assertEquals(reader.texts, ["1", "2", "3", "4"]);
});

Deno.test("board: what comes late is put before what its publisher said later, where that still waits", () => {
  const { board } = setUp();
  new Reader().enter(board, { as: "bob" }).subscription!.leave();
  const carl = new Reader().enter(board, { as: "carl" });
  arrive(board, 1);
  carl.takes = false;
  arrive(board, 5);
  arrive(board, 6);
  arrive(board, 3, { isLate: true });
  arrive(board, 4, { isLate: true });
  carl.takes = true;
  carl.subscription!.resume();
  assertEquals(carl.texts, ["1", "3", "4", "5", "6"]);
  assertEquals(new Reader().enter(board, { as: "bob" }).texts, ["1", "3", "4", "5", "6"]);
});

Deno.test("board: a nameless session gets late what was published while it was there, nothing older", () => {
  const { board, pass } = setUp();
  pass(10_000);
  const reader = new Reader().enter(board);
  const all = new Reader().enter(board, { since: "all" });
  pass(10_000);
  arrive(board, 2, { isLate: true, age: 11_000 });
  arrive(board, 3, { isLate: true, age: 9_000 });
  arrive(board, 1, { isPast: true });
  assertEquals([reader.texts, all.texts], [["3"], ["2", "3", "1"]]);
  assertEquals(board.receiptsHere(`${ELSEWHERE}.2`)!.length, 1);
});

Deno.test("board: what is a day old when it comes is not taken", () => {
  const { board, pass } = setUp();
  assertEquals(arrive(board, 1, { isLate: true, age: 24 * HOUR }), false);
  assert(arrive(board, 2, { isLate: true, age: 23 * HOUR }));
  pass(2 * HOUR);
  assertEquals(board.memory.size, 0);
});

Deno.test("board: an acknowledgement that comes before its notification counts", () => {
  const store = new MemoryNotificationStore();
  const { board, clock } = setUp({ store });
  const id = `${ELSEWHERE}.7`;
  // Of a name of which nothing else is known yet, and of one that is in the mode.
  assert(board.acknowledged(board.subscribers.meet("anna")!, id));
  const bob = new Reader().enter(board, { as: "bob" });
  assert(board.acknowledged(board.subscribers.get("bob")!, id));
  assertEquals(board.acknowledged(board.subscribers.get("bob")!, id), false);
  arrive(board, 7);
  assertEquals(bob.texts, []);
  assertEquals(board.memory.get(id)!.pins, 0);
  assertEquals(board.receiptsHere(id)!.map(({ state }) => state), ["acknowledged", "acknowledged"]);
  assertEquals(new Reader().enter(restart(store, clock), { as: "bob" }).texts, []);
});

Deno.test("board: of what a new name asks for the newest come, and the rest is told", () => {
  const { board, say } = setUp({ limits: { pending: 3 } });
  say("a", "1", "2", "3", "4", "5");
  const bob = new Reader().enter(board, { as: "bob", since: "all" });
  assertEquals([bob.texts, bob.dropped_], [["3", "4", "5"], 2]);
  assertEquals(board.subscribers.get("bob")!.pending.size, 3);
});

Deno.test("board: memory stays within its bounds, whoever subscribes", () => {
  const { board, pass } = setUp({ limits: { bytes: 1_000_000, count: 500, streams: 50 } });
  for (let i = 0; i < 20; i++) {
    new Reader().enter(board, { as: `away${i}`, topics: [`t${i}`, "x"] });
  }
  const slow = new Reader().enter(board);
  slow.takes = false;
  for (let i = 0; i < 20_000; i++) {
    const stream = `${(i % 300).toString(16).padStart(16, "0")}.1`;
    const [topic, text] = [`t${i % 40}`, "x".repeat(i % 1_000)];
    const id = `${stream}.${i + 1}`;
    const notification = { id, topic, text, time: 0, nick: "eve", server: "attic" };
    board.take(notification, { stream, sequence: i + 1 });
    if (i % 1_000 === 0) pass(60_000);
    assert(board.memory.bytes <= 1_000_000);
  }
  assert(board.memory.clock.size <= 50);
  assert(board.memory.size <= 1_900, `${board.memory.size}`);
  let pins = 0;
  for (const entry of board.memory.after(0)) pins += entry.pins;
  let waiting = 0;
  for (const { pending } of board.subscribers) waiting += pending.size;
  assertEquals(pins, waiting);
});
