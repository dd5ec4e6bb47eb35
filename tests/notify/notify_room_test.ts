import { assert, assertEquals } from "@std/assert";
import { NOTIFY_KIND } from "../../lib/notify/kinds.ts";
import { type NotifyRoom } from "../../lib/notify/notify_room.ts";
import { encodeText } from "../../lib/wire/text.ts";
import { NotifyWorld, type Server, type WorldOptions } from "./notify_world.ts";
import { Reader } from "./reader.ts";

function setUp(count: number, options: Partial<WorldOptions> = {}) {
  const world = new NotifyWorld({ seed: 1, ...options });
  const servers = world.line(count);
  world.run(4_000);
  return { world, servers, rooms: servers.map(({ room }) => room!) };
}

const say = ({ room }: Server, topic: string, ...texts: string[]) =>
  texts.map((text) => room!.publish({ topic, text, nick: "eve" }));

Deno.test("notify room: what is published anywhere reaches subscribers everywhere, in order", () => {
  const { world, servers, rooms } = setUp(4);
  const readers = rooms.map((room) => new Reader().enter(room, { topics: ["door/*"] }));
  world.run(200);
  const published = servers.map((server, i) => say(server, "door/front", `${i}a`, `${i}b`));
  world.run(500);
  for (const { got } of readers) {
    assertEquals(got.length, 8);
    for (let i = 0; i < 4; i++) {
      const texts = got.filter(({ server }) => server === `n${i}`).map(({ text }) => text);
      assertEquals(texts, [`${i}a`, `${i}b`]);
    }
  }
  const [{ id }] = published[2] as [{ id: string; subscribers: number }];
  assert(readers[0]!.got.some((one) => one.id === id), "everywhere with the same id");
  assertEquals(published.flat().map(({ subscribers }) => subscribers), Array(8).fill(4));
});

Deno.test("notify room: the number of subscribers is mesh-wide, and known at once", () => {
  const { world, servers, rooms } = setUp(3);
  const count = (topic: string) => say(servers[1]!, topic, "x")[0]!.subscribers;
  assertEquals(count("a"), 0);
  const readers = [0, 1, 2].map((i) => new Reader().enter(rooms[i]!, { topics: ["a"] }));
  new Reader().enter(rooms[0]!, { as: "bob", topics: ["*"] }).subscription!.leave();
  new Reader().enter(rooms[2]!, { topics: ["a", "b"] });
  assertEquals(count("a"), 1, "those here, before anything was told");
  world.run(200);
  assertEquals([count("a"), count("b"), count("c")], [5, 2, 1]);
  readers[0]!.subscription!.leave();
  world.run(200);
  assertEquals(count("a"), 4);
  world.kill(servers[2]!);
  world.run(1_000);
  assertEquals(count("a"), 2);
});

Deno.test("notify room: a named subscriber goes on where it was, on any server", () => {
  const { world, servers, rooms } = setUp(3);
  const bob = new Reader().enter(rooms[0]!, { as: "bob", topics: ["a"] });
  world.run(100);
  say(servers[1]!, "a", "1", "2", "3");
  world.run(100);
  bob.ack("2");
  world.run(100);
  const there = new Reader().enter(rooms[2]!, { as: "bob" });
  assertEquals([there.texts, there.subscription!.topics], [["1", "3"], ["a"]]);
  there.ack();
  world.run(100);
  assertEquals(bob.why, { type: "replaced", name: "bob" });
  assertEquals(new Reader().enter(rooms[1]!, { as: "bob" }).texts, []);
});

Deno.test("notify room: what is published during a partition comes when it heals", () => {
  const world = new NotifyWorld({ seed: 2 });
  const [a, b] = [world.add(), world.add()];
  const cable = world.join(a, b);
  world.run(4_000);
  new Reader().enter(a.room!, { as: "bob" });
  const anna = new Reader("anna").enter(b.room!, { timeout: 3_600_000 });
  world.run(100);
  world.sim.cut(cable, "silent");
  world.run(10_000);
  say(a, "a", "1", "2");
  say(b, "a", "3");
  // Of a subscription on one side the other side doesn't know, and yet it gets everything.
  const carl = new Reader().enter(b.room!, { as: "carl", timeout: 3_600_000 });
  say(a, "a", "4");
  world.sim.heal(cable);
  world.run(10_000);
  assertEquals(anna.texts.sort(), ["1", "2", "3", "4"]);
  assertEquals(new Reader().enter(b.room!, { as: "bob" }).texts.sort(), ["1", "2", "3", "4"]);
  assert(carl.texts.includes("4"));
  assertEquals(carl.texts.includes("3"), false);
});

