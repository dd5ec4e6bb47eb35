/**
 * A server that is killed (`kill -9`) at random moments, again and again, with publishers, named
 * subscribers and chat clients that come back each time. What was confirmed is never lost, and what was
 * confirmed as acknowledged never comes again.
 *
 * TALKER_LONG=1 kills it 100 times, TALKER_KILLS=N so often; TALKER_TEST_SEED=N chooses the moments.
 * (A kill says nothing about syncing: what the system had taken is there after it.)
 */

import { assert, assertEquals } from "@std/assert";
import { within } from "../support/line_client.ts";
import { Named, Place, publisher, Stage, wanderer } from "../support/notify_actors.ts";
import { Chat } from "../support/notify_chat.ts";
import { Ledger } from "../support/notify_ledger.ts";
import { talker, type TalkerProcess } from "../support/process.ts";
import { Dice, seededRandom } from "../support/random.ts";

const LONG = Deno.env.get("TALKER_LONG") === "1";
const KILLS = Number(Deno.env.get("TALKER_KILLS") ?? (LONG ? 100 : 12));
const SEED = Number(Deno.env.get("TALKER_TEST_SEED") ?? 1);
/** A server serves again within this time, in ms: the aim is 1 s, on a machine that is not busy. */
const SERVES_MS = 5_000;
/** A server is killed after this time at the latest, in ms, however little has happened. */
const LIFE_MS = 3_000;
const DEADLINE_MS = 60_000;

const TOPICS = ["hits", "door/front", "door/back", "house/attic/light"];
/** Who they are, what they want, and how they behave. */
const SUBSCRIBERS = [
  { name: "phone", patterns: ["hits", "door/*"], acks: 1 },
  { name: "lazy", patterns: ["**"], acks: 0.5, away: 60 },
  { name: "porter", patterns: ["door/**"], acks: 0.9, away: 400 },
  { name: "attic", patterns: ["house/**", "hits"], acks: 0.7, away: 150, late: 300 },
];

/** Prints what was measured. */
function tell(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`    ${text}\n`));
}

const ms = (value: number) => `${Math.round(value)} ms`;

/** The lives of one server. */
class Lives {
  /** From its start to the line that says where it listens, each, in ms. */
  readonly listening: number[] = [];
  /** From its start to its first answer. */
  readonly answered: number[] = [];
  /** Lives that ended before it listened. */
  unborn = 0;
  #now: TalkerProcess | undefined;

  constructor(readonly data: string, readonly place: Place) {}

