/** `talker notify` against servers that do what a test tells them to. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { deep, FakeServer, NOW } from "../support/fake_server.ts";
import { confirm, enter, pushed } from "../support/notify_server.ts";
import { runToEnd, talker } from "../support/process.ts";

// deno-lint-ignore no-control-regex
const HARMFUL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e]/;

Deno.test("notify: prints each notification, acknowledges it, and exits after so many", async () => {
  using server = new FakeServer();
  await using client = talker(["notify", `:${server.port}`, "hits", "--count", "2"]);
  const { session, command } = await enter(server);
  assertEquals(command, "/notify hits");
  await session.send(pushed(1), pushed(1), pushed(2, "two \u001b[2J\u009b\u202e"), pushed(3));
  await confirm(session, "/ack f.1.1", { text: "Acknowledged f.1.1" });
  await confirm(session, "/ack f.1.2");
  const { code, out, err } = await client.ended();
  assertEquals([code, err], [0, []]);
  assertEquals(out, ["hits: text 1", "hits: two \u{FFFD}[2J\u{FFFD}\u{FFFD}"]);
});

Deno.test("notify: an acknowledgement that is not confirmed is missing", async () => {
  using server = new FakeServer();
  await using client = talker(["notify", `:${server.port}`, "hits", "--count", "1"]);
  const { session } = await enter(server);
  await session.send(pushed(1));
  await session.command();
  session.close();
  const { code, out, err } = await client.ended();
  assertEquals([code, out], [4, ["hits: text 1"]]);
  assertEquals(err, ["talker: Acknowledgements that were not confirmed: 1"]);
});

Deno.test("notify: as JSON, what the server sent, made harmless", async () => {
  using server = new FakeServer();
  const args = ["notify", `:${server.port}`, "--json", "--count", "1", "--as", "ann"];
  await using client = talker(args);
  const { session, command } = await enter(server);
  assertEquals(command, "/notify as=ann");
  const record = pushed(1, "one \u009b1m");
  await session.send(record);
  await confirm(session, "/ack f.1.1");
  const { code, out } = await client.ended();
  assertEquals([code, out.length, HARMFUL.test(out[0] ?? "")], [0, 1, false]);
  assertEquals(JSON.parse(out[0] ?? ""), record);
});

Deno.test("notify --exec: foreign text is in the environment and on stdin, and never runs", async () => {
  using server = new FakeServer();
  const handler =
    'printf "[%s|%s|%s|%s|%s|%s|%s]\\n" "$TALKER_ID" "$TALKER_TOPIC" "$TALKER_TEXT" ' +
    '"$TALKER_FROM" "$TALKER_SERVER" "$TALKER_TIME" "$TALKER_DETAILS"; cat';
  const text = "$(touch /tmp/talker_owned) `id`; 'x' \"y\" \\ %s";
  await using client = talker(["notify", `:${server.port}`, "--count", "1", "--exec", handler]);
  const { session } = await enter(server);
  await session.send(pushed(1, text));
  await confirm(session, "/ack f.1.1");
  const { code, out, err } = await client.ended();
  assertEquals([code, err], [0, []]);
  assertEquals(out, [`[f.1.1|hits|${text}|bob|attic|${NOW}|]`, text]);
});

Deno.test("notify --exec: what fails or hangs is not acknowledged, the others are handled in order", async () => {
  using server = new FakeServer();
  const handler =
    'case "$TALKER_TEXT" in bad) exit 7;; slow) sleep 9741;; esac; echo "$TALKER_TEXT"';
  await using client = talker([
    "notify",
    `:${server.port}`,
    ...["--as", "ann", "--count", "3", "--exec", handler, "--exec-timeout", "0.3", "--json"],
  ]);
  const { session } = await enter(server, { timeout: 2 });
  await session.send(pushed(1, "one"), pushed(2, "bad"), pushed(3, "slow"), pushed(4, "four"));
  await confirm(session, "/ack f.1.1");
  await confirm(session, "/ack f.1.4");
  await confirm(session, "/normal");
  await confirm(session, "/notify as=ann", { timeout: 2 });
  await session.send(pushed(2, "good now"), pushed(4, "four"));
  await confirm(session, "/ack f.1.4");
  await confirm(session, "/ack f.1.2");
  const { code, out, err } = await client.ended();
  assertEquals(code, 0);
  assertEquals(out.map((line) => JSON.parse(line).text), ["one", "four", "good now"]);
  // With --json what handlers print is kept away from stdout.
  assertEquals(err, [
    "one",
    "talker: The handler failed for f.1.2 (hits): it exited with 7; it is not acknowledged, and comes again later",
    "talker: The handler failed for f.1.3 (hits): it was ended after 0.3 s; it is not acknowledged, and comes again later",
    "four",
    "good now",
  ]);
});

Deno.test("notify --details: the whole of the fourth seed, as the log tells it", async () => {
  using server = new FakeServer();
  await using client = talker([
    ...["notify", `:${server.port}`, "offers", "--details", "--count", "1", "--log-level", "info"],
  ]);
  const { session } = await enter(server);
  await session.send(pushed(1, "A bicycle, hardly…", "offers"));
  await confirm(session, "/normal");
  await confirm(session, "/offer f.1.1", { details: "A bicycle, hardly used" }, {
    text: "  A bicycle, hardly used",
  });
  await confirm(session, "/notify offers since=f.1.1", { timeout: 60 });
  await confirm(session, "/ack f.1.1");
  const { code, out, err } = await client.ended();
  assertEquals([code, out], [0, ["offers: A bicycle, hardly…", "  A bicycle, hardly used"]]);
  const steps = [
    "Waiting for notifications on offers",
    "Notified on offers: f.1.1",
    "Leaving the mode to fetch details",
    "Fetching the details of f.1.1",
    "Entering the mode again",
    "Handling f.1.1",
    "Acknowledged f.1.1",
  ];
  let at = 0;
  for (const line of err) if (line.includes(steps[at] ?? "\0")) at++;
  assertEquals(at, steps.length, err.join("\n"));
});

Deno.test("notify: comes back where it was, and acknowledges what was not confirmed", async () => {
  using server = new FakeServer();
  await using client = talker(["notify", `:${server.port}`, "hits", "--count", "3"]);
  const first = await enter(server);
  await first.session.send(pushed(1), pushed(2));
  await first.session.command();
  await first.session.command();
  first.session.close();
  const { session, command } = await enter(server);
  assertEquals(command, "/notify hits since=f.1.2");
  await confirm(session, "/ack f.1.1");
  await confirm(session, "/ack f.1.2");
  await session.send(pushed(2), pushed(3));
  await confirm(session, "/ack f.1.2");
  await confirm(session, "/ack f.1.3");
  const { code, out, err } = await client.ended();
  assertEquals([code, out], [0, ["hits: text 1", "hits: text 2", "hits: text 3"]]);
  assertMatch(err[0] ?? "", /^talker: The connection to .* is lost: the server closed it\. Trying/);
  assertMatch(err[1] ?? "", /^talker: Connected again after \d+ s$/);
});

Deno.test("notify: nonsense, unasked answers and second answers change nothing, and are logged", async () => {
  using server = new FakeServer();
  const args = ["notify", `:${server.port}`, "--count", "2", "--log-level", "info"];
  await using client = talker(args);
  const { session } = await enter(server);
  await session.raw(new Uint8Array([0xff, 0xfe, 0x00, 0x1b, 0x0a, 0x7b, 0x0a]));
  await session.send(pushed(1));
  const { tag } = await session.command();
  const unasked = { type: "ok", tag: "nobody" };
  await session.send({ type: "ok", tag }, { type: "ok", tag }, unasked, "{{}", "x".repeat(100_000));
  await session.raw(new TextEncoder().encode("y".repeat(2_000_000) + "\r\n"));
  await session.send(deep(pushed(3)), deep({ type: "new" }), deep({ ...unasked, text: "" }));
  await session.send(pushed(2));
  await confirm(session, "/ack f.1.2");
  const { code, out, err } = await client.ended();
  assertEquals([code, out], [0, ["hits: text 1", "hits: text 2"]]);
  const log = err.join("\n");
  assertStringIncludes(log, "A second answer to a request that is answered");
  assertStringIncludes(log, "An answer that nobody asked for");
  assertStringIncludes(log, "A record that is no JSON of the protocol");
  assertStringIncludes(log, "A record that is too long");
  assert(!HARMFUL.test(log.replaceAll("\n", "")), "the log is harmless");
});

Deno.test("notify: Ctrl-C ends it with 0, and its handler with it", async () => {
  using server = new FakeServer();
  const handler = 'echo started; trap "echo told; exit 1" TERM; sleep 9742 & wait';
  await using client = talker(["notify", `:${server.port}`, "--as", "ann", "--exec", handler]);
  const { session } = await enter(server);
  await session.send(pushed(1));
  await client.waitFor("started");
  client.signal("SIGINT");
  const { code, out, err } = await client.ended();
  assertEquals([code, out, err], [0, ["started", "told"], []]);
  assertEquals(session.untaken.filter((line) => line.includes("/ack")), []);
});

Deno.test("notify: a second Ctrl-C ends it at once, and its handler with it", async () => {
  using server = new FakeServer();
  const handler = 'trap "echo told" TERM; echo $$; while :; do sleep 0.1; done';
  await using client = talker(["notify", `:${server.port}`, "--exec", handler]);
  const { session } = await enter(server);
  await session.send(pushed(1));
  const pid = Number(await client.waitFor(/^\d+$/));
  client.signal("SIGINT");
  await client.waitFor("told");
  client.signal("SIGINT");
  assertEquals((await client.ended()).code, 130);
  const deadline = performance.now() + 10_000;
  const runs = async () =>
    (await new Deno.Command("ps", { args: ["-p", `${pid}`] }).output()).success;
  while (await runs()) assert(performance.now() < deadline, "its handler still runs");
});

Deno.test("notify: exit codes", async () => {
  using silent = new FakeServer();
  const timedOut = runToEnd(["notify", `:${silent.port}`, "--timeout", "0.5"]);
  await enter(silent);
  const { code, err } = await timedOut;
  assertEquals([code, err], [3, ["talker: Timed out after 0.5 s"]]);

  using old = new FakeServer();
  const refused = runToEnd(["notify", `:${old.port}`]);
  const session = await old.accept();
  await session.send("Welcome, guest1");
  for (let asked = ""; !asked.startsWith("/notify");) {
    const { tag, command } = await session.command();
    asked = command;
    const failure = { type: "error", code: "unknown-command", text: `Unknown command: ${command}` };
    await session.send({ ...(command === "/format json" ? { type: "ok" } : failure), tag });
  }
  const ended = await refused;
  assertEquals([ended.code, ended.err], [1, [
    `talker: 127.0.0.1:${old.port} has no notifications: it does not know /notify`,
  ]]);

  using lost = new FakeServer();
  const once = runToEnd(["notify", `:${lost.port}`, "--no-reconnect"]);
  (await enter(lost)).session.close();
  assertEquals((await once).code, 1);

  using replaced = new FakeServer();
  const out = runToEnd(["notify", `:${replaced.port}`, "--as", "ann"]);
  const text = "Notifications off: ann came back on another connection";
  await (await enter(replaced)).session.send({
    type: "notice",
    text,
    notifications: false,
    replaced: true,
  });
  assertEquals([(await out).code, (await out).err], [1, [`talker: ${text}`]]);
});

Deno.test("notify: a reader of stdout that has gone ends it, and what it did not get is not acknowledged", async () => {
  using server = new FakeServer();
  await using client = talker(["notify", `:${server.port}`, "--as", "ann"], { unread: true });
  const { session } = await enter(server);
  await client.closeStdout();
  await session.send(pushed(1));
  assertEquals((await client.ended()).code, 0);
  await session.rest();
  assertEquals(session.all.filter((line) => line.includes("/ack")), []);
});

Deno.test("notify: a reader of stdout that is stuck does not keep it, and what is not written is not acknowledged", async () => {
  using server = new FakeServer();
  const args = ["notify", `:${server.port}`, "--as", "ann", "--log-level", "info"];
  await using client = talker(args, { unread: true });
  const { session } = await enter(server);
  // More than a pipe takes.
  await session.send(pushed(1, "x".repeat(500_000)));
  await client.stderr.next(/Handling f\.1\.1/);
  client.signal("SIGINT");
  assertEquals((await client.ended()).code, 0);
  await session.rest();
  assertEquals(session.all.filter((line) => line.includes("/ack")), []);
});

Deno.test("notify --publish: prints the ids; at the end all are confirmed", async () => {
  using server = new FakeServer();
  await using client = talker(["notify", "--publish", "hits", "-", `:${server.port}`], {
    input: "one\r\n\n two \u0007\nthree",
  });
  const session = await server.accept();
  await session.welcome("guest1", /^\/format/);
  await confirm(session, "/publish hits one", { id: "f.1.1", subscribers: 3 });
  await confirm(session, "/publish hits  two ", { id: "f.1.2", subscribers: 3 });
  await confirm(session, "/publish hits three", { id: "f.1.3", subscribers: 3 });
  const { code, out, err } = await client.ended();
  assertEquals([code, out, err], [0, ["f.1.1", "f.1.2", "f.1.3"], []]);
});

Deno.test("notify --publish: texts that look like flags, and as JSON", async () => {
  using server = new FakeServer();
  await using client = talker(["notify", `:${server.port}`, "--json", "--publish", "t", "--json"]);
  const session = await server.accept();
  await session.welcome("guest1", /^\/format/);
  await confirm(session, "/publish t --json", { id: "f.1.1", subscribers: 3 });
  const { code, out } = await client.ended();
  const published = { type: "published", id: "f.1.1", topic: "t", subscribers: 3 };
  assertEquals([code, out.map((line) => JSON.parse(line))], [0, [published]]);
});

Deno.test("notify --need-ack: a table of the recipients, and 4 where some are missing", async () => {
  for (const [needed, expected] of [["all", 4], ["1", 0], ["2", 4]] as const) {
    using server = new FakeServer();
    const args = ["--publish", "hits", "x", "--need-ack", needed, "--timeout", "0.3"];
    await using client = talker(["notify", `:${server.port}`, ...args]);
    const session = await server.accept();
    await session.welcome("guest1", /^\/format/);
    await confirm(session, "/publish hits x", { id: "f.1.1", subscribers: 2 });
    const answers = async () => {
      for (;;) {
        const { tag, command } = await session.command();
        assertMatch(command, /^\/receipts f\.1\.1( wait=0\.\d)?$/);
        const counts = { recipients: 2, acknowledged: 1, delivered: 0, queued: 1, expired: 0 };
        await session.send(
          { type: "reply", tag, text: "", id: "f.1.1", ...counts },
          {
            type: "reply",
            tag,
            text: "",
            recipient: "ann",
            server: "attic",
            state: "acknowledged",
          },
          { type: "reply", tag, text: "", recipient: "bo", server: "attic", state: "queued" },
          { type: "ok", tag },
        );
      }
    };
    const answering = answers().catch(() => {});
    const { code, out } = await client.ended();
    await answering;
    assertEquals([needed, code], [needed, expected]);
    assertEquals(out, [
      "f.1.1",
      "f.1.1: 2 recipients, 1 acknowledged, 0 delivered, 1 queued, 0 expired",
      "  ann@attic  acknowledged",
      "  bo@attic   queued",
    ]);
  }
});

Deno.test("notify: wrong usage is one clear line, before anything is sent", async () => {
  const table: [string[], RegExp][] = [
    [[], /Too few arguments; usage: talker notify/],
    [[":1", "a//b"], /"a\/\/b" is no topic: it must be/],
    [[":1", "door/**/x"], /is no topic/],
    [[":1", "a b"], /"a b" is no topic/],
    [[":1", "since=all"], /is no topic/],
    [[":1", "--as", "a b"], /--as is "a b"; it must be 1 to 32 letters/],
    [[":1", "--nick", "x\ny"], /--nick is "x\ufffdy"; it must be/],
    [[":1", "--since", "x y"], /--since is "x y"; it must be the id of a notification, or all/],
    [[":1", "--count", "0"], /--count is "0"/],
    [[":1", "--need-ack", "1"], /--need-ack goes with --publish only/],
    [[":1", "--publish", "hits"], /--publish takes a TOPIC and a TEXT/],
    [[":1", "--publish", "hits", ""], /the text is empty/],
    [[":1", "--publish", "hits", "a\nb"], /the text has several lines; with - /],
    [[":1", "--publish", "h*", "x"], /"h\*" is no topic/],
    [[":1", "--publish", "hits", "x".repeat(9000)], /the text has 9000 bytes; 8143 are the most/],
    [[":1", "--publish", "hits", "x", "y"], /Unexpected argument "y": .*quote a text/],
    [[":1", "--publish", "hits", "x", "--as", "ann"], /--as does not go with --publish/],
    [
      [":1", "--publish", "hits", "x", "--need-ack", "some"],
      /--need-ack is "some"; it must be all/,
    ],
    [[":1", "--exce", "x"], /Unknown flag --exce; the nearest is --exec/],
    [[":1", ...Array.from({ length: 64 }, (_, i) => "x".repeat(124) + i)], /together are too long/],
  ];
  for (const [args, message] of table) {
    const { code, out, err } = await runToEnd(["notify", ...args]);
    assertEquals([code, out, err.length], [2, [], 1], err.join("\n"));
    assertMatch(err[0] ?? "", message);
  }
});

Deno.test("notify: help has every flag, and the general help the same summary", async () => {
  const [help, general] = await Promise.all([
    runToEnd(["notify", "--help"]),
    runToEnd(["--help"]),
  ]);
  assertEquals([help.code, help.err], [0, []]);
  const text = help.out.join("\n");
  const flags =
    "as since count timeout exec exec-timeout details publish need-ack nick no-reconnect " +
    "mode-timeout interface json log-level";
  for (const flag of flags.split(" ")) assertStringIncludes(text, `--${flag}`);
  const [, summary = "?"] = /^talker notify: (.*)$/.exec(help.out[0] ?? "") ?? [];
  assertMatch(general.out.join("\n"), new RegExp(`notify +${summary.replaceAll(".", "\\.")}`));
});
