import { assert, assertEquals, assertMatch } from "@std/assert";
import type { LineClient } from "../support/line_client.ts";
import { runTalker, TestServer, testUnless } from "../support/server.ts";

/** One line, and no stack trace. */
function assertOneLine(stderr: string, pattern: RegExp): void {
  assertMatch(stderr, /^[^\n]+\n$/);
  assertMatch(stderr, pattern);
}

Deno.test("One line on stdout for each listener, the client port first", async () => {
  const server = await TestServer.start(["--name", "kitchen", "--framed", "0"]);
  const { port, framedPort } = server;
  assertEquals((await server.stop()).stdout.split("\n"), [
    `talker server kitchen listening on 127.0.0.1:${port}`,
    `talker server kitchen listening for framed clients on 127.0.0.1:${framedPort}`,
  ]);
  assert(port > 0 && framedPort > 0 && port !== framedPort);
});

Deno.test("--json: one object for each listener", async () => {
  const server = await TestServer.start(["--name", "kitchen", "--framed", "0", "--json"]);
  const { port, framedPort } = server;
  const of = { type: "listening", name: "kitchen", host: "127.0.0.1" };
  const { stdout } = await server.stop();
  assertEquals(stdout.split("\n").map((line) => JSON.parse(line)), [
    { ...of, port, for: "clients" },
    { ...of, port: framedPort, for: "framed" },
  ]);
});

Deno.test("The name defaults to the host name; flags come from the environment, too", async () => {
  await using one = await TestServer.start();
  assertMatch(one.stdout.all[0]!, new RegExp(`^talker server ${Deno.hostname()} listening on `));
  await using two = await TestServer.start(["--name", "attic"], {
    env: { TALKER_NAME: "kitchen", TALKER_NO_ECHO: "1", TALKER_LOG_LEVEL: "error" },
  });
  assertMatch(two.stdout.all[0]!, /^talker server attic listening on /);
  const ann = await two.join("ann");
  await ann.send("not echoed");
  assertEquals(await ann.drain(), []);
});

for (const host of ["::1", "localhost"]) {
  testUnless(cannotListen(host), `${host} can be listened at`, async () => {
    await using server = await TestServer.start([], { host });
    if (host === "::1") assertMatch(server.stdout.all[0]!, / listening on \[::1\]:\d+$/);
    await (await server.connect()).expect("Welcome, guest1");
  });
}

function cannotListen(hostname: string): string | undefined {
  try {
    Deno.listen({ hostname, port: 0 }).close();
    return undefined;
  } catch (error) {
    return `${hostname} is not there: ${error}`;
  }
}

Deno.test("A port in use: exit 1, one line that names it and says what to do", async () => {
  await using server = await TestServer.start(["--framed", "0"]);
  const taken = [
    { args: ["--port", `${server.port}`], port: server.port, flag: /--port/ },
    {
      args: ["--port", "0", "--framed", `${server.framedPort}`],
      port: server.framedPort,
      flag: /--framed/,
    },
  ];
  for (const { args, port, flag } of taken) {
    const ended = await runTalker(["server", "--host", "127.0.0.1", ...args]);
    assertEquals(ended.code, 1);
    assertEquals(ended.stdout, ""); // Nothing listens, so nothing is told.
    assertOneLine(ended.stderr, new RegExp(`127\\.0\\.0\\.1:${port}\\b.*in use`));
    assertMatch(ended.stderr, flag);
  }
  await (await server.connect()).expect("Welcome, guest1");
});

Deno.test("An address that isn't here, an unknown host: exit 1 and one line", async () => {
  const away = await runTalker(["server", "--host", "192.0.2.1", "--port", "0"]);
  assertEquals(away.code, 1);
  assertOneLine(away.stderr, /192\.0\.2\.1/);
  const unknown = await runTalker(["server", "--host", "no-such-host.invalid", "--port", "0"]);
  assertEquals(unknown.code, 1);
  assertOneLine(unknown.stderr, /no-such-host\.invalid/);
});

Deno.test("Wrong usage: exit 2 and one line", async () => {
  const wrong: [string[], RegExp][] = [
    [["--prot", "1"], /--prot\b.*--port\b/],
    [["--framd", "1"], /--framd\b.*--framed\b/],
    [["--port", "x"], /--port\b.*x/],
    [["--port", "65536"], /65536/],
    [["--port", "-1"], /-1/],
    [["--port"], /--port/],
    [["--framed", "kitchen"], /--framed\b.*kitchen/],
    [["--framed", "127.0.0.1:99999"], /99999/],
    [["--max-clients", "0"], /--max-clients/],
    [["--max-per-address", "many"], /--max-per-address/],
    [["--admin", "everybody"], /--admin\b.*any/],
    [["--log-level", "loud"], /--log-level\b.*warning/],
    [["--name", "two words"], /two words/],
    [["--name", ""], /name/],
    [["--name", "a@b"], /a@b/],
    [["--name", "\u{10400}".repeat(64)], /--name\b.*256 bytes.*255/],
    [["--mesh", "x".repeat(256)], /--mesh\b.*256 bytes.*255/],
    [["--mesh", "a\u0001b"], /--mesh is "a\uFFFDb"; it must have no control characters/],
    [["--data", ""], /--data is ""; it must not be empty/],
    [["--host="], /--host is ""; it must not be empty/],
    [["--answer="], /--answer is ""; it must not be empty/],
    [["--interface="], /--interface is ""; it must not be empty/],
    [["surplus"], /surplus/],
  ];
  const results = wrong.map(([args]) => runTalker(["server", "--host", "127.0.0.1", ...args]));
  for (const [index, { code, stdout, stderr }] of (await Promise.all(results)).entries()) {
    const [args, pattern] = wrong[index]!;
    assertEquals(code, 2, args.join(" "));
    assertEquals(stdout, "", args.join(" "));
    assertOneLine(stderr, pattern);
  }
});

