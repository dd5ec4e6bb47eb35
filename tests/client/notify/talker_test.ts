/** The programs' client against the real talker, in virtual time: hours of it. */

import { assertEquals } from "@std/assert";
import { Board } from "../../../lib/notify/board.ts";
import { Room, type RoomClient, WALL } from "../../support/talker_room.ts";
import { PublisherRig, type Rig, SubscriberRig } from "./rig.ts";

/** A talker with a board, and rigs that are connected to it. */
class Wired {
  now = 0;
  readonly room: Room;
  readonly #wires: { rig: Rig; client: RoomClient; started: number }[] = [];

  constructor() {
    const clock = { now: () => this.room.now, wall: () => WALL + this.room.now };
    this.room = new Room({ notifications: new Board({ clock }) });
  }

  connect(rig: Rig): void {
    const client = this.room.arrive();
    this.#wires.push({ rig, client, started: rig.now - this.room.now });
    rig.caller.connected(rig.now);
    this.#pump();
  }

  /** Everything that was sent arrives, until all are quiet. */
  #pump(): void {
    for (let isQuiet = false; !isQuiet;) {
      isQuiet = true;
      for (const { rig, client } of this.#wires) {
        const sent = rig.sent.splice(0);
        const got = client.say(...sent);
        rig.receive(...got);
        if (sent.length + got.length > 0) isQuiet = false;
      }
    }
  }

  /** Seconds pass. */
  pass(seconds: number, each: () => void = () => {}): void {
    for (let i = 0; i < seconds; i++) {
      this.room.pass(1000);
      for (const { rig } of this.#wires) rig.pass(1000);
      each();
      this.#pump();
    }
  }
}

Deno.test("notify with the real talker: it stays for hours, renews its mode, and misses nothing", () => {
  const wired = new Wired();
  const rigs = [{}, { as: "ann" }, { modeSeconds: 10 }].map((more) =>
    new SubscriberRig({ topics: ["hits"], ...more })
  );
  for (const rig of rigs) wired.connect(rig);
  const bob = wired.room.client("bob");
  let count = 0;
  wired.pass(2 * 3600, () => {
    // Some long silences, too.
    if (wired.room.now % 1_200_000 < 300_000) bob.say(`/publish hits ${++count}`);
    for (const rig of rigs) {
      while (rig.handling.length > 0) {
        rig.handling.shift();
        rig.subscriber.handled(true, rig.now);
      }
    }
  });
  const all = Array.from({ length: count }, (_, i) => `hits: ${i + 1}`);
  for (const rig of rigs) {
    assertEquals(rig.given, all);
    assertEquals([rig.statuses, rig.dropped, rig.outcome], [[], 0, undefined]);
  }
});

Deno.test("publishing with the real talker: who has nothing to say for hours keeps its connection", () => {
  const wired = new Wired();
  const rig = new PublisherRig();
  wired.connect(rig);
  wired.pass(3600);
  rig.publisher.publish("hits", "three", rig.now);
  wired.pass(1);
  assertEquals(rig.published.map(({ text }) => text), ["three"]);
  assertEquals([rig.statuses, rig.dropped], [[], 0]);
});
