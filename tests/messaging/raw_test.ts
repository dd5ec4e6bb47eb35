import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  AskError,
  connect,
  ConnectionError,
  listen,
  LocalFault,
  type RawSession,
  type SessionEvent,
} from "../../lib/mod.ts";
import { RawLinkSession } from "../../lib/messaging/raw.ts";
import { FakeConnection } from "../support/fake_connection.ts";
import { eventually, freePort, Stranger } from "../support/messaging.ts";
import { within } from "../support/line_client.ts";

const textOf = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

async function echo(session: RawSession): Promise<void> {
  for await (const frame of session.frames) await session.send(frame);
}

/** Reads to the end. */
async function readAll(connection: Deno.Conn): Promise<string> {
  let all = "";
  const buffer = new Uint8Array(1000);
  for (let n = await connection.read(buffer); n !== null; n = await connection.read(buffer)) {
    all += textOf(buffer.subarray(0, n));
  }
  connection.close();
  return all;
}

Deno.test("raw: frames go with ten characters of length before them", async () => {
  await using server = await listen("127.0.0.1:0", { raw: "frames", session: echo });
  const connection = await Deno.connect({ port: Number(server.address.split(":")[1]) });
  const bytes = new TextEncoder().encode("         5hello         0         2\u00fc");
  for (const byte of bytes) await connection.write(Uint8Array.of(byte));
  await connection.closeWrite();
  assertEquals(await within(readAll(connection), "the echo"), textOf(bytes));
});

Deno.test("raw: bytes go as they are; what was to be said after the other side's end is said", async () => {
  await using server = await listen("127.0.0.1:0", { raw: "bytes", session: echo });
  const connection = await Deno.connect({ port: Number(server.address.split(":")[1]) });
  await connection.write(new TextEncoder().encode("Hello, world"));
  await connection.closeWrite();
  assertEquals(await within(readAll(connection), "the echo"), "Hello, world");
});

Deno.test("raw: both ends of the library, large frames, events of both", async () => {
  const events: SessionEvent<RawSession>[] = [];
  const onEvent = (event: SessionEvent<RawSession>) => void events.push(event);
  await using server = await listen("127.0.0.1:0", { raw: "frames", session: echo, onEvent });
  const session = await connect(server.address, { raw: "frames" });
  const large = new Uint8Array(1024 * 1024).map((_, i) => i);
  await session.send(large);
  assertEquals(await session.frames.next(), large);
  await assertRejects(() => session.send(new Uint8Array(1024 * 1024 + 1)), LocalFault, "limit");
  await session[Symbol.asyncDispose]();
  await assertRejects(() => session.send("more"), AskError, "has ended");
  await eventually("the server knows", () => server.sessions.size === 0);
  assertEquals(events[0]?.type, "accepted");
});

Deno.test("raw: who has gone is told of at once, where no session function runs", async () => {
  const seen: string[] = [];
  class Visitor {
    constructor(session: RawSession) {
      void (async () => {
        for await (const bytes of session.frames) seen.push(textOf(bytes));
        seen.push("all was read");
      })();
    }
    [Symbol.dispose]() {
      seen.push("has gone");
    }
  }
  await using server = await listen("127.0.0.1:0", { raw: "bytes", session: Visitor });
  const connection = await Deno.connect({ port: Number(server.address.split(":")[1]) });
  await connection.write(new TextEncoder().encode("hello"));
  connection.close();
  await eventually("the class is told", () => seen.includes("has gone"));
  assertEquals(seen.sort(), ["all was read", "has gone", "hello"]);
  assertEquals(server.sessions.size, 0);

  // The same where it connects; what it read can still be taken.
  const port = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = port.accept();
  const events: string[] = [];
  const session = await connect(port.addr.port, {
    raw: "bytes",
    onEvent: ({ type }) => void events.push(type),
  });
  const other = await accepting;
  await other.write(new TextEncoder().encode("bye"));
  other.close();
  const end = await within(session.ended, "the end");
  assertEquals([end.type, session.signal.aborted], ["abandoned", true]);
  assertEquals(textOf(await session.frames.next()), "bye");
  assertEquals(await session.frames.next(), undefined);
  assertEquals(events, ["connected", "abandoned"]);
  await assertRejects(() => session.send("more"), AskError, "has ended");
  port.close();
});

Deno.test("raw: what waits to be sent is sent before it ends", async () => {
  const connection = new FakeConnection();
  connection.takes = 0;
  const session = new RawLinkSession(connection, "bytes", () => {});
  void session.send("what was to be said");
  await connection.until(() => connection.pending > 0);
  connection.arrives(null);
  assertEquals(await session.frames.next(), undefined);
  assertEquals(session.signal.aborted, false);
  connection.take(connection.pending);
  assertEquals((await within(session.ended, "the end")).type, "abandoned");
});

Deno.test("raw: nobody there; a signal ends it; what is no frame ends its connection alone", async () => {
  await assertRejects(
    () => connect(freePort(), { raw: "bytes", wait: 50 }),
    ConnectionError,
    "nobody listens there",
  );
  const end = new AbortController();
  await using server = await listen("127.0.0.1:0", {
    raw: "frames",
    session: echo,
    signal: end.signal,
  });
  await using session = await connect(server.address, { raw: "frames" });
  using stranger = await Stranger.connect(server.address, { hello: false });
  await stranger.bytes("no length here");
  await stranger.over();
  await session.send("still here");
  assertEquals(textOf(await session.frames.next()), "still here");
  end.abort();
  assert((await within(session.frames.take(), "the end")).done);
});

Deno.test("raw: who doesn't look at what comes is not flooded", async () => {
  let release = () => {};
  const released = new Promise<void>((resolve) => release = resolve);
  let total = 0;
  let size = 0;
  await using server = await listen("127.0.0.1:0", {
    raw: "bytes",
    session: async (session) => {
      await released;
      size = session.frames.size;
      for await (const bytes of session.frames) total += bytes.length;
    },
  });
  const session = await connect(server.address, { raw: "bytes" });
  let sent = 0;
  const sending = (async () => {
    for (; sent < 300; sent++) await session.send("x".repeat(100_000));
  })();
  for (let last = -1; last !== sent;) {
    last = sent;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert(sent < 300, "whoever sends waits");
  release();
  await sending;
  session.close();
  await eventually("all has come", () => total === 30_000_000);
  assert(size < 1000);
});
