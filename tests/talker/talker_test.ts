import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import type { Mesh } from "../../lib/talker/mesh.ts";
import { COMMANDS } from "../../lib/talker/commands/mod.ts";
import { FakeNotifications } from "../support/fake_notifications.ts";
import { Room, RoomClient, WALL } from "../support/talker_room.ts";

Deno.test("talker: welcome at once, joined with the first line", () => {
  const room = new Room();
  const first = new RoomClient(room);
  assertEquals(first.got(), ["Welcome, guest1"]);
  const second = new RoomClient(room);
  assertEquals(second.say("", "hi"), ["Welcome, guest2", "guest2 has joined", "guest2: hi"]);
  assertEquals(first.got(), ["guest2 has joined", "guest2: hi"]);
});

Deno.test("talker: joined after half a second of silence, not before", () => {
  const room = new Room();
  const client = new RoomClient(room);
  room.pass(499);
  assertEquals(client.got(), ["Welcome, guest1"]);
  room.pass(1);
  assertEquals(client.got(), ["guest1 has joined"]);
});

Deno.test("talker: a crowd is announced together, coming and going", () => {
  const room = new Room();
  const host = room.client("host");
  room.pass(5000);
  host.got();
  const crowd = Array.from({ length: 37 }, () => new RoomClient(room));
  room.pass(3000);
  assertEquals(host.got(), ["37 have joined: guest2, guest3, guest4 and 34 more"]);
  for (const client of crowd) room.talker.leave(client.session);
  room.pass(3000);
  assertEquals(host.got(), ["37 have left: guest2, guest3, guest4 and 34 more"]);
});

Deno.test("talker: who was never announced does not leave either", () => {
  const room = new Room();
  const host = room.client("host");
  const gone = new RoomClient(room);
  room.talker.leave(gone.session);
  room.talker.leave(gone.session);
  room.pass(5000);
  assertEquals(host.got(), []);
});

Deno.test("talker: leaving is told before somebody else takes the nick", () => {
  const room = new Room();
  const host = room.client("host"), bob = room.client("bob");
  host.got();
  room.talker.leave(bob.session);
  room.client("bob");
  assertEquals(host.got(), ["bob has left", "guest3 has joined", "guest3 renames themself as bob"]);
});

Deno.test("talker: speech, as text, with a slash, with an @, tagged", () => {
  const room = new Room();
  const bob = room.client("bob"), eve = room.client("eve");
  bob.got();
  assertEquals(bob.say("hi", "//who", "@eve hi", "@t //x", "/say y", "@u /say z", "/me waves"), [
    "bob: hi",
    "bob: /who",
    "bob: @eve hi",
    "bob: /x",
    "@t ok k.1.4",
    "bob: y",
    "bob: z",
    "@u ok k.1.6",
    "* bob waves",
  ]);
  assertEquals(eve.got().length, 7);
});

Deno.test("talker: control characters and bad UTF-8 don't reach others", () => {
  const room = new Room();
  const bob = room.client("bob");
  assertEquals(bob.say("a\x1b[2Jb\x07\tc\u{9b}d"), ["bob: a[2Jb\tcd"]);
  const bytes = Uint8Array.of(0x61, 0xff, 0x62);
  room.talker.line(bob.session, bytes, 0, 3, false);
  assertEquals(bob.got(), ["bob: a\u{FFFD}b"]);
  assertEquals(bob.say("\x1b\x07"), []);
});

Deno.test("talker: nicks", () => {
  const room = new Room();
  const bob = room.client("bob"), eve = room.client("eve");
  bob.got();
  assertEquals(bob.say("/nick EVE"), ["Nick EVE is taken"]);
  assertEquals(bob.say("@1 /nick Eve"), ["@1 error taken Nick Eve is taken"]);
  assertEquals(bob.say("/nick Bob"), ["bob renames themself as Bob"]);
  assertEquals(bob.say("@2 /nick Bob"), ["@2 You are already Bob", "@2 ok"]);
  assertMatch(bob.say("/nick a b")[0] as string, /^Usage: \/nick NAME/);
  assertMatch(bob.say("/nick")[0] as string, /^Usage: \/nick NAME/);
  assertEquals(bob.say("x"), ["Bob: x"]);
  assertEquals(eve.got(), ["bob renames themself as Bob", "Bob: x"]);
});

