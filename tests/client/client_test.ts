import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { GOODBYE_MS, GREETING_MS, IDLE_MS } from "../../lib/client/client.ts";
import { HISTORY_MS } from "../../lib/client/entrance.ts";
import { Admission } from "../../lib/talker/admission.ts";
import { WINDOW_LINES } from "../../lib/client/outbox.ts";
import { ClientRig, TIME } from "../support/client_rig.ts";

Deno.test("It asks for JSON first, and for nothing else until it is welcomed", () => {
  const rig = new ClientRig();
  rig.line("early");
  rig.connected();
  assertEquals(rig.take(), ["@c1 /format json"]);
  rig.receive("Welcome, guest1", "guest1 has joined");
  assertEquals(rig.take(), []);
  rig.welcome();
  assertEquals(rig.take(), ["@c2 /history 1", "@c3 /say early"]);
});

Deno.test("A person is served with history, who is here and the commands", () => {
  const rig = new ClientRig({ interactive: true });
  rig.connected();
  rig.take();
  rig.welcome();
  assertEquals(rig.take(), ["@c2 /history 10", "@c3 /who", "@c4 /help"]);
  rig.receive(
    { type: "reply", tag: "c3", text: "    bob", server: "kitchen", nick: "bob" },
    { type: "reply", tag: "c4", text: "  /who", command: "who" },
    { type: "reply", tag: "c4", text: "  evil", command: "x\u001b[2J" },
  );
  assertEquals(rig.client.people.nicks, ["bob"]);
  assertEquals([...rig.client.commands], ["who"]);
  assertEquals(rig.lines, []);
});

Deno.test("Lines go out tagged, and the client is done when all are answered", () => {
  const rig = new ClientRig().ready();
  rig.line("hello", "/me waves", "//etc", "/who", "", "\u0007", "@bob hi");
  assertEquals(rig.sent.map((record) => record.replace(/^@\w+ /, "")), [
    "/say hello",
    "/me waves",
    "/say /etc",
    "/who",
    "/say @bob hi",
  ]);
  const tags = rig.take().map((record) => /^@(\w+)/.exec(record)?.[1]);
  assertEquals(new Set(tags).size, 5);
  rig.client.endInput(rig.now);
  for (const tag of tags) {
    assertEquals(rig.outcome, undefined);
    rig.receive({ type: "ok", tag });
  }
  assertEquals(rig.outcome, { is: "done" });
});

Deno.test("What /say would change goes out bare, confirmed by a ping", () => {
  const rig = new ClientRig().ready();
  rig.line("  indented ", "x".repeat(8190));
  const [bare, ping, long, ping2] = rig.take();
  assertEquals(bare, "  indented ");
  assertMatch(ping ?? "", /^@\w+ \/ping$/);
  assertEquals(long?.length, 8190);
  assertMatch(ping2 ?? "", /^@\w+ \/ping$/);
  rig.receive({ type: "reply", tag: ping?.slice(1, 3), text: "pong" });
  assertEquals(rig.lines, [], "the pong is not the user's");
});

Deno.test("A line over the limit is refused here, and makes a script fail", () => {
  const rig = new ClientRig().ready();
  rig.line("x".repeat(8193), "é".repeat(4097), "/me " + "x".repeat(8188));
  assertEquals(rig.take(), []);
  assertEquals(rig.lines.length, 3);
  assertEquals(rig.lines[1], "!Line too long: 8194 bytes, and 8192 are the most");
  assertEquals(
    rig.lines[2],
    "!Line too long: 8192 bytes, and 8168 are the most for a command, which the client gives a tag",
  );
  rig.client.lineTooLong(1_048_576, rig.now);
  assertEquals(rig.lines[3], "!Line too long: more than 1048576 bytes, and 8192 are the most");
  rig.client.endInput(rig.now);
  assertEquals(rig.outcome, { is: "failed" });
});

Deno.test("The user's own tags come back, others stay inside", () => {
  const rig = new ClientRig().ready();
  rig.line("@mine /time", "/time");
  const [one, two] = rig.take().map((record) => /^@(\w+)/.exec(record)?.[1]);
  assert(one !== "mine");
  rig.receive(
    { type: "reply", tag: one, text: "now" },
    { type: "ok", tag: one },
    { type: "reply", tag: two, text: "now" },
    { type: "ok", tag: two },
  );
  assertEquals(rig.lines, ["@mine now", "@mine ok", "now"]);
});

