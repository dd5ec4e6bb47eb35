import { assert, assertEquals } from "@std/assert";
import { FakeNotifications } from "../support/fake_notifications.ts";
import { Room, type RoomClient, WALL } from "../support/talker_room.ts";

function openRoom() {
  const board: FakeNotifications = new FakeNotifications(() => room.now, () => WALL + room.now);
  const room: Room = new Room({ notifications: board });
  return { room, board };
}

/** Both have read everything so far. */
function read(...clients: RoomClient[]): void {
  for (const client of clients) client.got();
}

Deno.test("notify: in the mode there are notifications, answers and whispers, and no chat", () => {
  const { room } = openRoom();
  const bob = room.client("bob"), eve = room.client("eve");
  read(bob, eve);
  eve.say("before");
  assertEquals(bob.say("/notify hits door/*"), ["eve: before", "Notifications on for 60 s"]);
  eve.say("secret", "/me waves", "/nick Eva", "@1 /publish hits one", "/publish other no");
  room.client("new").say("/quit");
  room.pass(1_000);
  room.talker.notice("attic is back");
  assertEquals(bob.got(), ["NOTIFY n.1 hits one"]);
  eve.say("/tell bob psst");
  assertEquals(bob.say("@7 /ping x", "/ack n.1"), [
    "Eva whispers: psst",
    "@7 pong x",
    "@7 ok",
    "Acknowledged n.1",
  ]);
  assert(eve.say("/who").includes("    bob"));
  eve.say("still");
  assertEquals(bob.say("/normal"), ["Notifications off"]);
  eve.say("hello again", "/publish hits two");
  assertEquals(bob.got(), ["Eva: hello again"]);
  assertEquals(bob.say("/normal"), ["Notifications off"]);
});

Deno.test("notify: what one says oneself is said, and not heard in the mode", () => {
  const { room } = openRoom();
  const bob = room.client("bob"), eve = room.client("eve");
  bob.say("/notify");
  read(bob, eve);
  assertEquals(bob.say("to all"), []);
  assertEquals(eve.got(), ["bob: to all"]);
  bob.say("/echo off");
  assertEquals(bob.say("more", "/normal", "last"), ["Notifications off"]);
  assertEquals(eve.say("x"), ["bob: more", "bob: last", "eve: x"]);
  assertEquals(bob.got(), ["eve: x"]);
});

Deno.test("notify: what is remembered follows the whole answer, in the order of its lines", () => {
  const { room } = openRoom();
  const bob = room.client("bob");
  read(bob);
  bob.say("/publish hits one", "/publish hits two");
  assertEquals(bob.say("@t /notify since=n.1"), [
    "@t Notifications on for 60 s",
    "@t ok",
    "NOTIFY n.2 hits two",
  ]);
  assertEquals(bob.say("@t /notify since=all timeout=1.5"), [
    "@t Notifications on for 1.5 s",
    "@t ok",
    "NOTIFY n.1 hits one",
    "NOTIFY n.2 hits two",
  ]);
  assertEquals(bob.say("@t /notify since=never"), [
    "@t Notifications on for 60 s",
    "@t never is not remembered: all that is remembered follows",
    "@t ok",
    "NOTIFY n.1 hits one",
    "NOTIFY n.2 hits two",
  ]);
});

Deno.test("notify: JSON, in every line", () => {
  const { room } = openRoom();
  const bob = room.client("bob");
  bob.say("/publish hits one", "/format json");
  const time = new Date(WALL).toISOString();
  const say = (line: string) => bob.say(line).map((text) => JSON.parse(text));
  assertEquals(say("@a /notify hits as=Bob since=x timeout=5"), [
    {
      type: "reply",
      tag: "a",
      text: "Notifications on for 5 s",
      timeout: 5,
      topics: ["hits"],
      as: "Bob",
      pending: 1,
      last: "n.1",
    },
    {
      type: "reply",
      tag: "a",
      text: "x is not remembered: all that is remembered follows",
      unknown: "x",
    },
    { type: "ok", tag: "a" },
    { type: "notify", id: "n.1", topic: "hits", text: "one", time, nick: "bob", server: "kitchen" },
  ]);
  assertEquals(say("@b /publish hits two"), [
    {
      type: "notify",
      id: "n.2",
      topic: "hits",
      text: "two",
      time,
      nick: "bob",
      server: "kitchen",
    },
    {
      type: "reply",
      tag: "b",
      text: "Published n.2 to 1 subscribers",
      id: "n.2",
      topic: "hits",
      subscribers: 1,
    },
    { type: "ok", tag: "b", id: "n.2" },
  ]);
  assertEquals(say("@c /ack n.2"), [
    { type: "reply", tag: "c", text: "Acknowledged n.2", id: "n.2" },
    { type: "ok", tag: "c", id: "n.2" },
  ]);
  assertEquals(say("/topics"), [
    { type: "reply", text: "There are 1 topics:", topics: 1 },
    {
      type: "reply",
      text: "  hits: 2 notifications, 1 subscribers",
      topic: "hits",
      notifications: 2,
      subscribers: 1,
    },
  ]);
  room.pass(5_000);
  assertEquals(bob.objects(), [{
    type: "notice",
    time: new Date(WALL + 5_000).toISOString(),
    text: "Notifications off after 5 s: /notify goes on",
    notifications: false,
  }]);
});

