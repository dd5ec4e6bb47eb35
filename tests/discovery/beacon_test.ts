import { assert, assertEquals, assertRejects } from "@std/assert";
import type { ServiceEvent } from "../../lib/discovery/service.ts";
import { AdvertError, NameTakenError } from "../../lib/discovery/service.ts";
import { encodeBeacon } from "../../lib/wire/beacon_codec.ts";
import { BeaconRig, freeUdpPort, until } from "./beacon_rig.ts";

const clean = { sanitizeOps: true, sanitizeResources: true };

/** A test that leaves no socket and no timer behind. */
function test(name: string, fn: (rig: BeaconRig) => Promise<void>): void {
  Deno.test({
    name: `beacon: ${name}`,
    ...clean,
    async fn() {
      await using rig = new BeaconRig();
      await fn(rig);
    },
  });
}

test("what is advertised is found, with all that was told", async (rig) => {
  const [a, b] = [rig.open({ host: "attic" }), rig.open()];
  const advertised = await a.advertise({
    name: "Kitchen",
    kind: "talker",
    addresses: [8889],
    properties: { mesh: "club", peers: "7001" },
  });
  assertEquals(advertised.name, "Kitchen");
  assertEquals(advertised.addresses, ["127.0.0.1:8889"]);
  const service = await b.discover("kitchen");
  const { age, since, ...rest } = service!;
  assertEquals(rest, {
    name: "Kitchen",
    kind: "talker",
    id: a.id,
    addresses: ["127.0.0.1:8889"],
    properties: { mesh: "club", peers: "7001" },
    source: "127.0.0.1",
    interface: "lo",
    host: "attic",
  });
  assert(age >= 0 && age < 5_000);
  assert(Math.abs(since - Date.now()) < 60_000);
  // A program finds its own, too.
  assertEquals((await a.discover("kitchen"))?.id, a.id);
});

test("found well under 150 ms by a program that just started", async (rig) => {
  await rig.open().advertise({ name: "kitchen", kind: "service", addresses: [80] });
  const times: number[] = [];
  for (let i = 0; i < 9; i++) {
    const start = performance.now();
    const beacon = rig.open();
    assert(await beacon.discover("kitchen") !== null);
    times.push(performance.now() - start);
    await beacon.close();
  }
  times.sort((a, b) => a - b);
  assert(times[4]! < 150, `${times}`);
});

test("found as soon as it appears", async (rig) => {
  const [a, b] = [rig.open(), rig.open()];
  const found = b.discover("kitchen", { wait: 10_000 });
  await until(a, () => a.heard().length > 0);
  await a.advertise({ name: "kitchen", kind: "service", addresses: [80] });
  assertEquals((await found)?.id, a.id);
});

test("not found in time is null; so is what is given up", async (rig) => {
  const beacon = rig.open();
  assertEquals(await beacon.discover("nobody", { wait: 50 }), null);
  const stop = new AbortController();
  const found = beacon.discover("nobody", { wait: Infinity, signal: stop.signal });
  stop.abort();
  assertEquals(await found, null);
  assertEquals(await beacon.discover("nobody", { signal: stop.signal }), null);
  const other = beacon.discover("nobody", { wait: 60_000 });
  await beacon.close();
  assertEquals(await other, null);
  await assertRejects(() => beacon.discover("two words"), AdvertError, '"two words"');
});

test("kinds are told apart", async (rig) => {
  const [a, b] = [rig.open(), rig.open()];
  await a.advertise({ name: "kitchen", kind: "peer", addresses: [80] });
  assertEquals(await b.discover("kitchen", { kind: "talker", wait: 300 }), null);
  assert(await b.discover("kitchen", { kind: "peer" }) !== null);
  assertEquals(await b.discoverAll({ kind: "talker", wait: 100 }), []);
});

