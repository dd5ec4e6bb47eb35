import { assert, assertEquals, assertRejects } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { MeshNode } from "../../lib/mesh/node.ts";
import { newIncarnation } from "../../lib/mesh/identity.ts";
import { Store, StoreError } from "../../lib/store/store.ts";
import { within } from "../support/line_client.ts";
import { ATTIC, batchOf, keep, KITCHEN, notificationOf, TestDirectory, textsOf } from "./sample.ts";

Deno.test("store: batches come back with their bytes, in the order of arrival", async () => {
  await using directory = await TestDirectory.make();
  const batches = [
    batchOf(["one", "two"]),
    batchOf(["ä", ""], { origin: KITCHEN, first: 9, time: 0 }),
    batchOf(["three"], { first: 3 }),
    batchOf(["x".repeat(1_000_000)], { origin: KITCHEN, first: 11 }),
    batchOf(["earlier"], { origin: KITCHEN, first: 1, incarnation: 2 ** 53 - 1 }),
  ];
  await directory.fill((store) => batches.forEach((batch) => keep(store.mesh, batch)));
  await using store = await directory.open();
  assertEquals(store.reports, []);
  const found = [...store.mesh.load().batches].map(({ batch }) => batch);
  assertEquals(found.map(({ body }) => body), batches.map(({ body }) => body));
  assertEquals([...store.mesh.load().batches], [], "given once");
});

Deno.test("store: the marks and the names as they were told last", async () => {
  await using directory = await TestDirectory.make();
  const mark = { origin: ATTIC, incarnation: 1, next: 2, pastNext: 1, pastEnd: 0 };
  const last = { ...mark, next: 5, pastNext: 2, pastEnd: 3 };
  const other = { ...mark, origin: KITCHEN, incarnation: 2 ** 53 - 1, next: 77 };
  await directory.fill(async (store) => {
    const { mesh } = store;
    mesh.mark(mark);
    mesh.mark({ ...other, incarnation: 3 });
    mesh.mark(other);
    mesh.name(ATTIC, "attic");
    mesh.name(KITCHEN, "kitchen");
    await store.committed();
    mesh.mark(last);
    mesh.name(KITCHEN, "küche");
    mesh.mark({ ...mark, origin: "00000000000000cc" });
    mesh.name("00000000000000cc", "cellar");
    mesh.forget("00000000000000cc");
  });
  await directory.fill(({ mesh }) => {
    const { marks, names } = mesh.load();
    assertEquals([...marks], [{ ...other, incarnation: 3 }, other, last], "longest absent first");
    assertEquals([...names].sort((a, b) => a.origin < b.origin ? -1 : 1), [
      { origin: ATTIC, name: "attic" },
      { origin: KITCHEN, name: "küche" },
    ]);
    mesh.forget(KITCHEN);
  });
  await using store = await directory.open();
  const { marks, names } = store.mesh.load();
  assertEquals([...marks], [last]);
  assertEquals([...names], [{ origin: ATTIC, name: "attic" }]);
});

Deno.test("store: what was evicted or belongs to nobody is gone", async () => {
  await using directory = await TestDirectory.make();
  const batches = Array.from({ length: 20 }, (_, i) => batchOf([`${i}`], { first: i + 1 }));
  const strange = batchOf(["strange"], { origin: KITCHEN });
  await directory.fill(async (store) => {
    batches.slice(0, 15).forEach((batch) => keep(store.mesh, batch));
    keep(store.mesh, strange);
    await store.committed();
    batches.slice(15).forEach((batch) => keep(store.mesh, batch));
    store.mesh.forget(KITCHEN);
    for (const i of [0, 1, 2, 5, 16]) store.mesh.evict(batches[i]!);
  });
  await using store = await directory.open();
  const texts = [...store.mesh.load().batches].flatMap(({ batch }) => textsOf(batch));
  const expected = batches.flatMap(textsOf).filter((text) =>
    !["0", "1", "2", "5", "16"].includes(text)
  );
  assertEquals(texts, expected);
});

