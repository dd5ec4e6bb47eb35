/** The disk is full: on a small file system of its own, which needs root. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { Store, StoreError } from "../../lib/store/store.ts";
import { within } from "../support/line_client.ts";
import { batchOf, keep, TestDirectory, textsOf } from "./sample.ts";

const MIB = 1024 * 1024;

/** A file system of 3 MiB in memory. */
class SmallDisk implements AsyncDisposable {
  private constructor(readonly path: string, private readonly directory: TestDirectory) {}

  static async mount(): Promise<SmallDisk> {
    const directory = await TestDirectory.make();
    await run("mount", ["-t", "tmpfs", "-o", "size=3m", "talker-test", directory.path]);
    return new SmallDisk(`${directory.path}/data`, directory);
  }

  /** Leaves no space at all. */
  fill(): void {
    using file = Deno.openSync(`${this.directory.path}/filler`, { create: true, append: true });
    for (let size = MIB; size >= 1; size = size >> 1) {
      try {
        while (file.writeSync(new Uint8Array(size)) === size);
      } catch (error) {
        if (!(error instanceof Error) || !/space/i.test(error.message)) throw error;
      }
    }
  }

  /** Takes some of the space, for {@linkcode free}. */
  take(): void {
    Deno.writeFileSync(`${this.directory.path}/filler`, new Uint8Array(MIB / 2));
  }

  free(): void {
    Deno.removeSync(`${this.directory.path}/filler`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run("umount", [this.directory.path]);
    await this.directory[Symbol.asyncDispose]();
  }
}

async function run(program: string, args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

const ignore = Deno.build.os !== "linux" || Deno.uid() !== 0;

/** Told of failures and recoveries. */
class Watch {
  readonly told: (string | undefined)[] = [];
  #recovered = Promise.withResolvers<void>();
  readonly onFailed = (reason: StoreError | undefined): void => {
    this.told.push(reason?.code);
    if (reason === undefined) this.#recovered.resolve();
  };

  recovered(): Promise<void> {
    return within(this.#recovered.promise, "the recovery", 10_000);
  }
}

Deno.test({
  name: "full: nothing is confirmed while the disk is full, and all goes on when it isn't",
  ignore,
  async fn() {
    await using disk = await SmallDisk.mount();
    const watch = new Watch();
    const expected: string[] = [];
    {
      await using store = await Store.open(disk.path, { onFailed: watch.onFailed });
      const say = (text: string) => {
        expected.push(text);
        keep(store.mesh, batchOf([text], { first: expected.length }));
        return store.committed();
      };
      await say("before");
      disk.fill();
      const first = assertRejects(() => say(`refused ${"x".repeat(50_000)}`), StoreError);
      const error = await first;
      assertEquals(error.code, "full");
      assert(error.message.startsWith(`No space left for the data in ${disk.path}`), error.message);
      assertEquals(store.failed?.code, "full");
      assertEquals(watch.told, ["full"]);
      let isRefused = false;
      say("refused at once").catch(() => isRefused = true);
      await Promise.resolve();
      await Promise.resolve();
      assert(isRefused);
      assert(!store.congested, "nobody waits for a full disk");
      disk.free();
      await watch.recovered();
      assertEquals(store.failed, undefined);
      await say("after");
      assertEquals(watch.told, ["full", undefined]);
    }
    await using again = await Store.open(disk.path);
    assertEquals(again.reports, []);
    const found = [...again.mesh.load().batches].flatMap(({ batch }) => textsOf(batch));
    assertEquals(found, expected, "in order, each once");
  },
});

Deno.test({
  name: "full: what was confirmed is there however the disk fills up",
  ignore,
  async fn() {
    await using disk = await SmallDisk.mount();
    disk.take();
    const confirmed: string[] = [];
    const said: string[] = [];
    {
      const store = await Store.open(disk.path);
      try {
        for (let i = 0;; i++) {
          const text = `${i} ${"x".repeat(i * 7 % 20_000)}`;
          said.push(text);
          keep(store.mesh, batchOf([text], { first: i + 1 }));
          await store.committed();
          confirmed.push(text);
        }
      } catch (error) {
        assert(error instanceof StoreError && error.code === "full", `${error}`);
      }
      // It tries once more, and may find space in its own files.
      await store.close().catch((error) => assertEquals(error.code, "full"));
    }
    assert(confirmed.length > 20, `${confirmed.length} confirmed`);
    disk.free();
    await using store = await Store.open(disk.path);
    assertEquals(store.reports, []);
    const found = [...store.mesh.load().batches].flatMap(({ batch }) => textsOf(batch));
    assert(found.length >= confirmed.length);
    assertEquals(found, said.slice(0, found.length));
  },
});

Deno.test({
  name: "full: a first start on a full disk is refused, and leaves nothing that looks like data",
  ignore,
  async fn() {
    await using disk = await SmallDisk.mount();
    disk.fill();
    const error = await assertRejects(() => Store.open(disk.path), StoreError);
    assertEquals(error.code, "full", error.message);
    disk.free();
    await using store = await Store.open(disk.path);
    assertEquals(store.reports, []);
    assertEquals(store.identity.starts, 1);
  },
});
