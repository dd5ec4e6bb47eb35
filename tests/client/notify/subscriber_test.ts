import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { MAX_ACKS } from "../../../lib/client/notify/acknowledgements.ts";
import { ANSWER_MS, IDLE_MS } from "../../../lib/client/notify/caller.ts";
import { transition } from "../../../lib/client/notify/state.ts";
import { ENDING_MS } from "../../../lib/client/notify/subscriber.ts";
import { MAX_NOTIFICATIONS_WAITING } from "../../../lib/wire/limits.ts";
import { SubscriberRig } from "./rig.ts";

Deno.test("It is a service, speaks JSON, and asks for the mode", () => {
  const rig = new SubscriberRig({ topics: ["hits", "door/*"] });
  assertEquals(rig.connecting, true);
  rig.caller.connected(rig.now);
  const [service, format] = rig.take();
  assertEquals([service?.command, format?.command], ["/service", "/format json"]);
  rig.receive("Welcome, guest1");
  rig.ok(service?.tag ?? "");
  assertEquals(rig.commands(), []);
  rig.ok(format?.tag ?? "");
  const tag = rig.asked("/notify hits door/*");
  assertEquals(rig.caller.state.is, "entering");
  rig.ok(tag, { timeout: 60, pending: 0 });
  assertEquals(rig.caller.state.is, "listening");
});

Deno.test("The nick is taken first; one that can't be had ends it, but not when coming back", () => {
  const rig = new SubscriberRig({ nick: "ann" }).greet();
  rig.ok(rig.asked("/nick ann"));
  rig.ok(rig.asked("/notify"));
  rig.comeBack();
  rig.greet();
  rig.error(rig.asked("/nick ann"), "taken", "Nick ann is taken");
  rig.asked("/notify");
  assertEquals(rig.statuses.at(-1), "Nick ann is taken; going on without it");

  const other = new SubscriberRig({ nick: "ann" }).greet();
  other.error(other.asked("/nick ann"), "taken", "Nick ann is taken");
  assertEquals(other.outcome, { is: "failed", message: "Nick ann is taken" });
});

Deno.test("Each notification is handled in turn, then acknowledged", () => {
  const rig = new SubscriberRig().listen();
  rig.push(1);
  rig.push(2);
  assertEquals(rig.given, ["hits: text 1"]);
  assertEquals(rig.commands(), []);
  rig.done();
  const ack = rig.asked("/ack k.1.1");
  assertEquals(rig.given, ["hits: text 1", "hits: text 2"]);
  assertEquals(rig.subscriber.unconfirmed, 1);
  rig.ok(ack);
  assertEquals(rig.subscriber.unconfirmed, 0);
});

Deno.test("What comes again is handled once, and acknowledged again where the server seems not to know", () => {
  const rig = new SubscriberRig().listen();
  rig.push(1);
  rig.push(1);
  rig.done();
  const ack = rig.asked("/ack k.1.1");
  rig.push(1);
  assertEquals(rig.commands(), [], "an acknowledgement is on its way");
  rig.ok(ack);
  rig.push(1);
  assertEquals(rig.commands(), ["/ack k.1.1"]);
  assertEquals(rig.given.length, 1);
});

Deno.test("A second answer, an answer nobody asked for and other lines are logged, and change nothing", () => {
  const rig = new SubscriberRig().listen();
  rig.push(1);
  rig.done();
  const ack = rig.asked("/ack k.1.1");
  rig.ok(ack);
  const before = rig.logged.length;
  rig.ok(ack);
  rig.error(ack, "not-found");
  rig.ok("zzz");
  rig.receive(
    "nonsense",
    { type: "reply", text: "hm" },
    { type: "speech", nick: "bob", text: "hello" },
    { type: "notify", id: "../../x", topic: "hits", text: "bad id" },
    { type: "notify", id: "k.1.9", topic: "hits" },
    { type: "error", code: "too-long", text: "Line too long" },
    { type: "marvel" },
  );
  assertEquals(rig.logged.slice(before), [
    "A second answer to a request that is answered",
    "A second answer to a request that is answered",
    "An answer that nobody asked for",
    "A record that is no JSON of the protocol",
    "An answer that nobody asked for",
    "Something that nobody asked for",
    "Something that nobody asked for",
    "Something that nobody asked for",
    "An error that belongs to no request: Line too long",
    "Something that nobody asked for",
  ]);
  assertEquals([rig.commands(), rig.given.length, rig.caller.state.is], [[], 1, "listening"]);
});

