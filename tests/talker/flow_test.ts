import { assert, assertEquals } from "@std/assert";
import { CUT_MS, DOUBT_BYTES, DOUBT_MS, Flow } from "../../lib/talker/flow.ts";
import { MAX_QUEUED_BYTES, MIB } from "../../lib/wire/limits.ts";

Deno.test("flow: a short queue is nobody's business", () => {
  const flow = new Flow<string>();
  flow.queued("bob", 1 * MIB, false, 0, 0);
  assertEquals(flow.size, 0);
});

Deno.test("flow: a reader that stops never holds anybody up, loses lines, and is cut after 10 s", () => {
  const flow = new Flow<string>();
  flow.queued("bob", 2 * MIB, false, 0, 0);
  for (let now = 0; now < DOUBT_MS; now += 100) {
    flow.queued("bob", 20 * MIB, false, 0, now);
    assert(!flow.congested);
    assertEquals(flow.check(now).drop, []);
  }
  const verdict = flow.check(DOUBT_MS);
  assertEquals(flow.state("bob"), "stalled");
  assertEquals(verdict.drop, ["bob"]);
  assertEquals(verdict.congested, false);
  flow.queued("bob", verdict.keep, false, 0, DOUBT_MS);
  assertEquals(flow.check(CUT_MS - 1).cut, []);
  assertEquals(flow.check(CUT_MS).cut, ["bob"]);
});

Deno.test("flow: a queue that fills late is full for 10 s before the reader is cut", () => {
  const flow = new Flow<string>();
  flow.queued("bob", 2 * MIB, false, 0, 60_000);
  assertEquals(flow.check(60_000).cut, []);
  flow.queued("bob", MAX_QUEUED_BYTES, false, 0, 70_000);
  assertEquals(flow.check(79_999).cut, []);
  assertEquals(flow.check(80_000).cut, ["bob"]);
});

Deno.test("flow: a doubtful reader's queue has an end, too", () => {
  const flow = new Flow<string>();
  flow.queued("bob", DOUBT_BYTES + 1, false, 0, 0);
  assert(flow.congested);
  assertEquals(flow.check(DOUBT_MS).congested, false);
});

Deno.test("flow: speakers wait for a slow reader, and go on when there is room", () => {
  const flow = new Flow<string>();
  flow.queued("bob", 2 * MIB, false, 0, 0);
  assertEquals(flow.took("bob", 500_000, 2 * MIB, false, false, 500), false);
  assertEquals(flow.state("bob"), "slow");
  flow.queued("bob", 2 * MIB + 1, false, 500, 600);
  assert(flow.congested);
  assertEquals(flow.took("bob", 100_000, 2 * MIB - 100_000, false, false, 1000), false);
  assertEquals(flow.took("bob", 200_000, 2 * MIB - 300_000, false, false, 1500), true);
  assert(!flow.congested);
  assertEquals(flow.took("bob", 1 * MIB, 200 * 1024, false, false, 2000), false);
  assertEquals(flow.size, 0);
});

Deno.test("flow: less than 64 KiB/s is too little, and doesn't come back by one gulp", () => {
  const flow = new Flow<string>();
  flow.queued("bob", 4 * MIB, false, 0, 0);
  let now = 0;
  for (; now <= 3000; now += 500) flow.took("bob", 10_000, 4 * MIB, false, false, now);
  flow.check(now);
  assertEquals(flow.state("bob"), "stalled");
  flow.took("bob", 60_000, 4 * MIB, false, false, now + 100);
  flow.check(now + 200);
  assertEquals(flow.state("bob"), "stalled");
  for (let i = 0; i < 8; i++) flow.took("bob", 64 * 1024, 4 * MIB, false, false, now += 500);
  flow.check(now);
  assertEquals(flow.state("bob"), "slow");
});

Deno.test("flow: 64 KiB/s in gulps is enough", () => {
  const flow = new Flow<string>();
  flow.queued("bob", 4 * MIB, false, 0, 0);
  for (let now = 2_500; now < 60_000; now += 2_500) {
    flow.took("bob", 160 * 1024, 4 * MIB, false, false, now);
    assertEquals(flow.check(now).drop, []);
    assertEquals(flow.state("bob"), "slow", `after ${now} ms`);
  }
});

Deno.test("flow: one that takes all it is given at once is not slow, however little that was", () => {
  const flow = new Flow<string>();
  flow.queued("bob", 4 * MIB, false, 0, 0);
  for (let now = 1_000; now < 20_000; now += 1_000) {
    flow.took("bob", 10_000, 4 * MIB, false, true, now);
    flow.check(now);
    assertEquals(flow.state("bob"), "slow");
  }
  flow.check(24_000);
  assertEquals(flow.state("bob"), "stalled");
  flow.took("bob", 10_000, 4 * MIB, false, true, 25_000);
  assertEquals(flow.state("bob"), "slow");
});

Deno.test("flow: who asks and doesn't read its answers is cut, however little they are", () => {
  const flow = new Flow<string>();
  flow.queued("bob", 300_000, true, 0, 0);
  assertEquals(flow.check(CUT_MS - 1).cut, []);
  assertEquals(flow.check(CUT_MS).cut, ["bob"]);
  flow.forget("bob");
  assertEquals(flow.size, 0);
});

Deno.test("flow: with the last one that speakers waited for they go on", () => {
  const flow = new Flow<string>();
  flow.queued("bob", DOUBT_BYTES + 1, false, 0, 0);
  flow.queued("eve", DOUBT_BYTES + 1, false, 0, 0);
  assertEquals(flow.forget("bob"), false);
  assertEquals(flow.forget("eve"), true);
  assert(!flow.congested);
});
