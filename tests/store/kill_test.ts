/**
 * A program that writes is killed at random moments, again and again. (This shows that groups are
 * whole, confirmed ones there, and the next process let in; not that the disk was synced: for that
 * `store_test.ts` looks at `PRAGMA synchronous`.)
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { StoreError } from "../../lib/store/store.ts";
import { Dice, seededRandom } from "../support/random.ts";
import { Lines } from "../support/line_client.ts";
import { pump } from "../support/server.ts";
import { TestDirectory } from "./sample.ts";

const CYCLES = 60;
const SEED = Number(Deno.env.get("TALKER_TEST_SEED") ?? 1);

const WRITER = new URL("writer.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** A writer, with what it prints. */
class Writer implements AsyncDisposable {
  readonly out = new Lines("lf");
  readonly err = new Lines("lf");
  readonly #child: Deno.ChildProcess;
  readonly #pumps: Promise<void>[];

  constructor(directory: string, seed: number) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--config", CONFIG, WRITER, directory, `${seed}`],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#pumps = [pump(this.#child.stdout, this.out), pump(this.#child.stderr, this.err)];
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Kills it, and reads what it had printed. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It ended by itself: it said why.
    }
    await this.#child.status;
    await Promise.all(this.#pumps);
  }
}

Deno.test("kill -9: whoever is alive keeps others out, and who is killed does not", async () => {
  await using directory = await TestDirectory.make();
  for (let seed = 1; seed <= 3; seed++) {
    await using writer = new Writer(directory.path, seed);
    await writer.out.next(/^confirmed/);
    for (let i = 0; i < 2; i++) {
      const error = await assertRejects(() => directory.open(), StoreError);
      assertEquals(error.code, "used");
      assert(error.message.includes(`(pid ${writer.pid})`), error.message);
    }
  }
  await using store = await directory.open();
  assertEquals(store.reports, []);
  // Having been refused in this process gives nobody else the lock.
  await assertRejects(() => directory.open(), StoreError);
  await using late = new Writer(directory.path, 4);
  await late.err.next(new RegExp(`is used by another talker server .pid ${Deno.pid}.:`));
});

Deno.test(`kill -9, ${CYCLES} times: what was confirmed is there (seed ${SEED})`, async () => {
  await using directory = await TestDirectory.make();
  const dice = new Dice(seededRandom(SEED));
  let confirmed = 0, found = 0, starts = 0;
  for (let cycle = 1; cycle <= CYCLES; cycle++) {
    const writer = new Writer(directory.path, dice.int(1, 1e6));
    const { out, err } = writer;
    if (dice.chance(0.2)) {
      // While it opens, perhaps.
      await new Promise((resolve) => setTimeout(resolve, dice.int(20, 150)));
    } else {
      const lines = dice.int(1, 40);
      try {
        for (let i = 0; i < lines; i++) await out.next();
      } catch {
        // It ended by itself: it said why.
      }
    }
    await writer[Symbol.asyncDispose]();
    assertEquals(err.all, [], `cycle ${cycle}`);
    for (const line of out.all) {
      const [word, number] = line.split(" ") as [string, string];
      if (word === "found") {
        found = Number(number);
        assert(found >= confirmed, `cycle ${cycle}: ${confirmed} was confirmed, ${line}`);
        starts++;
      } else confirmed = Math.max(confirmed, Number(number));
    }
  }
  assert(starts > CYCLES / 2 && confirmed > 1_000, `${starts} starts, ${confirmed} confirmed`);
  await using store = await directory.open();
  assertEquals(store.reports, []);
  assert(store.identity.starts > starts, `${store.identity.starts} starts were counted`);
  const [mark] = store.mesh.load().marks;
  assert(mark!.next > confirmed);
});
