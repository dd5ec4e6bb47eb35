import { assert, assertEquals, assertMatch } from "@std/assert";
import { PUBLISH_WINDOW } from "../../../lib/client/notify/publisher.ts";
import { receiptsJson, receiptsText } from "../../../lib/client/notify/receipts.ts";
import { PublisherRig } from "./rig.ts";

type States = Record<string, "queued" | "delivered" | "acknowledged" | "expired">;

/** The answer to `/receipts`. */
function answer(rig: PublisherRig, tag: string, states: States, silent: string[] = []): void {
  const of = (state: string) => Object.values(states).filter((one) => one === state).length;
  const [acknowledged, delivered, queued, expired] = [
    of("acknowledged"),
    of("delivered"),
    of("queued"),
    of("expired"),
  ];
  const recipients = Object.keys(states).length;
  const reply = { type: "reply", tag, text: "" };
  rig.receive({ ...reply, id: "k.1.1", recipients, acknowledged, delivered, queued, expired });
  for (const [recipient, state] of Object.entries(states)) {
    rig.receive({ ...reply, recipient, server: "kitchen", state });
  }
  if (silent.length > 0) rig.receive({ ...reply, silent });
  rig.ok(tag);
}

/** Publishes one, and gives the tag of the question for its receipts. */
function publishOne(rig: PublisherRig, question: string, subscribers = 1): string {
  rig.publish("three");
  rig.endInput();
  rig.greet();
  rig.ok(rig.asked("/publish hits three"), { id: "k.1.1", subscribers });
  return rig.asked(question);
}

Deno.test("It publishes what waits, and is done when all is confirmed", () => {
  const rig = new PublisherRig();
  rig.publish("one", "two");
  rig.greet();
  rig.endInput();
  const [one, two] = rig.take();
  assertEquals([one?.command, two?.command], ["/publish hits one", "/publish hits two"]);
  rig.ok(two?.tag ?? "", { id: "k.1.2", subscribers: 3 });
  assertEquals([rig.published.length, rig.outcome], [1, undefined]);
  rig.receive({ type: "ok", tag: one?.tag, id: "k.1.1" });
  assertEquals(rig.published, [
    { id: "k.1.2", topic: "hits", text: "two", subscribers: 3 },
    { id: "k.1.1", topic: "hits", text: "one", subscribers: undefined },
  ]);
  assertEquals(rig.outcome, { is: "done" });
});

Deno.test("What was not confirmed when the connection was lost is published again, in order", () => {
  const rig = new PublisherRig();
  rig.greet();
  rig.publish("one", "two", "three");
  const [, two] = rig.take();
  rig.ok(two?.tag ?? "", { id: "k.1.2" });
  rig.comeBack();
  rig.publish("four");
  rig.lose("connection refused");
  rig.pass(20_000);
  rig.greet();
  rig.ok(two?.tag ?? "", { id: "k.1.2" });
  assertEquals(rig.commands(), ["/publish hits one", "/publish hits three", "/publish hits four"]);
  assertEquals(rig.published.length, 1);
});

Deno.test("Only so many are on their way, and only so many wait", () => {
  const rig = new PublisherRig();
  rig.greet();
  let taken = 0;
  for (; rig.publisher.wantsInput && taken < 10_000; taken++) rig.publish(`${taken}`);
  const sent = rig.take();
  assertEquals(sent.length, PUBLISH_WINDOW);
  assert(taken < 2000);
  rig.ok(sent[0]?.tag ?? "", { id: "k.1.1" });
  assertEquals([rig.take().length, rig.publisher.wantsInput], [1, true]);

  const watching = new PublisherRig({ needAck: "all", timeoutMs: 60_000 });
  watching.greet();
  watching.publish(...sent.map(({ tag }) => tag), "one more");
  for (const { tag } of watching.take()) watching.ok(tag, { id: `k.1.${tag}` });
  const asked = watching.commands();
  assert(asked.every((command) => command.startsWith("/receipts ")), "no further one is sent");
});

