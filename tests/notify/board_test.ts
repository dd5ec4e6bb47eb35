import { assert, assertEquals, assertThrows } from "@std/assert";
import { MAX_NAMED_SUBSCRIBERS } from "../../lib/wire/limits.ts";
import { HOUR, setUp } from "./board_rig.ts";
import { Reader } from "./reader.ts";

// ---------------------------------------------------------------- nameless

Deno.test("board: what is published goes to those who want it, and to nobody else", () => {
  const { board, say } = setUp();
  const doors = new Reader().enter(board, { topics: ["door/*", "door/**"] });
  const all = new Reader().enter(board);
  const none = new Reader().enter(board, { topics: ["window"] });
  const [told] = say("door/front", "open");
  assertEquals(told!.subscribers, 2);
  assertEquals([doors.texts, all.texts, none.texts], [["open"], ["open"], []]);
  const [got] = doors.got;
  assertEquals(got, {
    id: told!.id,
    topic: "door/front",
    text: "open",
    time: 1_700_000_000_000,
    nick: "eve",
    server: "server",
    details: undefined,
  });
});

Deno.test("board: nothing is pushed before the answer to the request is out", () => {
  const { board, say } = setUp();
  say("a", "1");
  const reader = new Reader();
  const subscription = board.subscribe(reader, { topics: [], since: "all", timeout: 60_000 });
  assertEquals([subscription.pending, reader.texts], [1, []]);
  say("a", "2");
  assertEquals(reader.texts, []);
  subscription.resume();
  assertEquals(reader.texts, ["1", "2"]);
});

Deno.test("board: what a nameless one acknowledged stays so when it asks for all again, and it counts once", () => {
  const { board, say } = setUp();
  const reader = new Reader().enter(board);
  const [one, two] = say("a", "1", "2").map(({ id }) => id) as [string, string];
  const state = () =>
    [one, two].map((id) => board.receiptsHere(id)!.map(({ state }) => state).join());
  reader.subscription!.acknowledge(one);
  assertEquals(state(), ["acknowledged", "delivered"]);
  reader.enter(board, { since: "all" });
  assertEquals(reader.texts, ["1", "2", "1", "2"]);
  assertEquals(state(), ["acknowledged", "delivered"]);
  // And after normal mode.
  reader.subscription!.leave();
  reader.enter(board, { since: "all" });
  assertEquals(state(), ["acknowledged", "delivered"]);
  reader.subscription!.acknowledge(two);
  assertEquals(state(), ["acknowledged", "acknowledged"]);
});

Deno.test("board: since follows the order of arrival, and an unknown id is told", () => {
  const { board, say } = setUp();
  const ids = say("a", "1", "2", "3").map(({ id }) => id);
  say("b", "other");
  const behind = new Reader().enter(board, { topics: ["a"], since: ids[0] });
  assertEquals(behind.texts, ["2", "3"]);
  assertEquals([behind.subscription!.pending, behind.subscription!.unknownSince], [2, false]);
  const all = new Reader().enter(board, { topics: ["a"], since: "all" });
  assertEquals([all.texts, all.subscription!.unknownSince], [["1", "2", "3"], false]);
  const lost = new Reader().enter(board, { topics: ["a"], since: "0000000000000000.9.9" });
  assertEquals([lost.texts, lost.subscription!.unknownSince], [["1", "2", "3"], true]);
  const garbage = new Reader().enter(board, { topics: ["a"], since: "garbage" });
  assertEquals([garbage.texts, garbage.subscription!.unknownSince], [["1", "2", "3"], true]);
});

Deno.test("board: a reader that takes no more gets the rest later, in order", () => {
  const { board, say } = setUp();
  const reader = new Reader().enter(board);
  say("a", "1");
  reader.takes = false;
  say("a", "2", "3");
  assertEquals(reader.texts, ["1"]);
  reader.takes = true;
  reader.subscription!.resume();
  say("a", "4");
  assertEquals(reader.texts, ["1", "2", "3", "4"]);
});

