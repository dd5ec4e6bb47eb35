/** networkzero's names in a table, together with those of beacons, and heard and sent over loopback. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Networkzero } from "../../lib/discovery/networkzero.ts";
import { type Found, type FoundEvent, WatchMerge } from "../../lib/discovery/networkzero_finder.ts";
import { NetworkzeroTable } from "../../lib/discovery/networkzero_table.ts";
import { LocalFault } from "../../lib/wire/errors.ts";
import { MAX_NETWORKZERO_NAMES } from "../../lib/wire/limits.ts";
import { encodeNetworkzero } from "../../lib/wire/networkzero_codec.ts";
import { within } from "../support/line_client.ts";

function advert(name: string, port = 80, ttl: number | null = 20, host = "10.0.0.1"): Uint8Array {
  return encodeNetworkzero({ name, host, port, ttl });
}

/** What changed, in short: `found a:80`. */
function hear(
  table: NetworkzeroTable,
  bytes: Uint8Array,
  now: number,
  from = "10.0.0.1",
): string[] {
  return table.hear(bytes, from, now).map(({ type, entry }) =>
    `${type} ${entry.name}:${entry.port}`
  );
}

Deno.test("networkzero table: found, heard again, moved, expired", () => {
  const table = new NetworkzeroTable();
  assertEquals(hear(table, advert("a"), 0), ["found a:80"]);
  assertEquals(hear(table, advert("a"), 2_000), ["heard a:80"]);
  assertEquals(hear(table, advert("a", 81), 4_000), ["found a:81"]);
  assertEquals(table.due, 24_000);
  assertEquals(table.expire(23_999), []);
  assertEquals(table.expire(24_000).map(({ type, entry }) => `${type} ${entry.name}`), ["lost a"]);
  assertEquals([table.names(), table.due], [[], Infinity]);
  assertEquals(hear(table, advert("a"), 25_000), ["found a:80"]);
});

Deno.test("networkzero table: without a time to live it never expires", () => {
  const table = new NetworkzeroTable();
  hear(table, advert("a", 80, null), 0);
  assertEquals(table.expire(1e12), []);
  assertEquals(table.get("a")?.expiresAt, Infinity);
});

Deno.test("networkzero table: what is no advert is counted and dropped", () => {
  const table = new NetworkzeroTable();
  assertEquals(hear(table, new Uint8Array([1, 2, 3]), 0), []);
  // An address that only its sender can reach, heard from elsewhere.
  assertEquals(hear(table, advert("a", 80, 20, "127.0.0.1"), 0, "10.0.0.9"), []);
  assertEquals(hear(table, advert("a", 80, 20, "127.0.0.1"), 0, "127.0.0.1"), ["found a:80"]);
  assertEquals(table.malformed, 2);
});

Deno.test("networkzero table: it is bounded; who was silent longest is forgotten, and that is told", () => {
  const table = new NetworkzeroTable();
  for (let i = 0; i < MAX_NETWORKZERO_NAMES; i++) hear(table, advert(`n${i}`), i);
  hear(table, advert("n0"), 5_000);
  assertEquals(hear(table, advert("more"), 5_001), ["lost n1:80", "found more:80"]);
  assertEquals(table.names().length, MAX_NETWORKZERO_NAMES);
});

function found(name: string, via: Found["via"], port = 80): Found {
  const address = `10.0.0.1:${port}`;
  const service = {
    name,
    kind: via,
    id: "",
    addresses: [address],
    properties: {},
    age: 0,
    since: 0,
    source: "10.0.0.1",
    interface: undefined,
    host: "",
  };
  return { service, via };
}

function short(events: readonly (FoundEvent | undefined)[]): string[] {
  return events.flatMap((event) =>
    event === undefined ? [] : [`${event.type} ${event.service.name} ${event.via}`]
  );
}

Deno.test("networkzero merge: a name that both have is told once", () => {
  const merge = new WatchMerge();
  const zero = found("a", "networkzero"), beacon = found("A", "talker");
  assertEquals(short([merge.networkzero("found", zero)]), ["found a networkzero"]);
  assertEquals(short([merge.networkzero("heard", zero)]), []);
  assertEquals(short(merge.beacon("found", beacon)), ["changed A talker"]);
  assertEquals(short([merge.networkzero("heard", zero)]), []);
  assertEquals(short([merge.networkzero("lost", zero)]), []);
  assertEquals(short(merge.beacon("lost", beacon)), ["lost A talker"]);
});