Deno.test("notify room: who was off longer than the mesh remembers gets what it lacks from its peers", () => {
  const world = new NotifyWorld({
    seed: 3,
    mesh: { retentionCount: 1, retentionBytes: 1, retentionYoung: 0 },
  });
  const servers = world.line(3);
  const [a, b, c] = servers as [Server, Server, Server];
  world.run(4_000);
  const bob = new Reader().enter(c.room!, { as: "bob" });
  const offer = a.room!.publish({ topic: "offers", text: "boat", details: "a boat", nick: "eve" });
  say(a, "a", "0");
  world.run(500);
  bob.ack("boat");
  world.run(500);
  world.kill(c);
  world.run(6_000);
  say(a, "a", "1", "2", "3");
  a.room!.withdraw(offer.id);
  say(b, "b", "4");
  new Reader().enter(b.room!, { as: "carl", topics: ["x"] }).subscription!.leave();
  world.run(1_000);
  const away = new Reader().enter(a.room!, { as: "bob" });
  away.ack("2");
  away.subscription!.leave();
  world.run(1_000);
  world.kill(a);
  world.start(c);
  world.run(15_000);
  const again = new Reader().enter(c.room!, { as: "bob" });
  assertEquals(again.texts.sort(), ["0", "1", "3", "4"]);
  assertEquals(c.room!.offers(), []);
  assertEquals(c.room!.board.subscribers.get("carl")?.record.wants[0]?.pattern, "x");
});

Deno.test("notify room: a server that starts without memory learns everything from its peer", () => {
  const { world, servers } = setUp(2);
  const [a, b] = servers as [Server, Server];
  const bob = new Reader().enter(a.room!, { as: "bob", topics: ["a"] });
  say(b, "a", "0", "1");
  world.run(200);
  bob.ack("0");
  world.run(200);
  say(b, "offers", "no offer");
  b.room!.publish({ topic: "offers", text: "car", details: "a car", nick: "eve" });
  world.kill(a);
  world.run(1_000);
  say(b, "a", "2");
  world.start(a, false);
  // It reconnects at once, before the server knows anything.
  const again = new Reader().enter(a.room!, { as: "bob", topics: ["a"] });
  world.run(6_000);
  assertEquals(again.why, undefined, "it is in use here, whatever the others remember");
  assertEquals(again.texts, ["1", "2"]);
  assertEquals(a.room!.offers().map(({ text }) => text), ["car"]);
  world.run(1_000);
  say(b, "a", "3");
  world.run(200);
  assertEquals(again.texts, ["1", "2", "3"]);
});

Deno.test("notify room: a comparison of equals costs a question and an answer each way", () => {
  const world = new NotifyWorld({ seed: 4 });
  const [a, b] = [world.add(), world.add()];
  const cable = world.join(a, b);
  world.run(4_000);
  new Reader().enter(a.room!, { as: "bob" });
  for (let i = 0; i < 2_000; i++) say(a, "a", `${i}`);
  world.run(2_000);
  world.sim.cut(cable, "loud");
  world.run(3_000);
  world.sim.heal(cable);
  const before = world.traffic;
  world.run(3_000);
  const bytes = world.traffic.bytes - before.bytes;
  assert(bytes < 4_000, `${bytes} bytes`);
});

Deno.test("notify room: an offer is on the board everywhere, and withdrawn everywhere", () => {
  const { world, rooms } = setUp(3);
  const { id } = rooms[0]!.publish({
    topic: "offers",
    text: "boat",
    details: "a boat, nearly new",
    nick: "eve",
  });
  world.run(200);
  for (const room of rooms) {
    assertEquals(room.offers().map(({ details }) => details), ["a boat, nearly new"]);
  }
  assert(rooms[2]!.withdraw(id));
  world.run(200);
  for (const room of rooms) assertEquals(room.offers(), []);
});

async function settled<T>(
  world: NotifyWorld,
  promise: Promise<T>,
  ms: number,
): Promise<T | "open"> {
  let result: T | "open" = "open";
  promise.then((value) => result = value);
  for (let passed = 0; passed < ms; passed += 10) {
    world.run(10);
    for (let i = 0; i < 10; i++) await Promise.resolve();
    if (result !== "open") break;
  }
  return result;
}

