import { assert, assertEquals } from "@std/assert";
import {
  CUT_LOCAL_MS,
  CUT_MS,
  DOUBT_BYTES,
  DOUBT_HOLDS_MS,
  DOUBT_MS,
  Flow,
  PATIENCE_MS,
  WATCH_BYTES,
} from "../../lib/talker/flow.ts";
import { KIB, MAX_QUEUED_BYTES, MIB } from "../../lib/wire/limits.ts";
import { GulpingReader, simulate } from "../support/gulping_reader.ts";

/** `bytes` are taken after some waiting; `queued` wait, and more is to be taken. */
function taking(bytes: number, queued: number) {
  return { bytes, queued, full: false, prompt: false, busy: true };
}

const local = () => new Flow<GulpingReader>(() => true);

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
  assertEquals(flow.check(CUT_MS).cut, [{ client: "bob", idle: CUT_MS }]);
});

Deno.test("flow: one of this machine is cut after 15 s", () => {
  const flow = new Flow<string>((client) => client === "bob");
  for (const nick of ["bob", "eve"]) flow.queued(nick, MAX_QUEUED_BYTES, false, 0, 0);
  assertEquals(flow.check(CUT_MS).cut.map(({ client }) => client), ["eve"]);
  flow.forget("eve", CUT_MS);
  assertEquals(flow.check(CUT_LOCAL_MS - 1).cut, []);
  assertEquals(flow.check(CUT_LOCAL_MS).cut, [{ client: "bob", idle: CUT_LOCAL_MS }]);
});

Deno.test("flow: a queue that fills late is full for 10 s before the reader is cut", () => {
  const flow = new Flow<string>();
  flow.queued("bob", 2 * MIB, false, 0, 60_000);
  assertEquals(flow.check(60_000).cut, []);
  flow.queued("bob", MAX_QUEUED_BYTES, false, 0, 70_000);
  assertEquals(flow.check(79_999).cut, []);
  assertEquals(flow.check(80_000).cut, [{ client: "bob", idle: 80_000 }]);
});

Deno.test("flow: a doubtful reader's queue has an end, too, and there speakers wait for a moment", () => {
  const flow = new Flow<string>();
  flow.queued("bob", DOUBT_BYTES + 1, false, 0, 0);
  assert(flow.congested);
  assert(flow.check(DOUBT_HOLDS_MS - 1).congested);
  const { congested, drop } = flow.check(DOUBT_HOLDS_MS);
  assertEquals([congested, drop], [false, ["bob"]]);
  // Who has been doubtful for longer has had its moment.
  flow.queued("eve", 2 * MIB, false, 10_000, 10_000);
  flow.queued("eve", DOUBT_BYTES + 1, false, 10_000, 10_000 + DOUBT_HOLDS_MS);
  assertEquals(flow.check(10_000 + DOUBT_HOLDS_MS).congested, false);
});

Deno.test("flow: speakers wait for a slow reader, and go on when there is room", () => {
  const flow = new Flow<string>();
  flow.queued("bob", 2 * MIB, false, 0, 0);
  assertEquals(flow.took("bob", taking(500_000, 2 * MIB), 500), false);
  assertEquals(flow.state("bob"), "slow");
  flow.queued("bob", 2 * MIB + 1, false, 500, 600);
  assert(flow.congested);
  assertEquals(flow.took("bob", taking(100_000, 2 * MIB - 100_000), 1000), false);
  assertEquals(flow.took("bob", taking(200_000, 2 * MIB - 300_000), 1500), true);
  assert(!flow.congested);
  assertEquals(flow.took("bob", taking(1 * MIB, 200 * KIB), 2000), false);
  assertEquals(flow.size, 0);
});

Deno.test("flow: less than 64 KiB/s is too little, and doesn't come back by one gulp", () => {
  const flow = new Flow<string>();
  flow.queued("bob", 4 * MIB, false, 0, 0);
  let now = 0;
  while (now < DOUBT_MS) {
    flow.took("bob", taking(10_000, 4 * MIB), now += 500);
    flow.check(now + 100);
    assert(!flow.congested);
    assert(flow.state("bob") !== "slow");
  }
  flow.check(now);
  assertEquals(flow.state("bob"), "stalled");
  flow.took("bob", taking(60_000, 4 * MIB), now + 100);
  flow.check(now + 200);
  assertEquals(flow.state("bob"), "stalled");
  for (let i = 0; i < 8; i++) flow.took("bob", taking(64 * KIB, 4 * MIB), now += 500);
  flow.check(now + 100);
  assertEquals(flow.state("bob"), "slow");
});

Deno.test("flow: 64 KiB/s in gulps is enough", () => {
  const flow = new Flow<string>();
  flow.queued("bob", 4 * MIB, false, 0, 0);
  for (let now = 2_500; now < 60_000; now += 2_500) {
    flow.took("bob", taking(160 * KIB, 4 * MIB), now);
    assertEquals(flow.check(now + 100).drop, []);
    assertEquals(flow.state("bob"), "slow", `after ${now} ms`);
  }
});

