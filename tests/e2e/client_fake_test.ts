/** `talker client` against servers that do odd things. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { deep, FakeServer, type FakeSession, NOW } from "../support/fake_server.ts";
import { runToEnd, talker } from "../support/process.ts";

// deno-lint-ignore no-control-regex
const HARMFUL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e]/;

const speech = (id: number, text: string, nick = "bob") => ({
  type: "speech",
  id: `f.1.${id}`,
  time: NOW,
  nick,
  server: "fake",
  text,
});

Deno.test("client: nothing listens there", async () => {
  const server = new FakeServer();
  server.stopListening();
  const { code, out, err } = await runToEnd(["client", `:${server.port}`]);
  assertEquals([code, out], [1, []]);
  const target = `127.0.0.1:${server.port}`;
  const message =
    `talker: Cannot connect to ${target}: connection refused; is the server running there?`;
  assertEquals(err, [message]);
});

Deno.test("client: wrong usage, names that can't be found, hosts that don't exist", async () => {
  const table: [string[], number, RegExp][] = [
    [["host:"], 2, /^talker: "host:" is no address: "" is no port/],
    [["--bogus"], 2, /^talker: Unknown flag --bogus; the nearest is --/],
    [["--count", "0"], 2, /^talker: --count is "0"; it must be a whole number, 1 or more$/],
    [["--timeout", "soon"], 2, /^talker: --timeout is "soon"; it must be a number of seconds/],
    [["--nick", "", ":1"], 2, /^talker: --nick is ""; it must be 1 to 32 letters, digits, /],
    [["--ask", "", ":1"], 2, /^talker: --ask is ""; that is empty: it must be what to ask$/],
    [["--ask", "a\nb", ":1"], 2, /^talker: --ask is ".*"; that has several lines: it must be one$/],
    [["--ask", "x".repeat(8183), ":1"], 2, /; that has 8183 bytes: 8182 are the most$/],
    [["--ask", "a", "--send", "b", ":1"], 2, /^talker: --send does not go with --ask$/],
    [["--ask", "a", "--count", "1", ":1"], 2, /^talker: --count does not go with --ask$/],
    [["--secret-file", "", ":1"], 2, /^talker: --secret-file is ""; it must not be empty$/],
    [["--interface", "", ":1"], 2, /^talker: --interface is ""; it must not be empty$/],
    [["a", "b"], 2, /^talker: Unexpected argument "b"/],
    [["no-such-server"], 1, /^talker: "no-such-server" was not found within 5 s; /],
    [
      ["nowhere.invalid:1"],
      1,
      /^talker: Cannot connect to nowhere.invalid:1: no such host; is it spelt/,
    ],
    [["--log-file", "/nowhere/log", ":1"], 1, /^talker: Cannot open the log file \/nowhere\/log/],
  ];
  await Promise.all(table.map(async ([args, expected, message]) => {
    const { code, out, err } = await runToEnd(["client", ...args]);
    assertEquals([code, out, err.length], [expected, [], 1], err.join("\n"));
    assertMatch(err[0] ?? "", message);
  }));
});

Deno.test("client: help names all flags and their defaults", async () => {
  const { code, out, err } = await runToEnd(["client", "--help"]);
  const help = out.join("\n");
  assertEquals([code, err], [0, []]);
  for (const flag of ["nick", "send", "count", "timeout", "no-reconnect", "framed", "json"]) {
    assertStringIncludes(help, `--${flag}`);
  }
  assertMatch(help, /--\S+ is\s+TALKER_[A-Z_]+\./);
});

Deno.test("client: what steers a terminal is made harmless, as text and as JSON", async () => {
  for (const json of [false, true]) {
    using server = new FakeServer();
    await using client = talker([
      "client",
      `:${server.port}`,
      "--count",
      "1",
      ...(json ? ["--json"] : []),
    ]);
    const session = await server.accept();
    await session.welcome("me\u001b]0;x\u0007");
    await session.send({
      type: "notice",
      text: "\u001b[2J\u009b1m\u202e\u2028 bell \u0007",
      time: NOW,
    });
    await session.raw(new TextEncoder().encode("\u001b[31mno JSON\r\n"));
    await session.raw(new Uint8Array([0xff, 0xfb, 0x01, 0x1b, 0x5b, 0x0a]));
    await session.send(speech(1, "\u001b[31mred\u0000"));
    const { code, out, err } = await client.ended();
    assertEquals([code, err], [0, []]);
    assert(!HARMFUL.test(out.join("\n")), out.join());
    if (json) {
      const last = JSON.parse(out.at(-1) ?? "");
      assertEquals(last.text, "\u001b[31mred\u0000", "as it came");
    } else assertEquals(out.at(-1), "bob: \ufffd[31mred\ufffd");
  }
});

Deno.test("client: unknown tags, second answers and wrong records change nothing", async () => {
  using server = new FakeServer();
  await using client = talker(["client", `:${server.port}`, "--send", "/one", "--send", "/two"]);
  const session = await server.accept();
  await session.welcome();
  const one = await session.command();
  const two = await session.command();
  assertEquals([one.command, two.command], ["/one", "/two"]);
  await session.send(
    { type: "reply", tag: "nobody", text: "wrong" },
    { type: "ok", tag: "nobody" },
    { type: "reply", tag: two.tag, text: "second" },
    { type: "ok", tag: two.tag },
    { type: "ok", tag: two.tag },
    { type: "reply", tag: two.tag, text: "too late" },
    "{not JSON",
    "[1]",
    { type: "reply", tag: one.tag, text: "first" },
    { type: "ok", tag: one.tag },
  );
  assertEquals(await client.ended(), { code: 0, out: ["second", "first"], err: [] });
});

Deno.test("client: what is nested too deep is passed over, and the connection goes on", async () => {
  for (const more of [[], ["--json"]]) {
    using server = new FakeServer();
    await using client = talker(["client", `:${server.port}`, "--count", "1", ...more]);
    const session = await server.accept();
    await session.welcome();
    const speech = { type: "speech", nick: "bob", server: "fake", time: NOW };
    await session.send(
      deep({ ...speech, id: "f.1.1", text: "deep" }),
      deep({ type: "new" }),
      deep({ type: "reply", tag: "nobody", text: "deep" }),
      { ...speech, id: "f.1.2", text: "hello" },
    );
    const { code, out, err } = await client.ended();
    assertEquals([code, err], [0, []]);
    assertEquals(out.filter((line) => line.includes("deep")), []);
    assertStringIncludes(out.at(-1) ?? "", "hello");
  }
});

Deno.test("client: records of any length and cut are taken, endless ones passed over", async () => {
  using server = new FakeServer();
  await using client = talker(["client", `:${server.port}`, "--count", "2"]);
  const session = await server.accept();
  await session.welcome();
  const long = new TextEncoder().encode(JSON.stringify(speech(1, "ä".repeat(100_000))) + "\r\n");
  for (let at = 0; at < long.length; at += 7001) await session.raw(long.subarray(at, at + 7001));
  const endless = new Uint8Array(1 << 20).fill(0x78);
  for (let i = 0; i < 3; i++) await session.raw(endless);
  await session.raw(new Uint8Array([13, 10]));
  await session.send(speech(2, "end"));
  const { code, out } = await client.ended();
  assertEquals([code, out.map((line) => line.length)], [0, [100_005, 8]]);
});

Deno.test("client: what is no talker server is told apart", async () => {
  using server = new FakeServer();
  await using client = talker(["client", `:${server.port}`]);
  const session = await server.accept();
  await session.send("220 mail.example ESMTP");
  await session.command();
  session.close();
  const { code, err } = await client.ended();
  assertEquals(code, 1);
  assertMatch(err.join("\n"), /does not answer as a talker server does: .*220 mail\.example ESMTP/);
});

Deno.test("client: --no-reconnect, and reconnecting with what was missed", async () => {
  using server = new FakeServer();
  await using once = talker(["client", `:${server.port}`, "--no-reconnect"]);
  const gone = await server.accept();
  await gone.send("Welcome, guest1");
  const format = await gone.command();
  await gone.send({ type: "welcome", nick: "guest1", server: "fake" }, {
    type: "ok",
    tag: format.tag,
  });
  await gone.send(speech(1, "hi"));
  await once.waitFor("bob: hi");
  gone.close();
  const { code, err } = await once.ended();
  assertEquals(code, 1);
  assertMatch(err.join("\n"), /^talker: The connection to 127\.0\.0\.1:\d+ is lost: /);

  await using client = talker(["client", `:${server.port}`, "--nick", "ann", "--count", "3"]);
  const first = await server.accept();
  await first.welcome();
  await first.send(speech(1, "before"));
  await client.waitFor("bob: before");
  await client.type("mine\n");
  const say = await first.command();
  assertEquals(say.command, "/say mine");
  first.close();

  const second = await server.accept();
  await second.send("Welcome, guest2");
  const asked: string[] = [];
  while (asked.length < 3) {
    const { tag, command } = await second.command();
    asked.push(command);
    if (command === "/format json") {
      await second.send({ type: "welcome", nick: "guest2", server: "fake" });
    } else if (command.startsWith("/history")) {
      await second.send(
        {
          type: "reply",
          tag,
          text: "",
          id: "f.1.2",
          time: NOW,
          nick: "bob",
          kind: "speech",
          said: "missed",
        },
      );
    }
    await second.send({ type: "ok", tag });
  }
  assertEquals(asked, ["/format json", "/nick ann", "/history since=f.1.1"]);
  const again = await second.command();
  assertEquals(again.command, "/say mine", "it was never confirmed");
  await second.send(speech(3, "mine", "ann"), { type: "ok", tag: again.tag, id: "f.1.3" });
  const end = await client.ended();
  assertEquals([end.code, end.out], [0, ["bob: before", "bob: missed", "ann: mine"]]);
  assertEquals(end.err.length, 2, end.err.join("\n"));
});

Deno.test("client: frames, also cut, and a wrong one ends the connection", async () => {
  using server = new FakeServer({ framed: true });
  await using client = talker([
    "client",
    `:${server.port}`,
    "--framed",
    "--no-reconnect",
    "--send",
    "hi",
  ]);
  const session = await server.accept();
  await session.welcome("guest1", /^\/format/);
  const { tag, command } = await session.command();
  assertEquals(command, "/say hi");
  await session.send({ type: "ok", tag, id: "f.1.1" });
  assertEquals((await client.ended()).code, 0);

  await using broken = talker(["client", `:${server.port}`, "--framed", "--no-reconnect"]);
  const other = await server.accept();
  await other.welcome("guest1", /^\/format/);
  await other.raw(new TextEncoder().encode("HTTP/1.1 400 Bad"));
  const { code, err } = await broken.ended();
  assertEquals(code, 1);
  assertMatch(err.join("\n"), /is lost: .*HTTP\/1\.1 4/i);
});

/** Answers every line, as slowly as it is asked to. */
async function serve(session: FakeSession, count: number): Promise<string[]> {
  const said: string[] = [];
  while (said.length < count) {
    const { tag, command } = await session.command();
    said.push(command.replace("/say ", ""));
    await session.send({ type: "ok", tag, id: `f.1.${said.length}` });
  }
  return said;
}