test("a taken name is refused with the address that holds it", async (rig) => {
  const [a, b] = [rig.open(), rig.open()];
  const advert = { name: "kitchen", kind: "service", addresses: ["127.0.0.1:4001"] };
  const held = await a.advertise(advert);
  const again = { ...advert, name: "KITCHEN", addresses: [4002] };
  for (const beacon of [a, b]) {
    const error = await assertRejects(
      () => beacon.advertise(again),
      NameTakenError,
    ) as NameTakenError;
    assert(error.message.includes("127.0.0.1:4001"), error.message);
    assertEquals(error.taken, "KITCHEN");
    assertEquals(error.holder.id, a.id);
  }
  // What is given up is free.
  await held.withdraw();
  const now = await b.advertise(again);
  assertEquals(now.addresses, ["127.0.0.1:4002"]);
  assertEquals((await a.discover("kitchen"))?.id, b.id);
});

test("of several that claim a name at once, one gets it", async (rig) => {
  const beacons = Array.from({ length: 5 }, () => rig.open());
  const outcomes = await Promise.allSettled(
    beacons.map((beacon, i) =>
      beacon.advertise({ name: "kitchen", kind: "service", addresses: [4000 + i] })
    ),
  );
  const winners = outcomes.filter(({ status }) => status === "fulfilled");
  assertEquals(winners.length, 1);
  for (const outcome of outcomes) {
    if (outcome.status === "rejected") assert(outcome.reason instanceof NameTakenError);
  }
});

test("a name that somebody had before is lost to it, and the program is told", async (rig) => {
  const [a, b] = [rig.open(), rig.open()];
  const advertised = await a.advertise({ name: "kitchen", kind: "service", addresses: [4001] });
  // As from another network that is joined to this one.
  const other = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const datagram = encodeBeacon({
    id: "00000000000000aa",
    sequence: 1,
    method: "unicast",
    records: [{
      type: "advert",
      advert: {
        name: "Kitchen",
        kind: "service",
        addresses: [{ ip: "127.0.0.1", port: 4002 }],
        properties: {},
        since: 1,
        ttl: 4_500,
        claiming: false,
      },
    }],
  });
  // To a shared port only what goes to all goes to each program.
  await other.send(datagram, { transport: "udp", hostname: "127.255.255.255", port: rig.port });
  const holder = await advertised.lost;
  assertEquals([holder.id, holder.addresses], ["00000000000000aa", ["127.0.0.1:4002"]]);
  assertEquals(a.services().map(({ id }) => id), ["00000000000000aa"]);
  assertEquals((await b.discover("kitchen"))?.source, "127.0.0.1");
  await until(b, () => !b.services().some(({ id }) => id === a.id));
  advertised.update({ late: "yes" });
  await advertised.withdraw();
  other.close();
});

test("an advert is withdrawn when its signal is aborted before it is held", async (rig) => {
  const beacon = rig.open();
  const stop = new AbortController();
  const advert = { name: "kitchen", kind: "service", addresses: [80] };
  const held = beacon.advertise(advert, { signal: stop.signal });
  stop.abort(new Error("changed my mind"));
  await assertRejects(() => held, Error, "changed my mind");
  assertEquals(beacon.services(), []);
  assert((await beacon.advertise(advert)).addresses.length > 0, "the name is free");
});

test("what can't be advertised is said at once, by name", async (rig) => {
  const beacon = rig.open();
  const advert = { name: "kitchen", kind: "service", addresses: [80] };
  const wrong = [
    { ...advert, name: "two words" },
    { ...advert, kind: "" },
    { ...advert, addresses: ["kitchen.local:80"] },
    { ...advert, addresses: [0] },
    { ...advert, properties: { a: "\u001b" } },
  ];
  for (const one of wrong) await assertRejects(() => beacon.advertise(one), AdvertError);
  await beacon.close();
  await assertRejects(() => beacon.advertise(advert), AdvertError, "closed");
});