Deno.test("An answer to a request of the former connection is none on this one", () => {
  const rig = new SubscriberRig().listen();
  rig.push(1);
  rig.done();
  const old = rig.asked("/ack k.1.1");
  rig.comeBack();
  rig.greet();
  const enter = rig.asked("/notify since=k.1.1");
  rig.ok(old);
  assertEquals(rig.subscriber.unconfirmed, 1);
  rig.ok(enter);
  assertEquals(rig.commands(), ["/ack k.1.1"]);
});

Deno.test("It leaves the mode some seconds before the server ends it, and enters it again", () => {
  const rig = new SubscriberRig({ topics: ["hits"] }).listen({ timeout: 60 });
  rig.push(1);
  rig.done();
  rig.ok(rig.asked("/ack k.1.1"));
  // Signs of life meanwhile.
  for (let passed = 0; passed < 54_000; passed += IDLE_MS) {
    rig.pass(Math.min(IDLE_MS, 54_000 - passed));
    for (const { tag, command } of rig.take()) {
      assertEquals(command, "/ping");
      rig.ok(tag, { text: "pong" });
    }
  }
  assertEquals(rig.caller.state.is, "listening");
  rig.pass(1500);
  const normal = rig.asked("/normal");
  assertEquals(rig.caller.state.is, "leaving");
  rig.ok(normal, { text: "Notifications off" });
  assertEquals(rig.caller.state.is, "reentering");
  rig.ok(rig.asked("/notify hits since=k.1.1"), { timeout: 60 });
  assertEquals(rig.caller.state.is, "listening");
});

Deno.test("A short timeout is left at three quarters; one that is nonsense counts as the default", () => {
  const rig = new SubscriberRig({ as: "ann", modeSeconds: 4 });
  rig.greet();
  rig.ok(rig.asked("/notify timeout=4 as=ann"), { timeout: 2 });
  rig.pass(1499);
  assertEquals(rig.commands(), []);
  rig.pass(1);
  rig.ok(rig.asked("/normal"));
  // A fraction of a second, too: it would ask for the mode all the time.
  for (const timeout of [-1, 0, 0.1, 0.999, 86_401, 1e300, null, "60", []]) {
    rig.ok(rig.asked("/notify timeout=4 as=ann"), { timeout });
    rig.pass(2999);
    assertEquals(rig.commands(), []);
    rig.pass(1);
    rig.ok(rig.asked("/normal"));
  }
});

Deno.test("Without a name and before the first notification the mode is renewed without a gap", () => {
  const rig = new SubscriberRig().listen({ timeout: 2 });
  rig.pass(1500);
  rig.ok(rig.asked("/notify"), { timeout: 2 });
  const told = new SubscriberRig().listen({ timeout: 2, last: "k.1.7" });
  told.pass(1500);
  told.ok(told.asked("/normal"));
  told.asked("/notify since=k.1.7");
});

Deno.test("Notifications that cross a request on the wire are taken; in normal mode they are not", () => {
  const rig = new SubscriberRig({ details: true }).listen({ timeout: 2 });
  rig.push(1, "offers");
  const normal = rig.asked("/normal");
  rig.push(2);
  rig.ok(normal);
  rig.push(3);
  assertEquals(rig.logged.at(-1), "Something that nobody asked for");
  const offer = rig.asked("/offer k.1.1");
  rig.ok(offer, { details: "all of it" });
  const enter = rig.asked("/notify since=k.1.2");
  rig.push(3);
  rig.push(4);
  for (let i = 0; i < 3; i++) rig.done();
  rig.ok(enter, { timeout: 2 });
  rig.push(5);
  rig.done();
  rig.done();
  assertEquals(rig.given, [
    "offers: text 1",
    "hits: text 2",
    "hits: text 3",
    "hits: text 4",
    "hits: text 5",
  ]);
  assertEquals(rig.commands().filter((command) => command.startsWith("/ack")).length, 5);
});

