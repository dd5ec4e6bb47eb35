/** The talker with the board that a server has, in virtual time. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { Board } from "../../lib/notify/board.ts";
import { MAX_FORMER_SUBSCRIPTIONS } from "../../lib/wire/limits.ts";
import { Room, type RoomClient, WALL } from "../support/talker_room.ts";

function openRoom() {
  const node = { id: "00000000000000aa", incarnation: 1, name: "kitchen" };
  const clock = { now: () => room.now, wall: () => WALL + room.now };
  const board: Board = new Board({ node, clock });
  const room: Room = new Room({ notifications: board });
  return { room, board };
}

/** Publishes; gives the id. What the client got before is passed over. */
function publish(client: RoomClient, topic: string, text: string): string {
  const end = client.say(`@p /publish ${topic} ${text}`).at(-1) as string;
  assertMatch(end, /^@p ok /);
  return end.slice("@p ok ".length);
}

Deno.test("board: a name misses nothing out of the mode; what is acknowledged comes once", () => {
  const { room } = openRoom();
  const bob = room.client("bob"), eve = room.client("eve");
  bob.say("/notify hits as=phone timeout=10", "/normal");
  const ids = [0, 1, 2].map((i) => publish(eve, "hits", `${i}`));
  const all = ids.map((id, i) => `NOTIFY ${id} hits ${i}`);
  assertEquals(bob.say("/notify as=phone timeout=10").slice(-4), [
    "Notifications on for 10 s",
    ...all,
  ]);
  assertEquals(bob.say(`/ack ${ids[1]}`), [`Acknowledged ${ids[1]}`]);
  room.pass(10_000);
  assertEquals(bob.got(), ["Notifications off after 10 s: /notify goes on"]);
  // Also when the mode is over.
  assertEquals(bob.say(`/ack ${ids[0]}`), [`Acknowledged ${ids[0]}`]);
  room.talker.leave(bob.session);
  const again = room.client("again");
  again.got();
  assertEquals(again.say("/notify as=Phone"), ["Notifications on for 60 s", all[2]]);
});

Deno.test("board: renewing pushes nothing twice that this session has got, and loses nothing", () => {
  const { room } = openRoom();
  const eve = room.client("eve");
  for (const name of ["", " as=phone"]) {
    const bob = room.client(`bob${name.length}`);
    bob.say(`/notify hits${name}`);
    publish(eve, "hits", "one");
    assertEquals(bob.got().at(-1)?.split(" ").at(-1), "one");
    room.pass(50_000);
    bob.got();
    assertEquals(bob.say(`/notify hits${name}`), ["Notifications on for 60 s"]);
    room.pass(50_000);
    const two = publish(eve, "hits", "two");
    assertEquals(bob.got(), [`NOTIFY ${two} hits two`]);
    assertEquals(bob.say(`/notify other${name}`), ["Notifications on for 60 s"]);
    publish(eve, "hits", "three");
    assertEquals(bob.got(), []);
    bob.say("/normal");
  }
});

Deno.test("board: what was pushed can be acknowledged on its connection, whatever mode came after it", () => {
  const { room, board } = openRoom();
  const bob = room.client("bob"), eve = room.client("eve");
  for (const [before, after] of [["", ""], ["", " as=one"], [" as=two", ""], [" as=x", " as=y"]]) {
    bob.say(`/notify a${before}`);
    const id = publish(eve, "a", "1");
    bob.say("/normal", `/notify a${after} since=${id}`);
    assertEquals(bob.say(`/ack ${id}`).at(-1), `Acknowledged ${id}`, `${before} then ${after}`);
    const states = board.receiptsHere(id)?.map(({ recipient, state }) => [recipient, state]);
    const recipient = before?.split("=")[1] ?? "bob";
    assertEquals(states?.find(([name]) => name === recipient), [recipient, "acknowledged"]);
    bob.say("/normal");
  }
});

Deno.test("board: who goes on under no name doesn't acknowledge for the name he had", () => {
  const { room } = openRoom();
  const bob = room.client("bob"), eve = room.client("eve");
  bob.say("/notify a as=phone", "/normal", "/notify a");
  const id = publish(eve, "a", "1");
  assertEquals(bob.say(`/ack ${id}`).at(-1), `Acknowledged ${id}`);
  assertEquals(bob.say("/notify a as=phone").at(-1), `NOTIFY ${id} a 1`);
});

Deno.test("board: a connection can acknowledge for its last subscriptions, not for all it ever had", () => {
  const { room } = openRoom();
  const bob = room.client("bob"), eve = room.client("eve");
  const ids: string[] = [];
  for (let i = 0; i < MAX_FORMER_SUBSCRIPTIONS + 2; i++) {
    bob.say(`/notify topic${i}`);
    ids.push(publish(eve, `topic${i}`, "x"));
    bob.say("/normal");
  }
  const answers = ids.map((id) => bob.say(`/ack ${id}`).at(-1) ?? "");
  assertMatch(answers[0] as string, /^No notification .* was for you$/);
  assertEquals(answers.slice(1), ids.slice(1).map((id) => `Acknowledged ${id}`));
});