test("a watcher sees what is there, comes, changes and goes", async (rig) => {
  const [a, b, watcher] = [rig.open(), rig.open(), rig.open()];
  await a.advertise({ name: "robot/arm", kind: "service", addresses: [80] });
  await a.advertise({ name: "kitchen", kind: "service", addresses: [80] });
  const events: AsyncIterator<ServiceEvent> = watcher.watch({ pattern: "robot/*" })
    [Symbol.asyncIterator]();
  const next = async () => {
    const { value } = await events.next();
    return `${value.type} ${value.service.name} ${value.service.properties.state ?? ""}`.trim();
  };
  assertEquals(await next(), "found robot/arm");
  const leg = await b.advertise({ name: "robot/leg", kind: "service", addresses: [80] });
  assertEquals(await next(), "found robot/leg");
  leg.update({ state: "moving" });
  assertEquals(await next(), "changed robot/leg moving");
  await leg.withdraw();
  assertEquals(await next(), "lost robot/leg moving");
  const start = performance.now();
  const closing = a.close();
  assertEquals(await next(), "lost robot/arm");
  assert(performance.now() - start < 1_000, "it didn't have to expire");
  await closing;
  await events.return?.();
});

test("watching ends with its signal, and with the beacon", async (rig) => {
  const [a, b] = [rig.open(), rig.open()];
  const stop = new AbortController();
  const count = async (events: AsyncIterable<ServiceEvent>) => {
    let count = 0;
    for await (const _ of events) count++;
    return count;
  };
  const [first, second] = [count(a.watch({ signal: stop.signal })), count(b.watch())];
  stop.abort();
  assertEquals(await first, 0);
  await b.close();
  assertEquals(await second, 0);
  assertEquals(await count(b.watch()), 0);
});

test("two programs on one machine: the end of one doesn't hide the other", async (rig) => {
  const [a, b, asker] = [rig.open(), rig.open(), rig.open()];
  await a.advertise({ name: "one", kind: "service", addresses: [81] });
  await b.advertise({ name: "two", kind: "service", addresses: [82] });
  const names = async () => (await asker.discoverAll({ wait: 300 })).map(({ name }) => name);
  assertEquals(await names(), ["one", "two"]);
  await a.close();
  assertEquals(await names(), ["two"]);
});

test("of several addresses the first that accepts comes first", async (rig) => {
  const a = rig.open();
  const [open, shut] = [rig.listen(), rig.listen("127.0.0.2")];
  const addresses = [`127.0.0.3:${shut}`, `127.0.0.1:${open}`, `127.0.0.2:${shut}`];
  await a.advertise({ name: "kitchen", kind: "service", addresses });
  const service = await rig.open().discover("kitchen");
  assertEquals(service?.addresses[0], `127.0.0.1:${open}`);
  assertEquals([...service?.addresses ?? []].sort(), addresses.toSorted());
});

test("of several addresses of which none accepts, it waits for one that does", async (rig) => {
  const a = rig.open();
  let up = false;
  const tried = Promise.withResolvers<void>();
  const asker = rig.open({
    reachable: ({ hostname }) => {
      tried.resolve();
      return Promise.resolve(up && hostname === "127.0.0.2");
    },
  });
  await a.advertise({
    name: "kitchen",
    kind: "service",
    addresses: ["127.0.0.1:1", "127.0.0.2:1"],
  });
  assertEquals(await asker.discover("kitchen", { wait: 100 }), null);
  const found = asker.discover("kitchen", { wait: 10_000 });
  await tried.promise;
  up = true;
  assertEquals((await found)?.addresses, ["127.0.0.2:1", "127.0.0.1:1"]);
});

test("its own datagrams come back, by multicast and by broadcast", async (rig) => {
  const beacon = rig.open();
  const methods = new Set<string>();
  const off = beacon.on(({ own, method, interface: name }) =>
    own && methods.add(`${method} ${name}`)
  );
  const stop = beacon.ask();
  await until(beacon, () => methods.size === 2);
  assertEquals([...methods].sort(), ["broadcast lo", "multicast lo"]);
  stop();
  off();
  assert(beacon.stats().own >= 2);
});

