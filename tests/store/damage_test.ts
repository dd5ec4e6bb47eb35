/** Files that can't be used: each is reported and kept under another name, or refused; never lost. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { Store, StoreError } from "../../lib/store/store.ts";
import { APPLICATION_ID, VERSION } from "../../lib/store/schema.ts";
import { Dice, seededRandom } from "../support/random.ts";
import { batchOf, keep, notificationOf, TestDirectory, textsOf } from "./sample.ts";

const TIME = Date.parse("2026-01-31T23:59:59.5Z");
const STAMP = "20260131T235959Z";
const ALWAYS = ["talker.db", "talker.lock"];

/** Texts of the sample database. */
const TEXTS = Array.from({ length: 300 }, (_, i) => `line ${i} ${"x".repeat(i)}`);

/** A database with something of everything in it. */
async function sample(): Promise<Uint8Array> {
  await using directory = await TestDirectory.make();
  await directory.fill((store) => {
    TEXTS.forEach((text, i) => {
      keep(store.mesh, batchOf([text], { first: i + 1 }));
      store.notifications.notification(notificationOf(`n${i}`));
      store.notifications.settled("bob", `n${i}`);
    });
    store.notifications.subscriber("bob", "{}");
    store.notifications.offer(notificationOf("o"));
  });
  return await Deno.readFile(directory.database);
}

const SAMPLE = await sample();

/** Opens, and checks that it works, now and after another start. */
async function works(directory: TestDirectory): Promise<Store["reports"]> {
  const reports = await (async () => {
    await using store = await directory.open({ time: () => TIME });
    const before = [...store.mesh.load().batches].length;
    assert(before === 0 || before > 290, `${before} batches`);
    keep(store.mesh, batchOf(["new"], { incarnation: 2 ** 40 }));
    await store.committed();
    return store.reports;
  })();
  await using again = await directory.open();
  assertEquals(again.reports, []);
  assertEquals([...again.mesh.load().batches].flatMap(({ batch }) => textsOf(batch)).at(-1), "new");
  return reports;
}

/** Puts a file where the database belongs: it must be reported, and be there under another name. */
async function isSetAside(content: Uint8Array, why = "corrupt", about?: string): Promise<void> {
  await using directory = await TestDirectory.make();
  await Deno.writeFile(directory.database, content);
  const [report, ...others] = await works(directory);
  assertEquals(others, [], about);
  assertEquals(report?.kind, why, about);
  const aside = `${directory.database}.${why}-${STAMP}`;
  assertEquals(report?.setAside, aside, about);
  assert(report?.message.includes(`${directory.database} can't be used: it`), report?.message);
  assertEquals(await Deno.readFile(aside), content, about);
}

Deno.test("damage: a text file, random bytes and an empty file are set aside", async () => {
  await isSetAside(new TextEncoder().encode("Dear diary,\n"));
  await isSetAside(new TextEncoder().encode("S"));
  await isSetAside(new Uint8Array(0));
  await isSetAside(new Uint8Array(100_000));
  const random = seededRandom(1);
  await isSetAside(Uint8Array.from({ length: 50_000 }, () => random() * 256));
});

Deno.test("damage: a file cut at any size is set aside", async () => {
  const dice = new Dice(seededRandom(2));
  const pages = SAMPLE.length / 4096;
  const sizes = [1, 15, 16, 17, 99, 100, 101, 4095, 4096, 4097, SAMPLE.length - 1];
  for (let i = 0; i < 12; i++) {
    sizes.push(4096 * dice.int(1, pages - 1), dice.int(1, SAMPLE.length));
  }
  for (const size of sizes) {
    await isSetAside(SAMPLE.subarray(0, size), "corrupt", `cut to ${size} of ${SAMPLE.length}`);
  }
});

