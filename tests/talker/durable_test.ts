import { assert, assertEquals } from "@std/assert";
import { FakeNotifications } from "../support/fake_notifications.ts";
import { Room, type RoomClient, WALL } from "../support/talker_room.ts";

/** A disk that takes what it is told to take when the test says so. */
class Disk {
  #waiting: PromiseWithResolvers<void>[] = [];
  looks = 0;

  readonly durable = (): Promise<void> => {
    this.looks++;
    const waiting = Promise.withResolvers<void>();
    this.#waiting.push(waiting);
    return waiting.promise;
  };

  /** Everything up to now is on disk, or can't be. Resolves when that has been told. */
  async settle(reason?: string): Promise<void> {
    for (const { resolve, reject } of this.#waiting.splice(0)) {
      if (reason === undefined) resolve();
      else reject(new Error(reason));
    }
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
  }
}

function openRoom() {
  const disk = new Disk();
  const board: FakeNotifications = new FakeNotifications(() => room.now, () => WALL + room.now);
  const turns = { asked: 0 };
  const room: Room = new Room({
    notifications: board,
    durable: disk.durable,
    endOfTurn: () => turns.asked++,
  });
  return { room, board, disk, turns };
}

const FULL = "The disk is full: nothing is confirmed until there is room";

/** Runs the test once for each command that is confirmed when it is on disk. */
function prepared(bob: RoomClient): Map<string, { lines: string[]; id: boolean }> {
  bob.say("/format text");
  return new Map([
    ["/say hi", { lines: [], id: true }],
    ["/me waves", { lines: [], id: true }],
    ["/publish a b", { lines: ["Published n.3 to 0 subscribers"], id: true }],
    ["/ack n.1", { lines: ["Acknowledged n.1"], id: true }],
    ["/offer post a bike", { lines: ["Offer n.4 posted"], id: true }],
    ["/offer withdraw n.2", { lines: ["Offer n.2 withdrawn"], id: true }],
    ["/notify as=phone", { lines: ["Notifications on for 60 s"], id: false }],
  ]);
}

async function openPrepared() {
  const opened = openRoom();
  const { room, disk } = opened;
  const bob = room.client("bob");
  bob.say("/echo off", "/notify", "/publish x 1", "/offer post one", "/normal");
  void room.talker.turnEnds();
  await disk.settle();
  bob.got();
  return { ...opened, bob };
}

Deno.test("durable: each command that keeps something is confirmed only when it is on disk", async () => {
  const { room, disk, bob } = await openPrepared();
  for (const [line, { lines, id }] of prepared(bob)) {
    assertEquals(bob.say(`@t ${line}`), [], line);
    void room.talker.turnEnds();
    assertEquals(bob.got(), [], line);
    await disk.settle();
    const answer = bob.got();
    assertEquals(answer.slice(0, -1), lines.map((text) => `@t ${text}`), line);
    assert((id ? /^@t ok \S+$/ : /^@t ok$/).test(answer.at(-1) as string), answer.at(-1));
  }
});

Deno.test("durable: untagged, the reply waits; where there is none nothing is said", async () => {
  const { room, disk, bob } = await openPrepared();
  for (const [line, { lines }] of prepared(bob)) {
    assertEquals(bob.say(line), [], line);
    void room.talker.turnEnds();
    await disk.settle();
    assertEquals(bob.got(), lines, line);
  }
});

Deno.test("durable: a disk that takes nothing makes errors, and never an ok", async () => {
  const { room, disk, bob } = await openPrepared();
  for (const line of prepared(bob).keys()) {
    bob.say(`@t ${line}`);
    void room.talker.turnEnds();
    await disk.settle(FULL);
    assertEquals(bob.got(), [`@t error failed ${FULL}`], line);
  }
  bob.say("/say untagged");
  void room.talker.turnEnds();
  await disk.settle(FULL);
  assertEquals(bob.got(), [FULL]);
  // The mode that could not be confirmed is not on.
  room.client("eve").say("chat");
  assertEquals(bob.got().at(-1), "eve: chat");
});

Deno.test("durable: what reads only, or is wrong, doesn't wait", async () => {
  const { room, disk, bob, turns } = await openPrepared();
  turns.asked = 0;
  const lines = ["/ping", "/notify a", "/normal", "/offers", "/offer n.2", "/topics", "/ack x.1"];
  for (const line of lines) {
    assert(/^@t (ok|error not-found .*)$/.test(bob.say(`@t ${line}`).at(-1) as string), line);
  }
  assertEquals([turns.asked, disk.looks], [0, 1]);
  void room.talker.turnEnds();
  assertEquals(disk.looks, 1);
});

Deno.test("durable: one look at the disk for all of a turn, and the answers in their order", async () => {
  const { room, disk, bob, turns } = await openPrepared();
  const eve = room.client("eve");
  disk.looks = turns.asked = 0;
  for (let i = 0; i < 100; i++) bob.say(`@b${i} /say ${i}`);
  eve.say("@e /say x");
  assertEquals([turns.asked, disk.looks], [1, 0]);
  void room.talker.turnEnds();
  assertEquals(disk.looks, 1);
  bob.say("@later /say y");
  void room.talker.turnEnds();
  assertEquals(disk.looks, 2);
  bob.got();
  await disk.settle();
  const ends = bob.got().map((line) => line.split(" ").slice(0, 2).join(" "));
  assertEquals(ends, [...Array.from({ length: 100 }, (_, i) => `@b${i} ok`), "@later ok"]);
  assert(eve.got().some((line) => line.startsWith("@e ok ")));
});