Deno.test("store: found batches can be evicted", async () => {
  await using directory = await TestDirectory.make();
  await directory.fill((store) => {
    for (let i = 1; i <= 5; i++) keep(store.mesh, batchOf([`${i}`], { first: i }));
  });
  await directory.fill((store) => {
    const found = [...store.mesh.load().batches];
    found.slice(0, 3).forEach(({ batch }) => store.mesh.evict(batch));
    keep(store.mesh, batchOf(["6"], { first: 6 }));
  });
  await using store = await directory.open();
  const texts = [...store.mesh.load().batches].flatMap(({ batch }) => textsOf(batch));
  assertEquals(texts, ["4", "5", "6"]);
});

Deno.test("store: the board comes back", async () => {
  await using directory = await TestDirectory.make();
  const [a, b, c] = ["a", "b", "c"].map((id) => notificationOf(id));
  const offer = notificationOf("o", { topic: "offers", details: "A bicycle\n" });
  await directory.fill(async (store) => {
    const { notifications } = store;
    for (const one of [a!, b!]) notifications.notification(one);
    notifications.subscriber("bob", "1");
    notifications.subscriber("eve", "2");
    notifications.settled("bob", "a");
    notifications.settled("eve", "a");
    notifications.offer(offer);
    notifications.offer(notificationOf("gone"));
    await store.committed();
    notifications.notification(c!);
    notifications.subscriber("bob", "3");
    notifications.settled("bob", "c");
    notifications.settled("nobody", "c");
    notifications.settled("bob", "nothing");
    notifications.forgetSubscriber("eve");
    notifications.forget("b");
    notifications.forgetOffer("gone");
  });
  await directory.fill((store) => {
    const { notifications, subscribers, offers } = store.notifications.load();
    assertEquals([...notifications], [a, c]);
    const [bob, ...others] = subscribers;
    assertEquals(others, []);
    assertEquals({ ...bob, settled: [...bob!.settled] }, {
      name: "bob",
      record: "3",
      settled: ["a", "c"],
    });
    assertEquals([...offers], [offer]);
    store.notifications.forget("a");
    store.notifications.subscriber("eve", "4");
  });
  await using store = await directory.open();
  const { subscribers } = store.notifications.load();
  assertEquals([...subscribers].map((one) => [one.name, [...one.settled]]), [["bob", ["c"]], [
    "eve",
    [],
  ]]);
});

Deno.test("store: each start is counted, and the id stays", async () => {
  await using directory = await TestDirectory.make();
  let id: string | undefined;
  for (let starts = 1; starts <= 3; starts++) {
    await using store = await directory.open();
    id ??= store.identity.id;
    assertEquals(store.identity, { id, starts });
  }
});

Deno.test("store: only its owner can read it", async () => {
  await using parent = await TestDirectory.make();
  const path = `${parent.path}/deep/data`;
  const modes: string[] = [];
  {
    await using store = await Store.open(path);
    keep(store.mesh, batchOf(["secret"]));
    await store.committed();
    for await (const { name } of Deno.readDir(path)) {
      modes.push(`${name} ${((await Deno.stat(`${path}/${name}`)).mode! & 0o777).toString(8)}`);
    }
  }
  assertEquals(modes.sort(), [
    "talker.db 600",
    "talker.db-wal 600",
    "talker.lock 600",
    "talker.pid 600",
  ]);
  assertEquals((await Deno.stat(path)).mode! & 0o777, 0o700);
  await Deno.chmod(`${path}/talker.db`, 0o644);
  await using _store = await Store.open(path);
  assertEquals((await Deno.stat(`${path}/talker.db`)).mode! & 0o777, 0o600);
});

Deno.test("store: nothing is confirmed that isn't synced", async () => {
  await using directory = await TestDirectory.make();
  await directory.fill(() => {});
  directory.look((database) => {
    assertEquals(database.pragma("synchronous"), 2, "FULL");
    assertEquals(database.pragma("journal_mode"), "wal");
    assertEquals(database.pragma("locking_mode"), "exclusive");
    assertEquals(database.pragma("integrity_check"), "ok");
  });
});

Deno.test("store: what was committed can be read though nothing was closed", async () => {
  await using directory = await TestDirectory.make();
  await using store = await directory.open({ commitEvery: 3_600_000 });
  keep(store.mesh, batchOf(["one"]));
  await store.committed();
  keep(store.mesh, batchOf(["two"], { first: 2 }));
  // As a power failure leaves it: the files, without any goodbye.
  await using copy = await TestDirectory.make();
  for (const end of ["", "-wal"]) {
    await Deno.copyFile(directory.database + end, copy.database + end);
  }
  await using other = await copy.open();
  assertEquals([...other.mesh.load().batches].flatMap(({ batch }) => textsOf(batch)), ["one"]);
});

