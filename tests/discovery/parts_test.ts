import { assert, assertEquals } from "@std/assert";
import { endpointOf, firstReachable, reachableByTcp } from "../../lib/discovery/reachable.ts";
import type { Service } from "../../lib/discovery/service.ts";
import { ServiceFeed } from "../../lib/discovery/service_feed.ts";
import { Bell, Deadline } from "../../lib/discovery/waiting.ts";
import { Peers } from "../../lib/discovery/peers.ts";
import { packRecords } from "../../lib/discovery/pack.ts";
import { Answers } from "../../lib/discovery/answers.ts";
import type { Own } from "../../lib/discovery/own_adverts.ts";
import type { BeaconRecord } from "../../lib/wire/beacon_codec.ts";
import {
  MAX_BEACON_ANSWERS_PER_SECOND,
  MAX_BEACON_ASKERS,
  MAX_BEACON_PEERS,
  MAX_BEACON_SEND_BYTES,
  MAX_BEACON_SOURCES,
} from "../../lib/wire/limits.ts";

const clean = { sanitizeOps: true, sanitizeResources: true };

function service(name: string, properties: Record<string, string> = {}): Service {
  const rest = {
    kind: "service",
    id: "00000000000000aa",
    addresses: [],
    age: 0,
    since: 0,
    source: "",
  };
  return { name, properties, ...rest, interface: undefined, host: "" };
}

Deno.test("feed: what the reader didn't take is put together", () => {
  const now = new Map<string, Service>();
  const feed = new ServiceFeed((key) => now.get(key));
  const put = (name: string, state?: string) => {
    now.set(name, service(name, state === undefined ? {} : { state }));
    feed.note(name);
  };
  const drop = (name: string) => {
    now.delete(name);
    feed.note(name);
  };
  const take = () => {
    const event = feed.take();
    return event && `${event.type} ${event.service.name} ${event.service.properties.state ?? "-"}`;
  };
  put("a");
  put("b");
  drop("b");
  for (let i = 0; i < 1_000; i++) put("a", `${i}`);
  assertEquals(take(), "found a 999");
  assertEquals(take(), undefined, "b came and went unseen");
  put("a", "x");
  drop("a");
  assertEquals(take(), "lost a 999");
  put("a", "y");
  assertEquals(take(), "found a y");
  feed.end();
  put("c");
  assertEquals(take(), undefined);
});

Deno.test("feed: who waits is woken, also by the end", async () => {
  const feed = new ServiceFeed((key) => service(key));
  const first = feed.next();
  feed.note("a");
  assertEquals((await first)?.service.name, "a");
  const second = feed.next();
  feed.end();
  assertEquals(await second, undefined);
});

Deno.test({
  name: "reachable: the first in order that accepts, without waiting for those that hang",
  ...clean,
  async fn() {
    const ok = ["10.0.0.2:1", "10.0.0.3:1"];
    const reach = (addresses: string[], signal?: AbortSignal) =>
      firstReachable(addresses, {
        kind: "service",
        signal,
        reachable: ({ hostname }, { signal }) =>
          hostname === "10.0.0.9"
            ? new Promise((resolve) => signal.addEventListener("abort", () => resolve(false)))
            : Promise.resolve(ok.includes(`${hostname}:1`)),
      });
    assertEquals(await reach(["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"]), "10.0.0.2:1");
    assertEquals(await reach(["10.0.0.9:1", "10.0.0.3:1"]), "10.0.0.3:1");
    assertEquals(await reach(["10.0.0.1:1"]), undefined);
    assertEquals(await reach([]), undefined);
    const stop = new AbortController();
    const hanging = reach(["10.0.0.9:1"], stop.signal);
    stop.abort();
    assertEquals(await hanging, undefined);
    assertEquals(await reach(["10.0.0.2:1"], stop.signal), undefined);
  },
});

Deno.test({
  name: "reachable: a port where somebody listens, and one where nobody does",
  ...clean,
  async fn() {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr as Deno.NetAddr;
    const accepted = listener.accept();
    const { signal } = new AbortController();
    assert(await reachableByTcp({ hostname: "127.0.0.1", port }, { kind: "talker", signal }));
    const connection = await accepted;
    const buffer = new Uint8Array(100);
    const length = await connection.read(buffer);
    assertEquals(new TextDecoder().decode(buffer.subarray(0, length ?? 0)), "/service\r\n");
    assertEquals(await connection.read(buffer), null);
    connection.close();
    listener.close();
    assert(!await reachableByTcp({ hostname: "127.0.0.1", port }, { kind: "talker", signal }));
  },
});