const states = async (world: NotifyWorld, room: NotifyRoom, id: string, wait = 0, ms = 5_000) => {
  const result = await settled(world, room.receipts(id, wait), ms);
  if (result === "open" || result === undefined) return result;
  return result.receipts.map(({ recipient, server, state }) => `${recipient}@${server} ${state}`);
};

Deno.test("notify room: receipts come from the whole mesh", async () => {
  const { world, servers, rooms } = setUp(3);
  const bob = new Reader().enter(rooms[1]!, { as: "bob" });
  new Reader().enter(rooms[0]!, { as: "away" }).subscription!.leave();
  const anna = new Reader("anna").enter(rooms[2]!);
  world.run(200);
  const { id } = say(servers[0]!, "a", "1")[0]!;
  world.run(200);
  assertEquals(await states(world, rooms[0]!, id), [
    "anna@n2 delivered",
    "away@n0 queued",
    "bob@n1 delivered",
  ]);
  anna.ack();
  bob.ack();
  world.run(200);
  const expected = ["anna@n2 acknowledged", "away@n0 queued", "bob@n1 acknowledged"];
  for (const room of rooms) assertEquals(await states(world, room, id), expected);
  assertEquals(await states(world, rooms[0]!, "0000000000000000.1.1"), undefined);
});

Deno.test("notify room: receipts wait, and end with the last acknowledgement", async () => {
  const { world, servers, rooms } = setUp(3);
  const bob = new Reader().enter(rooms[1]!, { as: "bob" });
  const anna = new Reader("anna").enter(rooms[2]!);
  world.run(200);
  const { id } = say(servers[0]!, "a", "1")[0]!;
  // Asked at once: the question may overtake the notification.
  const waiting = rooms[0]!.receipts(id, 30_000);
  const short = rooms[0]!.receipts(id, 2_000);
  assertEquals(await settled(world, waiting, 1_000), "open");
  anna.ack();
  assertEquals(await settled(world, short, 2_000), {
    receipts: [
      { recipient: "anna", server: "n2", state: "acknowledged" },
      { recipient: "bob", server: "n1", state: "delivered" },
    ],
    silent: [],
  });
  assertEquals(await settled(world, waiting, 1_000), "open");
  bob.ack();
  const start = world.sim.now;
  const result = await settled(world, waiting, 5_000);
  assert(result !== "open" && result?.receipts.every(({ state }) => state === "acknowledged"));
  assert(world.sim.now - start < 100);
});

Deno.test("notify room: a server that does not answer is named in the receipts", async () => {
  const { world, servers, rooms } = setUp(2);
  new Reader("anna").enter(rooms[1]!);
  world.run(200);
  const { id } = say(servers[0]!, "a", "1")[0]!;
  world.run(200);
  world.kill(servers[1]!, false);
  const result = await settled(world, rooms[0]!.receipts(id, 0), 6_000);
  assertEquals(result, { receipts: [], silent: ["n1"] });
});

Deno.test("notify room: garbage of another server is dropped and counted", () => {
  const { world, servers, rooms } = setUp(2);
  const [a] = servers as [Server];
  const reader = new Reader().enter(rooms[1]!);
  const { node } = a.host;
  const now = world.sim.now;
  const wrong = ["", "{", "[]", "null", '{"subscribers":[{}]}', '{"acknowledged":{"a b":{}}}'];
  wrong.push('{"acknowledged":{"bob":{"x":[1]}}}', '{"withdrawn":["x"]}', '{"subscribers":3}');
  world.sim.on(a.host, () => {
    for (const text of wrong) {
      node!.publish(NOTIFY_KIND.changes, [encodeText(text)], { now, time: 0 });
      node!.publish(NOTIFY_KIND.notification, [encodeText(text)], { now, time: 0 });
      node!.setState(NOTIFY_KIND.listeners, encodeText(text), now);
      const finished = () => {};
      node!.gather({ kind: NOTIFY_KIND.sync, payload: encodeText(text), finished }, now);
      node!.gather({ kind: NOTIFY_KIND.listeners, payload: encodeText(text), finished }, now);
    }
  });
  say(a, "a", "good");
  world.run(3_000);
  assertEquals(reader.texts, ["good"]);
  const stats = rooms[1]!.stats().at(-1)!;
  const refused = Number(/(\d+) refused/.exec(stats)![1]);
  // "[]" says that nothing changed.
  assert(refused >= 2 * wrong.length, stats);
});