Deno.test("board: what is too much for a slow reader is dropped, the oldest first, and told", () => {
  const { board, say } = setUp({ limits: { pending: 3 } });
  const reader = new Reader().enter(board);
  reader.takes = false;
  say("a", "1", "2", "3", "4", "5");
  assertEquals(reader.dropped_, 0);
  reader.takes = true;
  reader.subscription!.resume();
  assertEquals([reader.texts, reader.dropped_], [["3", "4", "5"], 2]);
});

Deno.test("board: renewing the mode keeps what waits, and changes the topics", () => {
  const { board, say, pass } = setUp();
  const reader = new Reader().enter(board, { topics: ["a", "b"] });
  reader.takes = false;
  say("a", "1");
  say("b", "2");
  pass(50_000);
  reader.enter(board, { topics: ["b", "c"] });
  assertEquals(reader.subscription!.pending, 1);
  reader.takes = true;
  reader.subscription!.resume();
  assertEquals(reader.texts, ["2"]);
  pass(50_000);
  say("a", "3");
  say("c", "4");
  assertEquals([reader.texts, reader.why], [["2", "4"], undefined]);
});

Deno.test("board: the mode ends by itself, and is told", () => {
  const { board, say, clock, pass } = setUp();
  const reader = new Reader().enter(board, { timeout: 5_000 });
  assertEquals(board.due, clock.now() + 5_000);
  pass(4_999);
  say("a", "1");
  assertEquals(reader.why, undefined);
  pass(1);
  assertEquals(reader.why, { type: "timeout", seconds: 5 });
  assertEquals(reader.subscription!.active, false);
  say("a", "2");
  assertEquals([reader.texts, board.countSubscribers("a")], [["1"], 0]);
});

Deno.test("board: leaving is quiet, and nothing comes after it", () => {
  const { board, say, pass } = setUp();
  const reader = new Reader().enter(board);
  reader.subscription!.leave();
  reader.subscription!.leave();
  say("a", "1");
  pass(100_000);
  assertEquals([reader.texts, reader.why], [[], undefined]);
});

Deno.test("board: a nameless session acknowledges what it got, as often as it likes", () => {
  const { board, say } = setUp();
  const [before] = say("a", "0");
  const reader = new Reader().enter(board, { topics: ["a"] });
  const [one] = say("a", "1");
  const [other] = say("b", "2");
  const { subscription } = reader;
  assert(subscription!.acknowledge(one!.id) && subscription!.acknowledge(one!.id));
  for (const id of [before!.id, other!.id, "x", "0000000000000000.1.99"]) {
    assertEquals(subscription!.acknowledge(id), false, id);
  }
});

// ---------------------------------------------------------------- named

Deno.test("board: a named subscriber misses nothing while it is away", () => {
  const { board, say, pass } = setUp();
  const bob = new Reader().enter(board, { topics: ["door/*"], as: "Bob" });
  assertEquals(bob.subscription!.as, "Bob");
  bob.subscription!.leave();
  const [told] = say("door/front", "1");
  assertEquals(told!.subscribers, 1);
  say("window", "no");
  pass(HOUR);
  const again = new Reader("guest7").enter(board, { as: "bob" });
  assertEquals(again.subscription!.topics, ["door/*"]);
  assertEquals([again.texts, again.subscription!.pending], [["1"], 1]);
});

Deno.test("board: a named subscriber doesn't get what was there before it, but with since=all", () => {
  const { board, say } = setUp();
  const [first] = say("a", "1", "2");
  assertEquals(new Reader().enter(board, { as: "one" }).texts, []);
  assertEquals(new Reader().enter(board, { as: "two", since: "all" }).texts, ["1", "2"]);
  assertEquals(new Reader().enter(board, { as: "three", since: first!.id }).texts, ["2"]);
  // It was its first subscription: what it asked for then stays.
  assertEquals(new Reader().enter(board, { as: "two" }).texts, ["1", "2"]);
  assertEquals(new Reader().enter(board, { as: "three" }).texts, ["2"]);
});

