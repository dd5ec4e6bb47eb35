import { assert, assertEquals } from "@std/assert";
import type { Batch } from "../../lib/wire/mesh_batch.ts";
import { batchOf, keep, TestDirectory, textsOf } from "./sample.ts";

Deno.test("growth: the file stays as large as the retention, however much passes", async () => {
  await using directory = await TestDirectory.make();
  const retained = 2_000_000;
  const kept: Batch[] = [];
  let bytes = 0, passed = 0, largest = 0;
  {
    await using store = await directory.open();
    for (let i = 1; passed < 10 * retained; i++) {
      const batch = batchOf([`${i} ${"x".repeat(i * 7919 % 30_000)}`], { first: i });
      keep(store.mesh, batch);
      kept.push(batch);
      bytes += batch.body.length;
      passed += batch.body.length;
      while (bytes > retained) {
        const oldest = kept.shift()!;
        bytes -= oldest.body.length;
        store.mesh.evict(oldest);
      }
      if (i % 8 > 0) continue;
      await store.committed();
      largest = Math.max(largest, (await Deno.stat(directory.database)).size);
    }
    const { size } = await Deno.stat(`${directory.database}-wal`);
    assert(size < 9 * 1024 * 1024, `The log of changes has ${size} bytes`);
  }
  const { size } = await Deno.stat(directory.database);
  assert(size < 1.5 * retained, `${size} bytes for ${retained}`);
  assert(largest < 1.5 * retained, `${largest} bytes for ${retained}`);
  await using store = await directory.open();
  const found = [...store.mesh.load().batches].map(({ batch }) => textsOf(batch));
  assertEquals(found, kept.map(textsOf));
});

Deno.test("growth: lives and names that nobody needs any more go at a start", async () => {
  await using directory = await TestDirectory.make();
  const origin = "00000000000000aa";
  await directory.fill(({ mesh }) => {
    for (let incarnation = 1; incarnation <= 1_100; incarnation++) {
      keep(mesh, batchOf([`${incarnation}`], { origin, incarnation }));
    }
    mesh.name("00000000000000bb", "stranger");
    mesh.name(origin, "attic");
  });
  await using store = await directory.open();
  const { marks, names, batches } = store.mesh.load();
  assertEquals(
    [...marks].map(({ incarnation }) => incarnation),
    Array.from({ length: 1_024 }, (_, i) => 77 + i),
    "the newest",
  );
  assertEquals(
    [...batches].flatMap(({ batch }) => textsOf(batch)),
    Array.from({ length: 256 }, (_, i) => `${845 + i}`),
    "of those that the mesh tells apart",
  );
  assertEquals([...names], [{ origin, name: "attic" }]);
});
