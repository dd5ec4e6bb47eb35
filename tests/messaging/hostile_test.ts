/** Strangers who send what they like: refused or ignored with a reason, and nobody else suffers. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  anything,
  AskError,
  connect,
  defineMessage,
  handle,
  listen,
  type Listener,
  number,
  text,
} from "../../lib/mod.ts";
import { MAX_BAD_MESSAGES } from "../../lib/wire/limits.ts";
import { eventually, Stranger } from "../support/messaging.ts";
import { seededRandom } from "../support/random.ts";

const Double = defineMessage("double", number, { reply: number });
const Any = defineMessage("any", anything);
const Echo = defineMessage("echo", anything, { reply: anything });

function serve(): Promise<Listener> {
  return listen("127.0.0.1:0", { handlers: [handle(Double, (n) => 2 * n)], messages: [Any] });
}

/** Asks over the stranger's own connection: it is there, and works. */
async function works(stranger: Stranger, id: number): Promise<void> {
  await stranger.say({ kind: "ask", id, type: "double", body: 21 });
  assertEquals(await stranger.next("answer"), { kind: "answer", id, body: 42 });
}

Deno.test("hostile: frames that make no sense are refused with a reason, each by itself", async () => {
  await using server = await serve();
  await using other = await connect(server.address);
  using stranger = await Stranger.connect(server.address);
  const asked = Array.from({ length: 50 }, (_, n) => other.ask(Double, n));
  const cases: [string | Uint8Array, string, string][] = [
    ["not json at all", "not-json", 'Not JSON: "not json at all"'],
    [new Uint8Array([0, 255, 254]), "not-json", "Not JSON"],
    ["[1,2]", "bad-message", "must be a JSON object"],
    ['{"kind":"dance"}', "unknown-kind", '"dance"'],
    ["[".repeat(500_000), "too-deep", "deeper than 100"],
    [
      `{"kind":"tell","type":"any","body":${'{"a":'.repeat(200)}1${"}".repeat(201)}`,
      "too-deep",
      "",
    ],
    ['{"kind":"tell","type":"any","body":{"__proto__":{"x":1}}}', "bad-member", "__proto__"],
    ['{"kind":"answer","id":7,"body":1}', "bad-message", "which nobody asked"],
    ['{"kind":"hello","versions":[1,1],"role":"connects"}', "bad-message", '"hello"'],
  ];
  for (const [i, [frame, code, reason]] of cases.entries()) {
    await stranger.frame(frame);
    const refusal = await stranger.next("refuse");
    assertEquals(refusal.code, code);
    assert(String(refusal.reason).includes(reason), String(refusal.reason));
    await works(stranger, i + 1);
  }
  assertEquals(await Promise.all(asked), Array.from({ length: 50 }, (_, n) => 2 * n));
  assertEquals(({} as Record<string, unknown>).x, undefined);
});

Deno.test("hostile: questions of unregistered types, and invalid ones, are refused by their number", async () => {
  await using server = await serve();
  using stranger = await Stranger.connect(server.address);
  await stranger.say({ kind: "ask", id: 3, type: "halve", body: 1 });
  const unregistered = await stranger.next("refuse");
  assertEquals([unregistered.id, unregistered.code], [3, "unregistered"]);
  await stranger.say({ kind: "ask", id: 4, type: "double", body: { evil: "x".repeat(100_000) } });
  const invalid = await stranger.next("refuse");
  assertEquals([invalid.id, invalid.code], [4, "invalid"]);
  assert(String(invalid.reason).length < 300);
  await stranger.say({ kind: "tell", type: "__proto__", body: 1 });
  assertEquals((await stranger.next("refuse")).code, "unregistered");
  await works(stranger, 5);
});