Deno.test("board: another name, or none, in the same session", () => {
  const { room } = openRoom();
  const bob = room.client("bob"), eve = room.client("eve");
  bob.got();
  assertEquals(bob.say("/notify a as=one", "/notify a as=two"), [
    "Notifications on for 60 s",
    "Notifications on for 60 s",
  ]);
  const first = publish(eve, "a", "1");
  assertEquals(bob.got(), [`NOTIFY ${first} a 1`]);
  assertEquals(bob.say("/notify a"), ["Notifications on for 60 s"]);
  const second = publish(eve, "a", "2");
  assertEquals(bob.got(), [`NOTIFY ${second} a 2`]);
  const receipts = bob.say("/notify as=one");
  assertEquals(receipts, [
    "Notifications on for 60 s",
    `NOTIFY ${first} a 1`,
    `NOTIFY ${second} a 2`,
  ]);
});

Deno.test("board: a session that doesn't read loses what is too much, and is told how many", () => {
  const { room } = openRoom();
  const bob = room.client("bob"), eve = room.client("eve");
  bob.say("/notify x as=phone");
  bob.got();
  const count = 3_000;
  for (let i = 0; i < count; i++) publish(eve, "x", `${i} ${"y".repeat(200)}`);
  const got = bob.got();
  const pushed = got.filter((line) => line.startsWith("NOTIFY "));
  const dropped = got.filter((line) => / notifications were dropped: /.test(line));
  const lost = dropped.reduce((sum, line) => sum + Number(line.split(" ")[0]), 0);
  assert(dropped.length > 0, "nothing was dropped");
  assertEquals(pushed.length + lost, count);
  const numbers = pushed.map((line) => Number(line.split(" ")[3]));
  assertEquals(numbers, numbers.toSorted((a, b) => a - b));
  assertEquals(numbers.at(-1), count - 1);
});

Deno.test("board: notifications are forgotten in time, also when nothing else happens", () => {
  const { room } = openRoom();
  const bob = room.client("bob"), eve = room.client("eve");
  bob.say("/notify x as=phone", "/normal");
  publish(eve, "x", "old");
  room.pass(23 * 3_600_000);
  publish(eve, "x", "new");
  room.pass(2 * 3_600_000);
  bob.got();
  const [first, second, third, ...more] = bob.say("/notify as=phone");
  assertEquals([first, second, more], [
    "Notifications on for 60 s",
    "1 notifications were dropped: they were too many or too old",
    [],
  ]);
  assert(third?.endsWith(" x new"));
});

Deno.test("board: whatever is asked, each tagged command has one whole answer, no push inside it", () => {
  const commands = [
    "/notify",
    "/notify a as=one",
    "/notify ** since=all as=two timeout=2",
    "/notify since=x.y.1 timeout=1",
    "/normal",
    "/publish a 1",
    "/publish b/c @t1 ok",
    "/ack ID",
    "/topics",
    "/offer post something",
    "/offer ID",
    "/offer withdraw ID",
    "/offers",
    "/format json",
    "/format text",
    "/ping",
    "/say hi",
    "/nick bob",
    "/nick eve",
  ];
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(fc.nat(1), fc.nat(commands.length - 1), fc.nat(3), fc.nat(1_500)),
        { maxLength: 60 },
      ),
      (steps) => {
        const { room } = openRoom();
        const clients = [room.client("c0"), room.client("c1")];
        const got: string[][] = [[], []];
        const ids: string[] = [];
        const take = () => {
          for (const [i, client] of clients.entries()) got[i]?.push(...client.got());
        };
        for (const [step, [who, which, id, pause]] of steps.entries()) {
          const line = (commands[which] as string).replace("ID", ids.at(-1 - id) ?? "x.y.1");
          const answer = clients[who]?.say(`@t${step} ${line}`) ?? [];
          got[who]?.push(...answer);
          const made = /ok (\S+\.\d+)$|"id":"([^"]+)"}$/.exec(answer.at(-1) ?? "");
          if (made !== null) ids.push(made[1] ?? made[2] as string);
          room.pass(pause);
          take();
        }
        for (const [i, lines] of got.entries()) {
          const ends: number[] = [];
          let open: string | undefined;
          for (const line of lines) {
            const { tag, end, isPush } = tagOf(line);
            if (isPush || tag === undefined) {
              assertEquals(open, undefined, `${line} inside the answer to ${open}`);
              continue;
            }
            assert(open === undefined || open === tag, `${line} inside ${open}`);
            open = end ? undefined : tag;
            if (end) ends.push(Number(tag.slice(1)));
          }
          assertEquals(open, undefined);
          const own = [...steps.keys()].filter((step) => steps[step]?.[0] === i);
          assertEquals(ends, own);
        }
      },
    ),
    { numRuns: 200 },
  );
});

/** Which command a line belongs to, text or JSON, and whether it is the last of its answer. */
function tagOf(line: string): { tag: string | undefined; end: boolean; isPush: boolean } {
  if (line.startsWith("{")) {
    const { type, tag } = JSON.parse(line);
    return { tag, end: type === "ok" || type === "error", isPush: type === "notify" };
  }
  const [, tag, rest] = /^@(t\d+) (.*)$/.exec(line) ?? [];
  return { tag, end: /^(ok|error)\b/.test(rest ?? ""), isPush: line.startsWith("NOTIFY ") };
}
