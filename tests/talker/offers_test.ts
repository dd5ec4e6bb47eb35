import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { headlineOf } from "../../lib/talker/commands/offers.ts";
import { FakeNotifications } from "../support/fake_notifications.ts";
import { Room, WALL } from "../support/talker_room.ts";

const LONG = "A bicycle, blue, 28 inches, hardly used, with a new chain and two spare tyres";
const HEADLINE = "A bicycle, blue, 28 inches, hardly used, with a new chain…";

function openRoom() {
  const board: FakeNotifications = new FakeNotifications(() => room.now, () => WALL + room.now);
  const room: Room = new Room({ notifications: board });
  return { room, board };
}

Deno.test("offers: posted, announced, listed, shown, withdrawn", () => {
  const { room } = openRoom();
  const ann = room.client("ann"), bob = room.client("bob");
  bob.say("/notify offers");
  bob.got();
  ann.got();
  assertEquals(ann.say(`@1 /offer post ${LONG}`), ["@1 Offer n.1 posted", "@1 ok n.1"]);
  assertEquals(bob.got(), [`NOTIFY n.1 offers ${HEADLINE}`]);
  ann.say("/offer post A chair");
  assertEquals(bob.say("/offers"), [
    "NOTIFY n.2 offers A chair",
    "There are 2 offers:",
    `  n.1 ${HEADLINE}`,
    "  n.2 A chair",
  ]);
  const time = new Date(WALL).toISOString();
  assertEquals(bob.say("@2 /offer n.1"), [
    `@2 Offer n.1 by ann@kitchen, ${time}:`,
    `@2   ${LONG}`,
    "@2 ok",
  ]);
  assertEquals(bob.say("@3 /offer withdraw n.1"), [
    "@3 error denied Offer n.1 is by ann: only ann and operators withdraw it",
  ]);
  assertEquals(ann.say("@4 /offer withdraw n.1"), ["@4 Offer n.1 withdrawn", "@4 ok n.1"]);
  const eve = room.client("eve", { operator: true });
  eve.got();
  assertEquals(eve.say("/offer WITHDRAW n.2", "/offers"), [
    "Offer n.2 withdrawn",
    "There are 0 offers:",
  ]);
});

Deno.test("offers: JSON", () => {
  const { room } = openRoom();
  const ann = room.client("ann");
  ann.say("/format json");
  const say = (line: string) => ann.say(line).map((text) => JSON.parse(text));
  const time = new Date(WALL).toISOString();
  assertEquals(say(`/offer post ${LONG}`), [
    { type: "reply", text: "Offer n.1 posted", id: "n.1" },
  ]);
  assertEquals(say("/offers"), [
    { type: "reply", text: "There are 1 offers:", offers: 1 },
    {
      type: "reply",
      text: `  n.1 ${HEADLINE}`,
      id: "n.1",
      headline: HEADLINE,
      nick: "ann",
      server: "kitchen",
      time,
    },
  ]);
  const [first, second] = say("/offer n.1");
  assertEquals(first, {
    type: "reply",
    text: `Offer n.1 by ann@kitchen, ${time}:`,
    id: "n.1",
    nick: "ann",
    server: "kitchen",
    time,
    details: LONG,
  });
  assertEquals(second, { type: "reply", text: `  ${LONG}` });
  assertEquals(say("/offer withdraw n.1"), [
    { type: "reply", text: "Offer n.1 withdrawn", id: "n.1" },
  ]);
});

Deno.test("offers: a headline is the beginning, of at most 60 characters, whole words where there are some", () => {
  assertEquals(headlineOf("x".repeat(60)), "x".repeat(60));
  assertEquals(headlineOf("x".repeat(61)), `${"x".repeat(60)}…`);
  assertEquals(headlineOf(`${"x".repeat(60)} y`), `${"x".repeat(60)}…`);
  assertEquals(headlineOf("🚲".repeat(61)), `${"🚲".repeat(60)}…`);
  fc.assert(fc.property(fc.string({ unit: "grapheme", maxLength: 200 }), (text) => {
    const headline = headlineOf(text);
    const whole = text.trim();
    if (headline === whole) return [...whole].length <= 60;
    assert(headline.endsWith("…") && whole.startsWith(headline.slice(0, -1)));
    return [...headline].length <= 61;
  }));
});