Deno.test("durable: what is said is delivered at once, whatever the disk does; operators are told, once", async () => {
  const { room, disk, bob } = await openPrepared();
  const eve = room.client("eve"), op = room.client("op", { operator: true });
  for (const client of [bob, eve, op]) client.got();
  const notice = `${FULL}. What is said goes out, but nothing is confirmed`;
  const well = "The disk takes what is said again: it is confirmed as before";
  const { confirmations } = room.talker;
  for (let i = 0; i < 3; i++) {
    bob.say(`@t /say line ${i}`);
    void room.talker.turnEnds();
    assertEquals(eve.got(), [`bob: line ${i}`]);
    await disk.settle(FULL);
  }
  assertEquals(op.got(), ["bob: line 0", notice, "bob: line 1", "bob: line 2"]);
  assertEquals([confirmations?.reason, eve.got()], [FULL, []]);
  bob.say("@t /say line 3");
  void room.talker.turnEnds();
  await disk.settle();
  assertEquals(op.got(), ["bob: line 3", well]);
  // Also where nobody asked for a confirmation.
  confirmations?.failed(FULL);
  confirmations?.failed(FULL);
  bob.say("line 4");
  assertEquals(op.say("/stats").filter((line) => !/^(clients|lines|history)/.test(line)), [
    notice,
    "bob: line 4",
    `confirmations: 0 wait for the disk, 3 refused (${FULL})`,
  ]);
  confirmations?.failed(undefined);
  assertEquals(op.got(), [well]);
});

Deno.test("durable: a tagged /ping confirms what was said without a tag", async () => {
  const { room, disk, bob } = await openPrepared();
  bob.say("plain");
  assertEquals(bob.say("@p /ping", "/ping now"), ["pong now"]);
  void room.talker.turnEnds();
  await disk.settle();
  assertEquals(bob.got(), ["@p pong", "@p ok"]);
  assertEquals(bob.say("@p /ping"), ["@p pong", "@p ok"]);
  bob.say("plain", "@p /ping");
  void room.talker.turnEnds();
  await disk.settle(FULL);
  assertEquals(bob.got(), [`@p error failed ${FULL}`]);
});

Deno.test("durable: /normal does not overtake the confirmation of /notify", async () => {
  const { room, board, disk, bob } = await openPrepared();
  assertEquals(bob.say("/notify as=phone", "/normal"), []);
  board.publish({ topic: "a", text: "b", nick: "eve" });
  void room.talker.turnEnds();
  await disk.settle();
  assertEquals(bob.got(), ["Notifications on for 60 s", "Notifications off"]);
  assertEquals(bob.say("/notify as=phone", "/normal"), []);
  void room.talker.turnEnds();
  await disk.settle(FULL);
  assertEquals(bob.got(), [FULL, "Notifications off"]);
});

Deno.test("durable: nothing is pushed before the mode is confirmed", async () => {
  const { room, board, disk, bob } = await openPrepared();
  bob.say("@n /notify since=all as=phone");
  board.publish({ topic: "a", text: "b", nick: "eve" });
  assertEquals(bob.got(), []);
  void room.talker.turnEnds();
  await disk.settle();
  assertEquals(bob.got(), [
    "@n Notifications on for 60 s",
    "@n ok",
    "NOTIFY n.1 x 1",
    "NOTIFY n.2 offers one",
    "NOTIFY n.3 a b",
  ]);
});

Deno.test("durable: who has ended its input still gets its confirmations, then it is over", async () => {
  const { room, disk, bob } = await openPrepared();
  bob.say("@1 /publish a b");
  room.talker.ended(bob.session);
  assert(!bob.finished);
  void room.talker.turnEnds();
  await disk.settle();
  assert(bob.finished);
  assertEquals(bob.got(), ["@1 Published n.3 to 0 subscribers", "@1 ok n.3"]);
});

Deno.test("durable: who is gone meanwhile gets nothing", async () => {
  const { room, disk, bob, board } = await openPrepared();
  bob.say("@1 /publish a b", "@2 /notify as=phone");
  room.talker.leave(bob.session);
  void room.talker.turnEnds();
  await disk.settle();
  assertEquals(bob.got(), []);
  assertEquals(board.subscriptions.some(({ active }) => active), false);
});

Deno.test("durable: too much waiting for the disk stops the reading of commands, not their meaning", async () => {
  const { room, disk, bob } = await openPrepared();
  for (let i = 0; i < 5_000; i++) bob.say(`@t /say ${i}`);
  assert(bob.session.waits);
  void room.talker.turnEnds();
  await disk.settle();
  assertEquals(bob.got().filter((line) => line.startsWith("@t ok")).length, 5_000);
  assert(!bob.session.waits);
});