Deno.test("hostile: a question or an answer with a member that is refused ends that question alone", async () => {
  await using server = await listen("127.0.0.1:0", { messages: [Any, Echo] });
  using stranger = await Stranger.connect(server.address);
  const body = '{"a":{"__proto__":1}}';
  for (let id = 1; id <= 2 * MAX_BAD_MESSAGES; id++) {
    await stranger.frame(`{"kind":"ask","id":${id},"type":"any","body":${body}}`);
    const { code, id: refused } = await stranger.next("refuse");
    assertEquals([code, refused], ["bad-member", id]);
  }
  const [session] = server.sessions;
  const asked = session!.ask(Echo, 1);
  const { id } = await stranger.next("ask");
  await stranger.frame(`{"kind":"answer","id":${id},"body":${body}}`);
  const error = await assertRejects(() => asked, AskError, "may not be called __proto__");
  assertEquals(error.code, "invalid-answer");
  // As their own question of that number is still open this one is nonsense.
  await stranger.say({ kind: "ask", id: 1000, type: "any", body: 1 });
  await stranger.frame(`{"kind":"ask","id":1000,"type":"any","body":${body}}`);
  assertEquals((await stranger.next("refuse")).id, undefined);
});

Deno.test("hostile: who goes on sending nonsense is told why, and left", async () => {
  await using server = await serve();
  await using other = await connect(server.address);
  using stranger = await Stranger.connect(server.address);
  for (let i = 0; i < MAX_BAD_MESSAGES; i++) await stranger.frame("?");
  const goodbye = await stranger.next("goodbye");
  assert(String(goodbye.reason).includes(`${MAX_BAD_MESSAGES} messages made no sense`));
  await stranger.over();
  assertEquals(await other.ask(Double, 1), 2);
});

Deno.test("hostile: what is no frame, or too long, ends that connection with a reason", async () => {
  await using server = await serve();
  await using other = await connect(server.address);
  const cases = [
    ["GET / HTTP/1.1\r\n\r\n", "is not a length"],
    ["9999999999", "over the limit"],
    ["   1100000", "over the limit"],
    ["        -1", "is not a length"],
  ] as const;
  for (const hello of [true, false]) {
    for (const [bytes, reason] of cases) {
      using stranger = await Stranger.connect(server.address, { hello });
      await stranger.bytes(bytes);
      assert(String((await stranger.next("goodbye")).reason).includes(reason));
      await stranger.over();
    }
  }
  assertEquals(await other.ask(Double, 1), 2);
  await eventually("none of them is left", () => server.sessions.size === 1);
});

Deno.test("hostile: who doesn't say hello, another version, an echo", async () => {
  await using server = await serve();
  const firsts: [unknown, string][] = [
    [{ kind: "ask", id: 1, type: "double", body: 1 }, "may not be said"],
    [{ kind: "hello", versions: [2, 9], role: "connects" }, "1 here, 2 to 9 there"],
    [{ kind: "hello", versions: [1, 1], role: "listens" }, "is it an echo?"],
    ["hello", "must be a JSON object"],
  ];
  for (const [first, reason] of firsts) {
    using stranger = await Stranger.connect(server.address, { hello: false });
    await stranger.say(first);
    const goodbye = await stranger.next("goodbye");
    assert(String(goodbye.reason).includes(reason), String(goodbye.reason));
    await stranger.over();
  }
  assertEquals(server.sessions.size, 0);
  await using echo = await listen("127.0.0.1:0", {
    raw: "bytes",
    session: async (session) => {
      for await (const bytes of session.frames) await session.send(bytes);
    },
  });
  await assertRejects(() => connect(echo.address), Error, "is it an echo?");
});

Deno.test("hostile: a peer that vanishes in the middle takes its own questions along, no other's", async () => {
  await using server = await serve();
  await using other = await connect(server.address);
  const stranger = await Stranger.connect(server.address);
  await stranger.say({ kind: "ask", id: 1, type: "any", body: "who are you?" });
  const message = await server.messages.next();
  const mine = other.ask(Any, "mine");
  const next = await server.messages.next();
  await stranger.bytes('      1000{"kind":"ask","id":2,"type":"any","bo');
  stranger.close();
  await eventually("its question is withdrawn", () => message?.signal.aborted === true);
  await message?.reply("nobody reads this");
  await next?.reply("yours");
  assertEquals(await mine, "yours");
  assertEquals(server.sessions.size, 1);
});

