/**
 * The wall clock of a server jumps, while it runs and while it is off: nothing is lost, repeated, or counts
 * as too old. Needs Linux and a C compiler: a library shows the server another time of day.
 */

import { assert, assertEquals } from "@std/assert";
import { Named, Place, publisher, Stage } from "../support/notify_actors.ts";
import { Ledger } from "../support/notify_ledger.ts";
import { Dice, seededRandom } from "../support/random.ts";
import { within } from "../support/line_client.ts";
import { missing, TestServer, testUnless } from "../support/server.ts";

const DAY_S = 86_400;
const TOPICS = ["hits", "door/front"];

/** Makes the library. */
async function compile(folder: string): Promise<string> {
  const library = `${folder}/clock.so`;
  const source = `${import.meta.dirname}/../support/clock_shift.c`;
  const args = ["-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"];
  const { success, stderr } = await new Deno.Command("cc", { args }).output();
  assert(success, new TextDecoder().decode(stderr));
  return library;
}

const reason = Deno.build.os === "linux" ? missing("cc") : "it is for Linux";

/** By how many seconds the clock is wrong: at the start, then in each part of the test. */
const JOURNEYS = {
  "a day back": [0, -DAY_S, -DAY_S],
  "back to 1970, as where there is no clock": [0, 0, -50 * 365 * DAY_S],
  "right, having been two days behind": [-2 * DAY_S, 0, 0],
  "two days ahead, and right again": [0, 2 * DAY_S, 0],
} as const;

for (const [name, [first, running, restarted]] of Object.entries(JOURNEYS)) {
  testUnless(reason, `the wall clock goes ${name}: all is as before`, async () => {
    await using stack = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir({ prefix: "talker-clock-" });
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    const library = await compile(folder);
    const clock = `${folder}/clock`;
    const setClock = (seconds: number) => Deno.writeTextFile(clock, `${seconds}\n`);
    const place = new Place("kitchen");
    const start = async () => {
      const server = stack.use(
        await TestServer.start(["--name", "kitchen", "--data", `${folder}/data`], {
          env: { LD_PRELOAD: library, TALKER_TEST_CLOCK: clock },
        }),
      );
      place.port = server.port;
      return server;
    };
    /** How wrong the server's clock is, in s. */
    const wrongBy = async () => {
      using wire = await place.connect();
      const { replies } = await wire.request("/time");
      return Math.round((Date.parse(`${replies[0]!["time"]}`) - Date.now()) / 1_000);
    };
    const dice = new Dice(seededRandom(1));
    const ledger = new Ledger();
    const publish = async (count: number) => {
      const stage = new Stage(ledger);
      const options = { dice, topics: TOPICS, place, pause: 1 };
      const working = publisher(stage, `p${ledger.published.size}`, options);
      await ledger.after(count);
      stage.end();
      await working;
    };

    await setClock(first);
    const before = await start();
    const phone = stack.use(new Named(ledger, "phone", { patterns: ["**"], acks: 0.5, dice }));
    const away = stack.use(new Named(ledger, "away", { patterns: ["hits"], acks: 0, dice }));
    await phone.come(place);
    await away.come(place);
    away.leave();
    await publish(60);
    const ok = async (line: string) => {
      using wire = await place.connect();
      return await wire.ok(line);
    };
    const said = [await ok("/say before")];

    await setClock(running);
    assert(Math.abs(await wrongBy() - running) < 60, "the library does nothing");
    await publish(60);
    said.push(await ok("/say meanwhile"));
    await phone.settled();
    phone.leave();
    place.port = undefined;
    before.signal("SIGKILL");
    await before.ended();

    await setClock(restarted);
    await start();
    assert(Math.abs(await wrongBy() - restarted) < 60);
    phone.acks = away.acks = 1;
    await phone.come(place);
    await publish(60);
    said.push(await ok("/say after"));
    await away.come(place);
    while ([phone, away].some(({ name }) => ledger.missing(name).length > 0)) {
      await within(ledger.after(1), "what is missing");
    }
    await Promise.all([phone.settled(), away.settled()]);
    ledger.isSettled = true;
    for (const named of [phone, away]) {
      named.leave();
      assertEquals(await named.come(place), 0, `left for ${named.name}`);
    }
    assertEquals(ledger.judge(), []);
    using wire = await place.connect();
    const { replies } = await wire.request("/history 100");
    assertEquals(replies.map(({ id }) => id), said);
  });
}
