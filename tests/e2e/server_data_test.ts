/** `talker server --data`: what is confirmed is there after a kill. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { LineClient } from "../support/line_client.ts";
import { ask, askUntil, startMesh } from "../support/mesh_host.ts";
import { missing, runTalker, TestServer, testUnless } from "../support/server.ts";

/** A directory for the data of one test, gone at its end. */
async function folder(stack: AsyncDisposableStack): Promise<string> {
  const path = await Deno.makeTempDir({ prefix: "talker-data-" });
  stack.defer(() => Deno.remove(path, { recursive: true }));
  return path;
}

const start = (data: string, ...args: string[]) =>
  TestServer.start(["--name", "kitchen", "--data", data, ...args]);

/** `kill -9`. */
async function kill(server: TestServer): Promise<void> {
  server.signal("SIGKILL");
  await server.ended();
}

/** What a command that was answered with `ok ID` has made. */
async function idOf(client: LineClient, line: string): Promise<string> {
  const { outcome } = await ask(client, line);
  assertMatch(outcome, /^ok \S+$/, line);
  return outcome.slice(3);
}

interface Line {
  id: string;
  time: string;
  nick: string;
  server: string;
  said: string;
}

/** The history as JSON; the client is served JSON from then on. */
async function history(client: LineClient, parameters: string): Promise<Line[]> {
  await client.send("/format json", `@h /history ${parameters}`);
  const lines = await client.until((line) => line.includes('"type":"ok","tag":"h"'));
  const answer = lines.filter((line) => line.startsWith('{"type":"reply","tag":"h"'));
  return answer.map((line) => JSON.parse(line)).map(({ id, time, nick, server, said }) => ({
    id,
    time,
    nick,
    server,
    said,
  }));
}

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  Deno.test(`data: the history comes back after ${signal}, with its ids; since=ID reaches over it`, async () => {
    await using stack = new AsyncDisposableStack();
    const data = await folder(stack);
    let before: Line[];
    {
      await using server = await start(data);
      const bob = await server.join("bob");
      for (let i = 0; i < 20; i++) await idOf(bob, `/say line ${i}`);
      before = await history(bob, "100");
      server.signal(signal);
      await server.ended();
    }
    assertEquals(before.length, 20);
    await using server = await start(data);
    const eve = await server.join("eve");
    const after = await history(eve, "100");
    assertEquals(after, before);
    await eve.send("/format text");
    const news = await idOf(eve, "/say back");
    assertEquals(news.split(".")[0], before[0]?.id.split(".")[0], "another node");
    assert(Number(news.split(".")[1]) > Number(before[0]?.id.split(".")[1]), "an old incarnation");
    const since = await history(eve, `since=${before[17]?.id}`);
    assertEquals(since.map(({ said }) => said), ["line 18", "line 19", "back"]);
  });
}

Deno.test("data: every ok is on disk, whenever the server is killed", async () => {
  await using stack = new AsyncDisposableStack();
  const data = await folder(stack);
  const confirmed = new Set<string>();
  for (let cycle = 0; cycle < 5; cycle++) {
    await using server = await start(data);
    const bob = await server.join("bob");
    const lines = Array.from({ length: 300 }, (_, i) => `@t${i} /say ${cycle} ${i}`);
    void bob.send(...lines).catch(() => {});
    const until = 1 + cycle * 40;
    await bob.next(new RegExp(`^@t${until} ok `));
    await kill(server);
    for (const line of bob.all) {
      const [, id] = /^@t\d+ ok (\S+)$/.exec(line) ?? [];
      if (id !== undefined) confirmed.add(id);
    }
  }
  assert(confirmed.size >= 5);
  await using server = await start(data);
  const ids = (await history(await server.join("eve"), "10000")).map(({ id }) => id);
  assertEquals(new Set(ids).size, ids.length, "an id twice");
  assertEquals([...confirmed].filter((id) => !ids.includes(id)), []);
});

Deno.test("data: a named subscriber misses nothing over a kill, and gets nothing acknowledged twice", async () => {
  await using stack = new AsyncDisposableStack();
  const data = await folder(stack);
  const ids: string[] = [];
  let posted: string;
  {
    await using server = await start(data);
    const bob = await server.join("bob"), eve = await server.join("eve");
    await bob.send("@n /notify hits as=phone");
    await bob.next("@n ok");
    for (let i = 0; i < 10; i++) ids.push(await idOf(eve, `/publish hits ${i}`));
    await bob.until(`NOTIFY ${ids[9]} hits 9`);
    for (let i = 0; i < 5; i++) assertEquals(await idOf(bob, `/ack ${ids[i]}`), ids[i]);
    const gone = await idOf(eve, "/offer post A chair");
    posted = await idOf(eve, "/offer post A bicycle");
    await idOf(eve, `/offer withdraw ${gone}`);
    await kill(server);
  }
  await using server = await start(data);
  const bob = await server.join("bob"), eve = await server.join("eve");
  ids.push(await idOf(eve, "/publish hits 10"));
  await bob.drain();
  await bob.send("@n /notify as=phone");
  await bob.expect("@n Notifications on for 60 s", "@n ok");
  await bob.expect(...[5, 6, 7, 8, 9, 10].map((i) => `NOTIFY ${ids[i]} hits ${i}`));
  assertEquals((await ask(eve, "/offers")).lines, ["There are 1 offers:", `  ${posted} A bicycle`]);
  assertMatch((await ask(eve, `/offer ${posted}`)).lines.join(), / by eve@kitchen, .*A bicycle$/);
  const { lines } = await ask(eve, `/receipts ${ids[0]}`);
  assertEquals(lines[1], "  phone@kitchen acknowledged");
});

