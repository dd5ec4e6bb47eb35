import { assert, assertEquals } from "@std/assert";
import { BulkClient } from "../support/bulk_client.ts";
import { TestServer } from "../support/server.ts";

Deno.test("Four speakers at full speed against 50 readers: nothing is lost, one order for all", async () => {
  await using server = await TestServer.start();
  const readers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => BulkClient.join(server.port, `reader${i}`)),
  );
  const nicks = ["ann", "bob", "cid", "dan"];
  const speakers = await Promise.all(nicks.map((nick) => BulkClient.join(server.port, nick)));
  const lines = 4_000;
  await Promise.all(speakers.map((speaker) => speaker.flood(0, lines, 64)));
  for (const reader of readers) {
    for (const nick of nicks) await reader.hears(nick, lines);
    assertEquals(reader.faults, []);
    assertEquals(reader.missed, 0);
    assertEquals(reader.order.length, lines * nicks.length);
  }
  const [first, ...others] = readers.map(({ order }) => order.join());
  assert(others.every((order) => order === first), "not all heard the same order");
  for (const client of [...readers, ...speakers]) client[Symbol.dispose]();
});

Deno.test("A reader that stops costs the others nothing, and has lost nothing when it reads on", async () => {
  await using server = await TestServer.start();
  using deaf = await BulkClient.join(server.port, "deaf");
  using reader = await BulkClient.join(server.port, "reader");
  using speaker = await BulkClient.join(server.port, "speaker");
  deaf.pause();
  const lines = 2_000;
  for (let i = 0; i < lines; i += 10) {
    await speaker.flood(i, i + 10, 1000);
    await reader.hears("speaker", i + 10, 5_000); // Nobody waits for the deaf one.
  }
  assertEquals(reader.faults, []);
  assert((deaf.heard.get("speaker") ?? 0) < lines);
  deaf.resume();
  await deaf.hears("speaker", lines);
  assertEquals([deaf.faults, deaf.missed], [[], 0]);
});

Deno.test("20,000 tagged commands of one that doesn't read at first are all answered, in order", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const text = "x".repeat(200);
  const tags = Array.from({ length: 20_000 }, (_, i) => `t${i}`);
  ann.pause();
  const sent = ann.send(...tags.map((tag) => `@${tag} /ping ${tag} ${text}`));
  // Others go on meanwhile.
  const bob = await server.join("bob");
  for (let i = 0; i < 100; i++) {
    await bob.send(`line ${i}`);
    await bob.next(`bob: line ${i}`);
  }
  ann.resume();
  await sent;
  await ann.next(`@${tags.at(-1)} ok`);
  const answers = ann.all.filter((line) => line.startsWith("@t"));
  assertEquals(answers.length, 2 * tags.length);
  for (const [i, tag] of tags.entries()) {
    if (answers[2 * i] !== `@${tag} pong ${tag} ${text}` || answers[2 * i + 1] !== `@${tag} ok`) {
      assertEquals(answers.slice(2 * i, 2 * i + 2), [`@${tag} pong ${tag} ${text}`, `@${tag} ok`]);
    }
  }
});