Deno.test("client: no more than a window is sent unanswered, and all is answered at the end", async () => {
  using server = new FakeServer();
  const lines = Array.from({ length: 5000 }, (_, i) => `line ${i}`);
  await using client = talker(["client", `:${server.port}`], { input: lines.join("\n") });
  const session = await server.accept();
  await session.welcome();
  await session.next(/line 1023$/);
  // Nothing is answered yet: whatever more was sent would come with the sign of life behind it.
  assertEquals(session.untaken, []);
  const said: string[] = [];
  for (const line of session.all.filter((line) => line.includes("/say"))) {
    said.push(line.replace(/^@\w+ \/say /, ""));
    await session.send({ type: "ok", tag: /^@(\w+)/.exec(line)?.[1] ?? "" });
  }
  said.push(...await serve(session, 5000 - said.length));
  assertEquals(said, lines);
  assertEquals((await client.ended()).code, 0);
});

Deno.test("client: a reader of stdout that has gone ends it quietly", async () => {
  using server = new FakeServer();
  await using client = talker(["client", `:${server.port}`], { unread: true });
  const session = await server.accept();
  await session.welcome();
  await client.closeStdout();
  for (let i = 0; !session.ended && i < 10_000; i++) {
    await session.send(speech(i, "x".repeat(1000))).catch(() => {});
  }
  const { code, err } = await client.ended();
  assertEquals([code, err], [0, []]);
});