Deno.test("flow: one that takes all it is given at once is not slow, however little that was", () => {
  const flow = new Flow<string>();
  flow.queued("bob", 4 * MIB, false, 0, 0);
  for (let now = 1_000; now < 20_000; now += 1_000) {
    const bytes = 10_000, queued = 4 * MIB;
    flow.took("bob", { bytes, queued, full: false, prompt: true, busy: false }, now);
    // For most of a second it isn't given anything: that is no fault of its own.
    for (let at = now; at < now + 1_000; at += 100) flow.check(at);
    assertEquals(flow.state("bob"), "slow");
    flow.gave("bob", now + 999);
  }
  flow.check(20_000 + DOUBT_MS);
  assertEquals(flow.state("bob"), "stalled");
});

Deno.test("flow: how much it took at once before it died is no reason to wait for it for longer", () => {
  const flow = new Flow<string>();
  flow.queued("bob", 8 * MIB, false, 0, 0);
  let now = 0;
  for (; now < 6_000; now += 10) {
    const bytes = 256 * KIB, queued = 8 * MIB;
    flow.took("bob", { bytes, queued, full: false, prompt: now % 100 !== 0, busy: true }, now);
    if (now % 100 === 50) flow.check(now);
  }
  assertEquals(flow.check(now + 500).congested, false);
  flow.queued("bob", DOUBT_BYTES - 1, false, now, now + 1_000);
  flow.check(now + DOUBT_MS);
  assertEquals(flow.state("bob"), "stalled");
  assertEquals(flow.check(now + CUT_MS).cut.length, 1);
});

Deno.test("flow: two at the end of doubt hold speakers up no longer than one", () => {
  const flow = new Flow<string>();
  flow.queued("bob", DOUBT_BYTES + 1, false, 0, 0);
  flow.queued("eve", DOUBT_BYTES - 1, false, 500, 500);
  assert(flow.check(DOUBT_HOLDS_MS).congested);
  assertEquals(flow.check(500 + DOUBT_HOLDS_MS).congested, false);
});

Deno.test("flow: what was taken before a doubt doesn't end it", () => {
  const flow = new Flow<string>();
  flow.queued("bob", 4 * MIB, false, 0, 0);
  flow.took("bob", taking(1 * MIB, 4 * MIB), 100);
  assertEquals(flow.state("bob"), "slow");
  for (let now = 1_000; now < DOUBT_MS; now += 100) {
    flow.queued("bob", 16 * MIB, false, 100, now);
    assertEquals(flow.check(now).congested, false);
    assertEquals(flow.state("bob"), "doubtful", `after ${now} ms`);
  }
  flow.took("bob", taking(100_000, 16 * MIB), DOUBT_MS - 1);
  assertEquals(flow.state("bob"), "doubtful");
});

Deno.test("flow: who asks and doesn't read its answers is cut, however little they are", () => {
  const flow = new Flow<string>();
  flow.queued("bob", 300_000, true, 0, 0);
  assertEquals(flow.check(CUT_MS - 1).cut, []);
  assertEquals(flow.check(CUT_MS).cut, [{ client: "bob", idle: CUT_MS }]);
  flow.forget("bob", CUT_MS);
  assertEquals(flow.size, 0);
});

Deno.test("flow: with the last one that speakers waited for they go on", () => {
  const flow = new Flow<string>();
  flow.queued("bob", DOUBT_BYTES + 1, false, 0, 0);
  flow.queued("eve", DOUBT_BYTES + 1, false, 0, 0);
  assertEquals(flow.forget("bob", 0), false);
  assertEquals(flow.forget("eve", 0), true);
  assert(!flow.congested);
});

// Readers behind a send buffer of 4 MiB: a blocked write goes on when a third of it is free.

/** A speaker that reaches the end of no doubt: 64 MiB in 7.5 s. */
const STEADY = 8 * MIB;
/** One that is there in less than a second. */
const FULL_SPEED = 100 * MIB;

Deno.test("flow: readers of 200 KiB/s and more lose nothing, and speakers go on as they read", () => {
  for (const speed of [1 * MIB, 4 * MIB, STEADY]) {
    for (let rate = 200; rate <= 2_000; rate += 50) {
      const reader = new GulpingReader(rate * KIB);
      const { said, longestHeld } = simulate(local(), [reader], speed, 120_000);
      const what = `${rate} KiB/s, ${speed / MIB} MiB/s said`;
      assertEquals([reader.lost, reader.cutAt], [0, undefined], what);
      assert(longestHeld < 2_000, `${what}: held for ${longestHeld} ms in one piece`);
      assert(said >= 0.9 * Math.min(speed, rate * KIB) * 120, `${what}: only ${said} bytes`);
      assert(reader.most < DOUBT_BYTES, `${what}: ${reader.most} bytes waited`);
    }
  }
});

