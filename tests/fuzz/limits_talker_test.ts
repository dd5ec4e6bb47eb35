/** What one client may ask of a server's talker at the most, in virtual time. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { AnswerQueue } from "../../lib/talker/answerer.ts";
import { Admission } from "../../lib/talker/admission.ts";
import { Feed } from "../../lib/talker/feed.ts";
import { FORMATS } from "../../lib/talker/format.ts";
import { History } from "../../lib/talker/history.ts";
import { parseNick } from "../../lib/wire/nick.ts";
import type { Mesh } from "../../lib/talker/mesh.ts";
import { parseCommandLine } from "../../lib/talker/command.ts";
import { Board } from "../../lib/notify/board.ts";
import { encodeText } from "../../lib/wire/text.ts";
import * as limits from "../../lib/wire/limits.ts";
import { Room, WALL } from "../support/talker_room.ts";

function openRoom() {
  const node = { id: "00000000000000aa", incarnation: 1, name: "kitchen" };
  const clock = { now: () => room.now, wall: () => WALL + room.now };
  const board: Board = new Board({ node, clock });
  const room: Room = new Room({ notifications: board });
  return { room, board };
}

Deno.test("limit: connections in all, and of one address", () => {
  const { MAX_CLIENTS, MAX_CLIENTS_PER_ADDRESS } = limits;
  const admission = new Admission();
  for (let i = 0; i < MAX_CLIENTS_PER_ADDRESS; i++) admission.enter("10.0.0.1");
  assertMatch(admission.refusal("10.0.0.1", false) ?? "", /^Too many connections from 10.0.0.1/);
  assertEquals(admission.refusal("10.0.0.2", false), undefined);
  for (let i = MAX_CLIENTS_PER_ADDRESS; i < MAX_CLIENTS; i++) {
    admission.enter(`10.1.${i >> 8}.${i & 255}`);
  }
  assertMatch(admission.refusal("127.0.0.1", true) ?? "", /^The server is full/);
  admission.leave("10.0.0.1");
  assertEquals(admission.refusal("10.0.0.1", false), undefined);
});

Deno.test("limit: nick and tag", () => {
  const { MAX_NICK_CHARACTERS, MAX_TAG_CHARACTERS } = limits;
  assertEquals(parseNick("é".repeat(MAX_NICK_CHARACTERS)), "é".repeat(MAX_NICK_CHARACTERS));
  assertEquals(parseNick("é".repeat(MAX_NICK_CHARACTERS + 1)), undefined);
  assertEquals(
    parseCommandLine(`@${"t".repeat(MAX_TAG_CHARACTERS)} /who`)?.tag?.length,
    MAX_TAG_CHARACTERS,
  );
  assertEquals(
    parseCommandLine(`@${"t".repeat(MAX_TAG_CHARACTERS + 1)} /who`),
    undefined,
    "speech",
  );
  const bob = new Room().client("bob");
  assertMatch(
    bob.say(`@n /nick ${"x".repeat(MAX_NICK_CHARACTERS + 1)}`).at(-1)!,
    /^@n error usage/,
  );
});

Deno.test("limit: numbers, lines of history, seconds, topics of one command", () => {
  const { MAX_RANDOM_NUMBERS, MAX_NOTIFY_S, MAX_PATTERNS, MAX_HISTORY_REPLY } = limits;
  const { room } = openRoom();
  const bob = room.client("bob");
  bob.got();
  assertEquals(bob.say(`/random ${MAX_RANDOM_NUMBERS}`)[0]!.split(" ").length, MAX_RANDOM_NUMBERS);
  assertMatch(bob.say(`@t /random ${MAX_RANDOM_NUMBERS + 1}`).at(-1)!, /^@t error usage/);
  assertEquals(bob.say(`/notify timeout=${MAX_NOTIFY_S}`), [
    `Notifications on for ${MAX_NOTIFY_S} s`,
  ]);
  assertMatch(bob.say(`@t /notify timeout=${MAX_NOTIFY_S + 1}`).at(-1)!, /^@t error usage/);
  assertMatch(bob.say(`@t /receipts k.1.1 wait=${MAX_NOTIFY_S + 1}`).at(-1)!, /^@t error usage/);
  const topics = (count: number) => Array.from({ length: count }, (_, i) => `t${i}`).join(" ");
  assertEquals(bob.say(`/notify ${topics(MAX_PATTERNS)}`), ["Notifications on for 60 s"]);
  assertMatch(bob.say(`@t /notify ${topics(MAX_PATTERNS + 1)}`).at(-1)!, /^@t error usage/);
  bob.say("/normal");
  for (let i = 0; i < 20; i++) room.client(`x${i}`).say("hi");
  bob.got();
  assertEquals(
    bob.say(`@h /history ${MAX_HISTORY_REPLY + 1_000_000}`).length,
    21,
    "all there are, and ok",
  );
});

Deno.test("limit: the headline of an offer", () => {
  const { MAX_HEADLINE_CHARACTERS } = limits;
  const { room } = openRoom();
  const bob = room.client("bob");
  bob.say("/notify offers");
  bob.got();
  const [pushed = ""] = bob.say(`/offer post ${"x".repeat(MAX_HEADLINE_CHARACTERS + 1)}`)
    .filter((line) => line.startsWith("NOTIFY "));
  assertEquals(pushed.split(" ").at(-1), `${"x".repeat(MAX_HEADLINE_CHARACTERS)}…`);
});

function filled(history: History, count: number, { origins = 1, bytes = 10 } = {}): void {
  const feed = new Feed(FORMATS[0]);
  for (let i = 1; i <= count; i++) {
    feed.append(encodeText("bob: "), new Uint8Array(bytes).fill(120));
    const to = feed.tail.used - 2;
    const origin = { prefix: `${i % origins}.1.`, server: "kitchen" };
    history.add(origin, i, i, i, "bob", false, feed.tail, to - bytes, to);
  }
}

Deno.test("limit: lines that are remembered: in number, bytes, age", () => {
  const { MAX_HISTORY_LINES, MAX_HISTORY_BYTES, MAX_HISTORY_AGE_MS } = limits;
  const many = new History();
  filled(many, MAX_HISTORY_LINES + 500);
  assertEquals(many.last(1e9, 0).length, MAX_HISTORY_LINES);
  const long = new History();
  const bytes = 8_192;
  filled(long, MAX_HISTORY_BYTES / bytes + 100, { bytes });
  assert(long.last(1e9, 0).length * bytes <= MAX_HISTORY_BYTES);
  const old = new History();
  filled(old, 100);
  assertEquals(old.last(1e9, 50 + MAX_HISTORY_AGE_MS).length, 51);
});

Deno.test("limit: servers of whose forgotten lines it is known that they were", () => {
  const { MAX_HISTORY_ORIGINS } = limits;
  const history = new History(10);
  const count = MAX_HISTORY_ORIGINS + 100;
  filled(history, count, { origins: count });
  const known = (i: number) => history.since(`${i}.1.${i}`, 10, 0) !== undefined;
  assert(known(count - 50), "lately forgotten");
  assert(!known(5), "forgotten that it was forgotten");
});

Deno.test("limit: questions at a time, waiting, for how long, and the length of an answer", async () => {
  const { MAX_QUESTIONS_AT_ONCE, MAX_QUESTIONS_WAITING, MAX_ANSWER_BYTES, MAX_ANSWER_MS } = limits;
  assert(MAX_ANSWER_MS === 60_000);
  const release: (() => void)[] = [];
  const queue = new AnswerQueue(() =>
    new Promise((resolve) =>
      release.push(() => resolve({ text: "x".repeat(MAX_ANSWER_BYTES + 1) }))
    )
  );
  const ask = () => queue.answer({ nick: "bob", server: "kitchen", text: "?" });
  const answers = Array.from({ length: MAX_QUESTIONS_AT_ONCE + MAX_QUESTIONS_WAITING }, ask);
  assertEquals(release.length, MAX_QUESTIONS_AT_ONCE);
  const refused = await ask();
  assert("error" in refused && refused.error === "busy");
  for (let i = 0; i < answers.length; i++) {
    release[i]!();
    const answer = await answers[i]!;
    assert("error" in answer && answer.error === "failed", "It is too long");
  }
});

Deno.test("limit: commands whose answers come later", async () => {
  const { MAX_PENDING_COMMANDS } = limits;
  const release: (() => void)[] = [];
  const mesh = {
    alone: false,
    congested: false,
    stats: () => [],
    presence() {},
    flush() {},
    who: () => new Promise((resolve) => release.push(() => resolve({ servers: [], silent: [] }))),
  } as unknown as Mesh;
  const room = new Room({ mesh });
  const bob = room.client("bob");
  bob.got();
  for (let i = 0; i < MAX_PENDING_COMMANDS; i++) assertEquals(bob.say(`@t${i} /who`), []);
  assert(bob.session.waits, "no more is read from it");
  release.pop()!();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert(!bob.session.waits);
  for (const one of release) one();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(bob.got().filter((line) => / ok$/.test(line)).length, MAX_PENDING_COMMANDS);
});

Deno.test("limit: commands that wait for the disk, and answers that nobody reads", () => {
  const { MAX_UNCONFIRMED_COMMANDS, MAX_UNREAD_REPLIES_BYTES, MAX_QUEUED_BYTES } = limits;
  const room = new Room({ durable: { sync: () => new Promise(() => {}) } as never });
  const bob = room.client("bob");
  bob.got();
  assert(!bob.session.waits);
  for (let i = 0; i < MAX_UNCONFIRMED_COMMANDS; i++) bob.say(`@t${i} /say x`);
  assertEquals([bob.session.unconfirmed, bob.session.waits], [MAX_UNCONFIRMED_COMMANDS, true]);

  const deaf = new Room().client("deaf");
  deaf.got();
  let bytes = 0;
  const say = () => {
    deaf.session.send({ type: "reply", text: "x".repeat(8_000) });
    bytes += 8_000;
  };
  while (bytes < MAX_UNREAD_REPLIES_BYTES - 20_000) say();
  assert(!deaf.session.waits && deaf.session.takesWhispers);
  for (let i = 0; i < 4; i++) say();
  assert(deaf.session.waits, "It goes on asking though it does not read");
  while (bytes < MAX_QUEUED_BYTES) say();
  say();
  assert(!deaf.session.takesWhispers, "Others may whisper to it for ever");
});

Deno.test("limit: pushes that wait in a client's queue, in number and in bytes", () => {
  const { MAX_QUEUED_PUSHES, MAX_QUEUED_PUSHES_BYTES } = limits;
  for (const [length, count] of [[1, 3 * MAX_QUEUED_PUSHES], [4_000, 100]] as const) {
    const { room } = openRoom();
    const bob = room.client("bob"), eve = room.client("eve");
    bob.say("/notify x");
    bob.got();
    for (let i = 0; i < count; i++) {
      eve.say(`/publish x ${"y".repeat(length)}`);
      eve.got();
    }
    const { pieces, privateBytes } = bob.session.outbox;
    assert(pieces <= MAX_QUEUED_PUSHES && privateBytes <= MAX_QUEUED_PUSHES_BYTES + 8_192);
    assert(
      pieces === MAX_QUEUED_PUSHES || privateBytes >= MAX_QUEUED_PUSHES_BYTES,
      "It took too few",
    );
  }
});
