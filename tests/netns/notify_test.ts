/**
 * Notifications over servers on hosts of their own: cut apart, stopped and killed, while publishers go on
 * and named subscribers move from one server to another. With TALKER_LONG=1 cuts and kills are more, and a
 * server is off for longer than the mesh remembers.
 */

import { assert, assertEquals } from "@std/assert";
import { DEADLINE_MS, within } from "../support/line_client.ts";
import { askUntil, type MeshServer, startMesh } from "../support/mesh_host.ts";
import { type Cable, type Host, Network, testOnHosts } from "../support/netns.ts";
import { Named, Place, publisher, Stage, wanderer } from "../support/notify_actors.ts";
import { Ledger } from "../support/notify_ledger.ts";
import { Dice, seededRandom } from "../support/random.ts";

const LONG = Deno.env.get("TALKER_LONG") === "1";
const SEED = Number(Deno.env.get("TALKER_TEST_SEED") ?? 1);
const TOPICS = ["hits", "door/front", "door/back"];
/** Where servers on hosts take clients. */
const PORT = 8889;

/** Prints what was measured. */
function tell(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`    ${text}\n`));
}

/** Servers on a local network of two halves, each linked with all the others. */
class World {
  readonly servers = new Map<string, MeshServer>();
  readonly places = new Map<string, Place>();
  readonly dice = new Dice(seededRandom(SEED));

  private constructor(
    readonly stack: AsyncDisposableStack,
    readonly lan: Cable,
    readonly hosts: Map<string, Host>,
    readonly data: string | undefined,
  ) {}

  /** Starts servers of these names. `data`: they keep what they have. */
  static async start(
    stack: AsyncDisposableStack,
    sides: { left: readonly string[]; right: readonly string[] },
    { data = false } = {},
  ): Promise<World> {
    const network = stack.use(await Network.create());
    const lan = await network.segment();
    const hosts = new Map<string, Host>();
    for (const side of ["left", "right"] as const) {
      for (const name of sides[side]) {
        const host = await network.host(name);
        await lan.attach(host, side);
        hosts.set(name, host);
      }
    }
    const folder = data ? await Deno.makeTempDir({ prefix: "talker-data-" }) : undefined;
    if (folder !== undefined) stack.defer(() => Deno.remove(folder, { recursive: true }));
    const world = new World(stack, lan, hosts, folder);
    for (const [name, on] of hosts) world.places.set(name, new Place(name, on));
    await Promise.all([...hosts.keys()].map((name) => world.boot(name)));
    await world.whole();
    return world;
  }

  get names(): string[] {
    return [...this.hosts.keys()];
  }

  /** Another source of random numbers. */
  get fresh(): Dice {
    return new Dice(seededRandom(this.dice.int(1, 1e9)));
  }

  place(name: string): Place {
    return this.places.get(name)!;
  }

  server(name: string): MeshServer {
    return this.servers.get(name)!;
  }

  /** Starts a server. */
  async boot(name: string): Promise<void> {
    const on = this.hosts.get(name)!;
    const others = [...this.hosts.values()].filter((host) => host !== on);
    const peers = others.map((host) => `${host.on(this.lan)}:7000`);
    const args = this.data === undefined ? [] : ["--data", `${this.data}/${name}`];
    this.servers.set(name, await startMesh(this.stack, name, { on, peers, args }));
    this.place(name).port = PORT;
  }

  /** Ends a server: asks it to, or not. */
  async end(name: string, how: "stop" | "kill"): Promise<void> {
    await this.server(name)[how]();
    this.place(name).port = undefined;
  }

  /** Waits until all can reach all. */
  async whole(): Promise<void> {
    for (const server of this.servers.values()) await server.reaches(...this.names);
  }

  /** Waits until every server says that nothing waits for anybody. */
  async nothingWaits(): Promise<void> {
    const isRight = (lines: string[]) => lines.join().includes("for whom 0 wait;");
    for (const { console } of this.servers.values()) {
      await askUntil(console, "/stats", isRight, 3 * DEADLINE_MS);
    }
  }
}

/** Waits until everybody has got all that was confirmed. */
async function gotAll(ledger: Ledger, names: readonly string[]): Promise<void> {
  const missing = () => names.map((name) => ledger.missing(name).length);
  const due = performance.now() + 3 * DEADLINE_MS;
  while (missing().some((count) => count > 0) && performance.now() < due) {
    await ledger.soon(1, 100);
  }
}

