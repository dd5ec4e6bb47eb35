import { assertEquals, assertRejects } from "@std/assert";
import { Turns } from "../../lib/link/secure/turns.ts";
import { MAX_UNPROVEN_PER_ADDRESS } from "../../lib/wire/limits.ts";

const taker = (name: string, address = name) => ({ name, address });

Deno.test("turns: one after the other, in their order", async () => {
  const turns = new Turns<ReturnType<typeof taker>>();
  const order: string[] = [];
  const all = ["a", "b", "c"].map((name) => taker(name));
  await Promise.all(all.map(async (one) => {
    await turns.take(one);
    order.push(one.name);
    turns.done(one);
  }));
  assertEquals(order, ["a", "b", "c"]);
  turns.close();
});

Deno.test("turns: who gives up while it waits is passed over", async () => {
  const turns = new Turns<ReturnType<typeof taker>>();
  const [a, b, c] = [taker("a"), taker("b"), taker("c")];
  await turns.take(a);
  const gone = assertRejects(() => turns.take(b), Error, "It took too long");
  const next = turns.take(c);
  turns.done(b);
  await gone;
  await next;
  turns.close();
});

Deno.test("turns: one address has some at a time, and does not hold up another", async () => {
  const turns = new Turns<ReturnType<typeof taker>>();
  const greedy = Array.from({ length: MAX_UNPROVEN_PER_ADDRESS + 1 }, (_, i) => taker(`${i}`, "x"));
  const taken: string[] = [];
  const takes = greedy.map((one) => turns.take(one).then(() => void taken.push(one.name)));
  await turns.take(taker("other"));
  assertEquals(taken.length, MAX_UNPROVEN_PER_ADDRESS);
  turns.done(greedy[0]!);
  await Promise.all(takes);
  turns.close();
});

Deno.test("turns: none after the end", async () => {
  const turns = new Turns<ReturnType<typeof taker>>();
  await turns.take(taker("a"));
  const waiting = assertRejects(() => turns.take(taker("b")));
  turns.close();
  await waiting;
  await assertRejects(() => turns.take(taker("c")));
});