Deno.test("reachable: the address of a service as host and port", () => {
  assertEquals(endpointOf("10.0.0.1:80"), { hostname: "10.0.0.1", port: 80 });
  assertEquals(endpointOf("[fe80::1%eth0]:80"), { hostname: "fe80::1%eth0", port: 80 });
});

Deno.test({
  name: "waiting: a deadline ends with its time, or with the first of its signals",
  ...clean,
  async fn() {
    using short = new Deadline(1, []);
    await short.over;
    assert(short.signal.aborted);
    const stop = new AbortController();
    using long = new Deadline(Infinity, [undefined, stop.signal]);
    assert(!long.signal.aborted);
    stop.abort();
    await long.over;
    using late = new Deadline(60_000, [stop.signal]);
    assert(late.signal.aborted);
  },
});

Deno.test({
  name: "waiting: a bell that rang before is heard, once",
  ...clean,
  async fn() {
    const bell = new Bell();
    const { signal } = new AbortController();
    bell.ring();
    bell.ring();
    await bell.next(signal, 60_000);
    const next = bell.next(signal, 60_000);
    bell.ring();
    await next;
    await bell.next(signal, 1);
    await bell.next(AbortSignal.abort(), 60_000);
  },
});

Deno.test("waiting: a bell that rang doesn't listen to the signal any more", async () => {
  const bell = new Bell();
  const { signal } = new AbortController();
  let listening = 0;
  signal.addEventListener = () => void listening++;
  signal.removeEventListener = () => void listening--;
  const next = bell.next(signal, 60_000);
  assertEquals(listening, 1);
  bell.ring();
  await next;
  assertEquals(listening, 0);
});

Deno.test("peers: copies are told apart, by each source, also when they are late", () => {
  const peers = new Peers();
  const note = (sequence: number, address = "10.0.0.1") =>
    peers.note("00000000000000aa", { sequence, address, interface: "eth0" }, 0).copy;
  assertEquals([note(5), note(5)], [false, true]);
  assertEquals([note(7), note(6), note(6), note(7)], [false, false, true, true]);
  assertEquals(note(5, "10.0.0.2"), false, "nobody can use up the numbers of another");
  assertEquals([note(1_000), note(7), note(999)], [false, true, false]);
  assertEquals([note(2 ** 32 - 1, "10.0.0.3"), note(0, "10.0.0.3")], [false, false]);
  for (let i = 0; i < 100; i++) note(1, `10.1.0.${i}`);
  assertEquals(peers.get("00000000000000aa")?.sources.length, MAX_BEACON_SOURCES);
});

Deno.test("peers: the one that was silent longest makes room, and silence is forgotten", () => {
  const peers = new Peers();
  const where = { sequence: 1, address: "10.0.0.1", interface: "eth0" };
  peers.note("first", where, 0);
  peers.note("second", where, 1);
  peers.note("first", { ...where, sequence: 2 }, 2);
  for (let i = 0; i < MAX_BEACON_PEERS - 1; i++) peers.note(`${i}`, where, 3);
  assertEquals(peers.size, MAX_BEACON_PEERS);
  assert(peers.get("first") !== undefined && peers.get("second") === undefined);
  peers.expire(10_002);
  assertEquals(peers.size, MAX_BEACON_PEERS - 1);
  peers.expire(10_003);
  assertEquals(peers.size, 0);
});

Deno.test("peers: who asked lately is listed, up to a number that is told", () => {
  const peers = new Peers();
  for (let i = 0; i < 40; i++) {
    const { peer } = peers.note(`${i}`, { sequence: 1, address: "a", interface: undefined }, 0);
    if (i < 3 || i > 35) peer.askedAt = i;
  }
  assertEquals(peers.askers(100), { ids: ["39", "38", "37", "36", "2", "1", "0"], complete: true });
  assertEquals(peers.askers(4_037), { ids: ["39", "38"], complete: true });
  for (const peer of peers.all()) peer.askedAt = 5_000;
  const { ids, complete } = peers.askers(5_000);
  assertEquals([ids.length, complete], [32, false]);
});

