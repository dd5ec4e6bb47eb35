/** What the history knows after a restart. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { MemoryStore } from "../support/mesh_store.ts";
import { encodeText } from "../../lib/wire/text.ts";
import { Life } from "../support/mesh_life.ts";

const KITCHEN = "00000000000000aa", ATTIC = "00000000000000bb";

Deno.test("restore: the history comes back with its ids, times, nicks and the names of servers", async () => {
  const store = new MemoryStore();
  let before;
  {
    await using kitchen = new Life("kitchen", KITCHEN, store);
    await using attic = new Life("attic", ATTIC);
    const at = kitchen.room.listen("127.0.0.1", 0);
    assertEquals(await attic.room.connect("127.0.0.1", Number(at.split(":")[1])), undefined);
    const ann = attic.arrive("ann"), bob = kitchen.arrive("bob");
    attic.say(ann, "from the attic");
    await kitchen.has(1);
    kitchen.say(bob, "hi");
    kitchen.say(bob, "/me wäves\u{1F44B}");
    attic.say(ann, "/me waves back");
    await kitchen.has(4);
    before = kitchen.history();
  }
  assertEquals(before.map(({ nick, server, kind, text }) => [nick, server, kind, text]), [
    ["ann", "attic", "speech", "from the attic"],
    ["bob", "kitchen", "speech", "hi"],
    ["bob", "kitchen", "action", "wäves\u{1F44B}"],
    ["ann", "attic", "action", "waves back"],
  ]);
  await using again = new Life("kitchen", KITCHEN, store);
  assertEquals(again.history(), []);
  assertEquals(again.room.restore(), 4);
  assertEquals(again.history(), before);

  const [first] = before;
  const since = again.talker.history.since(first?.id ?? "", 100, again.talker.wall);
  assertEquals(since, { said: before.slice(1), missed: false });
  const bob = again.arrive("bob");
  again.say(bob, "back");
  const last = again.history().at(-1);
  assertEquals(last?.text, "back");
  assertMatch(last?.id ?? "", /^00000000000000aa\.\d+\.1$/);
  assert(!before.some(({ id }) => id === last?.id));
});

Deno.test("restore: what came long ago is as old as it was, and other kinds are no lines", async () => {
  class OldStore extends MemoryStore {
    override load() {
      const { batches, ...rest } = super.load();
      const hour = 3_600_000;
      return {
        ...rest,
        batches: [...batches].map(({ batch }, i) => ({ batch, age: hour - 5_000 * i })),
      };
    }
  }
  const store = new OldStore();
  {
    await using kitchen = new Life("kitchen", KITCHEN, store);
    const bob = kitchen.arrive("bob");
    for (let i = 0; i < 3; i++) kitchen.say(bob, `line ${i}`);
    kitchen.driver.publish(99, [encodeText("no line")], Date.now());
  }
  await using again = new Life("kitchen", KITCHEN, store);
  assertEquals(again.room.restore(), 3);
  const texts = () => again.history().map(({ text }) => text);
  const wall = again.talker.wall;
  again.talker.setTime(0, wall + 1_000);
  assertEquals(texts(), ["line 1", "line 2"]);
  again.talker.setTime(0, wall + 6_000);
  assertEquals(texts(), ["line 2"]);
});

Deno.test("restore: with a new name, its own lines have the new one, those of others theirs", async () => {
  const store = new MemoryStore();
  {
    await using kitchen = new Life("kitchen", KITCHEN, store);
    kitchen.say(kitchen.arrive("bob"), "hi");
  }
  await using again = new Life("galley", KITCHEN, store);
  again.room.restore();
  assertEquals(again.history().map(({ server }) => server), ["galley"]);
});

Deno.test("restore: what was past to a newcomer is in the order of time, after a restart, too", async () => {
  const store = new MemoryStore();
  let before;
  {
    await using kitchen = new Life("kitchen", KITCHEN);
    await using attic = new Life("attic", ATTIC);
    const at = Number(kitchen.room.listen("127.0.0.1", 0).split(":")[1]);
    assertEquals(await attic.room.connect("127.0.0.1", at), undefined);
    const ann = kitchen.arrive("ann"), bob = attic.arrive("bob");
    const start = Date.now() - 60_000;
    for (let i = 0; i < 4; i++) {
      kitchen.talker.setTime(0, start + 2_000 * i);
      kitchen.say(ann, `question ${i}`);
      attic.talker.setTime(0, start + 2_000 * i + 1_000);
      attic.say(bob, `answer ${i}`);
    }
    await kitchen.has(8);
    await using cellar = new Life("cellar", "00000000000000cc", store);
    cellar.say(cellar.arrive("eve"), "new here");
    assertEquals(await cellar.room.connect("127.0.0.1", at), undefined);
    await cellar.has(9);
    before = cellar.history();
  }
  assertEquals(before.map(({ text }) => text), [
    ...[0, 1, 2, 3].flatMap((i) => [`question ${i}`, `answer ${i}`]),
    "new here",
  ]);
  await using again = new Life("cellar", "00000000000000cc", store);
  again.room.restore();
  assertEquals(again.history(), before);
});

Deno.test("restore: a line has the time at which it was said, everywhere, also when it was sent later", async () => {
  const store = new MemoryStore();
  let before;
  {
    await using kitchen = new Life("kitchen", KITCHEN, store);
    await using attic = new Life("attic", ATTIC);
    const at = kitchen.room.listen("127.0.0.1", 0);
    assertEquals(await attic.room.connect("127.0.0.1", Number(at.split(":")[1])), undefined);
    const bob = kitchen.arrive("bob"), wall = kitchen.talker.wall;
    for (const later of [1, 1, 4, 9]) {
      kitchen.talker.setTime(0, wall + later);
      const bytes = encodeText(`${later} ms later`);
      kitchen.talker.line(bob, bytes, 0, bytes.length, true);
    }
    kitchen.talker.setTime(0, wall + 20);
    kitchen.room.flush();
    await attic.has(4);
    before = kitchen.history();
    assertEquals(before.map(({ time }) => time - wall), [1, 1, 4, 9]);
    assertEquals(attic.history(), before);
  }
  await using again = new Life("kitchen", KITCHEN, store);
  again.room.restore();
  assertEquals(again.history(), before);
});
