/** By which names people know the servers of a mesh. */

import { assertEquals } from "@std/assert";
import type { MeshDriver } from "../../lib/mesh/driver.ts";
import type { Observer } from "../../lib/mesh/observers.ts";
import { SpeechObserver } from "../../lib/talker/observers/speech.ts";
import type { Talker } from "../../lib/talker/talker.ts";
import { encodeBatches } from "../../lib/wire/mesh_batch.ts";
import { encodeText } from "../../lib/wire/text.ts";
import { Life } from "../support/mesh_life.ts";

const KITCHEN = "00000000000000aa", ATTIC = "00000000000000bb";

Deno.test("history: a server whose lines came before its name is called by that once it is known", async () => {
  await using kitchen = new Life("kitchen", KITCHEN);
  await using attic = new Life("attic", ATTIC);
  await using cellar = new Life("cellar", "00000000000000cc");
  const at = Number(attic.room.listen("127.0.0.1", 0).split(":")[1]);
  assertEquals(await cellar.room.connect("127.0.0.1", at), undefined);
  kitchen.say(kitchen.arrive("ann"), "before anybody knew");
  assertEquals(await kitchen.room.connect("127.0.0.1", at), undefined);
  for (const life of [attic, cellar]) await life.reaches(3);
  for (const life of [attic, cellar]) {
    await life.has(1);
    assertEquals(life.history().map(({ server }) => server), ["kitchen"]);
  }
});

Deno.test("history: a newcomer learns what those are called who are gone, and passes it on", async () => {
  await using attic = new Life("attic", ATTIC);
  const at = Number(attic.room.listen("127.0.0.1", 0).split(":")[1]);
  {
    await using kitchen = new Life("kitchen", KITCHEN);
    assertEquals(await kitchen.room.connect("127.0.0.1", at), undefined);
    await attic.reaches(2);
    kitchen.say(kitchen.arrive("ann"), "the last words");
    await attic.has(1);
  }
  await attic.reaches(1);
  await using cellar = new Life("cellar", "00000000000000cc");
  await using porch = new Life("porch", "00000000000000dd");
  const below = Number(cellar.room.listen("127.0.0.1", 0).split(":")[1]);
  assertEquals(await porch.room.connect("127.0.0.1", below), undefined);
  assertEquals(await cellar.room.connect("127.0.0.1", at), undefined);
  for (const life of [cellar, porch]) {
    await life.has(1);
    assertEquals(life.history().map(({ server }) => server), ["kitchen"]);
  }
});

Deno.test("presence: a server that comes again under another id is back by its name, a look at the mesh isn't", async () => {
  await using attic = new Life("attic", ATTIC);
  const at = Number(attic.room.listen("127.0.0.1", 0).split(":")[1]);
  const notices: string[] = [];
  attic.talker.notice = (text) => void notices.push(text);
  const visit = async (id: string, isQuiet: boolean) => {
    await using kitchen = new Life("kitchen", id, undefined, isQuiet);
    kitchen.room.flush();
    assertEquals(await kitchen.room.connect("127.0.0.1", at), undefined);
    await attic.reaches(2);
    // Its presence has come, when what it says next has.
    const lines = attic.talker.history.size;
    kitchen.say(kitchen.arrive("ann"), "here");
    await attic.has(lines + 1);
  };
  await visit(KITCHEN, false);
  await attic.reaches(1);
  await visit("00000000000000cc", true);
  await attic.reaches(1);
  await visit("00000000000000dd", false);
  await attic.reaches(1);
  assertEquals(notices.filter((text) => !text.includes("ann")), [
    "kitchen has stopped (1 users)",
    "kitchen is back",
    "kitchen has stopped (1 users)",
  ]);
});

Deno.test("speech: the name of a server is used from the first line on at which it is known", () => {
  const names = new Map<string, string>();
  let observer: Observer = {};
  const node = {
    identity: { id: ATTIC, incarnation: 1, name: "attic" },
    observe: (_kind: number, one: Observer) => void (observer = one),
    nameOf: (id: string) => names.get(id),
    peers: () => [],
    keepName() {},
  };
  const driver = { node, collects() {} } as unknown as MeshDriver;
  const heard: string[] = [];
  const talker = {
    remoteLine: ({ server }: { server: string }) => void heard.push(server),
  } as unknown as Talker;
  new SpeechObserver(driver, () => talker);
  const speak = (first: number) => {
    const head = { origin: KITCHEN, incarnation: 1, first, kind: 1, time: 0 };
    const payload = new Uint8Array([0, 5, ...encodeText("bob: hi")]);
    for (const batch of encodeBatches(head, [payload])) {
      observer.delivered?.({ batch, past: false, local: false });
    }
  };
  speak(1);
  names.set(KITCHEN, "kitchen");
  speak(2);
  speak(3);
  assertEquals(heard, [KITCHEN, "kitchen", "kitchen"]);
});
