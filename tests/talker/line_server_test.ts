import { assert, assertEquals, assertMatch } from "@std/assert";
import { addressOf } from "../../lib/net/tcp_server.ts";
import { LineServer, type LineServerOptions } from "../../lib/talker/line_server.ts";
import type { Mesh } from "../../lib/talker/mesh.ts";
import type { Session } from "../../lib/talker/session.ts";
import { FakeConnection, FakeListener } from "../support/fake_connection.ts";
import { FakeNotifications } from "../support/fake_notifications.ts";
import { MAX_PENDING_COMMANDS, QUESTIONS } from "../../lib/wire/limits.ts";

function serve(options: Partial<LineServerOptions> = {}) {
  const server = new LineServer({
    name: "kitchen",
    origin: "k.1.",
    random: () => 0,
    addressOf,
    isLocal: () => false,
    ...options,
  });
  const listener = new FakeListener();
  server.listen(listener, false);
  const connect = (hostname?: string) => {
    const connection = new FakeConnection(hostname);
    listener.arrives(connection);
    return connection;
  };
  return { server, listener, connect };
}

/** Everybody hangs up, so that no timer is left. */
async function leave(server: LineServer, ...connections: FakeConnection[]): Promise<void> {
  for (const connection of connections) {
    if (!connection.closed) connection.arrives(new Error("Reset"));
  }
  await server.stop();
}

Deno.test("line server: what is taken in small pieces arrives whole and in order", async () => {
  const { server, connect } = serve();
  const bob = connect(), eve = connect();
  bob.takes = 1;
  eve.takes = 7;
  await eve.until(() => eve.written.endsWith("Welcome, guest2\r\n"));
  for (let i = 0; i < 300; i++) bob.arrives(`line ${i}\n`);
  await eve.until(() => eve.written.includes("line 299\r\n"));
  await bob.until(() => bob.written.includes("line 299\r\n"));
  for (const { written } of [bob, eve]) {
    const lines = [...written.matchAll(/guest1: line (\d+)\r\n/g)].map((match) => Number(match[1]));
    assertEquals(lines, Array.from({ length: 300 }, (_, i) => i));
  }
  await leave(server, bob, eve);
});

Deno.test("line server: what waits for clients, and what they missed, is in the stats", async () => {
  const { server, connect } = serve({ isOperator: () => true });
  const bob = connect(), stuck = connect();
  await bob.until(() => bob.written.includes("Welcome"));
  stuck.takes = 0;
  bob.arrives(`${"x".repeat(1000)}\n`);
  await bob.until(() => bob.written.includes("xxx\r\n"));
  assert(server.queued >= 1000);
  server.talker.lossNotice(server.talker.roster.sessions()[0]!.format, 7);
  bob.arrives("@s /stats\n");
  await bob.until(() => bob.written.includes("@s ok"));
  assertMatch(bob.written, /queues: 1\d\d\d bytes wait for clients\r\n/);
  assertMatch(bob.written, /queues cut back 0 times, 7 lines dropped\r\n/);
  stuck.takes = Infinity;
  await leave(server, bob, stuck);
});

Deno.test("line server: one that takes nothing doesn't hold up the other", async () => {
  const { server, connect } = serve();
  const bob = connect(), stuck = connect();
  stuck.takes = 0;
  for (let i = 0; i < 100; i++) bob.arrives(`${i} ${"x".repeat(1000)}\n`);
  await bob.until(() => bob.written.includes("99 xxx"));
  assert(stuck.pending > 0);
  assertEquals(stuck.written, "");
  stuck.takes = Infinity;
  stuck.take(5);
  await stuck.until(() => stuck.written.includes("99 xxx"));
  assert(stuck.written.startsWith("Welcome, guest2\r\n"));
  await leave(server, bob, stuck);
});

Deno.test("line server: turns go on while a slow reader is waited for in silence", async () => {
  const { server, connect } = serve();
  const bob = connect(), slow = connect();
  slow.takes = 0;
  for (let i = 0; i < 2_000; i++) bob.arrives(`${i} ${"x".repeat(1000)}\n`);
  await bob.until(() => bob.written.includes("1999 xxx"));
  while (server.slowReaders === 0) await new Promise<void>((resolve) => setTimeout(resolve, 0));
  // Or what it takes at last would count as taken at once.
  const { turn } = server;
  while (server.turn < turn + 3) await new Promise<void>((resolve) => setTimeout(resolve, 0));
  await leave(server, bob, slow);
});

