import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { Alarm, keepUp, type KeepUpOptions, WAKE_EVERY_MS } from "../../lib/link/keep_up.ts";

/** All that is to follow at once has happened. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** A connection far away, whose attempts end when the test says so: the delays are of seconds. */
class Rig implements Disposable {
  readonly alarm = new Alarm();
  readonly stop = new AbortController();
  readonly failures: string[] = [];
  attempts = 0;
  up = false;
  readonly done: Promise<void>;
  #started = Promise.withResolvers<void>();
  #outcome = Promise.withResolvers<string | undefined>();

  constructor(options: Partial<KeepUpOptions> = {}) {
    this.done = keepUp({
      distance: "internet",
      random: () => 0.5,
      signal: this.stop.signal,
      isUp: () => this.up,
      attempt: () => {
        this.attempts++;
        this.#started.resolve();
        this.#started = Promise.withResolvers();
        return this.#outcome.promise;
      },
      failed: (reason) => this.failures.push(reason),
      alarm: this.alarm,
      ...options,
    });
  }

  /** The next attempt begins. */
  get attempted(): Promise<void> {
    return this.#started.promise;
  }

  /** The attempt under way ends; resolves when the wait after it has begun. */
  async ends(outcome: string | undefined): Promise<void> {
    await turn();
    const { resolve } = this.#outcome;
    this.#outcome = Promise.withResolvers();
    resolve(outcome);
    await turn();
  }

  [Symbol.dispose](): void {
    this.stop.abort();
    this.#outcome.resolve(undefined);
  }
}

Deno.test("keep up: the alarm makes the attempt now", async () => {
  using rig = new Rig();
  assertEquals(rig.attempts, 1);
  await rig.ends("nobody there");
  const next = rig.attempted;
  const from = performance.now();
  assert(rig.alarm.ring(from));
  await next;
  assertEquals(rig.attempts, 2);
  assertLess(performance.now() - from, 500, "without it the wait is of a second at least");
});

Deno.test("keep up: the alarm is passed over while an attempt is under way", async () => {
  using rig = new Rig();
  assert(!rig.alarm.ring(0));
  await rig.ends("nobody there");
  assertEquals(rig.attempts, 1, "and isn't remembered");
  assert(rig.alarm.ring(1));
});

Deno.test("keep up: alarms again and again make one attempt a second", async () => {
  using rig = new Rig();
  await rig.ends("nobody there");
  const rung: number[] = [];
  for (let now = 0; now < 10_000; now += 100) {
    if (!rig.alarm.ring(now)) continue;
    rung.push(now);
    await rig.ends("nobody there");
  }
  assertEquals(rung, Array.from({ length: 10 }, (_, i) => i * WAKE_EVERY_MS));
  assertEquals(rig.attempts, 11);
});

Deno.test("keep up: the alarm doesn't shorten the delays after it", async () => {
  const delays: number[] = [];
  const alarm = new Alarm();
  const { wait } = alarm;
  alarm.wait = (milliseconds, signal) => {
    delays.push(milliseconds);
    return wait.call(alarm, milliseconds, signal);
  };
  using rig = new Rig({ alarm, random: () => 0 });
  await rig.ends("nobody there");
  for (let i = 1; i < 6; i++) {
    alarm.ring(i * WAKE_EVERY_MS);
    await rig.ends("nobody there");
  }
  assertEquals(delays, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000]);
});

Deno.test("keep up: what is lost as soon as it is there is tried ever less often", async () => {
  const delays: number[] = [];
  const alarm = new Alarm();
  const { wait } = alarm;
  alarm.wait = (milliseconds, signal) => {
    delays.push(milliseconds);
    return wait.call(alarm, milliseconds, signal);
  };
  let now = 0, rings = 0;
  const next = async () => {
    alarm.ring(++rings * WAKE_EVERY_MS);
    await turn();
  };
  using rig = new Rig({ alarm, random: () => 0, clock: () => now, lasting: 5_000 });
  for (let i = 0; i < 5; i++) {
    await rig.ends(undefined);
    now += 100;
    await next(); // It is gone, and isn't tried at once.
    assertEquals(rig.attempts, i + 1);
    await next();
  }
  const [first] = delays;
  assertEquals(delays.filter((delay) => delay !== first), [1_000, 2_000, 4_000, 8_000, 16_000]);
  // One that lasts makes up for it all.
  delays.length = 0;
  await rig.ends(undefined);
  rig.up = true;
  now += 5_000;
  await next();
  rig.up = false;
  await next();
  assertEquals(rig.attempts, 7);
  await rig.ends("nobody there");
  assertEquals(delays, [first, first, 1_000]);
});

Deno.test("keep up: what is up isn't tried, whatever rings", async () => {
  using rig = new Rig();
  await rig.ends(undefined);
  rig.up = true;
  assert(rig.alarm.ring(0));
  await turn();
  assertEquals(rig.attempts, 1);
});

Deno.test("keep up: the same reason is told once", async () => {
  using rig = new Rig();
  for (const [i, reason] of ["a", "a", "b", "b", "a"].entries()) {
    await rig.ends(reason);
    rig.alarm.ring(i * WAKE_EVERY_MS);
    await turn();
  }
  assertEquals(rig.failures, ["a", "b", "a"]);
});

Deno.test("keep up: it ends at once when it is aborted, waiting or not", async () => {
  const waiting = new Rig();
  await waiting.ends("nobody there");
  const trying = new Rig();
  const from = performance.now();
  waiting.stop.abort();
  trying[Symbol.dispose]();
  await Promise.all([waiting.done, trying.done]);
  assertLess(performance.now() - from, 500);
  assertGreater(waiting.attempts, 0);
  const aborted = new Rig({ signal: AbortSignal.abort() });
  await aborted.done;
  assertEquals(aborted.attempts, 0);
});
