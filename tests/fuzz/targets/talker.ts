/** A server's talker, told anything by its clients. */

import { assert } from "@std/assert";
import { Board } from "../../../lib/notify/board.ts";
import { Room, type RoomClient, WALL } from "../../support/talker_room.ts";
import { LineDecoder } from "../../../lib/wire/line_codec.ts";
import { loadCorpus } from "../corpus.ts";
import { shorten, type Target } from "../fuzzer.ts";

const WORDS = [
  "/nick ",
  "/who",
  "/tell bob ",
  "/say ",
  "/me ",
  "/history ",
  "since=",
  "as=phone",
  "timeout=",
  "/notify ",
  "/normal",
  "/publish ",
  "/ack ",
  "/offer post ",
  "/offer withdraw ",
  "/offers",
  "/topics",
  "/receipts ",
  "wait=1",
  "/random ",
  "/ping ",
  "/time",
  "/format json",
  "/format text",
  "/kill ",
  "/echo off",
  "/quit",
  "/service",
  "/ask ",
  "/peers",
  "/peer-connect 127.0.0.1 1",
  "/reachable",
  "/topology",
  "/stats",
  "/help ",
  "@t ",
  "//",
  "00000000000000aa.1.1",
  "-1",
  "99999999999999999999",
  "1e9",
  "\u00e9",
  "\r",
  "\0",
  "\x1b[2J",
  "**",
  "*",
];

const lines: Target = {
  name: "talker",
  seeds: loadCorpus("client_session"),
  dictionary: WORDS,
  maxBytes: 9_000,
  maxPieces: 60,
  run(input, dice) {
    const node = { id: "00000000000000aa", incarnation: 1, name: "kitchen" };
    const clock = { now: () => room.now, wall: () => WALL + room.now };
    const board: Board = new Board({ node, clock });
    const room: Room = new Room(dice.chance(0.8) ? { notifications: board } : {});
    const bystander = room.client("bystander");
    const clients: RoomClient[] = [
      room.arrive({ framed: dice.chance(0.3) }),
      room.arrive({ operator: dice.chance(0.3) }),
      room.client("bob"),
    ];
    const decoder = new LineDecoder();
    let seen = "", last = "";
    for (const piece of input) {
      const client = dice.pick(clients);
      if (client.finished) continue;
      decoder.push(new Uint8Array([...piece, 10]), {
        line: (bytes, start, end, plain) => {
          if (!client.finished) room.talker.line(client.session, bytes, start, end, plain);
        },
        tooLong: () => room.talker.tooLong(client.session),
      });
      if (dice.chance(0.2)) room.pass(dice.pick([1, 100, 1_000, 61_000]));
      if (dice.chance(0.03)) {
        room.talker.leave(client.session);
        clients.splice(clients.indexOf(client), 1, room.arrive());
      }
      if (dice.chance(0.7)) { for (const one of clients) last = one.got().at(-1) ?? last; }
      seen += checkHarmless(bystander.got());
    }
    room.pass(2_000);
    for (const one of clients) one.got();
    if (bystander.session.outbox.queued > 0) bystander.got();
    if (!bystander.finished) {
      const pong = bystander.say("/ping still");
      const kicked = bystander.finished;
      assert(kicked || pong.at(-1) === "pong still", `The bystander got ${pong.at(-1)}`);
    }
    return `${shorten(last)} ${Math.min(3, seen.length)}`;
  },
};

/** What others see has no control characters. */
function checkHarmless(got: readonly string[]): string {
  // deno-lint-ignore no-control-regex
  for (const line of got) assert(!/[\x00-\x08\x0a-\x1f\x7f-\x9f]/.test(line), JSON.stringify(line));
  return got.length > 0 ? "x" : "";
}

/** All of them. */
export const talkerTargets: readonly Target[] = [lines];