Deno.test("talker: who", () => {
  const room = new Room();
  const bob = room.client("bob");
  room.client("anna");
  new RoomClient(room);
  bob.got();
  assertEquals(bob.say("@w /who"), [
    "@w There are 3 users online on 1 servers:",
    "@w   Server: kitchen",
    "@w     anna",
    "@w     bob",
    "@w     guest3",
    "@w ok",
  ]);
});

Deno.test("talker: whispers", () => {
  const room = new Room();
  const bob = room.client("bob"), eve = room.client("eve");
  bob.got();
  assertEquals(bob.say("/tell EVE  hi there"), ["You whisper to eve: hi there"]);
  assertEquals(eve.got(), ["bob whispers: hi there"]);
  assertEquals(bob.say("/tell eve@kitchen x"), ["You whisper to eve: x"]);
  assertEquals(bob.say("/tell eve@attic x"), ["Nobody called eve@attic"]);
  assertEquals(bob.say("@1 /tell nobody x"), ["@1 error not-found Nobody called nobody"]);
  assertEquals(bob.say("/tell eve"), ["Usage: /tell NICK[@SERVER] TEXT"]);
});

Deno.test("talker: history", () => {
  const room = new Room();
  const bob = room.client("bob");
  bob.say("one", "/me waves");
  assertEquals(bob.say("/history"), [
    "2026-01-02T03:04:05.000Z bob: one",
    "2026-01-02T03:04:05.000Z * bob waves",
  ]);
  assertEquals(bob.say("/history 1 since=k.1.0").length, 1);
  assertEquals(bob.say("/history since=k.1.2"), []);
  assertEquals(bob.say("/history since=k.1.3"), ["No line with the id k.1.3 is known here"]);
  assertEquals(
    bob.say("@x /history since=other.1.1")[0],
    "@x error not-found No line with the id other.1.1 is known here",
  );
  assertEquals(bob.say("/history one"), ["Usage: /history [N] [since=ID]"]);
  assertEquals(bob.say("/history since="), ["Usage: /history [N] [since=ID]"]);
});

Deno.test("talker: time, ping, random, help, unknown", () => {
  const room = new Room();
  const bob = room.client("bob");
  assertEquals(bob.say("/time", "/ping", "/PING a  b"), [
    "2026-01-02T03:04:05.000Z",
    "pong",
    "pong a  b",
  ]);
  assertMatch(bob.say("/random")[0] as string, /^\d+$/);
  assertEquals(bob.say("/random 4 7 7"), ["7 7 7 7"]);
  assertEquals((bob.say("/random 1000 -5 5")[0] as string).split(" ").length, 1000);
  for (
    const bad of ["x", "0", "1001", "1 2", "1 2 3 4", "1 9 2", "1 1.5 2", "1 0 9007199254740992"]
  ) {
    assertMatch(bob.say(`/random ${bad}`)[0] as string, /^Usage: \/random \[N \[MIN MAX\]\]/, bad);
  }
  assertEquals(bob.say("/foo"), ["Unknown command: /foo; did you mean /who?"]);
  assertMatch(
    bob.say("@1 /nik x")[0] as string,
    /^@1 error unknown-command Unknown command: \/nik; .*\/nick/,
  );
  assert(bob.say("/help").some((line) => line.startsWith("  /nick NAME")));
  assertMatch(bob.say("/help nick")[0] as string, /^\/nick NAME: /);
});

Deno.test("talker: every command has its help, and its usage names it", () => {
  const room = new Room();
  const bob = room.client("bob", { operator: true });
  for (const line of bob.say("/help").slice(1, -1)) {
    const name = /^ {2}\/([\w-]+)/.exec(line)?.[1];
    assert(name !== undefined, line);
    assert((bob.say(`/help ${name}`)[0] as string).startsWith(`/${name}`));
  }
});

