/** What one connection between programs may make wait, each way, over connections in memory. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { setImmediate } from "node:timers";
import { encodeEnvelope } from "../../lib/messaging/envelope.ts";
import { encodeJson } from "../../lib/messaging/json.ts";
import { LinkSession } from "../../lib/messaging/link_session.ts";
import { RawLinkSession } from "../../lib/messaging/raw.ts";
import { Registry } from "../../lib/messaging/registry.ts";
import { Events } from "../../lib/messaging/session_event.ts";
import { anything, AskError, defineMessage, handle, type Handler } from "../../lib/mod.ts";
import { encodeFrame } from "../../lib/wire/frame_codec.ts";
import {
  MAX_EVENTS_WAITING,
  MAX_INBOX_BYTES,
  MAX_INBOX_MESSAGES,
  MAX_NEWS_WAITING_BYTES,
  MAX_SEND_QUEUED_BYTES,
  SEND_STUCK_MS,
  SEND_WAITS_BYTES,
} from "../../lib/wire/limits.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeConnection } from "../support/fake_connection.ts";
import { within } from "../support/line_client.ts";

const Any = defineMessage("any", anything);

/** A handler that never ends. */
const endless = () => new Promise<never>(() => {});

/** What is under way comes to rest: in memory nothing takes longer than a few turns. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** The little that can be read is read: that takes no turn, which in Deno 2.4 would be 1 ms each. */
async function littleIsRead(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

function frame(value: unknown): Uint8Array {
  return encodeFrame(new TextEncoder().encode(JSON.stringify(value)), 2 * MAX_INBOX_BYTES);
}

/** A connection with a program; the test is that program. What it says comes in reads of its own. */
class Other implements AsyncDisposable {
  readonly connection = new FakeConnection();
  readonly session: LinkSession;

  constructor(handlers: Handler[] = []) {
    this.session = new LinkSession(this.connection, {
      role: "listens",
      registry: new Registry(handlers.length === 0 ? [Any] : [], handlers),
      opened: () => {},
      ended: () => {},
    });
    this.says({ kind: "hello", versions: [1, 1], role: "connects" });
  }

  says(value: unknown): void {
    this.connection.arrives(frame(value));
  }

  tells(body: unknown, times = 1): void {
    const bytes = frame({ kind: "tell", type: "any", body });
    for (let i = 0; i < times; i++) this.connection.arrives(bytes);
  }

  asks(from: number, to: number): void {
    for (let id = from; id <= to; id++) this.says({ kind: "ask", id, type: "any", body: null });
  }

  /** Takes nothing from now on, once what was sent before is taken. */
  async takesNothing(): Promise<void> {
    await settled();
    this.connection.takes = 0;
  }

  /** Takes what waits, and what comes. */
  takesAll(): void {
    this.connection.takes = Infinity;
    this.connection.take(Infinity);
  }

  /** How many of that kind came. */
  heard(kind: string): number {
    return this.connection.written.split(`"kind":"${kind}"`).length - 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = this.session[Symbol.asyncDispose]();
    if (this.connection.pending > 0) this.takesAll();
    await ended;
  }
}

Deno.test("limit: so many messages that nobody takes, then nothing more is read", async () => {
  await using other = new Other();
  const { session } = other;
  other.tells("x", 10 * MAX_INBOX_MESSAGES);
  await settled();
  assertEquals(session.messages.size, MAX_INBOX_MESSAGES);
  for (let i = 0; i < 3; i++) await session.messages.next();
  await settled();
  assertEquals(
    session.messages.size,
    MAX_INBOX_MESSAGES,
    "it is read on for those that were taken",
  );
  // The answer may stand behind them.
  const asked = assertRejects(() => session.ask(Any, "?"), AskError);
  await settled();
  assertEquals(session.messages.size, 8 * MAX_INBOX_MESSAGES);
  session.close();
  await asked;
});

Deno.test("limit: so many bytes of messages that nobody takes", async () => {
  await using other = new Other();
  const { session } = other;
  other.tells("x".repeat(MAX_INBOX_BYTES / 4), 100);
  await settled();
  assertEquals(session.messages.size, 4);
  await session.messages.next();
  await settled();
  assertEquals(session.messages.size, 4);
  const asked = assertRejects(() => session.ask(Any, "?"), AskError);
  await settled();
  assertEquals(session.messages.size, 8 * 4);
  session.close();
  await asked;
});

Deno.test("limit: messages count until they are handled, questions in bytes alone", async () => {
  for (
    const [kind, body, expected] of [
      ["tell", "x", MAX_INBOX_MESSAGES],
      ["tell", "x".repeat(MAX_INBOX_BYTES / 4), 4],
      ["ask", "x", 2 * MAX_INBOX_MESSAGES],
      ["ask", "x".repeat(MAX_INBOX_BYTES / 4), 4],
    ] as const
  ) {
    let running = 0;
    await using other = new Other([handle(Any, () => (running++, endless()))]);
    for (let id = 1; id <= 2 * MAX_INBOX_MESSAGES && id * body.length < 9 * MAX_INBOX_BYTES; id++) {
      other.says({ kind, type: "any", body, ...(kind === "ask" ? { id } : {}) });
    }
    await settled();
    assertEquals(running, expected, `${kind} of ${body.length} bytes`);
  }
});

Deno.test("limit: who sends waits while so much was not taken", async () => {
  await using other = new Other();
  const { session } = other;
  await other.takesNothing();
  const body = "x".repeat(SEND_WAITS_BYTES / 4);
  let sent = 0;
  const sending = Array.from({ length: 10 }, () => session.tell(Any, body).then(() => sent++));
  await settled();
  assertEquals(sent, 3, "the fourth goes over it");
  assert(session.queued > SEND_WAITS_BYTES && session.queued < SEND_WAITS_BYTES + body.length);
  // Questions wait, too.
  const asked = assertRejects(() => session.ask(Any, body), AskError);
  await settled();
  assert(session.queued < SEND_WAITS_BYTES + body.length);
  other.takesAll();
  await Promise.all(sending);
  await settled();
  assertEquals([other.heard("tell"), other.heard("ask")], [10, 1]);
  session.close();
  await asked;
});

Deno.test("limit: who asks waits for room no longer than for the answer, and gives up when told to", async () => {
  using clock = new FakeClock();
  await using other = new Other();
  const { session } = other;
  await other.takesNothing();
  const half = "x".repeat(SEND_WAITS_BYTES / 2);
  const full = [session.tell(Any, half), session.tell(Any, half)];
  await settled();
  assert(!session.hasRoom);
  const lasting = session.tell(Any, "lasts");
  const stop = new AbortController();
  const givenUp = assertRejects(() => session.ask(Any, "?", { signal: stop.signal }), Error, "no!");
  const long = assertRejects(() => session.ask(Any, "?", { wait: 3 }), AskError, "within 0.003 s");
  const short = assertRejects(() => session.ask(Any, "?", { wait: 1 }), AskError, "within 0.001 s");
  clock.now += 1;
  const late = await within(short, "the short wait") as unknown as AskError;
  assertEquals(late.code, "timed-out");
  clock.now += 2;
  await within(long, "the long wait");
  stop.abort(new Error("no!"));
  await within(givenUp, "the end by the signal");
  assert(session.isOpen && !session.hasRoom);
  other.takesAll();
  await within(Promise.all([...full, lasting]), "the room");
  await settled();
  assertEquals([other.heard("tell"), other.heard("ask")], [3, 0], "nothing of it was sent");
});

Deno.test("limit: news are left out and counted where so much was not taken", async () => {
  await using other = new Other();
  const { session } = other;
  other.says({ kind: "subscribe", prefix: "" });
  await other.takesNothing();
  const size = MAX_SEND_QUEUED_BYTES / 16;
  const news = { kind: "news", topic: "t", body: encodeJson("x".repeat(size)), missed: 0 } as const;
  const encoded = encodeEnvelope(news);
  for (let i = 0; i < 20; i++) session.publish(news, encoded, performance.now());
  assert(session.queued <= MAX_SEND_QUEUED_BYTES, `${session.queued} bytes`);
  assert(session.queued > MAX_SEND_QUEUED_BYTES - encoded.length, `${session.queued} bytes`);
  await settled();
  other.takesAll();
  await settled();
  session.publish(news, encoded, performance.now());
  await settled();
  const [missed] = /(?<="missed":)\d+/.exec(other.connection.written) ?? [];
  assertEquals(other.heard("news") + Number(missed), 21);
});

Deno.test("limit: who takes news as they come misses none, however many there are to be read", async () => {
  await using other = new Other();
  const { session } = other;
  await settled();
  session.subscribe();
  const body = "x".repeat(100_000);
  const count = 3 * MAX_NEWS_WAITING_BYTES / body.length;
  for (let i = 0; i < count; i++) other.says({ kind: "news", topic: `${i}`, body });
  for (let i = 0; i < count; i++) {
    const news = await within(session.news.next(), `news ${i}`);
    assertEquals([news?.topic, news?.missed], [`${i}`, 0]);
  }
});

Deno.test("limit: who asks and takes no answer is not read where so much waits", async () => {
  const answer = "x".repeat(MAX_SEND_QUEUED_BYTES / 16);
  let asked = 0;
  await using other = new Other([handle(Any, () => (asked++, answer))]);
  await other.takesNothing();
  other.asks(1, 40);
  await settled();
  assertEquals(asked, 16);
  other.takesAll();
  await settled();
  assertEquals([asked, other.heard("answer")], [40, 40]);
});

Deno.test("limit: answers wait where so much was not taken, however many were asked for at once", async () => {
  const answer = "x".repeat(MAX_SEND_QUEUED_BYTES / 16);
  for (const reply of [() => answer, () => Promise.resolve(answer)]) {
    await using other = new Other([handle(Any, reply)]);
    await other.takesNothing();
    const asks = Array.from({ length: 40 }, (_, i) => {
      return new TextDecoder().decode(frame({ kind: "ask", id: i + 1, type: "any", body: null }));
    });
    // One read.
    other.connection.arrives(asks.join(""));
    await settled();
    assert(other.session.queued > MAX_SEND_QUEUED_BYTES);
    // It takes one write after the other, and at no time more than that waits.
    while (other.connection.pending > 0) {
      const { queued } = other.session;
      assert(queued < MAX_SEND_QUEUED_BYTES + 2 * answer.length, `${queued} bytes`);
      other.connection.take(Infinity);
      await settled();
    }
    assertEquals(other.heard("answer"), 40);
  }
});

Deno.test("limit: raw frames and pieces that nobody takes, in number and in bytes", async () => {
  for (
    const [form, length, expected] of [
      ["frames", 10, MAX_INBOX_MESSAGES],
      ["frames", MAX_INBOX_BYTES / 4, 4],
      ["bytes", 10, MAX_INBOX_MESSAGES],
    ] as const
  ) {
    const connection = new FakeConnection();
    const session = new RawLinkSession(connection, form, () => {});
    const count = 3 * expected;
    const bytes = new Uint8Array(length).fill(0x20);
    const piece = form === "frames" ? encodeFrame(bytes) : bytes;
    for (let i = 0; i < count; i++) connection.arrives(piece);
    await settled();
    assertEquals(session.frames.size, expected, `${form} of ${length} bytes`);
    let taken = 0;
    for (; session.frames.size > 0; taken++) {
      assertEquals((await session.frames.next())?.length, length);
      await (length === 10 ? littleIsRead() : settled());
      assertEquals(session.frames.size, Math.min(expected, count - taken - 1));
    }
    assertEquals(taken, count);
    await session[Symbol.asyncDispose]();
  }
});

Deno.test("limit: an other side that takes nothing for so long is given up", async () => {
  using clock = new FakeClock();
  await using other = new Other();
  const { session } = other;
  await other.takesNothing();
  await session.tell(Any, "takes nothing");
  // What was asked for so short a time has it look at the clock soon.
  const late = [1, 2].map((wait) =>
    assertRejects(() => session.ask(Any, "?", { wait }), AskError, `0.00${wait} s`)
  );
  clock.now += SEND_STUCK_MS - 1;
  other.says({ kind: "ping" });
  await within(Promise.all(late), "a look at the clock");
  assert(session.isOpen);
  clock.now += 1;
  const end = await within(session.ended, "the end");
  assertEquals(
    [end.type, "reason" in end && end.reason],
    ["abandoned", `nothing was taken for ${SEND_STUCK_MS / 1000} s`],
  );
});

Deno.test("limit: so is one at a raw connection", async () => {
  for (const form of ["frames", "bytes"] as const) {
    const connection = new FakeConnection();
    const session = new RawLinkSession(connection, form, () => {}, { stuckMs: 100 });
    await session.send("is taken");
    await settled();
    connection.takes = 0;
    void session.send("takes nothing");
    const waits = session.send("x".repeat(SEND_WAITS_BYTES));
    const end = await within(session.ended, "the end");
    assertEquals(
      [end.type, "reason" in end && end.reason],
      ["abandoned", "nothing was taken for 0.1 s"],
    );
    await within(waits, "the send");
    await assertRejects(() => session.send("more"), AskError, "has ended");
    await within(session[Symbol.asyncDispose](), "the connection's end");
  }
});

Deno.test("limit: events that nobody takes; the oldest go", () => {
  const told: number[] = [];
  const events = new Events<number>((event) => void told.push(event));
  for (let i = 0; i < MAX_EVENTS_WAITING + 3; i++) events.tell(i);
  assertEquals([events.stream.size, told.length], [MAX_EVENTS_WAITING, MAX_EVENTS_WAITING + 3]);
  return events.stream.next().then((first) => assertEquals(first, 3));
});