Deno.test("data: lines of other servers come back with the names of those, though they are gone", async () => {
  await using stack = new AsyncDisposableStack();
  const data = await folder(stack);
  const attic = await startMesh(stack, "attic");
  const args = ["--data", data];
  const kitchen = await startMesh(stack, "kitchen", { peers: [attic.address], args });
  await kitchen.reaches("attic", "kitchen");
  const ann = await attic.join("ann") as LineClient, bob = await kitchen.join("bob") as LineClient;
  await ann.send("hello from above");
  await bob.next("ann: hello from above");
  // Its own confirmation comes behind: all that came before is on disk, too.
  await idOf(bob, "/say hello from below");
  const before = await history(bob, "2");
  await kitchen.kill();
  await attic.kill();
  await using again = await start(data);
  const after = await history(await again.join("bob"), "2");
  assertEquals(after, before);
  assertEquals(after.map(({ server }) => server), ["attic", "kitchen"]);
});

Deno.test("data: what is said while a server is dead is there when it is back, in the history and once", async () => {
  await using stack = new AsyncDisposableStack();
  const data = await folder(stack);
  const attic = await startMesh(stack, "attic");
  const options = { peers: [attic.address], args: ["--data", data] };
  const kitchen = await startMesh(stack, "kitchen", options);
  await kitchen.reaches("attic", "kitchen");
  const ann = await attic.join("ann") as LineClient;
  const bob = await kitchen.join("bob") as LineClient;
  await idOf(bob, "/say below 1");
  await ann.next("bob: below 1");
  await idOf(ann, "/say above 1");
  await bob.next("ann: above 1");
  await idOf(bob, "/say below 2");
  await ann.next("bob: below 2");
  await kitchen.kill();
  await idOf(ann, "/say above 2");
  const back = await startMesh(stack, "kitchen", options);
  await back.reaches("attic", "kitchen");
  const cat = await back.join("cat") as LineClient;
  const lines = await askUntil(
    cat,
    "/history 100",
    (lines) => lines.some((line) => line.endsWith("ann: above 2")),
  );
  assertEquals(lines.map((line) => line.replace(/^\S+ /, "")), [
    "bob: below 1",
    "ann: above 1",
    "bob: below 2",
    "ann: above 2",
  ]);
});

Deno.test("data: a second server on the same data is refused with one line", async () => {
  await using stack = new AsyncDisposableStack();
  const data = await folder(stack);
  await using _server = await start(data);
  const { code, stderr } = await runTalker(["server", "--port", "0", "--data", data]);
  assertEquals(code, 1);
  assertEquals(stderr.trim().split("\n").length, 1, stderr);
  assert(stderr.includes(data), stderr);
});

const noMount = Deno.uid() === 0 ? missing("unshare", "mount", "sh") : "only root can mount";

testUnless(
  noMount,
  "data: a full disk is told, and confirms nothing until there is room",
  async () => {
    await using stack = new AsyncDisposableStack();
    const data = await folder(stack);
    // A small disk that only this server sees, and we through /proc.
    const script = 'mount -t tmpfs -o size=4m none "$0" && exec "$@"';
    const under = ["unshare", "-m", "sh", "-c", script, data];
    await using server = await TestServer.start(["--name", "kitchen", "--data", data], { under });
    const inside = `/proc/${server.pid}/root${data}`;
    const bob = await server.join("bob"), eve = await server.join("eve");
    await idOf(bob, "/say fits");
    const filler = await Deno.open(`${inside}/filler`, { write: true, create: true });
    const block = new Uint8Array(64 * 1024);
    try {
      for (let i = 0; i < 1_000; i++) await filler.write(block);
    } catch {
      // No space is left: as wanted.
    } finally {
      filler.close();
    }
    // The log of changes may have some room in what it has taken already.
    let refused: string | undefined;
    for (let i = 0; i < 2_000 && refused === undefined; i++) {
      const { outcome } = await ask(bob, `/say ${i} ${"x".repeat(4_000)}`);
      if (!outcome.startsWith("ok ")) refused = outcome;
    }
    assertMatch(refused ?? "", /^error failed No space left/);
    await bob.send("plain speech goes on");
    await eve.next("bob: plain speech goes on");
    assertMatch((await ask(eve, "/publish hits 1")).outcome, /^error failed /);
    assertEquals((await ask(eve, "/ping")).outcome, "ok");
    assert(
      eve.all.some((line) => /^No space left .* nothing is confirmed$/.test(line)),
      "no notice",
    );

    await Deno.remove(`${inside}/filler`);
    await eve.next("The disk takes what is said again: it is confirmed as before");
    const kept = await idOf(bob, "/say kept");
    const lines = await history(bob, "1");
    assertEquals(lines.map(({ id }) => id), [kept]);
  },
);