Deno.test("damage: bytes that were overwritten are noticed, or make no difference", async () => {
  let asides = 0, notes = 0;
  for (let seed = 1; seed <= 40; seed++) {
    await using directory = await TestDirectory.make();
    const dice = new Dice(seededRandom(seed));
    const damaged = SAMPLE.slice();
    const at = dice.int(0, damaged.length - 1);
    const length = dice.pick([1, 16, 512, 4096, 20_000]);
    for (let i = at; i < Math.min(damaged.length, at + length); i++) damaged[i] = dice.int(0, 255);
    await Deno.writeFile(directory.database, damaged);
    const texts: string[] = [];
    let reports: Store["reports"];
    {
      await using store = await directory.open({ time: () => TIME });
      reports = store.reports;
      for (const { batch } of store.mesh.load().batches) texts.push(...textsOf(batch));
      keep(store.mesh, batchOf(["new"], { incarnation: 2 ** 40 }));
      await store.committed();
    }
    const what = `seed ${seed}: ${length} bytes at ${at}, ${reports[0]?.message}`;
    // Whatever is given back is as it was said, and in order; what is missing was told of.
    const places = texts.map((text) => TEXTS.indexOf(text));
    assert(places.every((place, i) => place > (places[i - 1] ?? -1)), what);
    if (texts.length < TEXTS.length) assertEquals(reports.length, 1, what);
    if (reports[0]?.setAside !== undefined) {
      asides++;
      assertEquals(texts, [], what);
      assertEquals(await Deno.readFile(reports[0].setAside), damaged, what);
    } else if (reports.length > 0) notes++;
    await using again = await directory.open();
    assertEquals(again.reports, [], what);
  }
  assert(asides > 5 && notes > 5, `${asides} set aside, ${notes} noted`);
});

Deno.test("damage: another program's database is set aside, untouched", async () => {
  await using other = await TestDirectory.make();
  const path = `${other.path}/photos.db`;
  const database = new DatabaseSync(path);
  database.exec("CREATE TABLE photo (name TEXT); INSERT INTO photo VALUES ('holidays')");
  database.close();
  await isSetAside(await Deno.readFile(path), "foreign");
});