Deno.test("notify room: two sides of a partition use a name first: it is one subscriber when they meet", () => {
  const world = new NotifyWorld({ seed: 6 });
  const [a, b] = [world.add(), world.add()];
  const cable = world.join(a, b);
  world.run(4_000);
  world.sim.cut(cable, "silent");
  world.run(6_000);
  const first = new Reader().enter(a.room!, { as: "bob", topics: ["a"], timeout: 1e6 });
  world.run(1_000);
  say(b, "a", "1");
  world.run(1_000);
  const second = new Reader().enter(b.room!, { as: "bob", topics: ["a"], timeout: 1e6 });
  say(a, "a", "2");
  say(b, "a", "3");
  world.sim.heal(cable);
  world.run(8_000);
  const active = [first, second].filter(({ subscription }) => subscription!.active);
  assertEquals(active.length, 1, "one of the two is told that the other has it");
  const records = [a, b].map(({ room }) => room!.board.subscribers.get("bob")!.record);
  assertEquals(records[0], records[1]);
  // It subscribed on a before 1 was published on b: so it gets that, too.
  const got = new Set([...first.texts, ...second.texts]);
  assertEquals([...got].sort(), ["1", "2", "3"]);
});

Deno.test("notify room: what a server learns from a peer it tells its other peers", () => {
  const world = new NotifyWorld({
    seed: 7,
    mesh: { retentionCount: 1, retentionBytes: 1, retentionYoung: 0 },
  });
  const [a, b, c] = [world.add(), world.add(), world.add()];
  const cable = world.join(a, b);
  world.join(b, c);
  world.run(4_000);
  new Reader().enter(c.room!, { as: "bob" }).subscription!.leave();
  world.run(500);
  world.sim.cut(cable, "loud");
  world.run(5_000);
  say(a, "a", "1", "2", "3");
  world.sim.heal(cable);
  world.run(4_000);
  assertEquals(new Reader().enter(c.room!, { as: "bob" }).texts, ["1", "2", "3"]);
});

Deno.test("notify room: a question for receipts that comes before the notification is held a moment", async () => {
  const { world, servers, rooms } = setUp(2);
  new Reader("anna").enter(rooms[1]!);
  const { node, id: server } = servers[1]!.host;
  const id = `${server}.${node!.identity.incarnation}.${node!.nextSequence}`;
  const waiting = rooms[0]!.receipts(id, 0);
  world.run(100);
  assertEquals(say(servers[1]!, "a", "1")[0]!.id, id);
  const result = await settled(world, waiting, 200);
  assertEquals(result, {
    receipts: [{ recipient: "anna", server: "n1", state: "delivered" }],
    silent: [],
  });
});

Deno.test("notify room: what is too much is dropped on all servers, and told once", () => {
  const { world, servers, rooms } = setUp(3, { limits: { pending: 5, count: 8 } });
  new Reader().enter(rooms[0]!, { as: "bob", topics: ["a"] }).subscription!.leave();
  world.run(200);
  for (let i = 0; i < 20; i++) {
    say(servers[i % 3]!, "a", `${i}`);
    world.run(20);
  }
  say(servers[0]!, "b", "x", "y");
  world.run(500);
  for (const { board } of rooms) assert(board.memory.size <= 13);
  const bob = new Reader().enter(rooms[2]!, { as: "bob" });
  assertEquals([bob.got.length, bob.dropped_], [5, 15]);
  bob.ack();
  world.run(500);
  const again = new Reader().enter(rooms[1]!, { as: "bob" });
  assertEquals([again.texts, again.dropped_], [[], 0]);
});

Deno.test("notify room: servers behind a relay that has no board compare, too", () => {
  const world = new NotifyWorld({
    seed: 8,
    mesh: { retentionCount: 1, retentionBytes: 1, retentionYoung: 0 },
  });
  const a = world.add(), relay = world.addRelay(), b = world.add();
  world.join(a, relay);
  const cable = world.join(relay, b);
  world.run(4_000);
  new Reader().enter(b.room!, { as: "bob" }).subscription!.leave();
  world.run(500);
  world.sim.cut(cable, "loud");
  world.run(5_000);
  say(a, "a", "1", "2", "3");
  world.sim.heal(cable);
  world.run(4_000);
  assertEquals(new Reader().enter(b.room!, { as: "bob" }).texts, ["1", "2", "3"]);
});
