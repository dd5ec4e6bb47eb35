/** The client against the real talker, in virtual time. */

import { assertEquals } from "@std/assert";
import { ClientRig } from "../support/client_rig.ts";
import { Room } from "../support/talker_room.ts";

Deno.test("client with the real talker: hours of silence, then it speaks and is heard", () => {
  const room = new Room();
  const rig = new ClientRig({ interactive: true, nick: "ann" });
  const client = room.arrive();
  const pump = () => {
    for (;;) {
      const sent = rig.take();
      const got = client.say(...sent);
      rig.receive(...got);
      if (sent.length + got.length === 0) return;
    }
  };
  rig.connected();
  pump();
  for (let seconds = 0; seconds < 2 * 3600; seconds++) {
    room.pass(1000);
    rig.pass(1000);
    pump();
  }
  assertEquals([rig.dropped, rig.outcome, rig.client.nick], [0, undefined, "ann"]);
  const bob = room.client("bob");
  rig.line("hello");
  pump();
  assertEquals(bob.got().at(-1), "ann: hello");
  assertEquals(rig.lines.at(-1), "ann: hello");
});