Deno.test("flow: from its first gulp on a reader of 100 KiB/s loses nothing", () => {
  for (let rate = 100; rate < 200; rate += 10) {
    const reader = new GulpingReader(rate * KIB);
    let lost: number | undefined;
    simulate(local(), [reader], STEADY, 200_000, (now) => {
      if (now === 30_000) lost = reader.lost;
    });
    assertEquals([reader.lost, reader.cutAt], [lost, undefined], `${rate} KiB/s`);
  }
});

Deno.test("flow: readers of 400 KiB/s and more lose nothing at full speed either", () => {
  for (const rate of [400, 500, 800, 1_000, 1_500, 2_000]) {
    const reader = new GulpingReader(rate * KIB);
    simulate(local(), [reader], FULL_SPEED, 60_000);
    assertEquals([reader.lost, reader.cutAt], [0, undefined], `${rate} KiB/s`);
    assert(reader.most < DOUBT_BYTES + 4 * MIB);
  }
});

Deno.test("flow: dead readers, and those who read 10 KiB/s, hold nobody up, and have an end", () => {
  for (const rate of [0, 10]) {
    for (
      const [speed, most] of [[1 * MIB, 0], [STEADY, 0], [FULL_SPEED, DOUBT_HOLDS_MS]] as const
    ) {
      const readers = [1, 2, 3].map(() => new GulpingReader(rate * KIB));
      const { held } = simulate(local(), readers, speed, 60_000);
      assert(held <= most, `${held} ms held`);
      for (const { cutAt, most, states } of readers) {
        assert(cutAt !== undefined && cutAt < (4 + 8) * MIB / speed * 1000 + CUT_LOCAL_MS + 1_000);
        assert(most < DOUBT_BYTES + 2 * MIB);
        assert(!states.has("slow"));
      }
    }
  }
});

Deno.test("flow: 10 KiB/s through a small buffer is too little, and yet no reason to cut", () => {
  const reader = new GulpingReader(10 * KIB, 128 * KIB);
  const { held } = simulate(local(), [reader], 4 * MIB, 60_000);
  assertEquals([held, reader.cutAt], [0, undefined]);
  assert(reader.lost > 0);
  const jerky = new GulpingReader(0, 128 * KIB);
  const result = simulate(local(), [jerky], 4 * MIB, 60_000, (now) => {
    jerky.rate = now % 6_400 < 100 ? 640 * KIB : 0;
  });
  assertEquals([result.held, jerky.cutAt], [0, undefined]);
});

Deno.test("flow: whatever a reader did before it died, it holds speakers for a moment, and is cut", () => {
  const died = 40_000;
  for (
    const [rate, most] of [
      // At full speed its queue was empty: it may only be that of the end of doubt.
      [Infinity, 0],
      [2_000 * KIB, 1_000],
      [500 * KIB, 1_500],
      // Longer than its gulps took there is no waiting for the next one.
      [200 * KIB, 3_000],
      [100 * KIB, 5_000],
    ] as const
  ) {
    const flow = local();
    const reader = new GulpingReader(rate);
    let longest = 0, held = 0;
    simulate(flow, [reader], 4 * MIB, 90_000, (now) => {
      if (now === died) reader.rate = 0;
      held = now > died && flow.congested ? held + 10 : 0;
      longest = Math.max(longest, held);
    });
    assert(longest <= most, `held for ${longest} ms after ${rate / KIB} KiB/s`);
    const { cutAt = Infinity } = reader;
    assert(cutAt < died + PATIENCE_MS + 3_000, `cut at ${cutAt} ms after ${rate / KIB} KiB/s`);
    assert(reader.most < DOUBT_BYTES + 2 * MIB);
  }
});

Deno.test("flow: of several readers the slowest that is worth waiting for sets the pace", () => {
  const [slow, slower, dead, quick] = [300, 200, 0, 1e6].map((rate) =>
    new GulpingReader(rate * KIB)
  );
  const all = [slow, slower, dead, quick] as GulpingReader[];
  const { said } = simulate(local(), all, 4 * MIB, 120_000);
  assertEquals(all.map(({ lost }) => lost > 0), [false, false, true, false]);
  assertEquals(all.map(({ cutAt }) => cutAt !== undefined), [false, false, true, false]);
  assert(said > 200 * KIB * 120);
  assert((quick as GulpingReader).most < WATCH_BYTES);
});

Deno.test("flow: a reader that reads at 2,000 KiB/s, and at 300 KiB/s, in turns loses nothing", () => {
  const reader = new GulpingReader(0);
  simulate(local(), [reader], 2 * MIB, 120_000, (now) => {
    reader.rate = now % 20_000 < 10_000 ? 2_000 * KIB : 300 * KIB;
  });
  assertEquals([reader.lost, reader.cutAt], [0, undefined]);
});

Deno.test("flow: who loses lines, and then reads on slowly, loses nothing any more", () => {
  const reader = new GulpingReader(0);
  let lost = 0;
  simulate(local(), [reader], STEADY, 120_000, (now) => {
    if (now === 9_000) reader.rate = 300 * KIB;
    if (now === 20_000) lost = reader.lost;
  });
  assert(lost > 0);
  assertEquals([reader.lost, reader.cutAt], [lost, undefined]);
});
