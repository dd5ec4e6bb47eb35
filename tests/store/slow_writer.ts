/**
 * A program for `slow_test.ts`: writes into the directory that is its argument, turn after turn, and
 * prints as JSON how many turns there were while one group was committed, and when it was congested.
 */

import { Store } from "../../lib/store/store.ts";
import { batchOf, keep } from "./sample.ts";

const congested: boolean[] = [];
const store = await Store.open(Deno.args[0]!, {
  onCongested: (is) => void congested.push(is),
});
const turn = () => new Promise((resolve) => setTimeout(resolve, 1));
let first = 1;
const tell = (text: string) => keep(store.mesh, batchOf([text], { first: first++ }));

const turns: number[] = [];
for (let i = 0; i < 5; i++) {
  let isCommitted = false, count = 0;
  tell("x");
  store.committed().then(() => isCommitted = true);
  while (!isCommitted) {
    await turn();
    tell("y");
    count++;
  }
  turns.push(count);
}

const large = "z".repeat(500_000);
for (let i = 0; i < 20; i++) tell(large);
while (!store.congested) await turn();
const unwritten = store.unwritten;
while (store.congested) await turn();
await store.close();
const said = JSON.stringify({ turns, congested, unwritten });
await Deno.stdout.write(new TextEncoder().encode(said));