Deno.test("--help tells every flag, its default and two examples, and exits 0", async () => {
  const { code, stdout, stderr } = await runTalker(["server", "--help"]);
  assertEquals([code, stderr], [0, ""]);
  for (
    const flag of ["name", "host", "port", "framed", "no-echo", "max-clients", "admin", "json"]
  ) {
    assertMatch(stdout, new RegExp(`--${flag}\\b`));
  }
  for (const text of ["8889", "0.0.0.0", "20000", "256"]) assert(stdout.includes(text), text);
  assert(stdout.split("\n").filter((line) => /^ *talker server .*--/.test(line)).length >= 2);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`${signal}: goodbye to all, exit 0, and the port is free again`, async () => {
    const server = await TestServer.start(["--name", "kitchen", "--framed", "0"]);
    const ann = await server.join("ann");
    const bob = await server.join("bob", { framed: true });
    await Promise.all([ann.drain(), bob.drain()]);
    server.signal(signal);
    for (const client of [ann, bob]) {
      const goodbye = await client.closed();
      assertEquals(goodbye.length, 1);
      assertMatch(goodbye[0]!, /goodbye/i);
      assertEquals(client.error, undefined);
    }
    const { code, stderr } = await server.ended();
    assertEquals(code, 0, stderr);
    await using again = await TestServer.start([], { port: server.port });
    await (await again.connect()).expect("Welcome, guest1");
  });
}

Deno.test("SIGTERM while much is queued: who reads on gets everything, then the goodbye", async () => {
  const server = await TestServer.start();
  const ann = await server.join("ann");
  const bob = await server.join("bob");
  await bob.drain();
  bob.pause();
  const text = "x".repeat(4000);
  for (let i = 0; i < 1500; i++) void ann.send(`${i} ${text}`);
  await ann.next(`ann: 1499 ${text}`);
  server.signal("SIGTERM");
  await ann.closed();
  bob.resume();
  const lines = await bob.closed();
  assertMatch(lines.at(-1)!, /goodbye/i);
  assertEquals(
    lines.slice(0, -1).map((line) => line.slice(0, 12).trim()),
    Array.from({ length: 1500 }, (_, i) => `ann: ${i} ${text}`.slice(0, 12).trim()),
  );
  assertEquals((await server.ended()).code, 0);
});

Deno.test("SIGTERM with clients that took everything and stay, as nc does: the end comes soon", async () => {
  const server = await TestServer.start();
  using ann = await server.join("ann");
  server.signal("SIGTERM");
  await ann.next(/goodbye/i);
  await ann.rest();
  const before = performance.now();
  assertEquals((await server.ended()).code, 0);
  const took = performance.now() - before;
  assert(took < 3_000, `nothing was left to be written, and yet it took ${took} ms`);
});

Deno.test("SIGTERM with a client that reads nothing: the end comes after 5 s, and is clean", async () => {
  const server = await TestServer.start();
  await using _ = server;
  await deafClient(server);
  const before = performance.now();
  server.signal("SIGTERM");
  const { code } = await server.ended(9_000);
  assertEquals(code, 0);
  const took = performance.now() - before;
  assert(took >= 4_000, `its queue was given up after ${took} ms`);
});

Deno.test("Ctrl-C ends a server that is stopping at once, another SIGTERM changes nothing", async () => {
  const server = await TestServer.start();
  await using _ = server;
  const ann = await deafClient(server);
  server.signal("SIGTERM");
  server.signal("SIGTERM");
  await ann.next(/goodbye/i);
  server.signal("SIGTERM");
  server.signal("SIGINT");
  const { code } = await server.ended(3_000);
  assertEquals(code, 130);
});

/** A client with more waiting for it than the system's buffers take; returns the one who spoke to it. */
async function deafClient(server: TestServer): Promise<LineClient> {
  const ann = await server.join("ann");
  const deaf = await server.join("bob");
  await deaf.drain();
  deaf.pause();
  const text = "x".repeat(8000);
  for (let i = 0; i < 2000; i++) void ann.send(`${i} ${text}`);
  await ann.next(`ann: 1999 ${text}`);
  return ann;
}

Deno.test("What happens is logged on stderr, as text or JSON, or in a file", async () => {
  const file = await Deno.makeTempFile();
  try {
    const server = await TestServer.start(["--log-format", "json", "--log-level", "debug"]);
    await (await server.connect()).expect("Welcome, guest1");
    const { stderr } = await server.stop();
    for (const line of stderr.split("\n").filter(Boolean)) JSON.parse(line);
    assert(stderr.length > 0);
    const other = await TestServer.start(["--log-file", file]);
    assertEquals((await other.stop()).stderr, "");
    assertMatch(await Deno.readTextFile(file), /\S/);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("The program leaves nothing behind where all users write", async () => {
  const TMPDIR = await Deno.makeTempDir({ prefix: "talker-tmp-" });
  try {
    const { code } = await runTalker(["--version"], { env: { TMPDIR } });
    assertEquals(code, 0);
    assertEquals(await Array.fromAsync(Deno.readDir(TMPDIR)), []);
  } finally {
    await Deno.remove(TMPDIR, { recursive: true });
  }
});
