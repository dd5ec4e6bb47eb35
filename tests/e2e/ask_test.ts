/** Questions and the commands that answer them, with real servers. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { askUntil } from "../support/mesh_host.ts";
import { runToEnd, TalkerProcess } from "../support/process.ts";
import { TestServer } from "../support/server.ts";

/** Two servers of a mesh that are linked; the first answers with `command`. */
async function pair(command: string, ...flags: string[]) {
  const listen = ["--peer-listen", "127.0.0.1:0"];
  const hello = await TestServer.start([
    "--name",
    "hello",
    ...listen,
    "--answer",
    command,
    ...flags,
  ]);
  const port = /:(\d+)$/.exec(await hello.stdout.next(/ for peers on /))?.[1];
  const attic = await TestServer.start(["--name", "attic", "--peer", `127.0.0.1:${port}`]);
  await attic.stderr.next(/Link to hello .* is up/);
  await using stack = new AsyncDisposableStack();
  stack.use(hello);
  stack.use(attic);
  const kept = stack.move();
  return { hello, attic, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

const ask = (port: number, text: string, ...flags: string[]) =>
  runToEnd(["client", `:${port}`, "--ask", text, ...flags]);

Deno.test("ask: the text is the command's stdin, its stdout the answer, here and across the mesh", async () => {
  await using servers = await pair('read -r line; echo "<$line>"; echo "for $TALKER_SERVER"');
  const { hello, attic } = servers;
  assertEquals(await ask(hello.port, "LEFT 0.5"), {
    code: 0,
    out: ["<LEFT 0.5>", "for hello"],
    err: [],
  });
  assertEquals((await ask(attic.port, "@hello LEFT 0.5")).out, ["<LEFT 0.5>", "for attic"]);
  const bob = await attic.join("bob");
  await bob.send("@7 /ask @hello what now");
  assertEquals([await bob.next(), await bob.next(), await bob.next()], [
    "@7 <what now>",
    "@7 for attic",
    "@7 ok",
  ]);
});

Deno.test("ask: foreign text never becomes a part of the command", async () => {
  await using servers = await pair("cat");
  const nasty = `"; echo hacked; $(echo hacked) \`echo hacked\` ' | echo hacked`;
  assertEquals((await ask(servers.hello.port, nasty)).out, [nasty]);
  assertEquals((await ask(servers.attic.port, `@hello ${nasty}`)).out, [nasty]);
});

Deno.test("ask: nobody answers, a command that fails, hangs or prints too much", async () => {
  await using servers = await pair(
    "read -r what; case $what in fail) exit 7;; hang) sleep 60;; much) yes | head -c 100000;; esac",
    "--answer-timeout",
    "0.3",
  );
  const { hello, attic } = servers;
  const nobody = await ask(attic.port, "hello");
  assertEquals(nobody.code, 1);
  assertEquals(nobody.err, ["talker: attic answers no questions (talker server --answer CMD)"]);
  const failed = await ask(hello.port, "fail");
  assertEquals(failed.code, 1);
  assertMatch(failed.err[0] ?? "", /The answering command failed: it exited with 7/);
  const hung = await ask(attic.port, "@hello hang");
  assertEquals(hung.code, 3);
  assertMatch(hung.err[0] ?? "", /ended after 0.3 s/);
  const much = await ask(hello.port, "much");
  assertEquals(much.code, 1);
  assertEquals((await ask(hello.port, "nothing")).out, []);
  assertEquals((await ask(attic.port, "@cellar hello")).code, 1);
});

Deno.test("ask: no answer within --timeout, nobody there, more than a line", async () => {
  await using servers = await pair("sleep 60");
  const { hello } = servers;
  const late = await ask(hello.port, "hello", "--timeout", "0.3");
  assertEquals(late.code, 3);
  assertMatch(late.err[0] ?? "", /^talker: No answer from 127.0.0.1:\d+ within 0.3 s/);
  assertEquals((await ask(1, "hello")).code, 1);
  for (const text of ["", " ", "two\nlines", "x".repeat(9000)]) {
    assertEquals((await ask(hello.port, text)).code, 2, text.slice(0, 10));
  }
});

Deno.test("ask: a server that is lost while it answers is not late", async () => {
  await using servers = await pair("exec sleep 5");
  const { hello, attic } = servers;
  const bob = await attic.join("bob");
  await askUntil(bob, "/reachable", ({ length }) => length === 3);
  const asked = ask(attic.port, "@hello anybody");
  await bob.send("@7 /ask @hello anybody", "@8 /who");
  // Asked on the same path, and answered behind it.
  await bob.next("@8 ok");
  hello.signal("SIGKILL");
  await bob.next("@7 error failed No answer from hello: it is lost");
  const { code, err } = await asked;
  assertEquals(code, 1);
  assertMatch(err[0] ?? "", /No answer from hello: it is lost|No server called hello/);
});

Deno.test("ask: a burst is answered some at a time, and beyond that refused", async () => {
  await using servers = await pair("sleep 0.05; cat");
  const bob = await servers.hello.join("bob");
  const asked = 100;
  await bob.send(...Array.from({ length: asked }, (_, i) => `@q${i} /ask ${i}`));
  const ended = new Map<string, string>();
  while (ended.size < asked) {
    const [, tag, rest] = /^@(\S+) (.*)$/.exec(await bob.next(/^@/)) ?? [];
    if (/^(ok|error)/.test(rest ?? "")) ended.set(tag as string, rest as string);
  }
  const busy = [...ended.values()].filter((end) => end.startsWith("error busy")).length;
  assertEquals(busy, asked - 4 - 64);
  assert([...ended.values()].every((end) => end === "ok" || end.startsWith("error busy")));
  assertEquals((await ask(servers.hello.port, "still there")).out, ["still there"]);
});

Deno.test("ask: the answer as JSON, and a framed server", async () => {
  await using server = await TestServer.start([
    "--name",
    "hello",
    "--framed",
    "0",
    "--answer",
    "cat",
  ]);
  const end = await ask(server.framedPort, "hi", "--framed", "--json");
  assertEquals(end.out.map((line) => JSON.parse(line)), [
    { type: "reply", text: "hi", server: "hello" },
  ]);
});

Deno.test("ask: who stops it has no answer, and is told so", async () => {
  const folder = await Deno.makeTempDir({ prefix: "talker-ask-" });
  try {
    const taken = `${folder}/taken`;
    await using hello = await TestServer.start(["--answer", `: >'${taken}'; sleep 20`]);
    await using asking = new TalkerProcess(["client", `:${hello.port}`, "--ask", "x"], {
      input: null,
    });
    while (await Deno.stat(taken).then(() => false, () => true)) {
      await new Promise<void>((resolve) => setTimeout(resolve, 10));
    }
    asking.signal("SIGINT");
    const { code, out, err } = await asking.ended();
    assertEquals([code, out], [1, []]);
    assertMatch(err.join("\n"), /^talker: No answer from .*: stopped$/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