test("it knows who hears it", async (rig) => {
  const [a, b] = [rig.open({ host: "attic" }), rig.open()];
  await a.advertise({ name: "kitchen", kind: "service", addresses: [80] });
  const stop = b.ask();
  const heard = await until(b, () => b.heard().find(({ hearsUs }) => hearsUs !== undefined));
  assertEquals(heard.hearsUs, true);
  assertEquals([heard.id, heard.host], [a.id, "attic"]);
  assertEquals(heard.sources, [{ address: "127.0.0.1", interface: "lo" }]);
  assertEquals(heard.services.map(({ name }) => name), ["kitchen"]);
  stop();
});

test("noise at the port is counted, and changes nothing", async (rig) => {
  const beacon = rig.open();
  await beacon.advertise({ name: "kitchen", kind: "service", addresses: [80] });
  const conn = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const to = { transport: "udp", hostname: "127.0.0.1", port: rig.port } as const;
  // The last is larger than any datagram of ours.
  for (
    const bytes of [new Uint8Array(), new Uint8Array(3), new Uint8Array(500), new Uint8Array(9_000)]
  ) {
    await conn.send(bytes, to);
  }
  const tlkb2 = Uint8Array.of(0x54, 0x4c, 0x4b, 0x42, 2, 0);
  await conn.send(tlkb2, to);
  await until(beacon, () => beacon.stats().malformed >= 4 && beacon.stats().otherVersion >= 1);
  conn.close();
  assertEquals(beacon.services().length, 1);
  assertEquals(beacon.stats().malformed, 4);
});

test("a port that somebody holds for himself is told, and stops nothing else", async (rig) => {
  const port = freeUdpPort();
  const selfish = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port });
  const beacon = rig.open({ port });
  assert(beacon.stats().portBlocked !== undefined);
  const advertised = await beacon.advertise({ name: "kitchen", kind: "service", addresses: [80] });
  assertEquals(advertised.addresses, ["127.0.0.1:80"]);
  selfish.close();
  // When it is free again, it is used.
  const asker = rig.open({ port });
  assert(await asker.discover("kitchen", { wait: 10_000 }) !== null);
  await until(asker, () => beacon.stats().portBlocked === undefined);
});

test("an interface that doesn't exist is none, and no error", async (rig) => {
  const beacon = rig.open({ interfaces: ["nothing0"] });
  const advertised = await beacon.advertise({ name: "kitchen", kind: "service", addresses: [80] });
  assertEquals(advertised.addresses, []);
  assertEquals(await beacon.discover("other", { wait: 50 }), null);
  assertEquals(beacon.stats().sent, 0);
});

Deno.test("beacon: a program that left a beacon open ends, one that advertises doesn't", async () => {
  const script = (body: string) =>
    `import { Beacon } from ${
      JSON.stringify(new URL("../../lib/discovery/beacon.ts", import.meta.url).href)
    };
     const beacon = Beacon.open({ interfaces: ["lo"], port: ${freeUdpPort()} });
     ${body}`;
  const run = async (body: string) => {
    const file = await Deno.makeTempFile({ suffix: ".ts" });
    await Deno.writeTextFile(file, script(body));
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const args = ["run", "--allow-all", "--no-check", "--config", config, file];
    return new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "inherit" }).spawn();
  };
  const quick = await run(`await beacon.discover("nobody", { wait: 10 }); console.log("done");`);
  const { success, stdout } = await quick.output();
  assert(success);
  assertEquals(new TextDecoder().decode(stdout), "done\n");
  const lasting = await run(
    `const advert = await beacon.advertise({ name: "a", kind: "service", addresses: [80] });
     console.log("held");
     Deno.unrefTimer(setTimeout(() => advert.withdraw().then(() => console.log("withdrawn")), 1_500));`,
  );
  const end = await lasting.output();
  assert(end.success);
  assert(new TextDecoder().decode(end.stdout).endsWith("withdrawn\n"));
});
