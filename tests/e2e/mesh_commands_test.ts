/** Commands of a client that reach beyond its server: `/who`, `/tell`, `/reachable`, `/topology`. */

import { assertEquals, assertMatch } from "@std/assert";
import { ask, askUntil, type MeshServer, startMesh } from "../support/mesh_host.ts";
import type { AnyClient } from "../support/netns.ts";

/** Servers in a line, each linked to the one before. */
async function line(stack: AsyncDisposableStack, ...names: string[]) {
  const servers: MeshServer[] = [];
  for (const name of names) {
    const before = servers.at(-1);
    const peers = before === undefined ? [] : [before.address];
    servers.push(await startMesh(stack, name, { peers }));
  }
  for (const server of servers) await server.reaches(...names);
  return servers as [MeshServer, MeshServer, MeshServer];
}

Deno.test("/who is about everybody, sorted, and does not wait for other commands", async () => {
  await using stack = new AsyncDisposableStack();
  const [, hall, kitchen] = await line(stack, "attic", "hall", "kitchen");
  await kitchen.join("zoe");
  const bob = await kitchen.join("bob");
  await hall.join("ann");
  const expected = [
    "There are 3 users online on 3 servers:",
    "  Server: attic",
    "  Server: hall",
    "    ann",
    "  Server: kitchen",
    "    bob",
    "    zoe",
  ];
  for (const server of [hall, kitchen]) {
    assertEquals(await server.ask("/who"), { lines: expected, outcome: "ok" });
  }
  await bob.send(...expected.map(() => "/who"), "/time");
  await bob.next(/^\d{4}-/);
  for (let i = 0; i < expected.length; i++) {
    await bob.until(expected[0] as string);
    await bob.expect(...expected.slice(1));
  }
});

Deno.test("/tell finds a nick on any server, and asks when it is on several", async () => {
  await using stack = new AsyncDisposableStack();
  const [attic, hall, kitchen] = await line(stack, "attic", "hall", "kitchen");
  const ann = await attic.join("ann");
  const bob = await kitchen.join("Bob");
  const zoe = await hall.join("zoe");
  const others = [await attic.join("u1"), await hall.join("u2"), await kitchen.join("u3"), zoe];

  assertEquals(await ask(ann, "/tell bob psst"), {
    lines: ["You whisper to Bob@kitchen: psst"],
    outcome: "ok",
  });
  await bob.next("ann whispers: psst");
  assertEquals((await ask(ann, "/tell BOB@Kitchen more")).outcome, "ok");
  await bob.next("ann whispers: more");
  assertEquals((await ask(bob, "/tell ann@attic back")).outcome, "ok");
  await ann.next("Bob whispers: back");

  // A local nick comes first; of several elsewhere, the choices.
  const [zoeAttic, zoeKitchen] = [await attic.join("zoe"), await kitchen.join("zoe")];
  assertEquals((await ask(ann, "/tell zoe local")).lines, ["You whisper to zoe: local"]);
  await zoeAttic.next("ann whispers: local");
  zoeAttic.close();
  await ann.next("zoe has left");
  const { lines, outcome } = await ask(ann, "/tell zoe which");
  assertEquals(lines, []);
  assertMatch(outcome, /^error ambiguous .*zoe@hall, zoe@kitchen$/);
  assertEquals((await ask(ann, "/tell zoe@hall that")).outcome, "ok");
  await zoe.next("ann whispers: that");

  assertEquals(
    (await ask(ann, "/tell nobody hi")).outcome,
    "error not-found Nobody called nobody",
  );
  for (const whom of ["bob@cellar", "ann@kitchen", "bob@attic"]) {
    assertEquals(
      (await ask(ann, `/tell ${whom} hi`)).outcome,
      `error not-found Nobody called ${whom}`,
    );
  }
  for (const client of [...others, zoeKitchen]) {
    const seen = (await client.drain()).filter((line) => /psst|more|back|local|which/.test(line));
    assertEquals(seen, [], "whispers are for one");
  }
  assertEquals(zoeKitchen.all.filter((line) => line.includes("whispers")), []);
});

