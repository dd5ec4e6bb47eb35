import { assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { APPLICATION_ID, migrate, VERSION, versionOf } from "../../lib/store/schema.ts";
import { batchOf, keep, notificationOf, TestDirectory, textsOf } from "./sample.ts";

for (let version = 1; version <= VERSION; version++) {
  Deno.test(`schema: the data of version ${version} is taken over`, async () => {
    await using directory = await TestDirectory.make();
    const old = new DatabaseSync(directory.database);
    old.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    migrate(old, version);
    assertEquals(versionOf(old), version);
    const { body, origin, incarnation } = batchOf(["from before"]);
    old.exec("INSERT INTO node (one, id, starts, clock) VALUES (1, '00000000000000aa', 7, 1000)");
    old.prepare("INSERT INTO batch (number, time, checksum, body) VALUES (3, 400, ?, ?)")
      .run(crc32(body), body);
    old.prepare("INSERT INTO mark VALUES (?, ?, 2, 1, 0)").run(origin, incarnation);
    old.close();
    for (let starts = 8; starts <= 9; starts++) {
      await using store = await directory.open();
      assertEquals(store.reports, []);
      assertEquals(store.identity, { id: "00000000000000aa", starts });
      const [first] = store.mesh.load().batches;
      assertEquals(textsOf(first!.batch), ["from before"]);
      const { notifications } = store.notifications.load();
      assertEquals([...notifications].length, starts - 8);
      keep(store.mesh, batchOf(["new"], { first: starts }));
      store.notifications.notification(notificationOf(`${starts}`));
    }
    directory.look((database) => assertEquals(database.pragma("user_version"), VERSION));
  });
}

Deno.test("schema: the checksum is CRC-32", () => {
  assertEquals(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
});
