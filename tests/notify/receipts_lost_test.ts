/** Receipts of recipients that are lost: with their server, or with their connection. */
import { assertEquals } from "@std/assert";
import type { Receipts } from "../../lib/notify/notifications.ts";
import { answer, NotifyWorld } from "./notify_world.ts";
import { Reader } from "./reader.ts";

/** Two servers, someone without a name on the second one, and a notification of the first. */
function published({ as }: { as?: string } = {}) {
  const world = new NotifyWorld({ seed: 1 });
  const here = world.add(), there = world.add();
  const cable = world.join(here, there);
  world.run(4_000);
  const reader = new Reader("bob").enter(there.room!, { topics: ["x"], as });
  world.run(500);
  const { id, subscribers } = here.room!.publish({ topic: "x", text: "hi", nick: "eve" });
  assertEquals(subscribers, 1);
  const name = there.host.node!.identity.name;
  const ask = (wait = 0) => here.room!.receipts(id, wait);
  return { world, cable, here, there, reader, name, ask };
}

/** The states, and who is silent. */
function told(receipts: Receipts | undefined | "open") {
  if (receipts === undefined || receipts === "open") return receipts;
  return [receipts.receipts.map(({ state }) => state), receipts.silent];
}

Deno.test("receipts: a server that is lost before it said anything is silent, and stays so", async () => {
  for (const loud of [true, false]) {
    const { world, there, name, ask } = published();
    world.run(200);
    world.kill(there, loud);
    assertEquals(told(await answer(world, ask())), [[], [name]], "just now");
    world.run(20_000);
    assertEquals(told(await answer(world, ask())), [[], [name]]);
    const waits = ask(5_000);
    assertEquals(await answer(world, waits, 4_900), "open", "it may come back");
    assertEquals(told(await answer(world, waits, 200)), [[], [name]]);
    // In another life it does not know whom it notified.
    world.start(there);
    world.run(10_000);
    assertEquals(told(await answer(world, ask())), [[], [name]]);
  }
});

Deno.test("receipts: what a server said is known after it was lost", async () => {
  const { world, there, reader, name, ask } = published();
  const waits = ask(30_000);
  assertEquals(await answer(world, waits, 1_000), "open");
  world.kill(there);
  assertEquals(told(await answer(world, waits, 30_000)), [["delivered"], [name]]);
  assertEquals(told(await answer(world, ask())), [["delivered"], [name]]);

  const done = published();
  const all = done.ask(30_000);
  done.world.run(1_000);
  done.reader.ack();
  assertEquals(told(await answer(done.world, all)), [["acknowledged"], []]);
  done.world.kill(done.there);
  done.world.run(10_000);
  assertEquals(told(await answer(done.world, done.ask())), [["acknowledged"], []]);
  assertEquals(reader.got.length, 1);
});

Deno.test("receipts: who waits hears of a server that was cut off, when it is back", async () => {
  const { world, cable, reader, ask } = published();
  world.run(200);
  world.sim.cut(cable, "silent");
  world.run(10_000);
  const waits = ask(60_000);
  assertEquals(await answer(world, waits, 3_000), "open");
  world.sim.heal(cable);
  assertEquals(await answer(world, waits, 20_000), "open");
  reader.ack();
  assertEquals(told(await answer(world, waits, 1_000)), [["acknowledged"], []]);
});

Deno.test("receipts: a server that does not answer for a while is asked again", async () => {
  const { world, cable, reader, ask } = published();
  world.run(200);
  reader.ack();
  world.sim.cut(cable, "silent");
  const waits = ask(60_000);
  // It is not taken for lost yet.
  world.run(2_500);
  world.sim.heal(cable);
  assertEquals(told(await answer(world, waits, 3_000)), [["acknowledged"], []]);
});

Deno.test("receipts: a lost server on which nobody was counted is not waited for", async () => {
  const world = new NotifyWorld({ seed: 1 });
  const [here, there] = world.line(2);
  world.run(4_000);
  const reader = new Reader("bob").enter(here!.room!, { topics: ["x"] });
  const { id } = here!.room!.publish({ topic: "x", text: "hi", nick: "eve" });
  reader.ack();
  world.kill(there!, false);
  const waits = here!.room!.receipts(id, 60_000);
  assertEquals(told(await answer(world, waits, 10_000)), [["acknowledged"], []]);
});

Deno.test("receipts: of a name all servers know, also when its own is lost", async () => {
  const { world, there, ask } = published({ as: "phone" });
  world.run(200);
  world.kill(there);
  world.run(10_000);
  assertEquals(told(await answer(world, ask())), [["queued"], []]);
});

Deno.test("receipts: whose connection is gone has expired, and nobody waits for it", async () => {
  const { world, reader, ask } = published();
  const waits = ask(60_000);
  assertEquals(await answer(world, waits, 3_000), "open");
  reader.subscription!.leave();
  assertEquals(await answer(world, waits, 3_000), "open", "it can acknowledge yet");
  reader.subscription!.abandon();
  assertEquals(told(await answer(world, waits, 500)), [["expired"], []]);
});

Deno.test("receipts: a second question that waits for less does not end the first one's watch", async () => {
  const { world, reader, ask } = published();
  const long = ask(60_000);
  world.run(500);
  await answer(world, ask(1_000));
  world.run(5_000);
  reader.ack();
  assertEquals(told(await answer(world, long, 500)), [["acknowledged"], []]);
});

Deno.test("receipts: of a crowd on this server the last one ends the wait, whoever it is", async () => {
  const world = new NotifyWorld({ seed: 1 });
  const { room } = world.add();
  const readers = Array.from({ length: 1_000 }, (_, i) => {
    return new Reader(`r${i}`).enter(room!, { topics: ["x"] });
  });
  const { id } = room!.publish({ topic: "x", text: "hi", nick: "eve" });
  const waits = room!.receipts(id, 60_000);
  await answer(world, waits, 50);
  const last = readers.pop()!;
  readers.forEach((reader, i) => i % 2 === 0 ? reader.ack() : reader.subscription!.abandon());
  assertEquals(await answer(world, waits, 1_000), "open");
  last.ack();
  const receipts = await answer(world, waits, 50) as Receipts;
  const count = (state: string) => receipts.receipts.filter((one) => one.state === state).length;
  assertEquals([count("acknowledged"), count("expired")], [501, 499]);
});
