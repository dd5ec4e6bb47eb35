import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { configure, reset } from "@logtape/logtape";
import {
  AdvertError,
  advertise,
  discover,
  discoverAll,
  NameTakenError,
  unadvertise,
  watch,
} from "../../lib/discovery/mod.ts";

const warnings: string[] = [];
await configure({
  sinks: { list: (record) => warnings.push(record.message.join("")) },
  loggers: [
    { category: "talker", sinks: ["list"], lowestLevel: "warning" },
    { category: ["logtape", "meta"], sinks: [], lowestLevel: "warning" },
  ],
});

const clean = { sanitizeOps: true, sanitizeResources: true };
const interfaces = ["lo"];

/** These share the one port of all beacons: names of this process only. */
function own(name: string): string {
  return `mod-${Deno.pid}/${name}`;
}

Deno.test({
  name: "discovery: advertise, discover, unadvertise; nothing stays behind",
  ...clean,
  async fn() {
    const address = await advertise(own("hello"), undefined, { interfaces });
    assert(/^127\.0\.0\.1:\d+$/.test(address), address);
    assertEquals(await discover(own("HELLO"), { interfaces }), address);
    const [first, ...rest] = await discoverAll(own("*"), { interfaces, wait: 200 });
    assertEquals([first?.name, first?.kind, first?.addresses, rest], [own("hello"), "service", [
      address,
    ], []]);
    await assertRejects(
      () => advertise(own("hello"), 4567, { interfaces }),
      NameTakenError,
      `unadvertise("${own("hello")}") first`,
    );
    await unadvertise(own("hello"));
    await unadvertise(own("hello"));
    assertEquals(await discover(own("hello"), { interfaces, wait: 100 }), null);
  },
});

Deno.test({
  name: "discovery: a signal withdraws an advert",
  ...clean,
  async fn() {
    const stop = new AbortController();
    const { signal } = stop;
    const address = await advertise(own("a"), "127.0.0.1:4567", {
      interfaces,
      signal,
      kind: "robot",
    });
    assertEquals(address, "127.0.0.1:4567");
    const events = watch(own("*"), { interfaces });
    const { value: found } = await events.next();
    assertEquals([found?.type, found?.service.kind], ["found", "robot"]);
    stop.abort();
    const { value: lost } = await events.next();
    assertEquals([lost?.type, lost?.service.name], ["lost", own("a")]);
    await events.return();
    await unadvertise(own("a"));
  },
});

Deno.test({
  name: "discovery: a name is given up while it is still asked whether it is free",
  ...clean,
  async fn() {
    for (const end of [() => unadvertise(own("HELLO")), () => unadvertise()]) {
      const claiming = advertise(own("hello"), 4567, { interfaces });
      const failed = assertRejects(() => claiming, AdvertError, "was unadvertised");
      await end();
      await failed;
      assertEquals(await discover(own("hello"), { interfaces, wait: 100 }), null);
    }
    assertEquals(
      await advertise(own("hello"), 4567, { interfaces }),
      "127.0.0.1:4567",
      "it is free again",
    );
    void unadvertise(own("hello"));
    assertEquals(await advertise(own("hello"), 4568, { interfaces }), "127.0.0.1:4568", "at once");
    await unadvertise();
  },
});

Deno.test({
  name: "discovery: a name is unadvertised on all interfaces",
  ...clean,
  async fn() {
    await advertise(own("twice"), 4567, { interfaces });
    await advertise(own("twice"), 4568, { interfaces: ["nosuch"] });
    await assertRejects(() => advertise(own("twice"), 4569, { interfaces }), NameTakenError);
    await unadvertise(own("twice"));
    for (const where of [interfaces, ["nosuch"]]) {
      assertEquals(await discover(own("twice"), { interfaces: where, wait: 100 }), null);
    }
  },
});