Deno.test("line server: what was asked before the end of the input is answered before the close", async () => {
  const { server, connect } = serve();
  const bob = connect();
  bob.arrives("/ping 1\n/ping 2\nunfinished");
  bob.arrives(null);
  await bob.until(() => bob.closed);
  assertEquals(
    bob.written,
    "Welcome, guest1\r\nguest1 has joined\r\npong 1\r\npong 2\r\n" +
      "A last line without a line end is not taken\r\n",
  );
  assertEquals(server.size, 0);
  await server.stop();
});

Deno.test("line server: nothing is said of an end between lines, nor behind /quit", async () => {
  const { server, connect } = serve();
  for (const sent of ["/ping\r\n", "/ping\r\0", "/quit\r\n/pi"]) {
    const bob = connect();
    bob.arrives(sent);
    bob.arrives(null);
    await bob.until(() => bob.closed);
    assert(!bob.written.includes("last line"), sent);
  }
  await server.stop();
});

Deno.test("line server: quit ends after the answer; what comes behind is passed over", async () => {
  const { server, connect } = serve();
  const bob = connect();
  bob.arrives("/quit\nhello?\n");
  await bob.until(() => bob.ended);
  assert(bob.written.endsWith("Goodbye\r\n"));
  assert(!bob.closed, "closing with input unread would reset the connection and lose the answer");
  bob.arrives("more\n");
  bob.arrives(null);
  await bob.until(() => bob.closed);
  assert(!bob.written.includes("hello?"));
  await server.stop();
});

Deno.test("line server: who asks and doesn't read is not read either", async () => {
  const { server, connect } = serve();
  const bob = connect();
  await bob.until(() => bob.written !== "");
  bob.takes = 0;
  const asked = 40_000;
  for (let i = 0; i < asked; i++) bob.arrives(`/ping ${"x".repeat(100)}\n`);
  await bob.until(() => bob.pending > 0);
  await new Promise<void>((resolve) => setTimeout(resolve, 0));
  const session = [...server.talker.roster.sessions()][0] as Session;
  assert(session.outbox.privateBytes < 1_000_000, `${session.outbox.privateBytes} bytes wait`);
  bob.takes = Infinity;
  bob.take(Infinity);
  await bob.until(() => bob.written.split("pong").length === asked + 1);
  await leave(server, bob);
});

Deno.test("line server: full, in all and for one address", async () => {
  const { server, connect } = serve({ maxClients: 3, maxClientsPerAddress: 2 });
  const [a, b, c] = [
    connect("198.51.100.1"),
    connect("198.51.100.1"),
    connect("::ffff:198.51.100.1"),
  ];
  await c.until(() => c.closed);
  assertMatch(c.written, /^Too many connections from 198\.51\.100\.1: .* 2 /);
  const d = connect("198.51.100.2"), e = connect("198.51.100.3");
  await e.until(() => e.closed);
  assertMatch(e.written, /^The server is full: it takes 3 /);
  a.arrives(new Error("Reset"));
  await a.until(() => a.closed);
  const f = connect("198.51.100.1");
  await f.until(() => f.written.startsWith("Welcome"));
  await leave(server, b, d, f);
});

Deno.test("line server: this machine's own are not counted for their address", async () => {
  const { server, connect } = serve({ maxClientsPerAddress: 1, isLocal: () => true });
  const connections = [connect(), connect(), connect()];
  for (const one of connections) await one.until(() => one.written.startsWith("Welcome"));
  await leave(server, ...connections);
});

Deno.test("line server: goes on accepting when accepting fails", async () => {
  const { server, listener, connect } = serve();
  listener.arrives(new Error("Too many open files (os error 24)"));
  const bob = connect();
  await bob.until(() => bob.written.startsWith("Welcome"));
  await leave(server, bob);
});

Deno.test("line server: a connection that breaks while it is written to is gone", async () => {
  const { server, connect } = serve();
  const bob = connect(), eve = connect();
  eve.takes = 0;
  bob.arrives("hi\n");
  await eve.until(() => eve.pending > 0);
  eve.arrives(new Error("Reset"));
  await eve.until(() => eve.closed);
  assertEquals(server.size, 1);
  bob.arrives("/who\n");
  await bob.until(() => bob.written.includes("There are 1 users"));
  await leave(server, bob);
});