Deno.test("Details: it waits, is notified, leaves the mode, fetches, hands out, enters again", () => {
  const rig = new SubscriberRig({ details: true, topics: ["offers"] }).listen();
  rig.push(1, "offers", "A bicycle, hardly…");
  rig.push(2, "offers", "Plums");
  assertEquals(rig.given, []);
  rig.ok(rig.asked("/normal"));
  assertEquals(rig.caller.state.is, "fetching");
  const [one, two] = rig.take();
  assertEquals([one?.command, two?.command], ["/offer k.1.1", "/offer k.1.2"]);
  rig.ok(one?.tag ?? "", { text: "  A bicycle", details: "A bicycle, hardly\u001b[2J used" });
  assertEquals(rig.caller.state.is, "fetching");
  rig.error(two?.tag ?? "", "not-found", "No offer k.1.2");
  const enter = rig.asked("/notify offers since=k.1.2");
  assertEquals(rig.statuses, ["No details of k.1.2: No offer k.1.2"]);
  rig.ok(enter);
  assertEquals(rig.handling[0]?.details, "A bicycle, hardly\u{FFFD}[2J used");
  rig.done();
  assertEquals(rig.handling[0]?.details, undefined);
  assertEquals(rig.given, ["offers: A bicycle, hardly…", "offers: Plums"]);
  const steps = rig.logged.filter((line) => !/^(Acknowledged|Notified)/.test(line));
  assertEquals(steps, [
    "Waiting for notifications on offers, for 60 s at a time",
    "Leaving the mode to fetch details",
    "Fetching the details of k.1.1",
    "Fetching the details of k.1.2",
    "Entering the mode again",
    "Waiting for notifications on offers, for 60 s at a time",
    "Handling k.1.1",
    "Handling k.1.2",
  ]);
});

Deno.test("Details that were being fetched when the connection was lost are fetched again", () => {
  const rig = new SubscriberRig({ details: true, as: "ann" }).listen();
  rig.push(1, "offers");
  rig.ok(rig.asked("/normal"));
  rig.asked("/offer k.1.1");
  rig.comeBack();
  rig.listen();
  rig.push(1, "offers");
  rig.ok(rig.asked("/normal"));
  rig.ok(rig.asked("/offer k.1.1"), { details: "all of it" });
  rig.ok(rig.asked("/notify as=ann"));
  assertEquals([rig.given.length, rig.handling[0]?.details], [1, "all of it"]);
});

Deno.test("The server's own timeout is no trouble: it enters again", () => {
  const rig = new SubscriberRig({ as: "ann" }).listen({ timeout: 60 });
  rig.pass(10_000);
  rig.ok(rig.asked("/ping"));
  rig.pass(9000);
  rig.push(1);
  rig.pass(9000);
  rig.receive({ type: "notice", text: "Notifications off after 60 s", notifications: false });
  assertEquals(rig.caller.state.is, "reentering");
  rig.ok(rig.asked("/notify as=ann"));
  assertEquals(rig.caller.state.is, "listening");
});

Deno.test("A server that ends the mode at once is left alone for a while", () => {
  const rig = new SubscriberRig().listen();
  rig.receive({ type: "notice", text: "Notifications off after 60 s", notifications: false });
  assertEquals([rig.caller.state.is, rig.dropped], ["waiting", 1]);
});

