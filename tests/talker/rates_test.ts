import { assert, assertEquals } from "@std/assert";
import { KEEPSAKES, PUBLICATIONS, QUESTIONS } from "../../lib/wire/limits.ts";
import { FakeNotifications } from "../support/fake_notifications.ts";
import { Room, WALL } from "../support/talker_room.ts";

function room(): Room {
  const room: Room = new Room({
    notifications: new FakeNotifications(() => room.now, () => WALL + room.now),
  });
  return room;
}

Deno.test("rates: who asks too much is answered, rests, and goes on when it may", () => {
  const here = room();
  const bob = here.client("bob", { source: "192.0.2.7" });
  const { burst, everyMs } = QUESTIONS;
  for (let i = 1; i < burst; i++) assertEquals(bob.say(`@a /tell eve ${i}`).length, 1);
  assert(!bob.session.waits);
  assertEquals(bob.say("@b /tell eve one"), ["@b error not-found Nobody called eve"]);
  assertEquals(bob.say("@c /tell eve two"), ["@c error not-found Nobody called eve"]);
  assert(bob.session.waits);
  here.pass(2 * everyMs - 1);
  assert(bob.session.waits, "one question more than may be: two are to be forgiven");
  here.pass(1);
  assert(!bob.session.waits);
});

Deno.test("rates: they are for an address, whatever the number of its clients; this machine's own have none", () => {
  const here = room();
  const one = here.client("one", { source: "192.0.2.7" });
  const two = here.client("two", { source: "192.0.2.7" });
  const other = here.client("other", { source: "192.0.2.8" });
  const own = here.client("own");
  for (let i = 0; i < QUESTIONS.burst; i++) one.say("/who");
  two.say("/who");
  other.say("/who");
  for (let i = 0; i < 3 * QUESTIONS.burst; i++) own.say("/who");
  assertEquals([one, two, other, own].map(({ session }) => session.waits), [
    true,
    true,
    false,
    false,
  ]);
});

Deno.test("rates: a client that goes while it rests leaves nothing", () => {
  const here = room();
  const bob = here.client("bob", { source: "192.0.2.7" });
  for (let i = 0; i <= QUESTIONS.burst; i++) bob.say("/who");
  assert(here.talker.rates.due < Infinity);
  here.talker.leave(bob.session);
  here.pass(10_000);
  assertEquals(here.talker.rates.due, Infinity);
});

Deno.test("rates: publishing is slowed down, not refused", () => {
  const here = room();
  const bob = here.client("bob", { source: "192.0.2.7" });
  for (let i = 1; i < PUBLICATIONS.burst; i++) bob.say("/publish hits x");
  assert(!bob.session.waits);
  bob.say("/publish hits x");
  assert(bob.session.waits);
  here.pass(PUBLICATIONS.everyMs);
  assert(!bob.session.waits);
});

Deno.test("rates: new names and offers beyond the rate are refused; known names are not", () => {
  const here = room();
  const bob = here.client("bob", { source: "192.0.2.7" });
  for (let i = 1; i < KEEPSAKES.burst; i++) {
    assertEquals(bob.say(`@a /notify as=n${i}`).at(-1), "@a ok");
  }
  assert(bob.say("@a /offer post a bicycle").at(-1)?.startsWith("@a ok"));
  const busy =
    "@a error busy Too many new names and offers come from your address: try again in 30 s";
  assertEquals(bob.say("@a /notify as=one-more"), [busy]);
  assertEquals(bob.say("@a /offer post a boat"), [busy]);
  assertEquals(bob.say("@a /notify as=n1").at(-1), "@a ok");
  here.pass(KEEPSAKES.everyMs);
  assertEquals(bob.say("@a /notify as=one-more").at(-1), "@a ok");
  assertEquals(bob.say("@a /notify as=another"), [busy]);
});