Deno.test("line server: stopping says goodbye, and waits for those who read", async () => {
  const { server, connect } = serve();
  const bob = connect();
  bob.takes = 3;
  await bob.until(() => bob.written.endsWith("Welcome, guest1\r\n"));
  const stopped = server.stop();
  await bob.until(() => bob.ended);
  assert(bob.written.endsWith("The server kitchen is shutting down. Goodbye\r\n"));
  bob.arrives(null);
  await stopped;
  assert(bob.closed);
});

Deno.test("line server: who has too much waiting for the disk is read again when it is there", async () => {
  let disk = Promise.withResolvers<void>();
  const { server, connect } = serve({ durable: () => disk.promise });
  const bob = connect();
  await bob.until(() => bob.written !== "");
  // Untagged: their confirmation writes nothing that would wake the connection.
  const said = 20_000;
  for (let i = 0; i < said; i++) bob.arrives(`/say ${"x".repeat(30)}\n`);
  const count = () => server.talker.counters.commands;
  await bob.until(() => count() > 4_000);
  for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => setTimeout(resolve, 0));
  assert(count() < said, "more was read than the disk has taken");
  for (let before = 0; count() < said;) {
    assert(count() > before, "nothing more was read");
    before = count();
    const settled = disk;
    disk = Promise.withResolvers();
    settled.resolve();
    for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => setTimeout(resolve, 0));
  }
  bob.arrives("@last /say end\n");
  await bob.until(() => bob.written.endsWith("guest1: end\r\n"));
  disk.resolve();
  await bob.until(() => /@last ok k\.1\.20001\r\n$/.test(bob.written));
  await leave(server, bob);
});

Deno.test("line server: what was done before the end of the input, or /quit, is confirmed before the close", async () => {
  const disk = Promise.withResolvers<void>();
  const { server, connect } = serve({ durable: () => disk.promise });
  const bob = connect(), eve = connect();
  bob.arrives("@1 /say hi\n");
  bob.arrives(null);
  eve.arrives("@1 /say hi\n@2 /quit\n@3 /ping\n");
  await eve.until(() => eve.written.endsWith("hi\r\n"));
  for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => setTimeout(resolve, 0));
  assert(!eve.ended && !bob.ended);
  disk.resolve();
  await bob.until(() => bob.closed);
  await eve.until(() => eve.ended);
  assertMatch(bob.written, /@1 ok k\.1\.\d\r\n$/);
  assertMatch(eve.written, /@1 ok k\.1\.\d\r\n@2 Goodbye\r\n@2 ok\r\n$/);
  eve.arrives(null);
  await server.stop();
});

Deno.test("line server: notifications wait for a slow reader, and come when it reads; the mode ends in time", async () => {
  const notifications = new FakeNotifications(() => performance.now(), () => Date.now());
  const { server, connect } = serve({ notifications });
  const bob = connect(), eve = connect();
  bob.arrives("/notify x timeout=3600\n");
  await bob.until(() => bob.written.endsWith("Notifications on for 3600 s\r\n"));
  bob.takes = 0;
  const count = 2_000;
  for (let i = 0; i < count; i++) eve.arrives(`/publish x ${i} ${"y".repeat(200)}\n`);
  await eve.until(() => eve.written.includes(`Published n.${count} `));
  const [subscription] = notifications.subscriptions;
  assert((subscription?.pending ?? 0) > 0, "all were queued in the server");
  bob.takes = 1_000;
  bob.take(Infinity);
  await bob.until(() => bob.written.includes(`NOTIFY n.${count} `));
  const pushed = [...bob.written.matchAll(/^NOTIFY n\.(\d+) /gm)].map(([, number]) =>
    Number(number)
  );
  assertEquals(pushed, Array.from({ length: count }, (_, i) => i + 1));
  // When a third one's half second of silence is over, nothing else is due any more.
  const silent = connect();
  await eve.until(() => eve.written.endsWith("guest3 has joined\r\n"));
  eve.arrives("/notify y timeout=1\n");
  await eve.until(() => eve.written.endsWith("Notifications off after 1 s: /notify goes on\r\n"));
  await leave(server, bob, eve, silent);
});

Deno.test("line server: a burst of questions beyond the rate is answered, all of it and in order", async () => {
  const { server, connect } = serve();
  const bob = connect("192.0.2.7");
  const count = QUESTIONS.burst + 20;
  let burst = "";
  for (let i = 1; i <= count; i++) burst += `@${i} /tell eve hi\n`;
  bob.arrives(burst);
  await bob.until(() => bob.written.includes(`@${count} `));
  const tags = [...bob.written.matchAll(/^@(\d+) error not-found/gm)].map(([, tag]) => Number(tag));
  assertEquals(tags, Array.from({ length: count }, (_, i) => i + 1));
  await leave(server, bob);
});

