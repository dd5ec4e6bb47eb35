/** What clients see of other servers: who comes and goes there, servers that vanish, the past. */

import { assert, assertEquals } from "@std/assert";
import { MeshServer, startMesh } from "../support/mesh_host.ts";

async function pair(stack: AsyncDisposableStack) {
  const a = await startMesh(stack, "a");
  const b = await startMesh(stack, "b", { peers: [a.address] });
  await a.reaches("a", "b");
  await b.reaches("a", "b");
  return { a, b };
}

Deno.test("arrivals, renamings and departures are seen on every server, once", async () => {
  await using stack = new AsyncDisposableStack();
  const { a, b } = await pair(stack);
  const c = await startMesh(stack, "c", { peers: [b.address] });
  await a.reaches("a", "b", "c");
  const watchers = [await a.join("wa"), await b.join("wb"), await c.join("wc")];
  for (const watcher of watchers) await watcher.drain();
  await watchers[0]!.next(/ renames themself as wc$/);

  const guest = await a.process.connect();
  const welcome = await guest.next(/^Welcome, guest\d+$/);
  const nick = welcome.slice("Welcome, ".length);
  await guest.send("/nick dora", "hello", "/me waves", "/nick dory", "/quit");
  const expected = [
    `${nick} has joined`,
    `${nick} renames themself as dora`,
    "dora: hello",
    "* dora waves",
    "dora renames themself as dory",
    "dory has left",
  ];
  for (const watcher of watchers) {
    const seen: string[] = [];
    while (seen.length < expected.length) {
      seen.push(await watcher.next((line) => expected.includes(line)));
    }
    assertEquals(seen, expected);
    assertEquals((await watcher.drain()).filter((line) => /dor[ay]/.test(line)), []);
  }
});

Deno.test("the first client of a server is announced on the others, before it speaks", async () => {
  await using stack = new AsyncDisposableStack();
  const { a, b } = await pair(stack);
  const watcher = await a.process.connect();
  await watcher.next(/^guest\d+ has joined$/);
  const first = await b.process.connect();
  await first.send("/nick bob", "hi", "/nick bobby", "hi again");
  const nick = (await first.next(/^Welcome/)).slice("Welcome, ".length);
  await watcher.expect(
    `${nick} has joined`,
    `${nick} renames themself as bob`,
    "bob: hi",
    "bob renames themself as bobby",
    "bobby: hi again",
  );
});

