/** Receipts of crowds: nobody is left out, and what is long or changes fast harms nobody. */
import { assert, assertEquals } from "@std/assert";
import type { Receipts } from "../../lib/notify/notifications.ts";
import { MAX_MESH_PAYLOAD } from "../../lib/wire/mesh_limits.ts";
import { answer, NotifyWorld } from "./notify_world.ts";
import { Reader } from "./reader.ts";

/** Two servers, and a crowd on the second one that got a notification of the first. */
function crowd(nicks: readonly string[]) {
  const world = new NotifyWorld({ seed: 1 });
  const [here, there] = world.line(2).map(({ room }) => room!);
  world.run(4_000);
  const readers = nicks.map((nick) => new Reader(nick).enter(there!, { topics: ["x"] }));
  world.run(500);
  const { id, subscribers } = here!.publish({ topic: "x", text: "hi", nick: "eve" });
  world.run(200);
  return { world, here: here!, readers, id, subscribers };
}

function count(receipts: Receipts | undefined | "open") {
  if (receipts === undefined || receipts === "open") throw new Error(`${receipts}`);
  const acknowledged = receipts.receipts.filter(({ state }) => state === "acknowledged").length;
  return [receipts.receipts.length, acknowledged, receipts.silent.length];
}

Deno.test("receipts: of a crowd everybody is told, and none is complete before the last one", async () => {
  const nicks = Array.from({ length: 6_000 }, (_, i) => `n${i}`);
  const { world, here, readers, id, subscribers } = crowd(nicks);
  assertEquals(subscribers, 6_000);
  for (const reader of readers.slice(1)) reader.ack();
  world.run(200);
  assertEquals(count(await answer(world, here.receipts(id, 0), 1_000)), [6_000, 5_999, 0]);
  const waits = here.receipts(id, 30_000);
  assertEquals(await answer(world, waits, 3_000), "open");
  readers[0]!.ack();
  assertEquals(count(await answer(world, waits, 500)), [6_000, 6_000, 0]);
});

Deno.test("receipts: more of them than fit into one message arrive, and changes too", async () => {
  const tail = "\u{10330}".repeat(27);
  const nicks = Array.from({ length: 10_000 }, (_, i) => String(i).padStart(5, "0") + tail);
  assert(nicks.length * new TextEncoder().encode(nicks[0]).length > MAX_MESH_PAYLOAD);
  const { world, here, readers, id } = crowd(nicks);
  assertEquals(count(await answer(world, here.receipts(id, 0), 1_500)), [10_000, 0, 0]);
  const waits = here.receipts(id, 30_000);
  world.run(500);
  for (const reader of readers) reader.ack();
  assertEquals(count(await answer(world, waits, 1_500)), [10_000, 10_000, 0]);
});

Deno.test("receipts: while a crowd acknowledges, its server is asked once at a time, for all who wait", async () => {
  const nicks = Array.from({ length: 3_000 }, (_, i) => `n${i}`);
  const { world, here, readers, id } = crowd(nicks);
  const waits = Array.from({ length: 50 }, () => here.receipts(id, 30_000));
  world.run(500);
  const { bytes: before } = world.traffic;
  // For three seconds somebody acknowledges each millisecond.
  for (const reader of readers) {
    reader.ack();
    world.run(1);
  }
  for (const asked of waits) {
    assertEquals(count(await answer(world, asked, 500)), [3_000, 3_000, 0]);
  }
  const perAnswer = 3_000 * `["n1000","n1","acknowledged"],`.length;
  const answers = (world.traffic.bytes - before) / perAnswer;
  // Each takes the network a moment, and is followed by a pause of 30 ms.
  assert(answers > 10 && answers < 100, `${answers} answers`);
});

Deno.test("receipts: a name that is longer when its case is folded is one like others", async () => {
  const world = new NotifyWorld({ seed: 1 });
  const [here, there] = world.line(2).map(({ room }) => room!);
  world.run(4_000);
  const name = "ß".repeat(32);
  const reader = new Reader().enter(there!, { topics: ["x"], as: name });
  world.run(500);
  const { id, subscribers } = here!.publish({ topic: "x", text: "hi", nick: "eve" });
  world.run(200);
  const waits = here!.receipts(id, 30_000);
  world.run(500);
  reader.ack();
  assertEquals([subscribers, count(await answer(world, waits, 500))], [1, [1, 1, 0]]);
});