Deno.test("notify: the server ends the mode in time, chat goes on from then, and /notify goes on", () => {
  const { room } = openRoom();
  const bob = room.client("bob"), eve = room.client("eve");
  bob.say("/notify timeout=10");
  room.pass(5_000);
  assertEquals(bob.say("/notify timeout=10"), ["Notifications on for 10 s"]);
  room.pass(9_999);
  eve.say("unheard");
  assertEquals(bob.got(), []);
  room.pass(1);
  eve.say("heard");
  assertEquals(bob.got(), ["Notifications off after 10 s: /notify goes on", "eve: heard"]);
  bob.say("/notify");
  assertEquals(eve.say("/publish x 1").at(-1), "Published n.1 to 1 subscribers");
});

Deno.test("notify: a name that comes back elsewhere takes over; acknowledgements still count", () => {
  const { room, board } = openRoom();
  const bob = room.client("bob"), again = room.client("bob2");
  bob.say("/notify as=phone", "/publish x 1");
  read(again);
  assertEquals(again.say("/notify as=phone"), ["Notifications on for 60 s"]);
  assertEquals(bob.got(), [
    "Notifications off: phone came back on another connection",
  ]);
  assertEquals(bob.say("/ack n.1"), ["Acknowledged n.1"]);
  assertEquals([...board.subscriptions[0]?.acknowledged ?? []], ["n.1"]);
  again.say("/normal");
  assertEquals(again.say("/ack n.9"), ["No notification n.9 was for you"]);
});

Deno.test("notify: renewing with the same name isn't a take-over", () => {
  const { room } = openRoom();
  const bob = room.client("bob");
  bob.say("/notify as=phone");
  assertEquals(bob.say("/notify as=phone"), ["Notifications on for 60 s"]);
  bob.say("speech");
  assertEquals(bob.got(), []);
});

Deno.test("notify: who leaves, or is thrown out, is no subscriber any more", () => {
  const { room, board } = openRoom();
  const bob = room.client("bob"), eve = room.client("eve", { operator: true });
  const gone = room.client("gone");
  for (const client of [bob, gone]) client.say("/notify");
  room.talker.leave(gone.session);
  eve.say("/kill bob");
  assertEquals(board.subscriptions.map(({ active }) => active), [false, false]);
  assertEquals(board.subscriptions.map(({ abandoned }) => abandoned), [true, true]);
  assertEquals(bob.got().slice(-1), ["You were disconnected by an operator"]);
  assertEquals(eve.say("/publish x 1").slice(-1), ["Published n.1 to 0 subscribers"]);
});

Deno.test("notify: formats and nicks change in the mode; a service and frames have it, too", () => {
  const { room, board } = openRoom();
  const bob = room.client("bob"), eve = room.client("eve");
  const frames = room.client("frames", { framed: true });
  const service = room.client("x");
  room.talker.leave(service.session);
  read(bob, eve);
  assertEquals(bob.say("/notify"), ["Notifications on for 60 s"]);
  bob.say("/format json");
  eve.say("chat", "/publish a 1");
  const [pushed, ...more] = bob.got();
  assertEquals(more, []);
  assertEquals(JSON.parse(pushed as string).id, "n.1");
  bob.say("/nick Bobby");
  assertEquals(board.subscriptions[0]?.subscriber.nick, "Bobby");
  bob.say("/format text", "/normal");
  eve.say("chat");
  assertEquals(bob.got(), ["eve: chat"]);

  frames.got();
  assertEquals(frames.say("/notify"), ["Notifications on for 60 s"]);
  eve.say("chat", "/publish a 2");
  assertEquals(frames.got(), ["NOTIFY n.2 a 2"]);
});

Deno.test("notify: a service hears no chat after the mode either, and is in no list", () => {
  const { room } = openRoom();
  const eve = room.client("eve");
  const service = room.arrive();
  assertEquals(service.say("/service", "/notify a"), [
    "Welcome, guest2",
    "Notifications on for 60 s",
  ]);
  eve.say("chat", "/publish a 1");
  assertEquals(service.got(), ["NOTIFY n.1 a 1"]);
  assert(!eve.say("/who").some((line) => line.includes("guest")));
  service.say("/normal");
  eve.say("chat");
  assertEquals(service.got(), []);
});