Deno.test("talker: echo off, for one and for all", () => {
  const room = new Room();
  const bob = room.client("bob"), eve = room.client("eve");
  bob.got();
  assertEquals(bob.say("/echo off", "a", "b", "/ping", "c", "/echo on", "d"), ["pong", "bob: d"]);
  assertEquals(eve.got(), ["bob: a", "bob: b", "bob: c", "bob: d"]);
  const quiet = new Room({ echo: false });
  const anna = quiet.client("anna");
  assertEquals(anna.say("a", "@1 /say b", "/echo on", "c"), ["@1 ok k.1.2", "anna: c"]);
});

Deno.test("talker: a service is announced nowhere, and hears nothing", () => {
  const room = new Room();
  const bob = room.client("bob");
  const service = new RoomClient(room);
  assertEquals(service.say("@s /service", "@p /ping"), [
    "Welcome, guest2",
    "@s ok",
    "@p pong",
    "@p ok",
  ]);
  assertEquals(bob.say("hi", "/who").slice(-2), ["  Server: kitchen", "    bob"]);
  room.pass(5000);
  assertEquals(service.say("from afar"), []);
  assertEquals(service.say("/format json").map((line) => JSON.parse(line).type), ["welcome"]);
  room.talker.leave(service.session);
  room.pass(5000);
  assertEquals(bob.got(), ["guest2: from afar"]);
  assertEquals(bob.say("/service"), ["/service must be the first line"]);
});

Deno.test("talker: operators only", () => {
  const room = new Room();
  const bob = room.client("bob"), root = room.client("root", { operator: true });
  bob.got();
  assertMatch(bob.say("@k /kill root")[0] as string, /^@k error denied .*\/kill is for operators/);
  assertEquals(root.say("/kill nobody"), ["Nobody called nobody"]);
  assertEquals(root.say("@k /kill BOB"), ["@k bob is disconnected", "@k ok"]);
  assertEquals(bob.got(), ["You were disconnected by an operator"]);
  assert(bob.finished);
  assertEquals(bob.say("still here?"), []);
  room.pass(200);
  assertEquals(root.got(), ["bob has left"]);
  assert(root.say("/stats").length >= 3);
});

Deno.test("talker: quit says goodbye, and nothing after it", () => {
  const room = new Room();
  const bob = room.client("bob"), eve = room.client("eve");
  bob.got();
  assertEquals(bob.say("@q /quit", "too late"), ["@q Goodbye", "@q ok"]);
  assert(bob.finished);
  eve.say("hi");
  assertEquals(bob.got(), []);
});

Deno.test("talker: JSON, each type", () => {
  const room = new Room();
  const bob = room.client("bob"), eve = room.client("eve");
  bob.got();
  const time = "2026-01-02T03:04:05.000Z", server = "kitchen";
  bob.say("before");
  eve.got();
  assertEquals(eve.say("@f /format json").map((line) => JSON.parse(line)), [
    { type: "welcome", nick: "eve", server, time, text: "Welcome, eve" },
    { type: "ok", tag: "f" },
  ]);
  bob.say('say "hi"\\', "/me waves", "/tell eve psst", "/nick bobby");
  assertEquals(eve.objects(), [
    { type: "speech", id: "k.1.2", time, nick: "bob", server, text: 'say "hi"\\' },
    { type: "action", id: "k.1.3", time, nick: "bob", server, text: "waves" },
    { type: "whisper", time, nick: "bob", server, text: "psst" },
    {
      type: "renamed",
      time,
      server,
      old: "bob",
      nick: "bobby",
      text: "bob renames themself as bobby",
    },
  ]);
  eve.say("@h /history 1", "/foo", "@r /random 2 5 5");
  assertEquals(eve.objects().length, 0, "say has read it");
  const [reply, ok] = eve.say("@h /history 1").map((line) => JSON.parse(line));
  assertEquals(reply, {
    type: "reply",
    tag: "h",
    text: `${time} * bob waves`,
    id: "k.1.3",
    time,
    nick: "bob",
    server,
    kind: "action",
    said: "waves",
  });
  assertEquals(ok, { type: "ok", tag: "h" });
  assertEquals(eve.say("/foo").map((line) => JSON.parse(line)), [
    { type: "error", code: "unknown-command", text: "Unknown command: /foo; did you mean /who?" },
  ]);
  assertEquals(eve.say("@r /random 2 5 5").map((line) => JSON.parse(line))[0], {
    type: "reply",
    tag: "r",
    text: "5 5",
    numbers: [5, 5],
  });
  room.talker.leave(bob.session);
  const late = new RoomClient(room);
  late.say("x");
  assertEquals(
    eve.objects().slice(0, 2).map(({ type, nick, nicks, count, text }) => ({
      type,
      nick,
      nicks,
      count,
      text,
    })),
    [
      { type: "left", nick: "bobby", nicks: ["bobby"], count: 1, text: "bobby has left" },
      { type: "joined", nick: "guest3", nicks: ["guest3"], count: 1, text: "guest3 has joined" },
    ],
  );
  assertEquals(eve.say("/format text", "y").at(-1), "eve: y");
});