Deno.test("the times of what happens in the mesh are those at which it is told", async () => {
  await using stack = new AsyncDisposableStack();
  const { a, b } = await pair(stack);
  const bob = await b.join("bob");
  const quiet = await a.process.connect();
  await quiet.send("/format json");
  await quiet.next(/"text":"guest\d+ has joined"/);
  // From now on its clients do nothing.
  const timeOf = (line: string) => Date.parse(JSON.parse(line).time);
  const before = Date.now();
  await bob.send("/tell guest2 psst");
  assert(timeOf(await quiet.next(/"type":"whisper"/)) >= before);
  await b.kill();
  assert(timeOf(await quiet.next(/"text":"b is unreachable/)) >= before);
});

Deno.test("a crowd that arrives elsewhere is one line here", async () => {
  await using stack = new AsyncDisposableStack();
  const { a, b } = await pair(stack);
  const watcher = await a.join("watcher");
  const crowd = await Promise.all(Array.from({ length: 40 }, () => b.process.connect()));
  for (const client of crowd) await client.send("/ping");
  const lines = await watcher.until(/^\d+ have joined: /);
  let joined = 0;
  for (const line of lines) {
    const many = /^(\d+) have joined: guest/.exec(line)?.[1];
    if (many !== undefined) joined += Number(many);
    else if (/^guest\d+ has joined$/.test(line)) joined++;
  }
  assertEquals(joined, 40, lines.join("\n"));
  assertEquals((await a.ask("/who")).lines[0], "There are 41 users online on 2 servers:");
});

Deno.test("however much happens at once on a server, all of it is seen on the others", async () => {
  await using stack = new AsyncDisposableStack();
  const { a, b } = await pair(stack);
  const watcher = await a.join("watcher");
  const dora = await b.join("dora");
  await watcher.next(/ renames themself as dora$/);
  const nicks = Array.from({ length: 100 }, (_, index) => `dora${index}`);
  await dora.send(...nicks.map((nick) => `/nick ${nick}`));
  await watcher.next(/ renames themself as dora99$/);
  const seen = watcher.all.filter((line) => line.startsWith("dora")).map((line) =>
    line.split(" ").at(-1)
  );
  assertEquals(seen, nicks);
});

Deno.test("kill -9 and a restart: unreachable, with the number of users, and talking again", async () => {
  await using stack = new AsyncDisposableStack();
  const { a, b } = await pair(stack);
  const c = await startMesh(stack, "c", { peers: [b.address] });
  await a.reaches("a", "b", "c");
  const ann = await a.join("ann");
  await b.join("bob");
  await b.join("bea");
  const cid = await c.join("cid");
  await ann.next(/ renames themself as cid$/);
  await a.ask("/who");
  const { peerPort } = b;
  await b.kill();
  const seen = await ann.until((line) => line.startsWith("c is unreachable"), 6_000);
  assertEquals(seen.filter((line) => line.includes("unreachable")).toSorted(), [
    "b is unreachable (2 users)",
    "c is unreachable (1 users)",
  ]);
  assertEquals(seen.filter((line) => line.includes("left")), [], "it isn't known that they left");
  const { lines } = await a.ask("/who");
  assertEquals(lines, ["There are 1 users online on 1 servers:", "  Server: a", "    ann"]);

  const again = await MeshServer.start("b", { peerPort, peers: [a.address] });
  stack.use(again);
  await ann.next("c is back");
  await a.reaches("a", "b", "c");
  await ann.send("hello again");
  await cid.next("ann: hello again");
  const all = [...ann.all, ...cid.all];
  assertEquals(all.filter((line) => line.includes("has left")), []);
  assertEquals(all.filter((line) => line.endsWith(" as cid")).length, 2, "not told again");
});

Deno.test("a server that stops says so", async () => {
  await using stack = new AsyncDisposableStack();
  const { a, b } = await pair(stack);
  const ann = await a.join("ann");
  const bob = await b.join("bob");
  await ann.next(/ renames themself as bob$/);
  b.process.signal("SIGTERM");
  await bob.next(/Goodbye/);
  const stopping = performance.now();
  bob.close();
  const seen = await ann.until(/^b (has stopped|is unreachable)/);
  assertEquals(seen.at(-1), "b has stopped (1 users)");
  assertEquals(seen.filter((line) => line.includes("has left")), []);
  assertEquals(performance.now() - stopping < 1_000, true);
  assertEquals((await b.process.ended()).code, 0);
  await a.reaches("a");
});

Deno.test("what was said before a server joined is in /history only", async () => {
  await using stack = new AsyncDisposableStack();
  const a = await startMesh(stack, "a");
  const ann = await a.join("ann");
  for (let i = 1; i <= 20; i++) await ann.send(`past ${i}`);
  await ann.next("ann: past 20");
  const b = await startMesh(stack, "b");
  const bob = await b.join("bob");
  await bob.send("my past");
  await bob.next("bob: my past");
  assertEquals((await b.ask(`/peer-connect 127.0.0.1 ${a.peerPort}`)).outcome, "ok");
  await a.reaches("a", "b");
  await b.reaches("a", "b");
  await ann.send("now");
  await bob.next("ann: now");
  await bob.send("now, too");
  await ann.next("bob: now, too");
  for (const [client, nick] of [[ann, "bob"], [bob, "ann"]] as const) {
    await client.drain();
    const lines = client.all.filter((line) => line.startsWith(`${nick}: `));
    assertEquals(lines, [nick === "ann" ? "ann: now" : "bob: now, too"]);
  }
  const said = async (server: MeshServer) => {
    const { lines } = await server.ask("/history 100");
    return lines.map((line) => line.slice(line.indexOf(" ") + 1));
  };
  const past = Array.from({ length: 20 }, (_, index) => `ann: past ${index + 1}`);
  const everything = [...past, "bob: my past", "ann: now", "bob: now, too"].toSorted();
  for (const server of [a, b]) assertEquals((await said(server)).toSorted(), everything);
  // Each speaker's own order.
  assertEquals((await said(b)).filter((line) => line.includes("past ")), past);
});

Deno.test("a server that comes later relays a past that it was not there for", async () => {
  await using stack = new AsyncDisposableStack();
  const a = await startMesh(stack, "a");
  const b = await startMesh(stack, "b", { peers: [a.address] });
  await b.reaches("a", "b");
  const [ann, bob] = [await a.join("ann"), await b.join("bob")];
  await ann.send("first");
  await bob.next("ann: first");
  await bob.send("first, too");
  await ann.next("bob: first, too");
  // b is cut off from a, which talks on; then c, which knows nothing, joins the two.
  assertEquals((await b.ask("/peer-kill a")).outcome, "ok");
  await a.reaches("a");
  for (let i = 1; i <= 50; i++) await ann.send(`apart ${i}`);
  await bob.send("apart, too");
  await ann.next("ann: apart 50");
  const c = await startMesh(stack, "c", { peers: [a.address] });
  await c.reaches("a", "c");
  const cid = await c.join("cid");
  assertEquals((await c.ask(`/peer-connect 127.0.0.1 ${b.peerPort}`)).outcome, "ok");
  for (let i = 1; i <= 50; i++) await bob.next(`ann: apart ${i}`);
  await ann.next("bob: apart, too");
  // c has heard of b from a, though no more than what a knew: what b said beyond that is news.
  assertEquals(
    (await cid.drain()).filter((line) => line.includes("apart")),
    ["bob: apart, too"],
  );
  for (const client of [ann, bob]) {
    const lines = client.all.filter((line) => line.includes("apart"));
    assertEquals(new Set(lines).size, lines.length);
  }
});