Deno.test("A refusal is told, makes it fail at the end, and doesn't stop the others", () => {
  const rig = new PublisherRig();
  rig.greet();
  rig.publish("one", "two");
  rig.endInput();
  const [one, two] = rig.take();
  rig.error(one?.tag ?? "", "failed", "The disk is full");
  rig.ok(two?.tag ?? "", { id: "k.1.2" });
  assertEquals([rig.statuses, rig.outcome], [["Not published: The disk is full"], {
    is: "failed",
  }]);

  const old = new PublisherRig();
  old.greet();
  old.publish("one");
  old.error(old.asked("/publish hits one"), "unknown-command");
  assertMatch(old.outcome?.message ?? "", /has no notifications: it does not know \/publish/);

  const strange = new PublisherRig();
  strange.greet();
  strange.publish("one");
  strange.endInput();
  strange.ok(strange.asked("/publish hits one"), { id: "../x" });
  assertEquals(strange.outcome, { is: "failed" });
});

Deno.test("All must acknowledge: it asks until they have", () => {
  const rig = new PublisherRig({ needAck: "all", timeoutMs: 10_500 });
  const first = publishOne(rig, "/receipts k.1.1 wait=10.5");
  rig.pass(500);
  answer(rig, first, { ann: "acknowledged", bob: "delivered" });
  assertEquals(rig.commands(), [], "not too often");
  rig.pass(500);
  const second = rig.asked("/receipts k.1.1 wait=9.5");
  answer(rig, second, { ann: "acknowledged", bob: "acknowledged" });
  assertEquals([rig.outcome, rig.publisher.isMissing], [{ is: "done" }, false]);
  assertEquals(rig.receipts.map(receiptsText), [
    [
      "k.1.1: 2 recipients, 2 acknowledged, 0 delivered, 0 queued, 0 expired",
      "  ann@kitchen  acknowledged",
      "  bob@kitchen  acknowledged",
    ].join("\n"),
  ]);
});

Deno.test("Some are enough", () => {
  const rig = new PublisherRig({ needAck: 1, timeoutMs: 10_000 });
  const first = publishOne(rig, "/receipts k.1.1 wait=1");
  rig.pass(1000);
  answer(rig, first, { ann: "queued", bob: "delivered" });
  const second = rig.asked("/receipts k.1.1 wait=1");
  answer(rig, second, { ann: "queued", bob: "acknowledged" });
  assertEquals([rig.outcome, rig.publisher.isMissing], [{ is: "done" }, false]);
});

Deno.test("When the time is up the last word is asked for, and acknowledgements are missing", () => {
  const rig = new PublisherRig({ needAck: "all", timeoutMs: 2550 });
  const first = publishOne(rig, "/receipts k.1.1 wait=2.5");
  rig.pass(2510);
  answer(rig, first, { ann: "queued" });
  const second = rig.asked("/receipts k.1.1");
  answer(rig, second, { ann: "queued" });
  assertEquals(rig.commands(), []);
  rig.pass(40);
  const last = rig.asked("/receipts k.1.1");
  answer(rig, last, { ann: "queued", bob: "acknowledged" }, ["attic", "cell\u001bar"]);
  assertEquals([rig.outcome, rig.publisher.isMissing], [{ is: "done" }, true]);
  const [receipts] = rig.receipts;
  assertEquals(JSON.parse(receiptsJson(receipts!)), {
    type: "receipts",
    id: "k.1.1",
    recipients: 2,
    queued: 1,
    delivered: 0,
    acknowledged: 1,
    expired: 0,
    receipts: [
      { recipient: "ann", server: "kitchen", state: "queued" },
      { recipient: "bob", server: "kitchen", state: "acknowledged" },
    ],
    silent: ["attic", "cell\u{FFFD}ar"],
    unknown: 0,
  });
});

Deno.test("Servers that don't answer may have recipients: all is not all without them", () => {
  const rig = new PublisherRig({ needAck: "all", timeoutMs: 1000 });
  const first = publishOne(rig, "/receipts k.1.1 wait=1");
  answer(rig, first, { ann: "acknowledged" }, ["attic"]);
  assertEquals(rig.outcome, undefined);
  rig.pass(1000);
  answer(rig, rig.asked("/receipts k.1.1"), { ann: "acknowledged" }, ["attic"]);
  assertEquals([rig.outcome, rig.publisher.isMissing], [{ is: "done" }, true]);
});

Deno.test("What has expired will never be acknowledged: there is nothing to wait for", () => {
  const rig = new PublisherRig({ needAck: "all", timeoutMs: 30_000 });
  const first = publishOne(rig, "/receipts k.1.1 wait=30");
  answer(rig, first, { ann: "acknowledged", bob: "expired" });
  assertEquals([rig.outcome, rig.publisher.isMissing], [{ is: "done" }, true]);
});

