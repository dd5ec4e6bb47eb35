/** What a server remembers of notifications at the most, and what a client of it does. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { Intake } from "../../lib/client/notify/intake.ts";
import { notificationIn } from "../../lib/client/notify/notification.ts";
import { Receipts } from "../../lib/client/notify/receipts.ts";
import { parseRecord, type Reply } from "../../lib/client/record.ts";
import { Board } from "../../lib/notify/board.ts";
import { encodeListeners, Listeners } from "../../lib/notify/listeners.ts";
import { answer } from "../../lib/notify/sync_answers.ts";
import * as limits from "../../lib/wire/limits.ts";
import { SubscriberRig } from "../client/notify/rig.ts";
import { MAX_MESH_ANSWER, MAX_NAME_BYTES } from "../../lib/wire/mesh_limits.ts";
import { parseNick } from "../../lib/wire/nick.ts";
import { decodeText, encodeText } from "../../lib/wire/text.ts";
import { NotifyWorld } from "../notify/notify_world.ts";

const id = (n: number) => n.toString(16).padStart(16, "0");

function openBoard(some: { pending?: number } = {}) {
  let now = 0;
  const board = new Board({
    node: { id: id(1), incarnation: 1, name: "kitchen" },
    clock: { now: () => now, wall: () => 1_700_000_000_000 + now },
    limits: some,
  });
  const say = (topic: string, text: string, details?: string) =>
    board.publish({ topic, text, nick: "eve", details });
  /** From another server. */
  const hear = (stream: string, sequence: number, text = "x") =>
    board.take({
      id: `${stream}.${sequence}`,
      topic: "a",
      text,
      time: 1,
      nick: "eve",
      server: "attic",
      details: undefined,
    }, { stream, sequence });
  return { board, say, hear, pass: (ms: number) => board.tick(now += ms) };
}

const reader = () => {
  const got: string[] = [];
  let lost = 0;
  return {
    nick: "bob",
    takes: true,
    got,
    get lost() {
      return lost;
    },
    push: ({ text }: { text: string }) => void got.push(text),
    dropped: (count: number) => void (lost += count),
    ended: () => {},
  };
};

Deno.test("limit: notifications that are remembered, in number, bytes and age", () => {
  const { MAX_NOTIFICATIONS, MAX_NOTIFICATION_BYTES, MAX_NOTIFICATION_AGE_MS } = limits;
  const { board, say, pass } = openBoard();
  for (let i = 0; i < MAX_NOTIFICATIONS + 500; i++) say("a", `${i}`);
  assertEquals(board.memory.size, MAX_NOTIFICATIONS);
  const text = "x".repeat(8_000);
  for (let i = 0; i < MAX_NOTIFICATION_BYTES / 8_000 + 100; i++) say("a", text);
  assert(
    board.memory.bytes <= MAX_NOTIFICATION_BYTES && board.memory.bytes > MAX_NOTIFICATION_BYTES / 2,
  );
  pass(MAX_NOTIFICATION_AGE_MS + 3_600_000);
  assertEquals(board.memory.size, 0);
});

Deno.test("limit: notifications that wait for one subscriber; the oldest are dropped, and told", () => {
  const { MAX_PENDING_NOTIFICATIONS } = limits;
  const { board, say } = openBoard();
  board.subscribe(reader(), { topics: ["a"], as: "phone", timeout: 60_000 }).leave();
  for (let i = 0; i < MAX_PENDING_NOTIFICATIONS + 7; i++) say("a", `${i}`);
  const back = reader();
  board.subscribe(back, { topics: [], as: "phone", timeout: 60_000 }).resume();
  assertEquals([back.got.length, back.got[0], back.lost], [MAX_PENDING_NOTIFICATIONS, "7", 7]);
});

Deno.test("limit: patterns of all sessions; the next one is told", () => {
  const { MAX_PATTERNS_IN_ALL, MAX_PATTERNS } = limits;
  const { board } = openBoard();
  const topics = Array.from({ length: MAX_PATTERNS }, (_, i) => `t${i}`);
  for (let i = 0; i < Math.floor(MAX_PATTERNS_IN_ALL / MAX_PATTERNS); i++) {
    board.subscribe(reader(), { topics, timeout: 60_000 });
  }
  assertThrows(
    () => board.subscribe(reader(), { topics, timeout: 60_000 }),
    Error,
    "try again later",
  );
});