Deno.test("board: what was pushed and not acknowledged is pushed again, the rest is not", () => {
  const { board, say } = setUp();
  const bob = new Reader().enter(board, { as: "bob" });
  say("a", "1", "2", "3");
  assert(bob.ack("2"));
  bob.subscription!.leave();
  const again = new Reader().enter(board, { as: "bob" });
  assertEquals(again.texts, ["1", "3"]);
  assert(again.ack());
  assert(again.subscription!.acknowledge(bob.got[1]!.id), "twice is fine");
  assertEquals(new Reader().enter(board, { as: "bob" }).texts, []);
});

Deno.test("board: renewing the mode doesn't repeat what is under way", () => {
  const { board, say } = setUp();
  const bob = new Reader().enter(board, { as: "bob" });
  say("a", "1");
  bob.enter(board, { as: "bob" });
  say("a", "2");
  assertEquals(bob.texts, ["1", "2"]);
  bob.subscription!.leave();
  bob.enter(board, { as: "bob" });
  assertEquals(bob.texts, ["1", "2", "1", "2"]);
});

Deno.test("board: since repeats to a name what it has not acknowledged, and what is older waits on", () => {
  const { board, say } = setUp();
  say("a", "0");
  const bob = new Reader().enter(board, { as: "bob" });
  const [one] = say("a", "1", "2", "3");
  bob.ack("2");
  bob.subscription!.leave();
  assertEquals(new Reader().enter(board, { as: "bob", since: one!.id }).texts, ["3"]);
  const all = new Reader().enter(board, { as: "bob", since: "all" });
  assertEquals(all.texts, ["0", "1", "3"]);
  assert(all.ack("0"), "what came may be acknowledged");
  assertEquals(new Reader().enter(board, { as: "bob" }).texts, ["1", "3"]);
});

Deno.test("board: acknowledging works after the mode ended", () => {
  const { board, say, pass } = setUp();
  const bob = new Reader().enter(board, { as: "bob", timeout: 1_000 });
  say("a", "1");
  pass(2_000);
  assertEquals(bob.why, { type: "timeout", seconds: 1 });
  assert(bob.ack());
  assertEquals(new Reader().enter(board, { as: "bob" }).texts, []);
});

Deno.test("board: the newer session of a name takes over", () => {
  const { board, say } = setUp();
  const old = new Reader().enter(board, { as: "bob" });
  say("a", "1");
  const young = new Reader().enter(board, { as: "BOB" });
  assertEquals(old.why, { type: "replaced", name: "bob" });
  say("a", "2");
  assertEquals([old.texts, young.texts], [["1"], ["1", "2"]]);
  // What the old one still acknowledges counts.
  assert(old.ack());
  assertEquals(new Reader().enter(board, { as: "bob" }).texts, ["2"]);
});

Deno.test("board: other topics begin when they are asked for; those that stay go on", () => {
  const { board, say } = setUp();
  new Reader().enter(board, { as: "bob", topics: ["a", "b"] }).subscription!.leave();
  say("a", "a1");
  say("b", "b1");
  say("c", "c1");
  const bob = new Reader().enter(board, { as: "bob", topics: ["b", "c"] });
  assertEquals(bob.texts, ["b1"]);
  bob.subscription!.leave();
  say("a", "a2");
  say("c", "c2");
  assertEquals(new Reader().enter(board, { as: "bob" }).texts, ["b1", "c2"]);
});

Deno.test("board: at most the newest wait, and a name is told what was dropped", () => {
  const { board, say } = setUp({ limits: { pending: 3 } });
  new Reader().enter(board, { as: "bob" }).subscription!.leave();
  say("a", "1", "2", "3", "4", "5");
  const bob = new Reader().enter(board, { as: "bob" });
  assertEquals([bob.texts, bob.dropped_], [["3", "4", "5"], 2]);
  bob.subscription!.leave();
  assertEquals(new Reader().enter(board, { as: "bob" }).dropped_, 0, "told once");
});