Deno.test("Who is replaced under its name ends, and does not take it back", () => {
  const rig = new SubscriberRig({ as: "ann" }).listen();
  const text = "Notifications off: ann came back on another connection";
  rig.receive({ type: "notice", text, notifications: false, replaced: true });
  assertEquals(rig.outcome, { is: "failed", message: text });
});

Deno.test("Lost notifications are told", () => {
  const rig = new SubscriberRig({ as: "ann" }).listen();
  rig.receive({ type: "notice", text: "3 notifications were dropped", dropped: 3 });
  assertEquals(rig.statuses, ["3 notifications were dropped"]);
});

Deno.test("It comes back after a loss: behind the last one, or under its name", () => {
  const rig = new SubscriberRig({ topics: ["hits"] }).listen();
  rig.push(1);
  rig.push(2);
  rig.done();
  rig.comeBack();
  assertMatch(rig.statuses[0] ?? "", /^The connection to kitchen:1 is lost: .*\. Trying again …$/);
  rig.greet();
  rig.ok(rig.asked("/notify hits since=k.1.2"));
  assertMatch(rig.statuses[1] ?? "", /^Connected again after \d+ s$/);
  assertEquals(rig.commands(), ["/ack k.1.1"]);

  const named = new SubscriberRig({ topics: ["hits"], as: "ann", since: "all" });
  named.greet();
  named.ok(named.asked("/notify hits since=all as=ann"));
  named.push(1);
  named.comeBack();
  named.greet();
  named.ok(named.asked("/notify hits as=ann"));
  named.push(1);
  assertEquals(named.given.length, 1);
});

Deno.test("Since: an id, or all, until something came; an unknown one is told", () => {
  const rig = new SubscriberRig({ since: "k.1.5" }).greet();
  rig.ok(rig.asked("/notify since=k.1.5"), {
    text: "k.1.5 is not remembered: all that is remembered follows",
    unknown: "k.1.5",
  });
  assertEquals(rig.statuses, ["k.1.5 is not remembered: all that is remembered follows"]);
  rig.comeBack();
  rig.greet().asked("/notify since=k.1.5");

  const all = new SubscriberRig({ since: "all" }).listen();
  all.comeBack();
  all.listen();
  all.push(9);
  all.comeBack();
  all.greet().asked("/notify since=k.1.9");
});

Deno.test("Unconfirmed acknowledgements are sent again; those the server knows nothing of are let go", () => {
  const rig = new SubscriberRig({ as: "ann" }).listen();
  for (const id of [1, 2, 3]) {
    rig.push(id);
    rig.done();
  }
  const [one] = rig.take();
  rig.ok(one?.tag ?? "");
  rig.comeBack();
  rig.listen();
  const again = rig.take();
  assertEquals(again.map(({ command }) => command), ["/ack k.1.2", "/ack k.1.3"]);
  rig.error(again[0]?.tag ?? "", "not-found");
  rig.error(again[1]?.tag ?? "", "busy", "The disk is full");
  assertEquals(rig.statuses.at(-1), "Cannot acknowledge k.1.3: The disk is full");
  assertEquals(rig.subscriber.unconfirmed, 0);
  // The server pushes it again: it is acknowledged again, not handled.
  rig.push(3);
  assertEquals([rig.commands(), rig.given.length], [["/ack k.1.3"], 3]);
});

Deno.test("What a handler could not do is tried again once in each turn, and others go on", () => {
  const rig = new SubscriberRig({ as: "ann", details: true }).listen({ timeout: 2 });
  rig.push(1);
  rig.done(false);
  rig.push(1);
  rig.push(2);
  assertEquals(rig.given, ["hits: text 1", "hits: text 2"]);
  rig.done();
  rig.ok(rig.asked("/ack k.1.2"));
  // To fetch details is no new turn.
  rig.push(3, "offers");
  rig.ok(rig.asked("/normal"));
  rig.ok(rig.asked("/offer k.1.3"));
  rig.ok(rig.asked("/notify as=ann"), { timeout: 2 });
  rig.push(1);
  rig.done();
  rig.ok(rig.asked("/ack k.1.3"));
  assertEquals(rig.given.length, 3);
  rig.pass(1500);
  rig.ok(rig.asked("/normal"));
  rig.ok(rig.asked("/notify as=ann"), { timeout: 2 });
  rig.push(1);
  rig.push(1);
  assertEquals(rig.given.slice(3), ["hits: text 1"]);
  rig.done(false);
  rig.push(1);
  assertEquals(rig.given.length, 4);
  rig.comeBack();
  rig.listen();
  rig.push(1);
  assertEquals(rig.given.length, 5);
  rig.done();
  assertEquals(rig.commands(), ["/ack k.1.1"]);
});