Deno.test("An error of a command is told, and makes a script fail at the end", () => {
  const rig = new ClientRig().ready();
  rig.line("/foo");
  rig.receive({
    type: "error",
    tag: rig.tagOf("/foo"),
    code: "unknown-command",
    text: "Unknown command: /foo",
  });
  assertEquals(rig.lines, ["!Unknown command: /foo"]);
  rig.client.endInput(rig.now);
  assertEquals(rig.outcome, { is: "failed" });
});

Deno.test("Only a window of lines is unanswered, and there is no room for more than that again", () => {
  const rig = new ClientRig().ready();
  let taken = 0;
  while (rig.client.wantsInput) {
    rig.line(`line ${taken++}`);
    assert(taken <= 10_000);
  }
  assertEquals(rig.sent.length, WINDOW_LINES);
  assert(taken <= 2 * WINDOW_LINES);
  const [first] = rig.take();
  rig.receive({ type: "ok", tag: first?.slice(1).split(" ")[0] });
  assertEquals(rig.take().length, 1);
  assert(rig.client.wantsInput);
});

Deno.test("Long lines fill the window by their bytes", () => {
  const rig = new ClientRig().ready();
  while (rig.client.wantsInput) rig.line("x".repeat(8000));
  assert(rig.sent.length * 8000 <= 1024 * 1024 + 8000, `${rig.sent.length} lines`);
});

Deno.test("What arrives is shown in the words of the text form", () => {
  const rig = new ClientRig().ready("me");
  const base = { time: TIME, server: "kitchen" };
  rig.receive(
    { type: "speech", id: "a.1", nick: "bob", text: "hi", ...base },
    { type: "action", id: "a.2", nick: "bob", text: "waves", ...base },
    { type: "whisper", nick: "bob", text: "psst", ...base },
    { type: "joined", nick: "carl", nicks: ["carl"], count: 1, text: "carl has joined", ...base },
    { type: "joined", nick: "me", nicks: ["me"], count: 1, text: "me has joined", ...base },
    { type: "left", nicks: ["a", "b"], count: 5, text: "5 have left: a, b", ...base },
    { type: "renamed", old: "bob", nick: "rob", text: "bob renames themself as rob", ...base },
    { type: "notice", text: "Soon", time: TIME },
    { type: "error", code: "too-long", text: "Line too long" },
    { type: "invention", text: "of a later version" },
  );
  assertEquals(rig.lines, [
    "bob: hi",
    "* bob waves",
    "bob whispers: psst",
    "carl has joined",
    "5 have left: a, b",
    "bob renames themself as rob",
    "Soon",
    "!Line too long",
  ]);
});

Deno.test("What a server should not send is passed over", () => {
  const rig = new ClientRig().ready();
  rig.line("/time");
  const tag = rig.tagOf("/time");
  rig.receive(
    "",
    "bob: hi",
    "{",
    "[]",
    "null",
    "{}",
    '{"type":5}',
    '{"type":"speech","nick":5,"text":"x"}',
    '{"type":"reply","text":"for nobody"}',
    '{"type":"reply","tag":"zz","text":"unknown tag"}',
    '{"type":"ok","tag":7}',
    '{"type":"joined","nicks":"x","text":"x"}',
    { type: "ok", tag },
    { type: "ok", tag },
    { type: "reply", tag, text: "after the end" },
  );
  assertEquals(rig.lines, []);
  assert(rig.debugged.length >= 5);
  rig.client.endInput(rig.now);
  assertEquals(rig.outcome, { is: "done" });
});

Deno.test("--count ends it exactly there, and outlives the end of input", () => {
  const rig = new ClientRig({ count: 3 }).ready();
  rig.client.endInput(rig.now);
  rig.say("bob", "one", "a.1");
  rig.receive({ type: "joined", nicks: ["x"], count: 1, text: "x has joined", server: "kitchen" });
  rig.receive({ type: "whisper", nick: "bob", text: "two", server: "kitchen" });
  assertEquals(rig.outcome, undefined);
  rig.say("bob", "three", "a.2");
  assertEquals(rig.outcome, { is: "done" });
  rig.say("bob", "four", "a.3");
  assertEquals(rig.lines, ["bob: one", "x has joined", "bob whispers: two", "bob: three"]);
});