Deno.test("networkzero merge: what it told of one who has left is old news, until it is heard again", () => {
  const merge = new WatchMerge();
  const zero = found("a", "networkzero"), beacon = found("a", "talker");
  merge.beacon("found", beacon);
  assertEquals(short([merge.networkzero("found", zero)]), []);
  assertEquals(short(merge.beacon("lost", beacon)), ["lost a talker"]);
  // It expires unseen: it was never told.
  assertEquals(short([merge.networkzero("lost", zero)]), []);
  assertEquals(short([merge.networkzero("heard", zero)]), ["found a networkzero"]);
  assertEquals(short([merge.networkzero("found", found("a", "networkzero", 81))]), [
    "changed a networkzero",
  ]);
  assertEquals(short([merge.networkzero("lost", zero)]), ["lost a networkzero"]);
});

Deno.test("networkzero merge: what is told fits together, whatever happens", () => {
  const step = fc.record({
    via: fc.constantFrom("talker", "networkzero"),
    type: fc.constantFrom("found", "heard", "lost"),
    name: fc.constantFrom("a", "b"),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const merge = new WatchMerge();
      const shown = new Set<string>();
      // A source never loses what it doesn't have, nor finds what it has.
      const has = { talker: new Set<string>(), networkzero: new Set<string>() };
      for (const { via, type, name } of steps) {
        const source = via === "talker" ? has.talker : has.networkzero;
        if ((type === "found") === source.has(name)) continue;
        if (type === "found") source.add(name);
        if (type === "lost") source.delete(name);
        const one = found(name, via === "talker" ? "talker" : "networkzero");
        const events = via === "networkzero"
          ? [merge.networkzero(type, one)]
          : merge.beacon(type === "heard" ? "changed" : type, one);
        for (const event of events) {
          if (event === undefined) continue;
          assertEquals(event.type !== "found", shown.has(name), `${event.type} ${name}`);
          if (event.type === "lost") shown.delete(name);
          else shown.add(name);
        }
        for (const there of has.talker) assert(shown.has(there), there);
      }
    }),
    { numRuns: 2_000 },
  );
});

/** Two of them on the loopback interface; where the port can't be had the test is skipped. */
function onLoopback(name: string, test: (a: Networkzero, b: Networkzero) => Promise<void>): void {
  Deno.test(name, async () => {
    using a = Networkzero.open({ interfaces: ["lo"] });
    using b = Networkzero.open({ interfaces: ["lo"] });
    // A networkzero program on this machine: that it is coped with is tested elsewhere.
    if (a.blocked !== undefined) return;
    assertEquals(b.blocked, undefined);
    await test(a, b);
  });
}

onLoopback("networkzero: two programs on one machine hear each other", async (a, b) => {
  const name = `pair ${Deno.pid} é`;
  const finding = b.discover(name, { wait: 10_000 });
  a.advertise(name, [4567]);
  const entry = await within(finding, "the advert");
  assertEquals([entry?.name, entry?.host, entry?.port], [name, "127.0.0.1", 4567]);
  // It is known now: asking again takes no time, and its case doesn't matter.
  assertEquals((await b.discover(name.toUpperCase(), { wait: 0 }))?.name, name);
  // Its own advert is no news to the sender.
  assertEquals(a.names().some((entry) => entry.name === name), false);
});

onLoopback("networkzero: adverts go on, every 2 s", async (a, b) => {
  const name = `again ${Deno.pid}`;
  let times = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  b.on(({ entry }) => {
    // To 255.255.255.255 and to the broadcast address: each is two datagrams.
    if (entry.name === name && ++times === 4) resolve();
  });
  a.advertise(name, ["127.0.0.1:4567"]);
  const began = performance.now();
  await within(promise, "the second advert");
  assert(performance.now() - began > 500, "not all at once");
  a.unadvertise(name);
});

onLoopback("networkzero: looking ends in time, and when it is told to", async (a) => {
  assertEquals(await a.discover(`none ${Deno.pid}`, { wait: 10 }), null);
  const over = AbortSignal.abort();
  assertEquals(await a.discover(`none ${Deno.pid}`, { wait: 60_000, signal: over }), null);
  const stop = new AbortController();
  const finding = a.discover(`none ${Deno.pid}`, { wait: 60_000, signal: stop.signal });
  stop.abort();
  assertEquals(await within(finding, "the end"), null);
});

onLoopback("networkzero: a name that it could not read is refused", (a) => {
  assertThrows(() => a.advertise("é".repeat(40), [80]), LocalFault, "too long for networkzero");
  assertThrows(() => a.advertise("", [80]), LocalFault);
  return Promise.resolve();
});