/** What must hold once all servers know the same: nothing is left, and nothing comes again, wherever. */
async function nothingAgain(world: World, ledger: Ledger, all: readonly Named[]): Promise<void> {
  await world.nothingWaits();
  ledger.isSettled = true;
  for (const named of all) {
    for (const place of world.places.values()) {
      named.leave();
      assertEquals(await named.come(place), 0, `left for ${named.name} at ${place.name}`);
    }
  }
  // And it goes on from there.
  const stage = new Stage(ledger);
  const news = world.names.map((name) => {
    const options = { dice: world.fresh, topics: TOPICS, place: world.place(name), pause: 20 };
    return publisher(stage, `late${name}`, options);
  });
  await within(ledger.after(100), "100 events");
  stage.end();
  await within(Promise.all(news), "the publishers");
  await gotAll(ledger, all.map(({ name }) => name));
  await world.nothingWaits();
}

function summary(ledger: Ledger): string {
  return `${ledger.confirmed} publications, ${ledger.acknowledged} acknowledgements confirmed, ` +
    `${ledger.repeats} pushed again, of these ${ledger.repeatsElsewhere} acknowledged on another ` +
    `server; ${ledger.lateLives} of a life before came late, ${ledger.expulsions} times out of the mode by oneself`;
}

const CUT = LONG ? "long cuts" : "a cut";

await testOnHosts(
  `notifications over ${CUT}: nothing is lost, in order, wherever they go`,
  async () => {
    await using stack = new AsyncDisposableStack();
    const world = await World.start(stack, { left: ["a", "b"], right: ["c"] });
    const [a, b, c] = ["a", "b", "c"].map((name) => world.place(name)) as [Place, Place, Place];
    const ledger = new Ledger({ mayExpel: true });
    const stage = new Stage(ledger);
    const person = (name: string, acks: number, ...patterns: string[]) => {
      return stack.use(new Named(ledger, name, { patterns, acks, dice: world.fresh }));
    };
    const left = person("left", 1, "**"), right = person("right", 0.8, "door/*", "hits");
    const over = person("over", 0.7, "**"), back = person("back", 0.7, "door/**");
    const hopper = person("hopper", 1, "hits", "door/front"),
      away = person("away", 0.5, "door/front");
    const all = [left, right, over, back, hopper, away];
    await Promise.all([
      left.come(a),
      right.come(c),
      over.come(a),
      back.come(c),
      hopper.come(b),
      away.come(a),
    ]);
    const publishers = world.names.map((name) => {
      const options = { dice: world.fresh, topics: TOPICS, place: world.place(name), pause: 200 };
      return publisher(stage, `pub${name}`, options);
    });
    const failed = Promise.all(publishers).then(() => new Promise<never>(() => {}));
    const events = (count: number) =>
      Promise.race([failed, within(ledger.after(count), `${count} events`, 3 * DEADLINE_MS)]);
    const move = (named: Named, place: Place) => {
      named.leave();
      return named.come(place);
    };

    for (let cut = 0; cut < (LONG ? 3 : 1); cut++) {
      await events(150);
      away.leave();
      await world.lan.cut();
      // Nobody has noticed yet.
      await events(20);
      await Promise.all([move(over, c), move(back, b), move(hopper, c)]);
      await Promise.all([
        world.server("a").reaches("a", "b"),
        world.server("b").reaches("a", "b"),
        world.server("c").reaches("c"),
      ]);
      await events(LONG ? 600 : 150);
      await Promise.all([move(hopper, a), move(right, c)]);
      await events(100);
      await world.lan.mend();
      // On its way to each other, everybody moves once more.
      await Promise.all([move(over, b), move(hopper, c), move(away, c)]);
      await world.whole();
      await Promise.all([move(left, a), move(over, a), move(back, c), move(right, b)]);
    }
    await events(100);
    stage.finish();
    await within(Promise.all(publishers), "the publishers");
    for (const named of all) named.acks = 1;
    await gotAll(ledger, all.map(({ name }) => name));
    // What they left comes again.
    for (const [index, named] of all.entries()) await move(named, [a, b, c][index % 3]!);
    await nothingAgain(world, ledger, all);
    assertEquals(ledger.judge(), []);
    assert(ledger.confirmed > 100);
    tell(summary(ledger));
  },
);