Deno.test("--count waits for the answers to what is sent, and shows no more lines meanwhile", () => {
  const rig = new ClientRig({ count: 1 }).ready("me");
  rig.line("hello", "/time");
  const [say, time] = [rig.tagOf("/say hello"), rig.tagOf("/time")];
  rig.say("me", "hello", "a.1");
  assertEquals(rig.outcome, undefined);
  assert(!rig.client.wantsInput);
  rig.line("too late");
  rig.say("bob", "more", "a.2");
  rig.receive({ type: "ok", tag: say, id: "a.1" }, { type: "reply", tag: time, text: "now" });
  rig.receive({ type: "ok", tag: time });
  assertEquals(rig.outcome, { is: "done" });
  assertEquals(rig.lines, ["me: hello", "now"]);
});

Deno.test("--timeout ends it in any state", () => {
  const states: ((rig: ClientRig) => void)[] = [
    () => {},
    (rig) => rig.connected(),
    (rig) => rig.ready(),
    (rig) => rig.ready().lose(),
  ];
  for (const enter of states) {
    const rig = new ClientRig({ timeoutMs: 700 });
    enter(rig);
    rig.pass(699);
    assertEquals(rig.outcome, undefined);
    rig.pass(1);
    assertEquals(rig.outcome, { is: "timeout", message: "Timed out after 0.7 s" });
  }
});

Deno.test("A script does not try again before its first connection", () => {
  const rig = new ClientRig();
  rig.lose("connection refused");
  assertEquals(rig.outcome, {
    is: "failed",
    message: "Cannot connect to kitchen:1: connection refused; is the server running there?",
  });
});

Deno.test("A server that takes no more says so itself", () => {
  const admission = new Admission(1, 1);
  admission.enter("192.0.2.7");
  const refusals = [
    admission.refusal("192.0.2.8", false),
    new Admission(2, 0).refusal("192.0.2.7", false),
  ];
  for (const refusal of refusals) {
    const rig = new ClientRig();
    rig.connected();
    rig.receive(refusal ?? "");
    rig.lose();
    assertEquals(rig.outcome, { is: "failed", message: `kitchen:1: ${refusal}` });
  }
});

Deno.test("Too many wrong secrets: a script is not authorised, a person waits", () => {
  const script = new ClientRig();
  script.client.disconnected("too many wrong secrets", script.now, "unauthorised");
  assertEquals(script.outcome?.is, "unauthorised");
  const person = new ClientRig({ interactive: true });
  person.client.disconnected("too many wrong secrets", person.now, "unauthorised");
  person.connecting = false;
  person.pass(20_000);
  assert(person.connecting);
});

Deno.test("A person's client tries again, unless that is hopeless or not wanted", () => {
  const rig = new ClientRig({ interactive: true });
  rig.lose("connection refused");
  assertEquals(rig.outcome, undefined);
  assertStringIncludes(rig.lines.join(), "is the server running there? Trying again");
  rig.connecting = false;
  rig.pass(20_000);
  assert(rig.connecting);
  rig.lose("connection refused");
  assertEquals(rig.lines.length, 1, "the same trouble is told once");
  rig.pass(20_000);
  rig.client.disconnected("no such host", rig.now, "hopeless");
  assertEquals(rig.outcome?.is, "failed");

  const once = new ClientRig({ interactive: true, reconnect: false });
  once.lose("connection refused");
  assertEquals(once.outcome?.is, "failed");
});

Deno.test("What is no talker server is told by what it says", () => {
  const rig = new ClientRig();
  rig.connected();
  rig.receive("HTTP/1.1 400 \u001b[2JBad Request");
  rig.pass(GREETING_MS);
  assertEquals(rig.outcome, {
    is: "failed",
    message: "kitchen:1 does not answer as a talker server does: no answer in time " +
      '(it said "HTTP/1.1 400 \uFFFD[2JBad Request")',
  });
  assertEquals(rig.dropped > 0, true);
});