Deno.test("Nobody subscribed: that is all, but not one", () => {
  const all = new PublisherRig({ needAck: "all", timeoutMs: 5000 });
  answer(all, publishOne(all, "/receipts k.1.1 wait=5", 0), {});
  assertEquals([all.outcome, all.publisher.isMissing], [{ is: "done" }, false]);

  const one = new PublisherRig({ needAck: 1, timeoutMs: 2000 });
  answer(one, publishOne(one, "/receipts k.1.1 wait=1"), {});
  for (let asked = 0; one.outcome === undefined; asked++) {
    assert(asked < 5, "it is not asked all the time");
    one.pass(500);
    for (const { tag } of one.take()) answer(one, tag, {});
  }
  assertEquals([one.outcome, one.publisher.isMissing], [{ is: "done" }, true]);
});

Deno.test("Fewer are known than it was published to: that is not all, though it may be enough", () => {
  const rig = new PublisherRig({ needAck: "all", timeoutMs: 1000 });
  const first = publishOne(rig, "/receipts k.1.1 wait=1", 2);
  answer(rig, first, { ann: "acknowledged" });
  assertEquals(rig.outcome, undefined, "it may turn up yet");
  rig.pass(1000);
  answer(rig, rig.asked("/receipts k.1.1"), { ann: "acknowledged" });
  assertEquals([rig.outcome, rig.publisher.isMissing], [{ is: "done" }, true]);
  const [receipts] = rig.receipts;
  assertEquals(receiptsText(receipts!).split("\n").slice(1), [
    "  ann@kitchen  acknowledged",
    "Subscribers of whom nothing is known: 1",
  ]);
  assertEquals(JSON.parse(receiptsJson(receipts!)).unknown, 1);

  const one = new PublisherRig({ needAck: 1, timeoutMs: 1000 });
  answer(one, publishOne(one, "/receipts k.1.1 wait=1", 2), { ann: "acknowledged" });
  assertEquals([one.outcome, one.publisher.isMissing], [{ is: "done" }, false]);

  // Who came later asked for what was before: that is nobody too many.
  const more = new PublisherRig({ needAck: "all", timeoutMs: 1000 });
  const both = { ann: "acknowledged", bob: "acknowledged" } as const;
  answer(more, publishOne(more, "/receipts k.1.1 wait=1", 1), both);
  assertEquals([more.outcome, more.publisher.isMissing], [{ is: "done" }, false]);
});

Deno.test("A server that says nothing about recipients has not said that there are none", () => {
  for (const subscribers of [0, 2]) {
    const rig = new PublisherRig({ needAck: "all", timeoutMs: 1000 });
    rig.ok(publishOne(rig, "/receipts k.1.1 wait=1", subscribers));
    assertEquals(rig.outcome, undefined);
    rig.pass(1000);
    rig.ok(rig.asked("/receipts k.1.1"));
    assertEquals([rig.outcome, rig.publisher.isMissing], [{ is: "done" }, true]);
  }
});

Deno.test("After a loss it asks again who has acknowledged, and publishes nothing twice", () => {
  const rig = new PublisherRig({ needAck: "all", timeoutMs: 60_000 });
  publishOne(rig, "/receipts k.1.1 wait=30");
  rig.comeBack();
  rig.greet();
  answer(rig, rig.asked("/receipts k.1.1 wait=30"), { ann: "acknowledged" });
  assertEquals(rig.outcome, { is: "done" });
});

Deno.test("Nothing is known of it any more: it is missing", () => {
  const rig = new PublisherRig({ needAck: "all", timeoutMs: 60_000 });
  rig.error(publishOne(rig, "/receipts k.1.1 wait=30"), "not-found", "Not remembered");
  assertEquals([rig.outcome, rig.publisher.isMissing], [{ is: "done" }, true]);
  assertEquals(rig.statuses, ["Nothing is known of k.1.1: Not remembered"]);
});