Deno.test({
  name: "discovery: nobody listens to a signal any more when the advert has ended",
  ...clean,
  async fn() {
    const { signal } = new AbortController();
    const listening = new Set<unknown>();
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (type: string, listener: unknown, options?: unknown) => {
      listening.add(listener);
      addEventListener.call(signal, type, listener as EventListener, options as object);
    };
    signal.removeEventListener = (type: string, listener: unknown) => {
      listening.delete(listener);
      removeEventListener.call(signal, type, listener as EventListener);
    };
    await advertise(own("a"), 80, { interfaces, signal });
    assertEquals(listening.size, 1);
    await assertRejects(() => advertise(own("a"), 80, { interfaces, signal }), NameTakenError);
    assertEquals(listening.size, 1);
    await unadvertise(own("a"));
    assertEquals(listening.size, 0);
  },
});

Deno.test({
  name: "discovery: what is wrong is said at once, what isn't there is null",
  ...clean,
  async fn() {
    warnings.length = 0;
    await assertRejects(() => advertise("two words", 80, { interfaces }), AdvertError);
    await assertRejects(() => advertise(own("b"), "kitchen", { interfaces }), AdvertError);
    await assertRejects(() => discover("a*", { interfaces }), AdvertError);
    for (const wrong of [5, null, undefined, { a: 1 }]) {
      const name = wrong as unknown as string;
      const text = `${JSON.stringify(wrong)} is no name for a service: write text`;
      await assertRejects(() => advertise(name, 80, { interfaces }), TypeError, text);
      await assertRejects(() => discover(name, { interfaces }), TypeError, text);
    }
    await assertRejects(() => unadvertise(5 as unknown as string), TypeError, "5 is no name");
    await assertRejects(() => discoverAll(5 as unknown as string), TypeError, "5 is no name");
    for (const wrong of [-5, "5", NaN, null]) {
      const options = { interfaces, wait: wrong as number };
      const text = `wait: ${typeof wrong === "string" ? '"5"' : wrong} is no time`;
      await assertRejects(() => discover(own("a"), options), RangeError, text);
      await assertRejects(() => discoverAll("*", options), RangeError, text);
    }
    assertEquals(warnings, []);
  },
});

Deno.test({
  name: "discovery: what is not found is told, and what was heard instead",
  ...clean,
  async fn() {
    warnings.length = 0;
    for (let i = 0; i < 12; i++) await advertise(own(`${10 + i}`), 80, { interfaces });
    assertEquals(await discover(own("nobody"), { interfaces, wait: 200 }), null);
    await unadvertise();
    const [first, ...rest] = warnings;
    assertMatch(first ?? "", /^"mod-\d+\/nobody" was not found within 0\.2 s; heard of: .+ more$/);
    assertEquals(rest, []);
    assertEquals(await discover(own("10"), { interfaces, wait: 0 }), null, "all are withdrawn");
  },
});

Deno.test({
  name: "discovery: a signal ends the looking with its reason",
  ...clean,
  async fn() {
    warnings.length = 0;
    const signal = AbortSignal.abort(new Error("enough"));
    await assertRejects(() => discover(own("nobody"), { interfaces, signal }), Error, "enough");
    await assertRejects(() => discoverAll("*", { interfaces, signal }), Error, "enough");
    await assertRejects(() => advertise(own("b"), 80, { interfaces, signal }), Error, "enough");
    for (const look of [discover, discoverAll]) {
      const stop = new AbortController();
      const looking = look(own("nobody"), { interfaces, signal: stop.signal });
      stop.abort(new Error("enough"));
      await assertRejects(() => looking, Error, "enough");
    }
    assertEquals(warnings, []);
  },
});

Deno.test({
  name: "discovery: an interface that isn't there is told",
  ...clean,
  async fn() {
    warnings.length = 0;
    assertEquals(await discover(own("nobody"), { interfaces: ["nosuch"], wait: 0 }), null);
    const [first, second] = warnings;
    assertMatch(first ?? "", /^There is no interface "nosuch" here \(interfaces\); there are .*lo/);
    assertMatch(second ?? "", /^"mod-\d+\/nobody" was not found within 0 s; heard of: nothing$/);
  },
});

Deno.test("discovery: the end", async () => {
  await reset();
});