Deno.test("hostile: a listener's side may be a stranger, too", async () => {
  const port = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { hostname, port: number } = port.addr as Deno.NetAddr;
  const connecting = connect(`${hostname}:${number}`, { handlers: [handle(Any, (it) => it)] });
  using stranger = await Stranger.over(await port.accept(), "listens");
  await using session = await connecting;
  const asked = session.ask(Double, 3);
  const { id } = await stranger.next("ask");
  await stranger.say({ kind: "answer", id: 999, body: 1 });
  assertEquals((await stranger.next("refuse")).code, "bad-message");
  await stranger.say({ kind: "answer", id, body: 6 });
  await stranger.say({ kind: "answer", id, body: 7 });
  assertEquals(await asked, 6);
  await stranger.say({ kind: "ask", id: 1, type: "any", body: "still there" });
  assertEquals((await stranger.next("answer")).body, "still there");
  await stranger.say({ kind: "refuse", id: 55, code: "no", reason: "" });
  assertEquals((await stranger.next("refuse")).code, "bad-message");
  const second = session.ask(Double, 3);
  stranger.close();
  const lost = await assertRejects(() => second, AskError);
  assertEquals(lost.code, "lost");
  port.close();
});

Deno.test("hostile: who asks and asks and reads no answer is not read any more; others are served", async () => {
  await using server = await listen("127.0.0.1:0", { handlers: [handle(Any, (it) => it)] });
  const connection = await Deno.connect({
    hostname: "127.0.0.1",
    port: Number(server.address.split(":")[1]),
  });
  await using other = await connect(server.address);
  const encoder = new TextEncoder();
  const frame = (value: unknown) => {
    const body = encoder.encode(JSON.stringify(value));
    return encoder.encode(String(body.length).padStart(10) + new TextDecoder().decode(body));
  };
  await connection.write(frame({ kind: "hello", versions: [1, 1], role: "connects" }));
  let sent = 0;
  let isStuck = false;
  const flood = (async () => {
    for (let id = 1; id < 200; id++) {
      let bytes = frame({ kind: "ask", id, type: "any", body: "x".repeat(1_000_000) });
      while (bytes.length > 0) bytes = bytes.subarray(await connection.write(bytes));
      sent++;
    }
  })().catch(() => {});
  for (let last = -1; !isStuck;) {
    last = sent;
    assertEquals(await other.ask(Any, "me"), "me");
    await new Promise((resolve) => setTimeout(resolve, 300));
    isStuck = sent === last && sent > 0;
  }
  assert(sent < 100, `${sent} MB were taken in without an answer being read`);
  connection.close();
  await flood;
  assertEquals(await other.ask(Any, "me"), "me");
});

Deno.test("hostile: noise of all kinds changes nothing for the others", async () => {
  await using server = await serve();
  await using other = await connect(server.address);
  const next = seededRandom(7);
  for (let i = 0; i < 100; i++) {
    using stranger = await Stranger.connect(server.address, { hello: next() < 0.7 });
    const bytes = Uint8Array.from({ length: 200 }, () => next() * 256);
    if (next() < 0.5) await stranger.frame(bytes).catch(() => {});
    else await stranger.bytes(bytes).catch(() => {});
    if (i % 10 === 0) assertEquals(await other.ask(Double, i), 2 * i);
  }
  await eventually("none of them is left", () => server.sessions.size === 1);
  assertEquals(await other.ask(Double, 5), 10);
});

const Hello = defineMessage("hello", text);

Deno.test("hostile: a program that doesn't look at what comes is not flooded; it all arrives later", async () => {
  await using server = await listen("127.0.0.1:0", { messages: [Hello] });
  await using session = await connect(server.address);
  const body = "x".repeat(100_000);
  let sent = 0;
  const sending = (async () => {
    for (let i = 0; i < 300; i++) {
      await session.tell(Hello, body);
      sent++;
    }
  })();
  let last = -1;
  while (last !== sent) {
    last = sent;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert(server.messages.size <= 12, `${server.messages.size} wait`);
  assert(sent < 300, "whoever sends waits");
  for (let i = 0; i < 300; i++) assertEquals((await server.messages.next())?.body, body);
  await sending;
});
