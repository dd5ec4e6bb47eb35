/** `talker client` as a tool for scripts, with a real server. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { runToEnd, talker } from "../support/process.ts";
import { TestServer } from "../support/server.ts";

Deno.test("client: lines of stdin are said, the last one without its end as well", async () => {
  await using server = await TestServer.start();
  const bob = await server.join("bob");
  const end = await runToEnd(["client", `:${server.port}`, "--nick", "ann"], {
    input: "hello\r\n\n  indented\t \n//etc\n/me waves\n@bob hi\nlast",
  });
  assertEquals([end.code, end.err], [0, []]);
  const said = ["hello", "  indented\t ", "/etc", "waves", "@bob hi", "last"];
  const heard = [];
  for (const text of said) {
    heard.push(await bob.next(text === "waves" ? "* ann waves" : `ann: ${text}`));
  }
  await bob.next("ann has left");
  assertEquals(end.out, heard, "the speaker hears itself");
});

Deno.test("client: invalid UTF-8 and control characters of stdin do no harm", async () => {
  await using server = await TestServer.start();
  const input = new Uint8Array([0x61, 0xff, 0xfe, 0x1b, 0x5b, 0x41, 0x00, 0x62, 0x0a, 0xff, 0x0a]);
  const end = await runToEnd(["client", `:${server.port}`], { input });
  assertEquals(end.code, 0);
  assertMatch(end.out[0] ?? "", /^guest\d+: a.*\[Ab$/);
});

Deno.test("client: stdin speaks no telnet", async () => {
  await using server = await TestServer.start();
  const text = "one\ntwo \xff\xfa three\nfour \xff\nfive\n";
  const input = Uint8Array.from(text, (character) => character.charCodeAt(0));
  const target = `:${server.port}`;
  const end = await runToEnd(["client", target, "--nick", "ann"], { input });
  const lines = ["one", "two \ufffd\ufffd three", "four \ufffd", "five"];
  assertEquals([end.code, end.out], [0, lines.map((line) => `ann: ${line}`)]);
  const published = await runToEnd(["notify", target, "--publish", "x", "-"], { input });
  assertEquals([published.code, published.out.length], [0, 4]);
});

Deno.test("client: --send prints the answers to commands only", async () => {
  await using server = await TestServer.start(["--name", "kitchen"]);
  const bob = await server.join("bob");
  const target = `:${server.port}`;
  const who = await runToEnd(["client", target, "--nick", "ann", "--send", "hi", "--send", "/who"]);
  assertEquals(who, {
    code: 0,
    out: ["There are 2 users online on 1 servers:", "  Server: kitchen", "    ann", "    bob"],
    err: [],
  });
  await bob.next("ann: hi");

  const lines = await runToEnd(["client", target, "--send", "/ping a\n/ping b\r\n"]);
  assertEquals([lines.code, lines.out], [0, ["pong a", "pong b"]]);

  const json = await runToEnd([
    "client",
    target,
    "--json",
    "--send",
    "@me /random 2 7 7",
    "--send",
    "/ping x",
  ]);
  assertEquals(json.out.map((line) => JSON.parse(line)), [
    { type: "reply", text: "7 7", numbers: [7, 7], tag: "me" },
    { type: "ok", tag: "me" },
    { type: "reply", text: "pong x" },
  ]);

  const wrong = await runToEnd(["client", target, "--send", "/foo", "--send", "/ping"]);
  assertEquals([wrong.code, wrong.out], [1, ["pong"]]);
  assertMatch(wrong.err.join("\n"), /^Unknown command: \/foo/);
});

Deno.test("client: a nick that is taken or wrong fails with the server's words", async () => {
  await using server = await TestServer.start();
  const bob = await server.join("bob");
  const target = `:${server.port}`;
  const taken = await runToEnd(["client", target, "--nick", "Bob"], { input: "never said\n" });
  assertEquals([taken.code, taken.out, taken.err], [1, [], ["talker: Nick Bob is taken"]]);
  const wrong = await runToEnd(["client", target], { env: { TALKER_NICK: "a b" } });
  assertEquals(wrong.code, 2);
  assertMatch(wrong.err.join("\n"), /^talker: TALKER_NICK is "a b"; it must be 1 to 32 letters/);
  const heard = await bob.drain();
  assert(!heard.some((line) => line.includes("never said")), heard.join());
});

Deno.test("client: a server that is full is told as such", async () => {
  await using server = await TestServer.start(["--max-clients", "1"]);
  await server.join("bob");
  const target = `127.0.0.1:${server.port}`;
  const message = `talker: ${target}: The server is full: it takes 1 connections`;
  for (const args of [["client", target], ["client", target, "--ask", "x"], ["notify", target]]) {
    assertEquals(await runToEnd(args), { code: 1, out: [], err: [message] });
  }
});

Deno.test("client: --count and --timeout", async () => {
  await using server = await TestServer.start();
  const bob = await server.join("bob");
  const target = `:${server.port}`;
  await using two = talker(["client", target, "--nick", "ann", "--count", "2"], { input: null });
  await bob.next(/as ann$/);
  await bob.send("one", "/tell ann two", "three");
  assertEquals(await two.ended(), { code: 0, out: ["bob: one", "bob whispers: two"], err: [] });

  const echo = await runToEnd(["client", target, "--nick", "ann", "--count", "1", "--send", "me"]);
  assertEquals([echo.code, echo.out], [0, ["ann: me"]]);

  const late = await runToEnd(["client", target, "--count", "1", "--timeout", "0.3"]);
  assertEquals([late.code, late.err], [3, ["talker: Timed out after 0.3 s"]]);
});

Deno.test("client: --json is the server's words, one object a line", async () => {
  await using server = await TestServer.start(["--name", "kitchen"]);
  const bob = await server.join("bob");
  await using client = talker(["client", `:${server.port}`, "--json", "--count", "1"], {
    input: null,
  });
  await client.waitFor((line) => JSON.parse(line).type === "welcome");
  await bob.next(/^guest\d+ has joined$/);
  await bob.send("grüß \u202egott");
  const { code, out } = await client.ended();
  assertEquals(code, 0);
  const last = JSON.parse(out.at(-1) ?? "");
  assertEquals([last.type, last.nick, last.server], ["speech", "bob", "kitchen"]);
  assertEquals(last.text, "grüß \u202egott");
  assert(!out.at(-1)?.includes("\u202e"), "and harmless");
});

Deno.test("client: the framed port", async () => {
  await using server = await TestServer.start(["--framed", "127.0.0.1:0"]);
  const bob = await server.join("bob");
  const target = `127.0.0.1:${server.framedPort}`;
  const end = await runToEnd(["client", "--framed", target, "--nick", "ann"], {
    input: "hello\n/ping x\n" + "y".repeat(8192) + "\n" + "z".repeat(8193),
  });
  assertEquals(end.out, ["ann: hello", "pong x", "ann: " + "y".repeat(8192)]);
  assertEquals([end.code, end.err], [1, ["Line too long: 8193 bytes, and 8192 are the most"]]);
  await bob.next("ann: hello");
});

Deno.test("client: a hundred thousand lines go through a pipe, each once and in order", async () => {
  await using server = await TestServer.start();
  const lines = Array.from({ length: 100_000 }, (_, i) => `line ${i}`);
  const { code, out } = await runToEnd(["client", `:${server.port}`, "--nick", "ann"], {
    input: lines.join("\n") + "\n",
    deadline: 60_000,
  });
  assertEquals(code, 0);
  assertEquals(out.length, lines.length);
  assertEquals(out.findIndex((line, i) => line !== `ann: line ${i}`), -1);
});

Deno.test("client: it comes back with its nick when the server does", async () => {
  const first = await TestServer.start();
  const { port } = first;
  await using client = talker(["client", `:${port}`, "--nick", "ann"]);
  try {
    await client.type("one\n");
    await client.waitFor("ann: one");
  } finally {
    await first.stop();
  }
  await client.stderr.next(/is lost/);
  await client.type("two\n");
  await using second = await TestServer.start([], { port });
  const bob = await second.connect();
  await client.waitFor("ann: two");
  await bob.next("ann: two");
  await client.endInput();
  assertEquals((await client.ended()).code, 0);
});

Deno.test("client: /quit in a script ends it after all answers", async () => {
  await using server = await TestServer.start();
  const { code, out } = await runToEnd(["client", `:${server.port}`], {
    input: "/ping a\n/quit\n/ping never\n",
  });
  assertEquals([code, out], [0, ["pong a", "Goodbye"]]);
});

Deno.test("main: help, version, and what is no subcommand", async () => {
  const [help, version, none, wrong, flag] = await Promise.all([
    runToEnd(["--help"]),
    runToEnd(["--version"]),
    runToEnd([]),
    runToEnd(["clinet"]),
    runToEnd(["--verison"]),
  ]);
  assertEquals([help.code, help.err, help.out.length > 5], [0, [], true]);
  assertMatch(version.out.join("\n"), /^talker \d+\.\d+\.\d+$/);
  assertEquals(await runToEnd(["help"]), help);
  assertEquals(await runToEnd(["help", "peer"]), await runToEnd(["peer", "--help"]));
  assertEquals([none.code, none.out], [2, []]);
  assertEquals([wrong.code, wrong.out], [2, []]);
  assertMatch(wrong.err.join("\n"), /^talker: Unknown subcommand "clinet"; the nearest is client/);
  assertMatch(flag.err.join("\n"), /^talker: Unknown flag "--verison"; the nearest is --version/);
});

Deno.test("main: the help of each subcommand begins with what the general help says", async () => {
  const { out } = await runToEnd(["--help"]);
  const from = out.indexOf("Subcommands:") + 1;
  const text = out.slice(from, out.indexOf("", from)).join("\n").replace(/\n {14}/g, " ");
  const listed = text.split("\n").map((line) => /^ {2}([a-z]+) +(.*)$/.exec(line) ?? []);
  assert(listed.length >= 2);
  for (const [, name = "", summary = ""] of listed) {
    const help = await runToEnd([name, "--help"]);
    assertEquals(help.out[0], `talker ${name}: ${summary}`);
  }
});
