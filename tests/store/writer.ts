/**
 * A program for `kill_test.ts`: opens the store in the directory that is its argument, checks what is
 * there, and writes until it is killed. It prints `found N` (the last message), then `confirmed N`
 * whenever the messages up to N are.
 */

import { assert, assertEquals } from "@std/assert";
import { Store } from "../../lib/store/store.ts";
import { Dice, seededRandom } from "../support/random.ts";
import { ATTIC, batchOf, notificationOf, textsOf } from "./sample.ts";

/** Batches that are retained. */
const RETAINED = 300;
/** Notifications that are. */
const REMEMBERED = 100;

const [directory, seed] = Deno.args as [string, string];
const dice = new Dice(seededRandom(Number(seed)));
const stdout = new TextEncoder();
const print = (text: string) => void Deno.stdout.writeSync(stdout.encode(`${text}\n`));

const store = await Store.open(directory);
assertEquals(store.reports, []);
const { marks, batches } = store.mesh.load();
const kept = [...batches].map(({ batch }) => batch);
const incarnation = 1;
let next = [...marks][0]?.next ?? 1;
assertEquals(kept.at(-1)?.last ?? 0, next - 1, "the mark and the batches belong together");
kept.forEach((batch, i) => {
  assertEquals(textsOf(batch)[0], `${batch.first}`);
  if (i > 0) assertEquals(batch.first, kept[i - 1]!.last + 1, "in order, none missing, none twice");
});
assert(kept.length <= RETAINED, `${kept.length} batches`);

const board = store.notifications.load();
const ids = [...board.notifications].map(({ id }) => Number(id));
const settled = [...[...board.subscribers][0]?.settled ?? []].map(Number);
ids.forEach((id, i) => assertEquals(id, ids[0]! + i));
assert(ids.length <= REMEMBERED);
assertEquals(settled, ids.slice(0, -1), "all but the last one are settled");
let lastId = ids.at(-1) ?? 0;
print(`found ${next - 1}`);

/** What happens in one turn: it is on disk as a whole, or not at all. */
function step(): void {
  const texts = Array.from({ length: dice.int(1, 5) }, (_, i) => `${next + i}`);
  texts[texts.length - 1] += "x".repeat(dice.chance(0.05) ? dice.int(0, 50_000) : 0);
  if (texts.length === 1) texts[0] = `${next}`;
  const batch = batchOf(texts, { incarnation, first: next });
  store.mesh.append(batch);
  kept.push(batch);
  next += texts.length;
  store.mesh.mark({ origin: ATTIC, incarnation, next, pastNext: 1, pastEnd: 0 });
  while (kept.length > RETAINED) store.mesh.evict(kept.shift()!);
  store.notifications.subscriber("bob", "");
  store.notifications.notification(notificationOf(`${lastId + 1}`));
  if (lastId > 0) store.notifications.settled("bob", `${lastId}`);
  lastId++;
  if (lastId > REMEMBERED) store.notifications.forget(`${lastId - REMEMBERED}`);
}

for (;;) {
  for (let i = dice.int(1, 4); i > 0; i--) step();
  const told = next - 1;
  const committed = store.committed().then(() => print(`confirmed ${told}`));
  if (dice.chance(0.5)) await committed;
  else await new Promise((resolve) => setTimeout(resolve, dice.int(0, 2)));
}
