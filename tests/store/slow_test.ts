/** A disk that needs 200 ms for each sync: needs a C compiler. */

import { assert, assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import { MAX_UNWRITTEN_BYTES } from "../../lib/wire/limits.ts";
import { batchOf, keep, TestDirectory } from "./sample.ts";

const here = (name: string) => new URL(name, import.meta.url).pathname;

/** Makes the library that slows a program's disk; undefined where there is no compiler. */
async function slowDisk(directory: string): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return undefined;
  const library = `${directory}/slow.so`;
  try {
    const args = ["-shared", "-fPIC", "-o", library, here("slow_disk.c"), "-ldl"];
    const { success } = await new Deno.Command("cc", { args }).output();
    return success ? library : undefined;
  } catch {
    return undefined;
  }
}

Deno.test("slow: while the disk is waited for, everything else goes on", async () => {
  await using directory = await TestDirectory.make();
  const library = await slowDisk(directory.path);
  if (library === undefined) return;
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "--config",
      here("../../deno.json"),
      here("slow_writer.ts"),
      `${directory.path}/data`,
    ],
    env: { LD_PRELOAD: library },
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  const { turns, congested, unwritten } = JSON.parse(new TextDecoder().decode(stdout));
  // A turn takes about 1 ms, a commit at least 200.
  for (const count of turns) assert(count > 20, `${turns} turns`);
  assertEquals(congested, [true, false]);
  assert(unwritten > MAX_UNWRITTEN_BYTES);
});

Deno.test("slow: speakers are to wait as soon as too much is unwritten, and no longer than that", async () => {
  await using directory = await TestDirectory.make();
  const told: boolean[] = [];
  await using store = await directory.open({
    onCongested: (congested) => void told.push(congested),
  });
  let first = 1;
  const size = MAX_UNWRITTEN_BYTES / 16;
  const tell = () => keep(store.mesh, batchOf(["z".repeat(size)], { first: first++ }));
  // The disk is at work, and says nothing before this turn ends.
  tell();
  void store.committed();
  await new Promise<void>((resolve) => setImmediate(resolve));
  while (store.unwritten + size < MAX_UNWRITTEN_BYTES) {
    assert(!store.congested);
    tell();
  }
  assert(!store.congested);
  while (store.unwritten <= MAX_UNWRITTEN_BYTES) tell();
  assert(store.congested, `${store.unwritten} bytes are unwritten`);
  assertEquals(told, [true]);
  await store.committed();
  assert(!store.congested);
  assertEquals(told, [true, false]);
});