Deno.test("store: what nobody waits for is committed soon", async () => {
  await using directory = await TestDirectory.make();
  await using store = await directory.open({ commitEvery: 20 });
  keep(store.mesh, batchOf(["one"]));
  assert(store.unwritten > 0);
  const poll = async () => {
    while (store.unwritten > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  await within(poll(), "the commit");
});

Deno.test("store: those who come while a group is written wait for the next, together", async () => {
  await using directory = await TestDirectory.make();
  await using store = await directory.open({ commitEvery: 3_600_000 });
  const order: string[] = [];
  const tell = (first: number) => {
    keep(store.mesh, batchOf([`${first}`], { first }));
    return store.committed().then(() => void order.push(`${first}`));
  };
  const one = tell(1);
  await new Promise((resolve) => setTimeout(resolve, 0));
  const others = [tell(2), tell(3)];
  assert(store.committed() === store.committed(), "one promise for the group");
  await Promise.all([one, ...others]);
  assertEquals(order, ["1", "2", "3"]);
  await store.committed();
});

Deno.test("store: a second one in the same directory is refused, by name", async () => {
  await using directory = await TestDirectory.make();
  {
    await using first = await directory.open();
    const error = await assertRejects(() => directory.open(), StoreError);
    assertEquals(error.code, "used");
    assert(error.message.includes(`another talker server (pid ${Deno.pid})`), error.message);
    keep(first.mesh, batchOf(["still works"]));
    await first.committed();
  }
  await using again = await directory.open();
  assertEquals([...again.mesh.load().batches].length, 1);
});

Deno.test("store: neither a jump of the clock nor a night without power makes lines too old", async () => {
  await using directory = await TestDirectory.make();
  let now = 1_000;
  let time = Date.parse("2026-01-31T12:00:00Z");
  const open = () => directory.open({ now: () => now, time: () => time });
  {
    await using store = await open();
    keep(store.mesh, batchOf(["one"]));
    now += 60_000;
    keep(store.mesh, batchOf(["two"], { first: 2 }));
    now += 5_000;
  }
  for (const start of [Date.parse("1970-01-01"), Date.parse("2050-01-01")]) {
    // The monotonic clock begins anew with each process.
    [now, time] = [7, start];
    await using store = await open();
    const { batches } = store.mesh.load();
    assertEquals([...batches].map(({ age }) => age), [65_000, 5_000]);
  }
});

Deno.test("store: a node comes back with its memory, and goes on", async () => {
  await using directory = await TestDirectory.make();
  const limits = { retentionCount: 5, retentionYoung: 0 };
  const heard: string[] = [];
  const life = (store: Store, now: number) =>
    new MeshNode({
      identity: {
        id: store.identity.id,
        incarnation: newIncarnation(store.identity.starts, () => 0.5),
        name: "attic",
        mesh: "",
      },
      random: () => 0.5,
      effects: { send: () => {}, drop: () => {} },
      now,
      limits,
      store: store.mesh,
    });
  const bytes = (text: string) => new TextEncoder().encode(text);
  for (let round = 0; round < 3; round++) {
    await using store = await directory.open();
    const node = life(store, 0);
    for (const { batch } of node.retained(1, 0)) heard.push(...textsOf(batch));
    for (let i = 0; i < 3; i++) {
      node.publish(1, [bytes(`${round}.${i}`)], { now: i, time: 0 });
    }
    heard.push("|");
  }
  assertEquals(heard.join(" "), "| 0.0 0.1 0.2 | 0.1 0.2 1.0 1.1 1.2 |");
});

Deno.test("store: a closed one says so", async () => {
  await using directory = await TestDirectory.make();
  const store = await directory.open();
  keep(store.mesh, batchOf(["one"]));
  await store.close();
  await store.close();
  keep(store.mesh, batchOf(["two"], { first: 2 }));
  const error = await assertRejects(() => store.committed(), StoreError);
  assertEquals(error.code, "closed");
  const plain = new DatabaseSync(directory.database, { readOnly: true });
  assertEquals(plain.prepare("SELECT count(*) AS count FROM batch").get()?.["count"], 1);
  plain.close();
});