Deno.test("limit: lives of servers whose notifications are told apart", () => {
  const { MAX_NOTIFICATION_STREAMS } = limits;
  const { board, hear } = openBoard();
  for (let i = 0; i < MAX_NOTIFICATION_STREAMS + 200; i++) hear(`${id(i + 10)}.1`, 1);
  assert(board.memory.clock.size <= MAX_NOTIFICATION_STREAMS, `${board.memory.clock.size}`);
});

Deno.test("limit: acknowledgements of what has not arrived", () => {
  const { MAX_EARLY_ACKNOWLEDGEMENTS } = limits;
  const { board } = openBoard();
  board.subscribe(reader(), { topics: ["a"], as: "phone", timeout: 60_000 });
  const named = board.subscribers.get("phone")!;
  for (let i = 1; i <= MAX_EARLY_ACKNOWLEDGEMENTS + 100; i++) {
    board.acknowledged(named, `${id(9)}.1.${i}`);
  }
  assertEquals(named.early.size, MAX_EARLY_ACKNOWLEDGEMENTS);
  assert(!named.early.has(`${id(9)}.1.1`));
});

Deno.test("limit: offers on the board; the oldest goes", () => {
  const { MAX_OFFERS } = limits;
  const { board, say } = openBoard();
  for (let i = 0; i < MAX_OFFERS + 5; i++) say("offers", `${i}`, `details ${i}`);
  const offers = board.offers();
  assertEquals(offers.length, MAX_OFFERS);
  assert(
    !offers.some(({ text }) => text === "0") &&
      offers.some(({ text }) => text === `${MAX_OFFERS + 4}`),
  );
});

Deno.test("limit: one answer to a server that compares what it remembers", () => {
  const { MAX_SYNC_BYTES } = limits;
  const { board, say } = openBoard();
  const ids = Array.from({ length: 200 }, () => say("a", "x".repeat(8_000)).id);
  const { notifications, count } = answer(board, { ask: "notification", ids }) as {
    notifications: unknown[];
    count: number;
  };
  assert(
    count > 0 && count < 200 && JSON.stringify(notifications).length <= MAX_SYNC_BYTES + 1_000,
  );
});

Deno.test("limit: sets of patterns that a server tells the others, in number and in bytes", () => {
  const { MAX_LISTENER_SETS, MAX_LISTENER_BYTES, MAX_PATTERNS_IN_ALL } = limits;
  const short = Array.from({ length: MAX_LISTENER_SETS + 100 }, (_, i) => [`t${i}`]);
  assertEquals(JSON.parse(decodeText(encodeListeners(short))).topics.length, MAX_LISTENER_SETS);
  const long = Array.from({ length: 900 }, (_, i) => [`${"x".repeat(120)}${i}`]);
  const bytes = encodeListeners(long).length;
  assert(bytes <= MAX_LISTENER_BYTES + 20 && bytes > MAX_LISTENER_BYTES / 2);
  const listeners = new Listeners();
  const text = (count: number) =>
    new TextEncoder().encode(
      JSON.stringify({ topics: Array.from({ length: count }, (_, i) => [1, `t${i}`]) }),
    );
  assert(listeners.set(id(1), text(MAX_LISTENER_SETS)));
  assert(!listeners.set(id(2), text(MAX_LISTENER_SETS + 1)));
  assert(!listeners.set(id(2), new Uint8Array(2 * MAX_LISTENER_BYTES + 1).fill(32)));
  let taken = 1;
  while (taken < 1_000 && listeners.set(id(100 + taken), text(MAX_LISTENER_SETS))) taken++;
  assertEquals(taken, MAX_PATTERNS_IN_ALL / MAX_LISTENER_SETS);
});

Deno.test("limit: what is told of everybody whom a full server has fits into an answer", () => {
  const letter = "\u{10330}", quote = "\\";
  const nick = letter.repeat(limits.MAX_NICK_CHARACTERS);
  assertEquals(parseNick(nick), nick);
  const bytes = (value: unknown) => encodeText(`${JSON.stringify(value)},`).length;
  const own = letter.repeat(limits.MAX_SERVER_NAME), longest = quote.repeat(MAX_NAME_BYTES);
  const nameless = bytes([nick, own, "acknowledged"]);
  const named = bytes([nick, longest, "acknowledged", nick + nick]);
  // With those that have just gone.
  const most = 1.1 * limits.MAX_CLIENTS * nameless + limits.MAX_NAMED_SUBSCRIBERS * named;
  assert(most < MAX_MESH_ANSWER, `receipts: ${most}`);
  assert(limits.MAX_CLIENTS * encodeText(`${nick}\n`).length < MAX_MESH_ANSWER, "who");
});