  #start(): TalkerProcess {
    const args = ["--host", "127.0.0.1", "--port", "0", "--name", "kitchen", "--data", this.data];
    return this.#now = talker(["server", ...args], { input: null });
  }

  /** Starts it, waits until it listens, and looks whether it serves. */
  async start(): Promise<void> {
    const from = performance.now();
    const process = this.#start();
    let line: string;
    try {
      line = await process.waitFor(/ listening on /);
    } catch (cause) {
      throw new Error(`It does not start: ${process.stderr.all.join(" | ")}`, { cause });
    }
    this.listening.push(performance.now() - from);
    this.place.port = Number(/\d+$/.exec(line)![0]);
    using wire = await this.place.connect();
    await wire.ok("/ping");
    this.answered.push(performance.now() - from);
  }

  /** Starts it, and kills it before it is there, or just when it is. */
  async stillborn(after: number): Promise<void> {
    const process = this.#start();
    await new Promise((resolve) => setTimeout(resolve, after));
    this.unborn++;
    await this.#end(process);
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    if (this.#now !== undefined) await this.#end(this.#now);
  }

  async #end(process: TalkerProcess): Promise<void> {
    process.signal("SIGKILL");
    this.place.port = undefined;
    const { err } = await process.ended();
    this.#now = undefined;
    const wrong = err.filter((line) => /error|warning/i.test(line));
    assertEquals(wrong, [], "the log of a server that was killed");
  }

  /** It stops in good order. */
  async stop(): Promise<void> {
    this.#now?.signal("SIGTERM");
    assertEquals((await this.#now?.ended())?.code, 0);
    this.#now = undefined;
    this.place.port = undefined;
  }
}

Deno.test(`kill -9, ${KILLS} times: nothing confirmed is lost or comes again (seed ${SEED})`, async () => {
  const data = await Deno.makeTempDir({ prefix: "talker-data-" });
  const dice = new Dice(seededRandom(SEED));
  const own = () => new Dice(seededRandom(dice.int(1, 1e9)));
  const place = new Place("kitchen");
  const lives = new Lives(data, place);
  const ledger = new Ledger();
  const stage = new Stage(ledger);
  const chat = new Chat(stage);
  const actors = [
    ...["ann", "bob", "cat"].map((name) => {
      return publisher(stage, name, { dice: own(), topics: TOPICS, place });
    }),
    ...SUBSCRIBERS.map(({ name, ...rest }) => {
      return wanderer(stage, name, { dice: own(), places: [place], ...rest });
    }),
    ...["dan", "eve"].map((name) => chat.speaker(name, { dice: own(), place })),
  ];
  // An actor that fails ends the test.
  const failed = Promise.all(actors).then(() => new Promise<never>(() => {}));
  const meanwhile = <T>(promise: Promise<T>, what: string) =>
    Promise.race([failed, within(promise, what, DEADLINE_MS)]);
  try {
    for (let kill = 0; kill < KILLS; kill++) {
      if (dice.chance(0.1)) await lives.stillborn(dice.int(20, 500));
      await meanwhile(lives.start(), "the server");
      {
        using wire = await place.connect();
        await meanwhile(chat.checkHistory(wire, dice.pick([10, 100, 1_000])), "the history");
      }
      // Few and many are equally often: from 1 to about 1,000.
      const events = Math.floor(Math.exp(dice.random() * 7));
      await meanwhile(ledger.soon(events, LIFE_MS), "something to happen");
      await lives.kill();
      assertEquals(ledger.faults, [], `after kill ${kill + 1}`);
    }
    await meanwhile(lives.start(), "the server");
    // Everybody has been there before the end.
    const known = () => SUBSCRIBERS.every(({ name }) => ledger.countGot(name) > 0);
    while (!known()) await meanwhile(ledger.after(1), "something for everybody");
    stage.finish();
    const all = () => SUBSCRIBERS.every(({ name }) => ledger.missing(name).length === 0);
    const due = performance.now() + DEADLINE_MS;
    while (!all() && performance.now() < due) {
      await ledger.soon(1, 100);
    }
    // Nothing of what is under way is open: acknowledgements are confirmed before the connections end.
    {
      using wire = await place.connect();
      await meanwhile(chat.checkHistory(wire, 1e9), "the history");
    }
    await waitForAcknowledgements(place);
    stage.end();
    await Promise.all(actors);
    await lives.stop();

    // All is acknowledged: for nobody anything is left.
    await lives.start();
    for (const { name, patterns } of SUBSCRIBERS) {
      using named = new Named(new Ledger(), name, { patterns, acks: 0, dice });
      assertEquals(await named.come(place), 0, `left for ${name}`);
    }
    await lives.stop();
    assertEquals(ledger.judge(), []);
    assert(ledger.confirmed > KILLS && ledger.acknowledged > KILLS && chat.confirmed > KILLS);
    report(lives, ledger, chat);
    const slowest = Math.max(...lives.listening);
    assert(slowest < SERVES_MS, `it listened after ${ms(slowest)} only`);
  } finally {
    stage.end();
    await lives.kill().catch(() => {});
    await Deno.remove(data, { recursive: true });
  }
});

/** Waits until the server says that everything of everybody is acknowledged. */
async function waitForAcknowledgements(place: Place): Promise<void> {
  using wire = await place.connect();
  const due = performance.now() + DEADLINE_MS;
  for (;;) {
    const { replies } = await wire.request("/stats");
    const text = replies.map(({ text }) => text).join("\n");
    if (text.includes("for whom 0 wait;")) return;
    if (performance.now() > due) throw new Error(`Something is left: ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function report({ listening, answered, unborn }: Lives, ledger: Ledger, chat: Chat): void {
  const sorted = (values: number[]) => values.toSorted((a, b) => a - b);
  const shown = (values: number[]) =>
    `${ms(sorted(values)[values.length >> 1]!)} (longest ${ms(Math.max(...values))})`;
  tell(`${KILLS} kills, and ${unborn} before it listened`);
  tell(
    `${ledger.confirmed} publications, ${ledger.acknowledged} acknowledgements, ` +
      `${chat.confirmed} lines confirmed; ${ledger.repeats} pushed again, none of them acknowledged`,
  );
  tell(`from its start it listened after ${shown(listening)}, answered after ${shown(answered)}`);
}