Deno.test("two servers of one name: /tell asks which, with names that tell them apart", async () => {
  await using stack = new AsyncDisposableStack();
  const toms: AnyClient[] = [];
  const hub = await startMesh(stack, "hub");
  for (let i = 0; i < 2; i++) {
    const twin = await startMesh(stack, "twin", { peers: [hub.address] });
    await twin.linked("hub");
    toms.push(await twin.join("tom"));
  }
  await hub.reaches("hub", "twin", "twin");
  const ann = await hub.join("ann");
  let choices: readonly string[] = [];
  for (const whom of ["tom", "tom@twin"]) {
    const { outcome } = await ask(ann, `/tell ${whom} hi`);
    assertMatch(outcome, /^error ambiguous .*: tom@twin\[[0-9a-f]{6}\], tom@twin\[[0-9a-f]{6}\]$/);
    choices = outcome.match(/tom@twin\[[0-9a-f]+\]/g) ?? [];
  }
  for (const [i, choice] of choices.entries()) {
    const text = `you are ${choice}: ${i}`;
    assertEquals((await ask(ann, `/tell ${choice} ${text}`)).outcome, "ok");
  }
  const told = toms.map((tom) => tom.next(/^ann whispers: you are tom@twin/));
  assertEquals(new Set(await Promise.all(told)).size, 2);
  assertMatch(
    (await ask(ann, "/ask @twin who are you")).outcome,
    /^error ambiguous .*: @twin\[[0-9a-f]{6}\], @twin\[[0-9a-f]{6}\]$/,
  );
  const { lines } = await hub.ask("/topology");
  assertEquals(lines[0], "hub (cut point)");
  assertMatch(lines[1] as string, /^├── twin\[[0-9a-f]{6}\]$/);
  assertMatch(lines[2] as string, /^└── twin\[[0-9a-f]{6}\]$/);
});

Deno.test("/peers, /reachable and /topology tell of links and cut points", async () => {
  await using stack = new AsyncDisposableStack();
  const [attic, hall, kitchen] = await line(stack, "attic", "hall", "kitchen");
  assertEquals((await attic.ask("/reachable")).lines, [
    "There are 3 reachable peers:",
    "  attic",
    "  hall",
    "  kitchen",
  ]);
  assertEquals((await kitchen.ask("/topology")).lines, [
    "kitchen",
    "└── hall (cut point)",
    "    └── attic",
  ]);
  // The round trip is measured by the first heartbeat.
  const lines = await askUntil(hall.console, "/peers", (lines) => !lines.join().includes("? ms"));
  assertEquals(lines[0], "There are 2 peers directly connected");
  assertMatch(
    lines[1] as string,
    new RegExp(`^  attic 127\\.0\\.0\\.1:${attic.peerPort} outgoing \\d+\\.\\d ms plain$`),
  );
  assertMatch(lines[2] as string, /^ {2}kitchen 127\.0\.0\.1:\d+ incoming \d+\.\d ms plain$/);
  // With a link across, nobody is a cut point.
  const before = (await attic.ask("/topology")).lines;
  assertEquals(before, ["attic", "└── hall (cut point)", "    └── kitchen"]);
  assertEquals(
    (await kitchen.ask(`/peer-connect 0.0.0.0 ${attic.peerPort}`)).outcome,
    "ok",
  );
  for (const { console } of [attic, hall, kitchen]) {
    const ring = await askUntil(console, "/topology", (lines) => lines.length === 4);
    assertEquals(ring.join().includes("cut point"), false);
    assertMatch(ring[3] as string, /^also linked: \S+ ── \S+$/);
  }
});

Deno.test("JSON clients are given the server of each line, and its id", async () => {
  await using stack = new AsyncDisposableStack();
  const [attic, , kitchen] = await line(stack, "attic", "hall", "kitchen");
  const ann = await attic.join("ann");
  const bob = await kitchen.join("bob");
  await bob.send("/format json");
  await bob.next(/^{"type":"welcome"/);
  const json = async (type: string, nick = "ann") =>
    JSON.parse(
      await bob.next((line) => {
        const record = JSON.parse(line);
        return record.type === type && record.nick === nick;
      }),
    );

  const { outcome } = await ask(ann, "/say “hi” \\ there");
  const id = /^ok (\S{1,64})$/.exec(outcome)?.[1];
  const { time, ...speech } = await json("speech");
  assertEquals(speech, {
    type: "speech",
    id,
    nick: "ann",
    server: "attic",
    text: "“hi” \\ there",
  });
  assertMatch(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  await ann.send("/me waves");
  assertEquals((await json("action")).text, "waves");
  await ann.send("/tell bob psst");
  const whisper = await json("whisper");
  assertEquals([whisper.nick, whisper.server, whisper.text], ["ann", "attic", "psst"]);
  await ann.send("/nick anna");
  const renamed = await json("renamed", "anna");
  assertEquals([renamed.server, renamed.old, renamed.nick], ["attic", "ann", "anna"]);
  ann.close();
  const left = await json("left", "anna");
  assertEquals([left.server, left.nick, left.count], ["attic", "anna", 1]);
  await bob.send("@who /who");
  const census = [];
  for (;;) {
    const record = JSON.parse(await bob.next((line) => JSON.parse(line).tag === "who"));
    if (record.type === "ok") break;
    census.push(record);
  }
  assertEquals([census[0].users, census[0].servers], [1, 3]);
  assertEquals(census.slice(1).map(({ server }) => server), [
    "attic",
    "hall",
    "kitchen",
    "kitchen",
  ]);
  // The ids are those of the server where it was said: what is known there is known here.
  await bob.send(`@since /history since=${id}`);
  const reply = JSON.parse(await bob.next((line) => JSON.parse(line).tag === "since"));
  assertEquals([reply.kind, reply.said], ["action", "waves"]);
});