Deno.test("A silent server is asked for a sign of life, and then given up", () => {
  const rig = new ClientRig().ready();
  rig.pass(IDLE_MS - 1);
  assertEquals(rig.take(), []);
  rig.pass(1);
  assertMatch(rig.take().join(), /^@\w+ \/ping$/);
  rig.pass(IDLE_MS - 1);
  assertEquals(rig.client.state, "ready");
  rig.pass(1);
  assertEquals(rig.client.state, "waiting");
  assertStringIncludes(rig.lines.join(), "no sign of life for 20 s");
});

Deno.test("Any record is a sign of life", () => {
  const rig = new ClientRig().ready();
  for (let i = 0; i < 10; i++) {
    rig.pass(IDLE_MS + 5000);
    rig.say("bob", `${i}`, `a.${i}`);
  }
  assertEquals(rig.client.state, "ready");
  assertEquals(rig.take().length, 10, "one ping for each silence");
});

Deno.test("A client that could not read does not blame the server", () => {
  const rig = new ClientRig().ready();
  for (let i = 0; i < 60; i++) {
    rig.pass(1000);
    rig.client.alive(rig.now);
  }
  assertEquals(rig.take(), []);
  assertEquals(rig.client.state, "ready");
});

Deno.test("Delays grow while connections fail, and begin anew after a good one", () => {
  const rig = new ClientRig({ interactive: true }).ready();
  const delays: number[] = [];
  for (let i = 0; i < 8; i++) {
    rig.lose();
    delays.push(rig.client.due - rig.now);
    rig.pass(rig.client.due - rig.now);
  }
  assertEquals(delays, [375, 750, 1500, 3000, 6000, 11_250, 11_250, 11_250]);
  rig.ready();
  rig.lose();
  assertEquals(rig.client.due - rig.now, 11_250, "it held for no time at all");
  rig.pass(20_000);
  rig.ready();
  rig.pass(5000);
  rig.lose();
  assertEquals(rig.client.due - rig.now, 375);
});

Deno.test("Live lines come behind the history, and none twice", () => {
  const rig = new ClientRig({ interactive: true });
  rig.connected();
  rig.welcome();
  const tag = rig.tagOf("/history 10");
  rig.shown.length = 0;
  rig.say("bob", "two", "a.2");
  rig.say("bob", "three", "a.3");
  assertEquals(rig.lines, []);
  for (const [id, said] of [["a.1", "one"], ["a.2", "two"]]) {
    rig.receive({
      type: "reply",
      tag,
      text: "",
      id,
      time: TIME,
      nick: "bob",
      kind: "speech",
      said,
    });
  }
  rig.receive({ type: "ok", tag });
  rig.say("bob", "four", "a.4");
  rig.say("bob", "four", "a.4");
  assertEquals(rig.lines, ["bob: one", "bob: two", "bob: three", "bob: four"]);
});

Deno.test("A history that does not come holds nothing up for long", () => {
  const rig = new ClientRig({ interactive: true });
  rig.connected();
  rig.welcome();
  rig.shown.length = 0;
  rig.say("bob", "one", "a.1");
  rig.pass(HISTORY_MS);
  assertEquals(rig.lines, ["bob: one"]);
});

Deno.test("A script waits for its nick, and fails with the server's words", () => {
  const rig = new ClientRig({ nick: "ann" });
  rig.line("hello");
  rig.connected();
  rig.welcome();
  const tag = rig.tagOf("/nick ann");
  assert(!rig.sent.some((record) => record.includes("hello")));
  rig.receive({ type: "error", tag, code: "taken", text: "Nick ann is taken" });
  assertEquals(rig.outcome, { is: "failed", message: "Nick ann is taken" });
  assert(!rig.sent.some((record) => record.includes("hello")));
});

Deno.test("A person whose nick is taken goes on as a guest", () => {
  const rig = new ClientRig({ nick: "ann", interactive: true });
  rig.connected();
  rig.welcome();
  rig.receive({
    type: "error",
    tag: rig.tagOf("/nick ann"),
    code: "taken",
    text: "Nick ann is taken",
  });
  assertEquals(rig.lines, ["!talker: Nick ann is taken; you are guest1"]);
  assertEquals(rig.client.state, "ready");
  rig.take();
  rig.pass(9_000);
  assertEquals(rig.take(), [], "it is not asked for again");
});