Deno.test("damage: a database of ours without its tables is set aside", async () => {
  await using directory = await TestDirectory.make();
  const database = new DatabaseSync(directory.database);
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${VERSION};
    CREATE TABLE node (id TEXT)`);
  database.close();
  const [report] = await works(directory);
  assertEquals(report?.kind, "corrupt");
});

Deno.test("damage: what lies beside a database goes with it", async () => {
  await using directory = await TestDirectory.make();
  await Deno.writeTextFile(directory.database, "no database");
  for (const end of ["-wal", "-shm"]) await Deno.writeTextFile(directory.database + end, end);
  await works(directory);
  const aside = `${directory.database}.corrupt-${STAMP}`;
  for (const end of ["-wal", "-shm"]) assertEquals(await Deno.readTextFile(aside + end), end);
  assertEquals(directory.names(), [
    ...ALWAYS.slice(0, 1),
    ...["", "-shm", "-wal"].map((end) => `talker.db.corrupt-${STAMP}${end}`),
    ...ALWAYS.slice(1),
  ]);
});

Deno.test("damage: a log of changes without its database is set aside", async () => {
  await using directory = await TestDirectory.make();
  await Deno.writeTextFile(`${directory.database}-wal`, "changes");
  const [report] = await works(directory);
  assertEquals(report?.kind, "corrupt");
  assertEquals(await Deno.readTextFile(`${report?.setAside}-wal`), "changes");
});

/** A database and its log of changes as a power failure leaves them, with some commits in the log. */
async function interrupted(): Promise<{ database: Uint8Array; wal: Uint8Array; texts: string[] }> {
  await using directory = await TestDirectory.make();
  await directory.fill((store) => {
    TEXTS.slice(0, 100).forEach((text, i) => keep(store.mesh, batchOf([text], { first: i + 1 })));
  });
  await using store = await directory.open();
  for (let i = 100; i < 140; i++) {
    keep(store.mesh, batchOf([TEXTS[i]!], { first: i + 1 }));
    await store.committed();
  }
  return {
    database: await Deno.readFile(directory.database),
    wal: await Deno.readFile(`${directory.database}-wal`),
    texts: TEXTS.slice(0, 140),
  };
}

Deno.test("damage: a log of changes cut at any size leaves an earlier state, whole", async () => {
  const { database, wal, texts } = await interrupted();
  const dice = new Dice(seededRandom(3));
  for (let i = 0; i < 15; i++) {
    const size = i === 0 ? wal.length : dice.int(0, wal.length);
    await using directory = await TestDirectory.make();
    await Deno.writeFile(directory.database, database);
    await Deno.writeFile(`${directory.database}-wal`, wal.subarray(0, size));
    await using store = await directory.open();
    assertEquals(store.reports, []);
    const { marks, batches } = store.mesh.load();
    const found = [...batches].flatMap(({ batch }) => textsOf(batch));
    assertEquals(found, texts.slice(0, found.length));
    assertEquals([...marks][0]?.next, found.length + 1, "the mark fits the batches");
    if (i === 0) assertEquals(found.length, texts.length);
  }
});

Deno.test("damage: a database cut under its log of changes", async () => {
  const { database, wal, texts } = await interrupted();
  const dice = new Dice(seededRandom(4));
  for (let i = 0; i < 15; i++) {
    await using directory = await TestDirectory.make();
    const cut = database.subarray(0, dice.int(0, database.length - 1));
    await Deno.writeFile(directory.database, cut);
    await Deno.writeFile(`${directory.database}-wal`, wal);
    await using store = await directory.open();
    const [report] = store.reports;
    const found = [...store.mesh.load().batches].flatMap(({ batch }) => textsOf(batch));
    if (report === undefined) assertEquals(found, texts, `cut to ${cut.length}`);
    else {
      assertEquals(found, []);
      assertEquals(await Deno.readFile(report.setAside ?? ""), cut);
      assertEquals(await Deno.readFile(`${report.setAside}-wal`), wal);
    }
  }
});

Deno.test("damage: a second one at the same moment doesn't overwrite the first", async () => {
  await using directory = await TestDirectory.make();
  for (const text of ["first", "second", "third"]) {
    await Deno.writeTextFile(directory.database, text);
    await using _store = await directory.open({ time: () => TIME });
  }
  const aside = `${directory.database}.corrupt-${STAMP}`;
  for (const [end, text] of [["", "first"], ["-2", "second"], ["-3", "third"]]) {
    assertEquals(await Deno.readTextFile(aside + end), text);
  }
});

Deno.test("damage: a half-made database of an interrupted first start is made again", async () => {
  await using directory = await TestDirectory.make();
  await Deno.writeTextFile(`${directory.database}.new`, "half");
  await Deno.writeTextFile(`${directory.database}.new-wal`, "half");
  assertEquals(await works(directory), []);
  assertEquals(directory.names(), ALWAYS);
});

Deno.test("damage: a lock file that isn't empty is set aside", async () => {
  await using directory = await TestDirectory.make();
  await Deno.writeTextFile(`${directory.path}/talker.lock`, "x".repeat(1_000));
  await works(directory);
  assert(directory.names().includes(`talker.lock.corrupt-${STAMP}`), `${directory.names()}`);
});

Deno.test("damage: the data of a later release is refused, and left alone", async () => {
  await using directory = await TestDirectory.make();
  await directory.fill((store) => keep(store.mesh, batchOf(["of the future"])));
  const database = new DatabaseSync(directory.database);
  database.exec(`PRAGMA user_version = ${VERSION + 1}`);
  database.close();
  const error = await assertRejects(() => directory.open(), StoreError);
  assertEquals(error.code, "newer");
  assert(error.message.includes(`has version ${VERSION + 1}`), error.message);
  assertEquals(directory.names(), ALWAYS);
  const again = new DatabaseSync(directory.database);
  assertEquals(again.prepare("SELECT count(*) AS n FROM batch").get()?.["n"], 1);
  assertEquals(again.prepare("PRAGMA user_version").get()?.["user_version"], VERSION + 1);
  again.close();
});

Deno.test("damage: a database that is open elsewhere is refused, and left alone", async () => {
  await using directory = await TestDirectory.make();
  await directory.fill((store) => keep(store.mesh, batchOf(["one"])));
  const database = new DatabaseSync(directory.database);
  database.exec("BEGIN EXCLUSIVE");
  const error = await assertRejects(() => directory.open(), StoreError);
  database.close();
  assertEquals(error.code, "used");
  assert(error.message.includes("is open in another program"), error.message);
  await using store = await directory.open();
  assertEquals([...store.mesh.load().batches].length, 1);
});

Deno.test("damage: a directory that can't be used is named", async () => {
  await using directory = await TestDirectory.make();
  const file = `${directory.path}/file`;
  await Deno.writeTextFile(file, "");
  for (
    const [path, words] of [
      [file, "it is a file"],
      [`${file}/below`, `Cannot make the directory ${file}/below`],
      ["/proc/nowhere", "Cannot make the directory /proc/nowhere"],
      ["/proc/self/fd", "Cannot use /proc/self/fd for data"],
    ] as const
  ) {
    const error = await assertRejects(() => Store.open(path), StoreError);
    assertEquals(error.code, "unusable", path);
    assert(error.message.includes(words), error.message);
    assert(!error.message.includes("os error"), error.message);
  }
  await Deno.mkdir(directory.database);
  const error = await assertRejects(() => directory.open(), StoreError);
  assert(error.message.includes("talker.db is not a file"), error.message);
});