Deno.test("A burst: more than can wait is left, and fetched when there is room", () => {
  const rig = new SubscriberRig().listen();
  const all = MAX_NOTIFICATIONS_WAITING + 500;
  const from = (first: number) => {
    for (let id = first; id <= all; id++) rig.push(id);
  };
  from(1);
  let handled = 0;
  for (; rig.caller.state.is === "listening"; handled++) {
    rig.done();
    for (const { tag, command } of rig.take()) {
      if (command !== "/normal") rig.ok(tag);
      else rig.sent.push(`@${tag} ${command}`);
    }
  }
  assert(handled >= MAX_NOTIFICATIONS_WAITING / 2 && handled < MAX_NOTIFICATIONS_WAITING);
  rig.ok(rig.asked("/normal"));
  // The first one is being handled: so many waited behind it.
  const last = MAX_NOTIFICATIONS_WAITING + 1;
  const enter = rig.asked(`/notify since=k.1.${last}`);
  rig.ok(enter);
  from(last + 1);
  for (; rig.handling.length > 0; handled++) rig.done();
  assertEquals(handled, all);
  assert(rig.commands().every((command) => command.startsWith("/ack ")), "that was all");
  assertEquals(rig.caller.state.is, "listening");
  assertEquals(rig.given, Array.from({ length: all }, (_, i) => `hits: text ${i + 1}`));
});

Deno.test("So many acknowledgements are on their way at a time, and what is handled waits for them", () => {
  const rig = new SubscriberRig().listen();
  for (let id = 1; id <= 1000; id++) rig.push(id);
  for (let i = 0; i < 1000; i++) rig.done();
  const sent = rig.take();
  assertEquals(sent.length, 256);
  for (const { tag } of sent) rig.ok(tag);
  assertEquals(rig.take().length, 256);

  const many = new SubscriberRig().listen();
  for (let id = 1; id <= MAX_ACKS + 100; id++) {
    many.push(id);
    many.done();
  }
  assertEquals(many.given.length, MAX_ACKS);
  for (const { tag } of many.take()) many.ok(tag);
  many.done();
  assertEquals(many.given.length, MAX_ACKS + 2);
});

Deno.test("A silent server: it is asked for a sign of life, then left", () => {
  const rig = new SubscriberRig({ as: "ann" }).listen();
  rig.pass(IDLE_MS);
  rig.asked("/ping");
  rig.pass(ANSWER_MS - 1);
  assertEquals(rig.caller.state.is, "listening");
  rig.pass(1);
  assertEquals([rig.caller.state.is, rig.dropped], ["waiting", 1]);
  assertMatch(rig.statuses[0] ?? "", /lost: no answer to \/ping in time/);
});

Deno.test("No answer to one request is enough, though the server goes on talking", () => {
  const rig = new SubscriberRig({ as: "ann" }).listen();
  rig.push(1);
  rig.done();
  for (let i = 2; i < 12; i++) {
    rig.pass(ANSWER_MS / 10);
    rig.push(i);
  }
  assertEquals(rig.caller.state.is, "waiting");
  assertMatch(rig.statuses[0] ?? "", /no answer to \/ack in time/);
});