Deno.test("Ctrl-D says goodbye and waits for it a moment", () => {
  const rig = new ClientRig({ interactive: true }).ready();
  rig.client.leave(rig.now);
  assertMatch(rig.take().join(), /^@\w+ \/quit$/);
  rig.lose();
  assertEquals(rig.outcome, { is: "done" });

  const slow = new ClientRig({ interactive: true }).ready();
  slow.line("/quit");
  slow.pass(1999);
  assertEquals(slow.outcome, undefined);
  slow.pass(1);
  assertEquals(slow.outcome, { is: "done" });
});

Deno.test("What a person said before leaving is sent first, however much it is", () => {
  const rig = new ClientRig({ interactive: true }).ready();
  const lines = Array.from({ length: 3000 }, (_, i) => `line ${i}`);
  rig.line(...lines, "/quit bye", "never");
  assertEquals(rig.client.state, "leaving");
  const said: string[] = [];
  for (let sent; (sent = rig.take()).length > 0;) {
    for (const record of sent) {
      const [, tag = "", command = ""] = /^@(\w+) (.*)$/.exec(record) ?? [];
      said.push(command);
      // Time that is long for one answer, and short for all.
      if (said.length % 1000 === 0) rig.pass(1500);
      if (command !== "/quit") rig.receive({ type: "ok", tag, id: `a.${said.length}` });
    }
  }
  assertEquals(said, [...lines.map((line) => `/say ${line}`), "/quit"]);
  rig.lose();
  assertEquals(rig.outcome, { is: "done" });

  const stuck = new ClientRig({ interactive: true }).ready();
  stuck.line(...lines);
  stuck.client.leave(stuck.now);
  stuck.pass(GOODBYE_MS);
  const message = `Lines that were not sent: ${lines.length - WINDOW_LINES}`;
  assertEquals(stuck.outcome, { is: "done", message });
});

Deno.test("Who leaves with some words or a tag leaves without a connection, too", () => {
  for (const line of ["/quit bye", "/QUIT", "@t /quit", "@t /quit bye"]) {
    const rig = new ClientRig({ interactive: true }).ready();
    rig.lose();
    rig.line("hello", line);
    assertEquals(rig.outcome, { is: "done", message: "Lines that were not sent: 1" }, line);
  }
  const rig = new ClientRig({ interactive: true }).ready();
  rig.line("/who", "@t /quit");
  rig.lose();
  assertEquals(rig.outcome, { is: "done", message: "Lines that were not sent: 1" });
  const other = new ClientRig({ interactive: true }).ready();
  other.lose();
  other.line("/quitting", "/quit-it");
  assertEquals(other.outcome, undefined);
});

Deno.test("Who sees that the connection is lost sees it in the client's state", () => {
  const states: string[] = [];
  const rig = new ClientRig({ interactive: true }, () => states.push(rig.client.state));
  rig.ready();
  states.length = 0;
  rig.lose();
  assertEquals(states, ["waiting"]);
});

Deno.test("Leaving without a connection tells what was not sent", () => {
  const rig = new ClientRig({ interactive: true }).ready();
  rig.lose();
  rig.line("one", "two");
  rig.client.leave(rig.now);
  assertEquals(rig.outcome, { is: "done", message: "Lines that were not sent: 2" });
});

Deno.test("A script's /quit goes out after all answers, and ends it", () => {
  const rig = new ClientRig().ready();
  rig.line("/who", "/quit", "never");
  const who = rig.tagOf("/who");
  assertEquals(rig.take().length, 1);
  rig.receive({ type: "ok", tag: who });
  assertMatch(rig.take().join(), /^@\w+ \/quit$/);
  rig.lose();
  assertEquals(rig.outcome, { is: "done" });
});

