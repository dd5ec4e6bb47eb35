import { assert, assertEquals, assertRejects } from "@std/assert";
import { Stream } from "../../lib/messaging/stream.ts";

Deno.test("stream: first in, first out, and first waiting, first served", async () => {
  const stream = new Stream<number>();
  const takers = [stream.next(), stream.next()];
  for (const each of [1, 2, 3, 4]) stream.push(each);
  assertEquals(await Promise.all(takers), [1, 2]);
  assertEquals([await stream.next(), await stream.next()], [3, 4]);
  assertEquals(stream.size, 0);
});

Deno.test("stream: the end comes after what was in it", async () => {
  const stream = new Stream<number>();
  stream.push(1);
  stream.end();
  stream.push(2);
  assertEquals([await stream.next(), await stream.next()], [1, undefined]);
  const other = new Stream<number>();
  const waiting = other.next();
  other.end();
  assertEquals(await waiting, undefined);
});

Deno.test("stream: who gives up takes nothing", async () => {
  const stream = new Stream<number>();
  const giveUp = new AbortController();
  const waiting = stream.next(giveUp.signal);
  giveUp.abort(new Error("enough"));
  await assertRejects(() => waiting, Error, "enough");
  await assertRejects(() => stream.next(giveUp.signal), Error, "enough");
  stream.push(7);
  assertEquals(stream.size, 1);
  assertEquals(await stream.next(), 7);
});

Deno.test("stream: over its bounds the oldest go, and are told of", async () => {
  const dropped: number[] = [];
  const byCount = new Stream<number>({ limit: 2, dropped: (each) => dropped.push(each) });
  for (const each of [1, 2, 3, 4]) byCount.push(each);
  assertEquals([dropped, byCount.size, await byCount.next()], [[1, 2], 2, 3]);
  const byWeight = new Stream<number>({ maxWeight: 10 });
  for (const each of [1, 2, 3]) byWeight.push(each, 6);
  assertEquals([byWeight.size, await byWeight.next()], [1, 3]);
  byWeight.push(4, 100);
  assertEquals(byWeight.size, 1, "one is kept, whatever it weighs");
});

Deno.test("stream: long queues keep their order, and what was taken or removed is gone", async () => {
  const stream = new Stream<{ n: number }>();
  const all = Array.from({ length: 5000 }, (_, n) => ({ n }));
  for (const each of all) stream.push(each);
  assert(stream.remove(all[2500]!) && !stream.remove(all[2500]!));
  const seen: number[] = [];
  for (let i = 0; i < 4999; i++) seen.push((await stream.next())!.n);
  assertEquals(seen, all.map(({ n }) => n).filter((n) => n !== 2500));
  assert(!stream.remove(all[0]!));
});