Deno.test("No server, or none of this kind: it fails before the first time, and says why", () => {
  const refused = new SubscriberRig();
  refused.lose("connection refused");
  assertEquals(refused.outcome, {
    is: "failed",
    message: "Cannot connect to kitchen:1: connection refused; is the server running there?",
  });
  const strange = new SubscriberRig();
  strange.caller.connected(strange.now);
  strange.receive("220 mail.example ESMTP");
  strange.pass(ANSWER_MS);
  assertMatch(strange.outcome?.message ?? "", /does not answer as a talker .*\(it said "220 mail/);
  const old = new SubscriberRig().greet();
  old.error(old.asked("/notify"), "unknown-command", "Unknown command: /notify");
  assertEquals(old.outcome, {
    is: "failed",
    message: "kitchen:1 has no notifications: it does not know /notify",
  });
  const wrong = new SubscriberRig({ topics: ["a//b"] }).greet();
  wrong.error(wrong.asked("/notify a//b"), "usage", "Usage: /notify [TOPIC…]");
  assertEquals(wrong.outcome, { is: "failed", message: "Usage: /notify [TOPIC…]" });
  const once = new SubscriberRig({ reconnect: false }).listen();
  once.lose();
  assertEquals(once.outcome?.is, "failed");
  const patient = new SubscriberRig({ patient: true });
  patient.lose("connection refused");
  patient.pass(1000);
  assertEquals([patient.outcome, patient.connecting], [undefined, true]);
});

Deno.test("A server that refuses the mode for now is asked again later", () => {
  const rig = new SubscriberRig({ as: "ann" }).listen();
  rig.comeBack();
  rig.greet();
  rig.error(rig.asked("/notify as=ann"), "busy", "Too many subscribers");
  assertEquals(rig.caller.state.is, "waiting");
});

Deno.test("Enough is enough: it ends when the last one is confirmed, or after a moment", () => {
  for (const confirmed of [true, false]) {
    const rig = new SubscriberRig({ count: 2 }).listen();
    for (const id of [1, 2, 3]) rig.push(id);
    rig.done();
    rig.done();
    assertEquals([rig.given.length, rig.outcome], [2, undefined]);
    const acks = rig.take();
    rig.push(4);
    for (const { tag } of acks) if (confirmed) rig.ok(tag);
    assertEquals(rig.outcome, confirmed ? { is: "done" } : undefined);
    rig.pass(ENDING_MS);
    assertEquals(rig.outcome, { is: confirmed ? "done" : "partly" });
    const told = confirmed ? [] : ["Acknowledgements that were not confirmed: 2"];
    assertEquals(rig.statuses, told);
  }
});

Deno.test("An acknowledgement that the server refused is missing; who leaves does not mind", () => {
  const rig = new SubscriberRig({ count: 1 }).listen();
  rig.push(1);
  rig.done();
  rig.error(rig.asked("/ack k.1.1"), "failed", "The disk is full");
  assertEquals(rig.outcome, { is: "partly" });

  const left = new SubscriberRig({ count: 1 }).listen();
  left.push(1);
  left.done();
  left.subscriber.stop(left.now);
  left.pass(ENDING_MS);
  assertEquals(left.outcome, { is: "done" });
});

Deno.test("What the server pushed on this connection it must know: an acknowledgement it doesn't is missing", () => {
  const rig = new SubscriberRig({ count: 1 }).listen();
  rig.push(1);
  rig.done();
  rig.error(rig.asked("/ack k.1.1"), "not-found", "No notification k.1.1 was for you");
  assertEquals(rig.statuses, [
    "Cannot acknowledge k.1.1: No notification k.1.1 was for you",
    "Acknowledgements that were not confirmed: 1",
  ]);
  assertEquals(rig.outcome, { is: "partly" });

  // A new session is not asked for what the former one was sent, but for what it is sent again itself.
  for (const again of [false, true]) {
    const other = new SubscriberRig({ count: 2 }).listen();
    other.push(1);
    other.comeBack();
    other.greet();
    other.ok(other.asked("/notify since=k.1.1"), { timeout: 60 });
    if (again) other.push(1);
    other.done();
    other.error(other.asked("/ack k.1.1"), "not-found", "No notification k.1.1 was for you");
    other.push(2);
    other.done();
    other.ok(other.asked("/ack k.1.2"));
    assertEquals(other.outcome, { is: again ? "partly" : "done" });
  }

  // Settled in the end.
  const late = new SubscriberRig({ count: 2 }).listen();
  late.push(1);
  late.done();
  late.error(late.asked("/ack k.1.1"), "not-found");
  late.push(1);
  late.ok(late.asked("/ack k.1.1"));
  late.push(2);
  late.done();
  late.ok(late.asked("/ack k.1.2"));
  assertEquals(late.outcome, { is: "done" });
});

Deno.test("The user leaves: what is being handled may still be acknowledged", () => {
  const rig = new SubscriberRig().listen();
  rig.push(1);
  rig.push(2);
  rig.subscriber.stop(rig.now);
  assertEquals(rig.outcome, undefined);
  rig.done();
  rig.ok(rig.asked("/ack k.1.1"));
  assertEquals([rig.outcome, rig.given.length], [{ is: "done" }, 1]);

  const failing = new SubscriberRig().listen();
  failing.push(1);
  failing.subscriber.stop(failing.now);
  failing.done(false);
  assertEquals([failing.outcome, failing.commands()], [{ is: "done" }, []]);

  for (const state of ["entering", "leaving", "fetching", "reentering"]) {
    const amid = new SubscriberRig({ details: true });
    amid.greet();
    let [last] = amid.take();
    if (state !== "entering") amid.ok(last?.tag ?? "");
    amid.push(1);
    amid.push(2, "offers");
    if (state !== "entering") amid.done();
    while (amid.caller.state.is !== state) {
      [last] = amid.take().filter(({ command }) => !command.startsWith("/ack"));
      amid.ok(last?.tag ?? "");
    }
    amid.subscriber.stop(amid.now);
    for (const { tag, command } of amid.take()) if (!/^.ack/.test(command)) amid.ok(tag);
    if (last !== undefined) amid.ok(last.tag);
    amid.pass(ENDING_MS);
    assertEquals([state, amid.outcome], [state, { is: "done" }]);
  }

  const away = new SubscriberRig().listen();
  away.lose();
  away.subscriber.stop(away.now);
  assertEquals(away.outcome, { is: "done" });
});

Deno.test("It times out, wherever it is", () => {
  const rig = new SubscriberRig({ timeoutMs: 3000 });
  rig.pass(3000);
  assertEquals(rig.outcome, { is: "timeout", message: "Timed out after 3 s" });
  const listening = new SubscriberRig({ timeoutMs: 3000 }).listen();
  listening.pass(3000);
  assertEquals(listening.outcome?.is, "timeout");
});

Deno.test("A state that can't follow is refused", () => {
  assertThrows(() => transition({ is: "waiting", until: 0 }, { is: "fetching" }), RangeError);
});

Deno.test("What is pushed on a topic that was not asked for, or is none, is logged and ignored", () => {
  const ignored = (rig: SubscriberRig, topic: string) => {
    const { length } = rig.logged;
    rig.push(99, topic);
    assertEquals([rig.handling.length, rig.commands()], [0, []]);
    assertEquals(rig.logged.slice(length), ["Something that nobody asked for"]);
  };
  const rig = new SubscriberRig({ topics: ["hits", "door/*"] }).listen();
  for (const topic of ["evil", "door", "hits/x", "hits\u001b[31m", "*", ""]) ignored(rig, topic);
  rig.push(1, "door/front");
  assertEquals(rig.handling.length, 1);

  // A name without topics has those that the server tells.
  const named = new SubscriberRig({ as: "ann" }).listen({
    timeout: 60,
    topics: ["hits", 7, "a b"],
  });
  ignored(named, "evil");
  named.push(1, "hits");
  assertEquals(named.handling.length, 1);
});