for (const how of ["stop", "kill"] as const) {
  const name = how === "stop" ? "stopped" : "killed";
  await testOnHosts(
    `a server is ${name} while others publish: its named subscribers miss nothing`,
    async () => {
      await using stack = new AsyncDisposableStack();
      const world = await World.start(stack, { left: ["a", "b"], right: [] }, { data: true });
      const [a, b] = ["a", "b"].map((name) => world.place(name)) as [Place, Place];
      const ledger = new Ledger();
      const options = { patterns: ["hits", "door/**"], acks: 0.7, dice: world.fresh };
      const phone = stack.use(new Named(ledger, "phone", options));
      await phone.come(a);
      const publish = async (place: Place, count: number) => {
        const stage = new Stage(ledger);
        const working = publisher(stage, `p${ledger.published.size}`, {
          dice: world.fresh,
          topics: TOPICS,
          place,
        });
        await within(ledger.after(count), `${count} events`);
        stage.end();
        await working;
      };
      await publish(a, 60);
      await publish(b, 60);
      await gotAll(ledger, ["phone"]);
      await phone.settled();
      await world.end("a", how);
      const confirmed = ledger.confirmed;
      await publish(b, 60);
      if (LONG) await outlastRetention(world.server("b"));
      await publish(b, 10);
      assert(ledger.confirmed > confirmed + 50);
      await world.boot("a");
      // It is there at once, before the servers are linked, and after it.
      phone.acks = 1;
      await phone.come(a);
      await gotAll(ledger, ["phone"]);
      await world.whole();
      await publish(a, 10);
      await nothingAgain(world, ledger, [phone]);
      assertEquals(ledger.judge(), []);
      tell(summary(ledger));
    },
  );
}

/** So much is said, for so long, that the mesh remembers nothing of what was before. */
async function outlastRetention(server: MeshServer): Promise<void> {
  const speaker = await server.join("speaker");
  const lines = Array.from({ length: 1_000 }, (_, i) => `line ${i} ${"x".repeat(20)}`);
  for (let round = 0; round < 11; round++) {
    await speaker.send(...lines);
    await speaker.drain();
  }
  // What is younger than 10 s stays, however much it is.
  await new Promise((resolve) => setTimeout(resolve, 10_500));
  for (let round = 0; round < 11; round++) {
    await speaker.send(...lines);
    await speaker.drain();
  }
}

const KILLS = LONG ? 40 : 5;

await testOnHosts(
  `one of three is killed, ${KILLS} times, while all go about (seed ${SEED})`,
  async () => {
    await using stack = new AsyncDisposableStack();
    const world = await World.start(stack, { left: ["a", "b", "c"], right: [] }, { data: true });
    const ledger = new Ledger({ killed: true, mayExpel: true });
    const stage = new Stage(ledger);
    stack.defer(() => stage.end());
    const places = [...world.places.values()];
    const people = [
      { name: "phone", patterns: ["hits", "door/*"], acks: 1, away: 20 },
      { name: "lazy", patterns: ["**"], acks: 0.5, away: 60 },
      { name: "porter", patterns: ["door/**"], acks: 0.9, away: 200 },
    ];
    const actors = [
      ...places.map((place) => {
        const options = { dice: world.fresh, topics: TOPICS, place, pause: 60 };
        return publisher(stage, `pub${place.name}`, options);
      }),
      ...people.map(({ name, ...rest }) => {
        return wanderer(stage, name, { dice: world.fresh, places, ...rest });
      }),
    ];
    const failed = Promise.all(actors).then(() => new Promise<never>(() => {}));
    for (let kill = 0; kill < KILLS; kill++) {
      const events = world.dice.int(1, 200);
      await Promise.race([
        failed,
        within(ledger.after(events), `${events} events`, 4 * DEADLINE_MS),
      ]);
      const victim = world.dice.pick(world.names);
      await world.end(victim, "kill");
      const pause = world.dice.int(0, 60);
      await Promise.race([failed, within(ledger.after(pause), `${pause} events`, 4 * DEADLINE_MS)]);
      await world.boot(victim);
      if (world.dice.chance(0.5)) await world.whole();
      assertEquals(ledger.faults, [], `after kill ${kill + 1}`);
    }
    await world.whole();
    await Promise.race([failed, within(ledger.after(50), "50 events")]);
    stage.finish();
    await Promise.race([failed, gotAll(ledger, people.map(({ name }) => name))]);
    await Promise.race([failed, world.nothingWaits()]);
    stage.end();
    await Promise.all(actors);
    const again = people.map(({ name, patterns }) => {
      return stack.use(new Named(new Ledger(), name, { patterns, acks: 0, dice: world.fresh }));
    });
    for (const named of again) {
      for (const place of places) {
        named.leave();
        assertEquals(await named.come(place), 0, `left for ${named.name} at ${place.name}`);
      }
    }
    assertEquals(ledger.judge(), []);
    tell(summary(ledger));
  },
);