Deno.test("talker: frames carry the same records, CR and LF become spaces", () => {
  const room = new Room();
  const bob = room.client("bob"), eve = room.client("eve", { framed: true });
  bob.got();
  assertEquals(eve.say("a\r\nb"), ["eve: a  b"]);
  assertEquals(bob.say("grüße"), ["eve: a  b", "bob: grüße"]);
  assertEquals(eve.got(), ["bob: grüße"]);
  eve.say("/format json");
  bob.say("z");
  assertEquals(eve.objects()[0]?.text, "z");
});

Deno.test("talker: too long, also in a frame", () => {
  const room = new Room();
  const bob = room.client("bob");
  assertEquals(bob.say("x".repeat(8193)), ["Line too long"]);
  assertEquals(bob.say("x".repeat(8192)), [`bob: ${"x".repeat(8192)}`]);
});

Deno.test("talker: times are those of the moment", () => {
  const room = new Room();
  const bob = room.client("bob");
  room.pass(61_000);
  assertEquals(bob.say("/time"), [new Date(WALL + 61_000).toISOString()]);
});

const anyLine = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.constantFrom(
    "/who",
    "/nick x",
    "/nick X",
    "/tell x y",
    "/say a",
    "/me b",
    "/echo off",
    "/echo on",
    "/format json",
    "/format text",
    "/history",
    "/service",
    "/help",
    "//",
    "/",
    "@a /",
    "@a //x",
    "@b /quit",
    "@c /say é",
    "",
  ),
);

Deno.test("talker: whatever is said, all hear the same in the same order, and no control characters", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3), anyLine), { maxLength: 40 }), (script) => {
      const room = new Room();
      const listeners = [room.client("ear1"), room.client("ear2")];
      for (const listener of listeners) listener.got();
      const speakers = Array.from({ length: 4 }, () => new RoomClient(room));
      for (const [who, line] of script) {
        const lines = (speakers[who] as RoomClient).say(line);
        for (const got of lines) {
          // deno-lint-ignore no-control-regex
          assert(!/[\x00-\x08\x0a-\x1f\x7f-\x9f]/.test(got), JSON.stringify(got));
        }
        room.pass(100);
      }
      room.pass(5000);
      const [one, two] = listeners.map((listener) => listener.got());
      assertEquals(one, two);
    }),
    { numRuns: 300 },
  );
});

Deno.test("talker: each tagged command gets exactly one end, and it comes last", () => {
  const command = fc.constantFrom(
    "/who",
    "/nick a",
    "/nick ä ö",
    "/tell a b",
    "/say x",
    "/me",
    "/me x",
    "/history",
    "/history since=k.1.1",
    "/time",
    "/random",
    "/random 0",
    "/ping",
    "/format json",
    "/format text",
    "/format",
    "/echo off",
    "/kill a",
    "/help",
    "/nope",
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 30 }), (commands) => {
      const room = new Room();
      const bob = room.client("bob");
      const lines = bob.say(...commands.map((text, i) => `@t${i} ${text}`));
      const ends: string[] = [];
      for (const line of lines) {
        if (line.startsWith("{")) {
          const { type, tag } = JSON.parse(line);
          if (type === "ok" || type === "error") ends.push(tag);
          else if (tag !== undefined) assertEquals(tag, `t${ends.length}`);
        } else {
          const [, tag, end] = /^@(t\d+) (ok|error)?/.exec(line) ?? [];
          if (end !== undefined) ends.push(tag as string);
          else if (tag !== undefined) assertEquals(tag, `t${ends.length}`);
        }
      }
      assertEquals(ends, commands.map((_, i) => `t${i}`));
    }),
    { numRuns: 200 },
  );
});