Deno.test("client: while nobody reads stdout the server is not read either, and nothing is lost", async () => {
  using server = new FakeServer();
  await using client = talker(["client", `:${server.port}`, "--count", "20000"], { unread: true });
  const session = await server.accept();
  await session.welcome();
  const text = "x".repeat(2000);
  let sent = 0;
  const all = (async () => {
    for (; sent < 20_000; sent++) await session.send(speech(sent, text));
  })();
  // It stalls: as soon as it has not moved for a while although it could.
  for (let before = -1; sent !== before;) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  assert(sent < 20_000, "the client takes only what it can print");
  const peak = await residentBytes(client.pid);
  assert(peak === undefined || peak < 400 * 1024 * 1024, `${peak} bytes`);
  let bytes = 0;
  for await (const chunk of client.unreadStdout()) bytes += chunk.length;
  await all;
  assertEquals(bytes, 20_000 * (5 + 2000 + 1));
  assertEquals((await client.ended()).code, 0);
});

async function residentBytes(pid: number): Promise<number | undefined> {
  try {
    const status = await Deno.readTextFile(`/proc/${pid}/status`);
    return Number(/VmHWM:\s*(\d+)/.exec(status)?.[1]) * 1024;
  } catch {
    return undefined;
  }
}

Deno.test("client: SIGTERM and Ctrl-C end it with 0", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    using server = new FakeServer();
    await using client = talker(["client", `:${server.port}`]);
    const session = await server.accept();
    await session.welcome();
    await session.send(speech(1, "hi"));
    await client.waitFor("bob: hi");
    client.signal(signal);
    assertEquals(await client.ended(), { code: 0, out: ["bob: hi"], err: [] });
  }
});