Deno.test("limit: questions for receipts that wait", async () => {
  const { MAX_RECEIPT_WATCHES } = limits;
  const world = new NotifyWorld({ seed: 1 });
  const [kitchen] = world.line(2) as [ReturnType<typeof world.add>];
  world.run(500);
  kitchen.room!.subscribe(reader(), { topics: ["a"], timeout: 1e9 }).resume();
  const { id: published } = kitchen.room!.publish({ topic: "a", text: "1", nick: "eve" });
  let settled = 0;
  for (let i = 0; i < MAX_RECEIPT_WATCHES; i++) {
    void kitchen.room!.receipts(published, 60_000).then(() => settled++);
  }
  world.run(10);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(settled, 0, "They wait for an acknowledgement");
  // One more is not refused, but answered at once with what is known here.
  const more = await kitchen.room!.receipts(published, 60_000);
  assertEquals(more?.receipts.length, 1);
});

// ---------------------------------------------------------------- the client's side

const notified = (n: number, text = "x") =>
  notificationIn({ type: "notify", id: `k.1.${n}`, topic: "hits", text })!;

Deno.test("limit: notifications that wait at a client, in number and in characters", () => {
  const { MAX_NOTIFICATIONS_WAITING, MAX_NOTIFICATIONS_WAITING_CHARACTERS } = limits;
  const many = new Intake();
  for (let i = 0; i < MAX_NOTIFICATIONS_WAITING; i++) assertEquals(many.push(notified(i)), "new");
  assertEquals(many.push(notified(-1)), "full");
  const long = new Intake();
  const text = "x".repeat(64 * 1024);
  let taken = 0;
  while (long.push(notified(taken, text)) === "new") taken++;
  assert(
    taken < MAX_NOTIFICATIONS_WAITING &&
      taken * text.length * 2 >= MAX_NOTIFICATIONS_WAITING_CHARACTERS - 2 * text.length,
  );
});

Deno.test("limit: notifications whose handler failed", () => {
  const { MAX_NOTIFICATIONS_FAILED } = limits;
  const intake = new Intake();
  for (let i = 0; i <= MAX_NOTIFICATIONS_FAILED; i++) {
    intake.push(notified(i));
    intake.take();
    intake.failed(`k.1.${i}`);
  }
  assertEquals(intake.push(notified(1)), "failed");
  assertEquals(intake.push(notified(0)), "new", "the oldest is forgotten");
});

const reply = (more: object) =>
  parseRecord(JSON.stringify({ type: "reply", text: "", ...more })) as Reply;

Deno.test("limit: recipients that a publisher takes note of", () => {
  const { MAX_RECEIPTS_TAKEN } = limits;
  const receipts = new Receipts("k.1.1");
  const one = reply({ recipient: "phone", server: "k", state: "queued" });
  for (let i = 0; i < MAX_RECEIPTS_TAKEN + 10; i++) receipts.add(one);
  assertEquals(receipts.receipts.length, MAX_RECEIPTS_TAKEN);
  const silent = reply({ silent: Array(MAX_RECEIPTS_TAKEN).fill("attic") });
  for (let i = 0; i < 3; i++) receipts.add(silent);
  assert(receipts.silent.length <= MAX_RECEIPTS_TAKEN, `${receipts.silent.length} silent servers`);
});

Deno.test("limit: the details of an offer that a client takes", () => {
  const { MAX_DETAILS_CHARACTERS } = limits;
  const rig = new SubscriberRig({ details: true, topics: ["offers"] }).listen();
  rig.push(1, "offers", "A bicycle");
  const normal = rig.asked("/normal");
  rig.ok(normal);
  const offer = rig.asked("/offer k.1.1");
  rig.ok(offer, { id: "k.1.1", details: "x".repeat(MAX_DETAILS_CHARACTERS + 100) });
  const enter = rig.take().find(({ command }) => command.startsWith("/notify"));
  rig.ok(enter!.tag);
  assertEquals(rig.handling[0]?.details?.length, MAX_DETAILS_CHARACTERS);
});