/** A mesh that answers `/who` when the test says so. */
function slowMesh() {
  const waiting: (() => void)[] = [];
  const mesh = {
    alone: false,
    congested: false,
    stats: () => [],
    presence() {},
    flush() {},
    said: () => 1,
    who: () => new Promise((resolve) => waiting.push(() => resolve({ servers: [], silent: [] }))),
    origin: { prefix: "k.1.", server: "kitchen" },
  };
  return { mesh: mesh as unknown as Mesh, waiting };
}

const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => setTimeout(resolve, 0));
};

Deno.test("line server: a burst beyond what may be pending waits unread, and each is answered", async () => {
  const { mesh, waiting } = slowMesh();
  const { server, connect } = serve({ mesh, isLocal: () => true });
  const bob = connect();
  const count = 2 * MAX_PENDING_COMMANDS + 500;
  let burst = "";
  for (let i = 1; i <= count; i++) burst += `@${i} /who\n`;
  bob.arrives(burst);
  let answered = 0;
  while (answered < count) {
    await turns(20);
    assertEquals(waiting.length, Math.min(count - answered, MAX_PENDING_COMMANDS));
    answered += waiting.length;
    for (const answer of waiting.splice(0)) answer();
  }
  await bob.until(() => bob.written.endsWith(`@${count} ok\r\n`));
  const tags = [...bob.written.matchAll(/^@(\d+) ok/gm)].map(([, tag]) => Number(tag));
  assertEquals(tags, Array.from({ length: count }, (_, i) => i + 1));
  await leave(server, bob);
});

Deno.test("line server: who is not read since too much is pending, and hangs up, is gone with the answers", async () => {
  const { mesh, waiting } = slowMesh();
  const { server, connect } = serve({ mesh, isLocal: () => true });
  const bob = connect();
  for (let i = 0; i <= MAX_PENDING_COMMANDS; i++) bob.arrives("/who\n");
  await turns(20);
  bob.arrives(new Error("Reset"));
  assertEquals([waiting.length, server.size], [MAX_PENDING_COMMANDS, 1]);
  for (const answer of waiting.splice(0)) answer();
  await turns(20);
  for (const answer of waiting.splice(0)) answer();
  await bob.until(() => bob.closed);
  assertEquals(server.size, 0);
  await server.stop();
});

Deno.test("line server: /quit waits for what was asked before; what stands behind it is passed over", async () => {
  const { mesh, waiting } = slowMesh();
  const { server, connect } = serve({ mesh, isLocal: () => true });
  const bob = connect(), eve = connect();
  bob.arrives("@1 /who\n@2 /quit bye\n@3 /ping\nhello?\n/quit\n");
  await turns(20);
  bob.arrives(`${"x".repeat(10_000)}\n/ping\n`);
  await turns(20);
  eve.arrives("to all\n");
  await bob.until(() => bob.written.endsWith("guest2: to all\r\n"));
  assert(!bob.written.includes("@2"));
  for (const answer of waiting.splice(0)) answer();
  await bob.until(() => bob.ended);
  assertEquals(bob.written.split("\r\n").filter((line) => line.startsWith("@")), [
    "@1 There are 2 users online on 1 servers:",
    "@1   Server: kitchen",
    "@1     guest1",
    "@1     guest2",
    "@1 ok",
    "@2 Goodbye",
    "@2 ok",
  ]);
  assertMatch(bob.written, /@2 Goodbye\r\n@2 ok\r\n$/);
  await eve.until(() => eve.written.endsWith("guest1 has left\r\n"));
  assert(!eve.written.includes("hello?"));
  await leave(server, bob, eve);
});

Deno.test("line server: a crowd that hangs up at once is announced together", async () => {
  const { server, connect } = serve();
  const host = connect();
  const crowd = Array.from({ length: 30 }, () => connect());
  await host.until(() => /have joined/.test(host.written));
  // Long after whatever happened last.
  server.talker.setTime(performance.now() - 5_000, Date.now() - 5_000);
  for (const one of crowd) one.arrives(null);
  await host.until(() => /have left/.test(host.written));
  assertEquals(host.written.match(/.* left.*/g), [
    "30 have left: guest2, guest3, guest4 and 27 more",
  ]);
  await leave(server, host);
});