Deno.test("board: one that never acknowledges goes on getting, and is told when it comes back", () => {
  const { board, say } = setUp({ limits: { pending: 3 } });
  const bob = new Reader().enter(board, { as: "bob" });
  say("a", "1", "2", "3", "4", "5");
  assertEquals([bob.texts, bob.dropped_], [["1", "2", "3", "4", "5"], 0]);
  assert(bob.ack("1"), "late, but not too late");
  bob.subscription!.leave();
  const again = new Reader().enter(board, { as: "bob" });
  assertEquals([again.texts, again.dropped_], [["3", "4", "5"], 1]);
});

Deno.test("board: what waits for a name outlasts what is remembered for everybody", () => {
  const { board, say } = setUp({ limits: { count: 5 } });
  new Reader().enter(board, { as: "bob", topics: ["door"] }).subscription!.leave();
  say("door", "open");
  say("noise", ...Array.from({ length: 50 }, (_, i) => `${i}`));
  assertEquals(board.memory.size, 6);
  const bob = new Reader().enter(board, { as: "bob" });
  assertEquals(bob.texts, ["open"]);
  bob.ack();
  assertEquals(board.memory.size, 5);
  assert(bob.ack(), "twice is fine, also when it is forgotten");
});

Deno.test("board: too many bytes: the oldest go, also what waits, and it is told", () => {
  const { board, say } = setUp({ limits: { bytes: 10_000 } });
  new Reader().enter(board, { as: "bob" }).subscription!.leave();
  say("a", ...Array.from({ length: 100 }, (_, i) => `${i}`));
  assert(board.memory.bytes <= 10_000);
  const bob = new Reader().enter(board, { as: "bob" });
  assertEquals(bob.texts.length + bob.dropped_, 100);
  assertEquals(bob.texts.at(-1), "99");
});

Deno.test("board: after a day what was published is forgotten, and told as dropped", () => {
  const { board, say, pass } = setUp();
  new Reader().enter(board, { as: "bob" }).subscription!.leave();
  say("a", "1");
  pass(12 * HOUR);
  say("a", "2");
  pass(12 * HOUR + 60_000);
  const bob = new Reader().enter(board, { as: "bob" });
  assertEquals([bob.texts, bob.dropped_], [["2"], 1]);
  assertEquals(board.topics(), [{ topic: "a", notifications: 1, subscribers: 1 }]);
  pass(13 * HOUR);
  assertEquals(board.topics(), []);
});

Deno.test("board: a wall clock that is set back or forth changes nothing", () => {
  const { board, say, clock, pass } = setUp();
  new Reader().enter(board, { as: "bob" }).subscription!.leave();
  say("a", "1");
  clock.time -= 400 * 24 * HOUR;
  say("a", "2");
  pass(60_000);
  clock.time += 4_000 * 24 * HOUR;
  pass(60_000);
  say("a", "3");
  assertEquals(new Reader().enter(board, { as: "bob" }).texts, ["1", "2", "3"]);
});

Deno.test("board: too many names are refused, with a reason; one that was away long makes room", () => {
  const { board, pass } = setUp();
  for (let i = 0; i < MAX_NAMED_SUBSCRIBERS; i++) {
    new Reader().enter(board, { as: `n${i}` }).subscription!.leave();
  }
  assertThrows(
    () => new Reader().enter(board, { as: "more" }),
    Error,
    `Cannot subscribe as more: there are ${MAX_NAMED_SUBSCRIBERS} named subscribers already`,
  );
  new Reader().enter(board, { as: "n5" });
  pass(25 * HOUR);
  new Reader().enter(board, { as: "more" });
  assertEquals(board.subscribers.size, MAX_NAMED_SUBSCRIBERS);
});