Deno.test("/format is refused, since it would break the client", () => {
  const rig = new ClientRig().ready();
  rig.line("/format text");
  assertEquals(rig.take(), []);
  assertMatch(rig.lines.join(), /^!\/format is the client's own affair/);
});

Deno.test("/ignore hides somebody, under other nicks as well", () => {
  const rig = new ClientRig({ interactive: true }).ready();
  rig.line("/ignore Bob");
  const base = { time: TIME, server: "kitchen" };
  rig.shown.length = 0;
  rig.say("bob", "hidden", "a.1");
  rig.receive({ type: "whisper", nick: "bob", text: "hidden", ...base });
  rig.receive({ type: "renamed", old: "bob", nick: "rob", text: "bob renames", ...base });
  rig.say("rob", "hidden", "a.2");
  rig.say("carl", "seen", "a.3");
  rig.line("/unignore rob");
  rig.say("rob", "seen", "a.4");
  assertEquals(rig.lines, ["carl: seen", "!talker: You hear rob again", "rob: seen"]);
  assertEquals(rig.take(), []);
});

Deno.test("A person's /help tells of the client's own commands, a script's does not", () => {
  for (const interactive of [true, false]) {
    const rig = new ClientRig({ interactive }).ready();
    rig.line("/help");
    rig.receive({ type: "ok", tag: rig.tagOf("/help") });
    assertEquals(rig.lines.some((line) => line.includes("/unignore NICK")), interactive);
    rig.take();
    rig.line("/help ignore");
    assertEquals(rig.take().length, interactive ? 0 : 1);
  }
});

Deno.test("In a script /ignore is the server's affair", () => {
  const rig = new ClientRig().ready();
  rig.line("/ignore bob");
  assertEquals(rig.take().length, 1);
});

Deno.test("Lines that name the user are marked, their own are told apart", () => {
  const rig = new ClientRig({ interactive: true }).ready("ann");
  rig.say("bob", "Ann: there?", "a.1");
  rig.say("bob", "annotated", "a.2");
  rig.say("ann", "ann it is", "a.3");
  rig.say("ann", "of another server", "a.4", { server: "attic" });
  assertEquals(
    rig.shown.map((shown) => shown.kind === "said" && [shown.own, shown.mention]),
    [[false, true], [false, false], [true, false], [false, false]],
  );
});

Deno.test("Where the server does not echo, a person sees a line when it is confirmed", () => {
  const rig = new ClientRig({ interactive: true }).ready("ann");
  rig.line("hello");
  assertEquals(rig.lines, []);
  rig.receive({ type: "ok", tag: rig.tagOf("/say hello"), id: "a.1" });
  assertEquals(rig.lines, ["ann: hello"]);
  rig.say("ann", "hello", "a.1");
  assertEquals(rig.lines, ["ann: hello"], "an echo that comes late is no second line");
});

Deno.test("Notifications are shown, and remembered until they are acknowledged", () => {
  const rig = new ClientRig().ready();
  rig.line("/notify x");
  const tag = rig.tagOf("/notify x");
  rig.receive({ type: "reply", tag, text: "Notifications on for 60 s" }, { type: "ok", tag });
  for (const id of ["k.1.1", "k.1.2"]) {
    rig.receive({ type: "notify", id, topic: "x", text: "hello", time: TIME });
  }
  rig.receive({ type: "notify", id: "no id", topic: "x", text: "hello" });
  assertEquals(rig.lines, [
    "Notifications on for 60 s",
    "NOTIFY k.1.1 x hello",
    "NOTIFY k.1.2 x hello",
  ]);
  assertEquals(rig.client.unacknowledged, ["k.1.1", "k.1.2"]);
  rig.line("/ack k.1.1");
  rig.receive({ type: "ok", tag: rig.tagOf("/ack k.1.1") });
  assertEquals(rig.client.unacknowledged, ["k.1.2"]);
});

Deno.test("The nick is known through all that can change it", () => {
  const rig = new ClientRig({ interactive: true }).ready("guest1");
  rig.line("/nick ann");
  rig.receive({ type: "ok", tag: rig.tagOf("/nick ann") });
  assertEquals(rig.client.nick, "ann");
  const renamed = { type: "renamed", time: TIME, server: "kitchen", text: "x" };
  rig.receive({ ...renamed, old: "guest1", nick: "ann" });
  rig.receive({ ...renamed, old: "bob", nick: "rob" });
  rig.receive({ ...renamed, old: "ann", nick: "anna" });
  assertEquals(rig.client.nick, "anna");
  const own = rig.shown.map((shown) => shown.kind === "presence" && shown.own);
  assertEquals(own, [true, false, true]);
});