Deno.test("peers: who doesn't list us although it lists all, and had time to, doesn't hear us", () => {
  const peers = new Peers();
  const hearsUs = (lists: boolean, complete: boolean, asking: number | undefined) => {
    const where = { sequence: 1, address: "10.0.0.1", interface: "eth0" };
    const { peer } = peers.note(crypto.randomUUID(), where, 5_000);
    peers.told(peer, { lists, complete, asking }, 5_000);
    return peer.hearsUs;
  };
  assertEquals(hearsUs(true, false, undefined), true);
  assertEquals(hearsUs(false, true, 2_000), false);
  assertEquals(hearsUs(false, false, 2_000), undefined, "there may be no room for us");
  assertEquals(hearsUs(false, true, 4_000), undefined, "it may not have spoken since");
  assertEquals(hearsUs(false, true, undefined), undefined, "we didn't ask");
});

Deno.test("pack: as few datagrams as can be, none over the limit, none without something to say", () => {
  const goodbye = (i: number): BeaconRecord => ({ type: "goodbye", name: `${i}`.padEnd(60, "x") });
  const head: BeaconRecord = { type: "beacon", revision: 1, adverts: 1, host: "attic" };
  const heard: BeaconRecord = { type: "heard", ids: [], complete: true };
  assertEquals(packRecords([], { head: [head], first: [heard] }), []);
  const packed = packRecords(Array.from({ length: 40 }, (_, i) => goodbye(i)), {
    head: [head],
    first: [heard],
  });
  // 65 bytes each: 17 beside the header and the head.
  assertEquals(packed.map((records) => records.length), [2 + 17, 1 + 17, 1 + 6]);
  for (const records of packed) {
    assert(records.reduce((sum, { length }) => sum + length, 22) <= MAX_BEACON_SEND_BYTES);
  }
});

Deno.test("answers: two askers are answered one by one, more by one datagram to all", () => {
  const own = { castAt: -Infinity } as Own;
  const asker = (port: number) => ({ asker: { hostname: "10.0.0.1", port }, alone: false });
  const answers = new Answers(() => 0.5);
  answers.add([own], asker(1), 1_000);
  answers.add([own], asker(1), 1_000);
  answers.add([own], asker(2), 1_010);
  const at = answers.nextWake;
  assert(at > 1_005 && at <= 1_040);
  assertEquals(answers.collect(at - 1), undefined);
  assertEquals(answers.collect(at)?.askers.length, 2);
  assertEquals(answers.nextWake, Infinity);
  for (const port of [1, 2, 3]) answers.add([own], asker(port), 2_000);
  assertEquals(answers.collect(3_000), { adverts: [own], askers: [] });
  // What was just told to all isn't told to all again.
  own.castAt = 3_000;
  answers.add([own], { asker: undefined, alone: true }, 3_001);
  assertEquals(answers.nextWake, 3_001);
  assertEquals(answers.collect(3_001), undefined);
  answers.add([own], { ...asker(1), alone: true }, 3_001);
  assertEquals(answers.collect(3_001)?.askers.length, 1, "but who asks alone is answered");
});

Deno.test("answers: so many askers are remembered; beyond them all are answered", () => {
  const own = { castAt: -Infinity } as Own;
  const answers = new Answers(() => 0.5);
  for (let port = 1; port <= MAX_BEACON_ASKERS + 10; port++) {
    answers.add([own], { asker: { hostname: "10.0.0.1", port }, alone: false }, 1_000);
    assertEquals(answers.waiting, Math.min(port, MAX_BEACON_ASKERS));
  }
  assertEquals(answers.collect(2_000), { adverts: [own], askers: [] });
  assertEquals(answers.waiting, 0);
});

Deno.test("answers: there is a number of them in a second", () => {
  const answers = new Answers(() => 0);
  let allowed = 0;
  for (let ms = 0; ms < 10_000; ms++) {
    for (let i = 0; i < 5; i++) if (answers.allows(ms)) allowed++;
  }
  assert(allowed <= 11 * MAX_BEACON_ANSWERS_PER_SECOND, `${allowed}`);
  assert(allowed >= 10 * MAX_BEACON_ANSWERS_PER_SECOND);
});