Deno.test("Time is up before it is published, or nobody says who has acknowledged", () => {
  const unconfirmed = new PublisherRig({ timeoutMs: 3000 });
  unconfirmed.greet();
  unconfirmed.publish("one");
  unconfirmed.pass(3000);
  assertEquals(unconfirmed.outcome, {
    is: "timeout",
    message: "Timed out after 3 s: 1 notifications are not confirmed",
  });
  const unsaid = new PublisherRig({ needAck: "all", timeoutMs: 3000 });
  publishOne(unsaid, "/receipts k.1.1 wait=3");
  unsaid.pass(7999);
  assertEquals(unsaid.outcome, undefined);
  unsaid.pass(1);
  assertEquals(unsaid.outcome?.is, "timeout");
  const open = new PublisherRig({ timeoutMs: 3000 });
  open.greet();
  open.pass(3000);
  assertEquals(open.outcome, { is: "timeout", message: "Timed out after 3 s" });
});

Deno.test("The user leaves while there may be more to publish: that is how it ends", () => {
  const rig = new PublisherRig();
  rig.greet();
  rig.publish("one");
  rig.publisher.stop(rig.now);
  assertEquals(rig.outcome, { is: "done", message: "Notifications that were not confirmed: 1" });
  const idle = new PublisherRig();
  idle.greet();
  idle.publisher.stop(idle.now);
  assertEquals(idle.outcome, { is: "done" });
});

Deno.test("The user leaves before all is published: it isn't done", () => {
  const none = new PublisherRig();
  none.publish("one", "two");
  none.endInput();
  none.publisher.stop(none.now);
  const message = "Notifications that were not confirmed: 2";
  assertEquals(none.outcome, { is: "failed", message });

  const some = new PublisherRig();
  some.publish("one", "two", "three");
  some.endInput();
  some.greet();
  some.ok(some.take()[0]?.tag ?? "", { id: "k.1.1" });
  some.publisher.stop(some.now);
  assertEquals(some.outcome, { is: "partly", message });
});

Deno.test("The user leaves while acknowledgements are waited for: how they stand is told", () => {
  const rig = new PublisherRig({ needAck: "all", timeoutMs: 60_000 });
  publishOne(rig, "/receipts k.1.1 wait=30");
  rig.pass(2000);
  rig.publisher.stop(rig.now);
  const now = rig.asked("/receipts k.1.1");
  rig.publisher.stop(rig.now);
  assertEquals([rig.commands(), rig.outcome], [[], undefined]);
  answer(rig, now, { ann: "acknowledged", bob: "queued" });
  assertEquals([rig.outcome, rig.publisher.isMissing], [{ is: "done" }, true]);
  assertEquals(rig.receipts.map(({ counts }) => counts.acknowledged), [1]);

  // The answer to the question before is as good, and only one of them is told.
  const two = new PublisherRig({ needAck: "all", timeoutMs: 60_000 });
  two.greet();
  two.publish("one", "two");
  const published = two.take();
  for (const { tag } of published) two.ok(tag, { id: `k.1.${tag}` });
  const [first] = two.take();
  two.endInput();
  two.publisher.stop(two.now);
  answer(two, first?.tag ?? "", { ann: "acknowledged" });
  const [again, other] = two.take();
  answer(two, again?.tag ?? "", { ann: "acknowledged" });
  assertEquals([two.receipts.length, two.outcome], [1, undefined]);
  answer(two, other?.tag ?? "", { ann: "acknowledged" });
  assertEquals([two.receipts.length, two.outcome], [2, { is: "done" }]);
  assertEquals(two.publisher.isMissing, false);
});

Deno.test("The user leaves and the server doesn't say how acknowledgements stand", () => {
  const message = "Notifications of which it is not known who acknowledged them: 1";
  const silent = new PublisherRig({ needAck: 1, timeoutMs: 60_000 });
  publishOne(silent, "/receipts k.1.1 wait=1");
  silent.publisher.stop(silent.now);
  silent.pass(2999);
  assertEquals(silent.outcome, undefined);
  silent.pass(1);
  assertEquals([silent.outcome, silent.publisher.isMissing], [{ is: "done", message }, true]);

  const lost = new PublisherRig({ needAck: 1, timeoutMs: 60_000 });
  publishOne(lost, "/receipts k.1.1 wait=1");
  lost.publisher.stop(lost.now);
  lost.lose();
  assertEquals([lost.outcome, lost.publisher.isMissing], [{ is: "done", message }, true]);

  const away = new PublisherRig({ needAck: 1, timeoutMs: 60_000 });
  publishOne(away, "/receipts k.1.1 wait=1");
  away.lose();
  away.publisher.stop(away.now);
  assertEquals([away.outcome, away.publisher.isMissing], [{ is: "done", message }, true]);
});