Deno.test("talker: what is said as a command keeps its blanks", () => {
  const room = new Room();
  const bob = room.client("bob");
  bob.got();
  assertEquals(bob.say("@1 /say   three before, two behind  ", "  as speech "), [
    "bob:   three before, two behind  ",
    "@1 ok k.1.1",
    "bob:   as speech ",
  ]);
  assertEquals(bob.say("/say   "), ["Usage: /say TEXT"]);
});

Deno.test("talker: what has no parameters and gets some answers with its usage; /quit leaves all the same", () => {
  const room = new Room();
  const bob = room.client("bob", { operator: true });
  bob.got();
  const bare = COMMANDS.filter(({ name, parameters }) =>
    parameters === "" && !["quit", "service"].includes(name)
  );
  assert(bare.length >= 9);
  for (const { name } of bare) {
    assertEquals(bob.say(`@t /${name} x`), [`@t error usage Usage: /${name}`]);
  }
  assertEquals(bob.say("@q /quit see you"), ["@q Goodbye", "@q ok"]);
  assert(bob.finished);
});

Deno.test("talker: who hears no chat is answered to /nick, /say and /me without a tag, too", () => {
  const notifications: FakeNotifications = new FakeNotifications(() => 0, () => WALL);
  const room = new Room({ notifications });
  const bob = room.client("bob"), service = room.arrive();
  bob.say("/notify x");
  service.say("/service");
  assertEquals(bob.say("/nick bobby", "/me waves", "/say hi", "hi"), [
    "bob renames themself as bobby",
    "* bobby waves",
    "bobby: hi",
  ]);
  assertEquals(bob.say("@1 /nick bob", "@2 /me waves"), ["@1 ok", "@2 ok k.1.4"]);
  assertEquals(bob.say("/echo off", "/me waves"), []);
  assertEquals(service.say("/nick robot", "/me beeps"), [
    "guest2 renames themself as robot",
    "* robot beeps",
  ]);
  service.say("/format json");
  assertEquals(service.say("/me beeps").map((line) => JSON.parse(line)), [{
    type: "action",
    id: "k.1.7",
    time: "2026-01-02T03:04:05.000Z",
    nick: "robot",
    server: "kitchen",
    text: "beeps",
  }]);
});

Deno.test("talker: whispers of one to another server stay in order, and from who said them", async () => {
  const found: (() => void)[] = [];
  const sent: string[] = [];
  const mesh = {
    alone: false,
    congested: false,
    presence() {},
    flush() {},
    serversCalled: (name: string) => name === "attic" ? [{ id: "a", name: "attic" }] : [],
    find: (nick: string) =>
      new Promise((resolve) =>
        found.push(() => resolve(nick === "bob" ? [{ nick, node: "a", server: "attic" }] : []))
      ),
    whisper: (from: string, node: string, to: string, text: string) => {
      sent.push(`${from} ${to}@${node} ${text}`);
      return Promise.resolve({ nick: to });
    },
  } as unknown as Mesh;
  const room = new Room({ mesh });
  const ann = room.client("ann");
  ann.got();
  const settled = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
  ann.say("/tell bob 0", "/tell Bob@attic 1", "/tell bob 2", "/tell bob@nowhere 3", "/tell eve x");
  ann.say("/tell cat@attic at once", "/nick anna", "/tell bob@attic 4");
  assertEquals(sent, ["ann cat@a at once"]);
  const [first, second, eve] = found.splice(0) as [() => void, () => void, () => void];
  eve();
  second();
  await settled();
  assertEquals(sent.length, 1);
  first();
  await settled();
  assertEquals(sent.slice(1), ["ann bob@a 0", "ann Bob@a 1", "ann bob@a 2", "anna bob@a 4"]);
  ann.got();
  assertEquals(ann.say("@5 /tell bob@attic 5"), []);
  assertEquals(sent.at(-1), "anna bob@a 5");
  await settled();
  assertEquals(ann.got(), ["@5 You whisper to bob@attic: 5", "@5 ok"]);
});
