/**
 * How fast the store commits: messages in one batch a turn, as the mesh gives them, with those who
 * wait for each turn's commit, beside single inserts that are synced each, in the same run.
 *
 *     deno run -A bench/store.ts [--seconds N] [--directory DIR]     (default: 2, a temporary one)
 */

import { parseArgs } from "@std/cli/parse-args";
import { DatabaseSync } from "node:sqlite";
import { setImmediate } from "node:timers";
import { Store } from "../lib/store/store.ts";
import type { Batch } from "../lib/wire/mesh_batch.ts";
import { encodeBatches } from "../lib/wire/mesh_batch.ts";
import { describeMachine } from "./machine.ts";
import { big, plain, print, table } from "./output.ts";

/** Bytes of a message: a line with its nick. */
const MESSAGE_BYTES = 80;
/** Batches that are retained. */
const RETAINED = 10_000;
/** Turns that may wait for the disk at a time: so many clients say a line and wait for the answer. */
const WAITING = 200;

const payload = new Uint8Array(MESSAGE_BYTES).fill(120);

function batchOf(count: number, first: number): Batch {
  const header = { origin: "00000000000000aa", incarnation: 2 ** 32, first, kind: 1, time: 1e12 };
  return encodeBatches(header, new Array<Uint8Array>(count).fill(payload))[0]!;
}

interface Result {
  turns: number;
  commits: number;
  seconds: number;
  /** Ms from the end of a turn until it is committed, sorted. */
  latencies: number[];
  /** Ms between turns of the event loop, sorted. */
  gaps: number[];
}

/** A turn after the other, without a pause, as long as not too many wait. */
async function run(
  directory: string,
  { messages, waiting, seconds }: { messages: number; waiting: number; seconds: number },
): Promise<Result> {
  const store = await Store.open(directory);
  const kept: Batch[] = [...store.mesh.load().batches].map(({ batch }) => batch);
  const latencies: number[] = [], gaps: number[] = [];
  const promises = new Set<Promise<void>>();
  let next = 1, turns = 0, open = 0, head = 0;
  let wake = Promise.withResolvers<void>();
  const started = performance.now();
  let last = started;
  while (performance.now() - started < seconds * 1_000) {
    const batch = batchOf(messages, next);
    next = batch.last + 1;
    store.mesh.append(batch);
    kept.push(batch);
    if (kept.length - head > RETAINED) store.mesh.evict(kept[head++]!);
    const { origin, incarnation } = batch;
    store.mesh.mark({ origin, incarnation, next, pastNext: 1, pastEnd: 0 });
    turns++;
    open++;
    const told = performance.now();
    const committed = store.committed();
    promises.add(committed);
    committed.then(() => {
      latencies.push(performance.now() - told);
      open--;
      wake.resolve();
    });
    if (open >= waiting) {
      wake = Promise.withResolvers();
      await wake.promise;
      last = performance.now();
    } else {
      await new Promise<void>((resolve) => setImmediate(resolve));
      const now = performance.now();
      gaps.push(now - last);
      last = now;
    }
  }
  await store.committed();
  const elapsed = (performance.now() - started) / 1_000;
  await store.close();
  const sort = (values: number[]) => values.sort((a, b) => a - b);
  return {
    turns,
    commits: promises.size,
    seconds: elapsed,
    latencies: sort(latencies),
    gaps: sort(gaps),
  };
}

/** Inserts of one message each, synced each, on the thread that serves. Gives messages/s. */
function single(directory: string, seconds: number): number {
  const database = new DatabaseSync(`${directory}/single.db`);
  database.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL; CREATE TABLE batch (number INTEGER PRIMARY KEY, body BLOB)`);
  const insert = database.prepare("INSERT INTO batch (body) VALUES (?)");
  const started = performance.now();
  let count = 0;
  while (performance.now() - started < seconds * 1_000) {
    insert.run(batchOf(1, ++count).body);
  }
  const rate = count / ((performance.now() - started) / 1_000);
  database.close();
  return rate;
}

const at = (sorted: number[], part: number): string =>
  sorted.length === 0 ? "–" : plain(sorted[Math.floor((sorted.length - 1) * part)] ?? NaN);

const flags = parseArgs(Deno.args, { string: ["seconds", "directory"] });
const seconds = Number(flags.seconds ?? 2);
const root = await Deno.makeTempDir(
  flags.directory === undefined ? {} : { dir: String(flags.directory) },
);
try {
  print(`${describeMachine()}; messages of ${MESSAGE_BYTES} bytes; ${seconds} s each`);
  const alone = single(root, seconds);
  print(`Single inserts, each synced, in the thread that serves: ${big(alone)} messages/s`);
  const rows: string[][] = [];
  for (const waiting of [1, WAITING]) {
    for (const messages of [1, 10, 100, 1_000]) {
      const directory = `${root}/${waiting}-${messages}`;
      const result = await run(directory, { messages, waiting, seconds });
      const rate = result.turns * messages / result.seconds;
      rows.push([
        `${messages}`,
        `${waiting}`,
        big(result.commits / result.seconds),
        big(rate),
        `${plain(rate / alone)} x`,
        at(result.latencies, 0.5),
        at(result.latencies, 0.99),
        at(result.gaps, 0.99),
        at(result.gaps, 1),
      ]);
    }
  }
  print(table(
    [
      "messages a turn",
      "turns waiting",
      "commits/s",
      "messages/s",
      "single",
      "committed p50 ms",
      "p99",
      "event loop p99 ms",
      "longest",
    ],
    rows,
  ));
} finally {
  await Deno.remove(root, { recursive: true });
}