Deno.test("notify: who doesn't read is pushed no more until it reads; others don't notice", () => {
  const { room, board } = openRoom();
  const stuck = room.client("stuck"), bob = room.client("bob");
  for (const client of [stuck, bob]) client.say("/notify x");
  read(stuck, bob);
  const text = "x".repeat(1_000);
  const count = 1_000;
  for (let i = 0; i < count; i++) {
    board.publish({ topic: "x", text: `${i} ${text}`, nick: "eve" });
    assertEquals(bob.got().length, 1);
  }
  const { session } = stuck;
  assert(session.outbox.privateBytes < 140 * 1024, `${session.outbox.privateBytes} bytes wait`);
  assert(!session.unread, "its acknowledgements are to be read");
  const got = stuck.got();
  assertEquals(
    got.map((line) => line.split(" ")[3]),
    Array.from({ length: count }, (_, i) => `${i}`),
  );
});

Deno.test("notify: many short ones, too", () => {
  const { room, board } = openRoom();
  const stuck = room.client("stuck");
  stuck.say("/notify x");
  for (let i = 0; i < 5_000; i++) board.publish({ topic: "x", text: "", nick: "eve" });
  assertEquals(stuck.session.outbox.pieces, 1_024);
  assertEquals(stuck.got().length, 5_000);
});

Deno.test("notify: what was dropped is told", () => {
  const { room, board } = openRoom();
  const bob = room.client("bob");
  bob.say("/notify x");
  board.subscriptions[0]?.subscriber.dropped(3);
  const text = "3 notifications were dropped: they were too many or too old";
  assertEquals(bob.got(), [text]);
  bob.say("/format json");
  board.subscriptions[0]?.subscriber.dropped(3);
  assertEquals(bob.objects().map(({ dropped, text }) => ({ dropped, text })), [
    { dropped: 3, text },
  ]);
});

Deno.test("notify: refused by the board, it is as before", () => {
  const { room, board } = openRoom();
  const bob = room.client("bob"), eve = room.client("eve");
  read(bob);
  board.refusal = "There are 1000 subscribers: no more are taken";
  assertEquals(bob.say("@1 /notify x"), [`@1 error busy ${board.refusal}`]);
  eve.say("chat");
  assertEquals(bob.got(), ["eve: chat"]);
});

Deno.test("notify: wrong usage names the value", () => {
  const { room } = openRoom();
  const bob = room.client("bob");
  read(bob);
  const notify = "Usage: /notify [TOPIC…] [since=ID|all] [timeout=S] [as=NAME]";
  const publish = "Usage: /publish TOPIC TEXT";
  const receipts = "Usage: /receipts ID [wait=S]";
  const offer = "Usage: /offer ID or post TEXT or withdraw ID";
  const wrong: [string, string][] = [
    ["/notify timeout=0", `${notify} (timeout=0: not 1 to 86400 seconds)`],
    ["/notify timeout=86401", `${notify} (timeout=86401: not 1 to 86400 seconds)`],
    ["/notify timeout=x", `${notify} (timeout=x: not 1 to 86400 seconds)`],
    ["/notify timeout=1 timeout=2", `${notify} (timeout twice)`],
    ["/notify a//b", `${notify} (a//b: not a topic)`],
    ["/notify **/b", `${notify} (**/b: not a topic)`],
    ["/notify as=", `${notify} (as=: not 1 to 32 letters, digits, - and _)`],
    ["/notify as=a b=c", `${notify} (b=c: not a topic)`],
    ["/notify since=/", `${notify} (since=/: neither an id nor all)`],
    [
      `/notify ${Array.from({ length: 65 }, (_, i) => `t${i}`).join(" ")}`,
      `${notify} (65 topics: not more than 64)`,
    ],
    ["/publish", publish],
    ["/publish door", publish],
    ["/publish door/* open", `${publish} (door/*: not a topic)`],
    ["/ack", "Usage: /ack ID"],
    ["/ack a b", "Usage: /ack ID (a b: not an id)"],
    ["/ack n.1", "No notification n.1 was for you"],
    ["/receipts", receipts],
    ["/receipts ?", `${receipts} (?: not an id)`],
    ["/receipts n.1 5", `${receipts} (5: not wait=0 to 86400 seconds)`],
    ["/receipts n.1 wait=-1", `${receipts} (wait=-1: not wait=0 to 86400 seconds)`],
    ["/receipts n.1 wait=1 x", `${receipts} (x: nothing stands there)`],
    ["/offer", offer],
    ["/offer post", `${offer} (post what?)`],
    ["/offer withdraw", `${offer} (withdraw which?)`],
    ["/offer a bike", `${offer} (a: post or withdraw)`],
    ["/offer n.7", "No offer n.7 is on the board: /offers lists them"],
    ["/offer withdraw n.7", "No offer n.7 is on the board: /offers lists them"],
  ];
  for (const [line, answer] of wrong) assertEquals(bob.say(line), [answer], line);
});

Deno.test("notify: a server without notifications says so", () => {
  const room = new Room();
  const bob = room.client("bob");
  read(bob);
  const none = "This server has no notifications";
  assertEquals(
    bob.say("/notify", "/publish a b", "/receipts n.1", "/offer post x", "/normal"),
    [none, none, none, none, "Notifications off"],
  );
  assertEquals(bob.say("/topics", "/offers"), ["There are 0 topics:", "There are 0 offers:"]);
});
