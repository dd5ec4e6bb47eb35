import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { configure, reset } from "@logtape/logtape";
import {
  AddressError,
  connect,
  connectGroup,
  ConnectionError,
  hangUp,
  listen,
  LocalFault,
  publishNews,
  sendCommand,
  sendMessage,
  sendReply,
  waitForCommand,
  waitForMessage,
  waitForNews,
} from "../../lib/mod.ts";
import { busyDelay } from "../../lib/messaging/asking.ts";
import type { LinkSession } from "../../lib/messaging/link_session.ts";
import { COMMAND, REQUEST } from "../../lib/messaging/place.ts";
import { encodeFrame } from "../../lib/wire/frame_codec.ts";
import {
  MAX_BODY_BYTES,
  MAX_REQUESTS_WAITING,
  MAX_REQUESTS_WAITING_BYTES,
} from "../../lib/wire/limits.ts";
import { eventually, freePort, Stranger } from "../support/messaging.ts";

const warnings: string[] = [];
await configure({
  sinks: { list: (record) => warnings.push(record.message.join("")) },
  loggers: [
    { category: "talker", sinks: ["list"], lowestLevel: "warning" },
    { category: ["logtape", "meta"], sinks: [], lowestLevel: "warning" },
  ],
});

/** Defines a test that has an address of its own. */
function test(name: string, run: (address: string) => Promise<void>): void {
  Deno.test(`simple: ${name}`, async () => {
    warnings.length = 0;
    try {
      await run(`127.0.0.1:${freePort()}`);
    } finally {
      await hangUp();
    }
  });
}

/** What was sent before has arrived, or was withdrawn: it goes the same way. */
async function settled(address: string): Promise<void> {
  const command = sendCommand(address, "SETTLED");
  await waitForCommand(address);
  await command;
}

test("who sends may start first, or who waits", async (address) => {
  const early = sendMessage(address, "World");
  // It was tried, and nobody listened.
  await new Promise((resolve) => setTimeout(resolve, 60));
  const request = await waitForMessage(address);
  assertEquals(request?.message, "World");
  await request?.reply({ hello: "World" });
  assertEquals(await early, { hello: "World" });
  const waiting = waitForMessage(address);
  const late = sendMessage(address, "Tim");
  await (await waiting)?.reply("Hello, Tim");
  assertEquals(await late, "Hello, Tim");
  assertEquals(warnings, []);
});

test("several at once, each gets its own reply", async (address) => {
  const waiter = async () => {
    for (let i = 0; i < 25; i++) {
      const request = await waitForMessage(address);
      await request?.reply([request.message]);
    }
  };
  const waiters = [waiter(), waiter()];
  const replies = await Promise.all(
    Array.from({ length: 50 }, (_, i) => sendMessage(address, i)),
  );
  assertEquals(replies, Array.from({ length: 50 }, (_, i) => [i]));
  await Promise.all(waiters);
});

test("nobody in time: a warning and null; then it can be repeated", async (address) => {
  assertEquals(await sendMessage(address, "hello?", { wait: 500 }), null);
  assertEquals(warnings, [
    `No reply from ${address} within 0.5 s: Cannot connect to ${address}: nobody listens there`,
  ]);
  const waiting = waitForMessage(address);
  const repeated = sendMessage(address, "hello!");
  await (await waiting)?.reply("yes");
  assertEquals(await repeated, "yes");
});

test("no reply in time: the request is withdrawn, the address can be used", async (address) => {
  assertEquals(await waitForMessage(address, { wait: 0 }), null);
  assertEquals(await sendMessage(address, "first", { wait: 50 }), null);
  assertEquals(warnings, [`No reply from ${address} within 0.05 s: it does not answer`]);
  await settled(address);
  const again = sendMessage(address, "second");
  const request = await waitForMessage(address);
  assertEquals(request?.message, "second", "nobody waits for the first any more");
  await request?.reply(2);
  assertEquals(await again, 2);
});

test("who doesn't reply is not stuck; who replies too late is told", async (address) => {
  // It listens: what is sent for so short a time must not come too late on a busy machine.
  assertEquals(await waitForMessage(address, { wait: 0 }), null);
  const unanswered = sendMessage(address, "ignored", { wait: 1_000 });
  const ignored = await waitForMessage(address, IN_TIME);
  const answered = sendMessage(address, "taken");
  const taken = await waitForMessage(address);
  await taken?.reply("done");
  assertEquals(await answered, "done");
  assertEquals(await unanswered, null);
  await settled(address);
  warnings.length = 0;
  await ignored?.reply("too late");
  await taken?.reply("twice");
  assertEquals(warnings.map((text) => text.replace(/^\S+ /, "")), [
    "does not wait for the reply any more",
    "has a reply already; this one is not sent",
  ]);
});

test("sendReply answers the last one that was taken", async (address) => {
  await assertRejects(() => sendReply(address, 1), Error, "No message was taken at");
  const [a, b] = [sendMessage(address, "a"), sendMessage(address, "b")];
  for (let i = 0; i < 2; i++) {
    const request = await waitForMessage(address);
    await sendReply(address, `${request?.message}!`);
  }
  assertEquals(await Promise.all([a, b]), ["a!", "b!"]);
});

test("any value, nothing is null; what can't be sent throws at once, with its name", async (address) => {
  const echo = (async () => {
    for (;;) {
      const request = await waitForMessage(address, { wait: 1000 });
      if (request === null || request.message === "end") return await request?.reply();
      await request.reply(request.message);
    }
  })();
  for (const value of ["", 0, false, null, [], {}, { a: [1, { b: "ü" }] }, "x".repeat(1e6)]) {
    assertEquals(await sendMessage(address, value), value);
  }
  assertEquals(await sendMessage(address), null);
  await assertRejects(() => sendMessage(address, { f: () => 1 }), LocalFault, "a function at f");
  await assertRejects(() => publishNews(address, "t", NaN), LocalFault, "NaN");
  await assertRejects(() => sendReply(address, 1n), LocalFault, "1n");
  assertEquals(await sendMessage(address, "end"), null);
  await echo;
});

test("wrong addresses throw at once, with the address", async (address) => {
  for (const wrong of ["kitchen", "1.2.3.4", "1.2.3.4.5:80", "", "a:b:c", "host:99999"]) {
    await assertRejects(() => sendMessage(wrong, 1, { wait: 1 }), AddressError);
    await assertRejects(() => waitForNews(wrong, "", { wait: 1 }), AddressError);
  }
  const takers: ((it: null) => Promise<unknown>)[] = [
    (it) => sendMessage(it),
    (it) => waitForMessage(it),
    (it) => waitForNews(it),
    (it) => sendReply(it),
  ];
  for (const take of takers) {
    await assertRejects(
      () => take(null),
      AddressError,
      "null is no address: discover() gives null",
    );
  }
  await assertRejects(() => connect(null), AddressError, "null");
  assertThrows(() => connectGroup({ motor: null }), AddressError, "null");
  await assertRejects(() => waitForMessage("1.2.3.4", { wait: 1 }), AddressError, "1.2.3.4");
  await assertRejects(() => waitForMessage(":0", { wait: 1 }), ConnectionError, "port 0");
  await assertRejects(() => waitForCommand("192.0.2.7:999"), ConnectionError, "192.0.2.7:999");
  await assertRejects(() => sendMessage(address, 1, { wait: -1 }), RangeError, "-1");
  await assertRejects(() => waitForNews([], "x"), TypeError, "No address");
  await using holder = await listen(address);
  await assertRejects(() => waitForMessage(address), ConnectionError, "another program listens");
  await assertRejects(() => publishNews(address, 1), ConnectionError, holder.address);
});

test("signals end the waiting", async (address) => {
  for (const wait of [waitForMessage, waitForCommand]) {
    const end = new AbortController();
    const waiting = wait(address, { signal: end.signal });
    end.abort(new Error("enough"));
    await assertRejects(() => waiting, Error, "enough");
  }
  const end = new AbortController();
  const waits = [
    waitForNews(address, "hits", { signal: end.signal }),
    sendMessage(address, 1, { signal: end.signal }),
    sendCommand(`127.0.0.1:${freePort()}`, "GO", { signal: end.signal }),
  ];
  await new Promise((resolve) => setTimeout(resolve, 20));
  end.abort(new Error("enough"));
  for (const each of waits) await assertRejects(() => each, Error, "enough");
  assertEquals(warnings, []);
});

/** For what is bound to come. */
const IN_TIME = { wait: 10_000 }, IN_LONG_TIME = { wait: 60_000 };

test("requests that nobody takes wait there, so many of them; more wait here", async (address) => {
  assertEquals(await waitForMessage(address, { wait: 0 }), null);
  const all = MAX_REQUESTS_WAITING + 200;
  const sent = Array.from({ length: all }, (_, i) => sendMessage(address, i, IN_LONG_TIME));
  // Commands wait by themselves.
  const command = sendCommand(address, "GO", IN_LONG_TIME);
  assertEquals(await waitForCommand(address, IN_LONG_TIME), ["GO"]);
  assertEquals(await command, true);
  const taken = new Set<unknown>();
  for (let i = 0; i < all; i++) {
    const request = await waitForMessage(address, IN_LONG_TIME);
    taken.add(request?.message);
    await request?.reply("taken");
  }
  assertEquals(new Set(await Promise.all(sent)), new Set(["taken"]));
  assertEquals(taken.size, all);
  // That it took more than 5 s is said on a busy machine.
  assertEquals(warnings.filter((text) => !text.startsWith("Still waiting")), []);
});

test("requests that nobody takes wait there, so many bytes of them", async (address) => {
  assertEquals(await waitForMessage(address, { wait: 0 }), null);
  const body = "x".repeat(MAX_BODY_BYTES - 2);
  const few = MAX_REQUESTS_WAITING_BYTES / MAX_BODY_BYTES;
  const sent = Array.from({ length: few }, () => sendMessage(address, body, IN_TIME));
  assertEquals(await sendMessage(address, "too many", { wait: 4_000 }), null);
  assertEquals(warnings, [
    `No reply from ${address} within 4 s: too many wait there already`,
  ]);
  sent.push(sendMessage(address, "there is room soon", IN_TIME));
  for (let i = 0; i <= few; i++) await (await waitForMessage(address, IN_TIME))?.reply("taken");
  assertEquals(await Promise.all(sent), Array.from({ length: few + 1 }, () => "taken"));
  assertEquals(warnings.length, 1, warnings.join());
});

test("where many wait for room they ask about once a millisecond, all together", async () => {
  const middle = () => 0.5;
  const delays = [0, 1, 2, 9].map((attempts) => busyDelay({ attempts, crowd: 1 }, middle));
  assertEquals(delays, [10, 20, 40, 125]);
  assertEquals(busyDelay({ attempts: 0, crowd: 10_000 }, middle), 5_000);
  await Promise.resolve();
});

test("what was given up before it could wait is not taken", async (address) => {
  assertEquals(await waitForCommand(address, { wait: 0 }), null);
  using stranger = await Stranger.connect(address);
  const say = (value: unknown) => encodeFrame(new TextEncoder().encode(JSON.stringify(value)));
  for (const [id, word] of [[1, "LEFT"], [2, "RIGHT"]] as const) {
    const asked = say({ kind: "ask", id, type: "command", body: [word] });
    const givenUp = say({ kind: "cancel", id });
    // The first is asked and given up in one breath.
    await stranger.bytes(id === 1 ? new Uint8Array([...asked, ...givenUp]) : asked);
  }
  assertEquals(await waitForCommand(address), ["RIGHT"]);
});

test("commands: words; taken or not at all", async (address) => {
  const sent = sendCommand(address, "LEFT 0.5");
  assertEquals(await waitForCommand(address), ["LEFT", "0.5"]);
  assertEquals(await sent, true);
  const more = [sendCommand(address, `SAY "hello world"`), sendCommand(address, ["GO", 3])];
  assertEquals(await waitForCommand(address), ["SAY", "hello world"]);
  assertEquals(await waitForCommand(address), ["GO", "3"]);
  assertEquals(await Promise.all(more), [true, true]);
  assertEquals(await sendCommand(address, "STOP", { wait: 50 }), null);
  const message = sendMessage(address, "settled");
  await (await waitForMessage(address))?.reply();
  await message;
  assertEquals(await waitForCommand(address, { wait: 50 }), null, "who sent it was told: null");
  for (const wrong of ["", "  ", "SAY 'oh", [], 5, null, { go: 1 }, [1n], [["GO"]]]) {
    await assertRejects(() => sendCommand(address, wrong as string), TypeError, "command");
  }
  const number = 5 as unknown as string;
  await assertRejects(() => sendCommand(address, number), TypeError, "5 is no command: write text");
});

test("messages and commands at one address don't mix", async (address) => {
  const message = sendMessage(address, "a message");
  const command = sendCommand(address, "A COMMAND");
  assertEquals((await waitForCommand(address))?.[1], "COMMAND");
  await (await waitForMessage(address))?.reply("ok");
  assertEquals([await message, await command], ["ok", true]);
});

test("a message that is no command is refused by a program that knows better", async (address) => {
  await using _strict = await listen(address);
  assertEquals(await sendMessage(address, "hello"), null);
  assert(warnings[0]?.includes('"message" is registered here'), warnings[0]);
});

test("who was restarted meanwhile is asked again", async (address) => {
  const asked = sendMessage(address, "are you there?");
  await waitForMessage(address);
  // As if that program was ended: what was asked is lost.
  await hangUpPlace(address);
  const request = await waitForMessage(address);
  assertEquals(request?.message, "are you there?");
  await request?.reply("yes");
  assertEquals(await asked, "yes");
});

/** Ends what waits at an address, and leaves alone who calls it. */
async function hangUpPlace(address: string): Promise<void> {
  const { Place } = await import("../../lib/messaging/place.ts");
  await Place.close(address);
}

test("news: by the beginning of the topic, from several, also without a topic", async (address) => {
  const other = `127.0.0.1:${freePort()}`;
  const hits = waitForNews([address, other], "hits");
  const all = waitForNews(address);
  await Promise.all([publishNews(address, "misses", 0), publishNews(other, "misses", 0)]);
  await publishNews(other, "hits/front", { target: 3 });
  assertEquals(await hits, { topic: "hits/front", data: { target: 3 }, address: other });
  assertEquals(await all, { topic: "misses", data: 0, address });
  await publishNews(address, "for everybody");
  assertEquals(await waitForNews([other, address], "hits"), {
    topic: null,
    data: "for everybody",
    address,
  });
  assertEquals((await waitForNews(address))?.data, "for everybody");
  assertEquals(await waitForNews(address, "hits", { wait: 30 }), null);
  assertEquals(warnings, []);
});

test("news: what comes between two calls waits; the oldest are dropped beyond 20,000", async (address) => {
  const first = waitForNews(address, "n");
  const alsoFirst = waitForNews(address);
  await publishNews(address, "n", -1);
  assertEquals([(await first)?.data, (await alsoFirst)?.data], [-1, -1]);
  for (let i = 0; i < 10; i++) await publishNews(address, "n", i);
  for (let i = 0; i < 10; i++) assertEquals((await waitForNews(address, "n"))?.data, i);
  const all = (async () => {
    let last;
    while (last !== 20_099) last = (await waitForNews(address))?.data;
  })();
  for (let i = 0; i < 20_100; i += 100) {
    const hundred = Array.from({ length: 100 }, (_, j) => publishNews(address, "n", i + j));
    await Promise.all(hundred);
  }
  await all;
  assertEquals(warnings, ['News about "n" come faster than they are taken; some are missed']);
  assertEquals((await waitForNews(address, "n"))?.data, 100);
});

test("news: topics that are none", async (address) => {
  const publish = publishNews as (address: string, topic: unknown, data: unknown) => Promise<void>;
  await assertRejects(() => publish(address, 7, 1), TypeError, "7 is no topic");
  await assertRejects(() => publishNews(address, "x".repeat(256), 1), TypeError, "no topic");
  await assertRejects(() => waitForNews(address, "x".repeat(256)), TypeError, "no topic");
});

test("who waits for ever when it is hung up is told", async (address) => {
  const waits = [waitForMessage(address), waitForCommand(address), waitForNews(address)];
  const ends = waits.map((each) => assertRejects(() => each, ConnectionError, "hung up"));
  await new Promise((resolve) => setTimeout(resolve, 20));
  await hangUp();
  await Promise.all(ends);
});

test("who sends when it is hung up is told, and it is not sent later", async (address) => {
  const nobody = `127.0.0.1:${freePort()}`;
  const waits = [sendMessage(nobody, "never"), sendCommand(nobody, "NEVER"), sendMessage(address)];
  const ends = waits.map((each) => assertRejects(() => each, ConnectionError, "hung up"));
  await waitForMessage(address);
  await hangUp();
  await Promise.all(ends);
  const place = await listen(nobody, { messages: [REQUEST, COMMAND] });
  const again = sendMessage(nobody, "again");
  const first = await place.messages.next();
  assertEquals(first?.body, "again");
  await first?.reply("yes");
  assertEquals(await again, "yes");
  assertEquals(place.sessions.size, 1, "nobody else came");
  await place[Symbol.asyncDispose]();
});

test("what is hung up is that address, and what is waited for from there; nothing else", async (address) => {
  const shorter = address.slice(0, -1);
  const other = `127.0.0.1:${freePort()}`;
  const news = waitForNews(address);
  const both = waitForNews([other, address]);
  const ended = assertRejects(() => both, ConnectionError, "hung up");
  await hangUp(shorter);
  await hangUp(other);
  await ended;
  await publishNews(address, "still", 1);
  assertEquals((await news).data, 1);
});

test("news that nobody waits for any more are not asked for", async (address) => {
  const other = `127.0.0.1:${freePort()}`;
  await using place = await listen(address);
  const both = waitForNews([address, other], "hits");
  const ended = assertRejects(() => both, ConnectionError, "hung up");
  const isWanted = () => [...place.sessions as Set<LinkSession>].some((it) => it.wants("hits"));
  await eventually("it is wanted", isWanted);
  await hangUp(other);
  await ended;
  await eventually("it is not wanted any more", () => !isWanted());
  assertEquals(place.sessions.size, 1, "the connection is still there");
});

test("an address that can't be waited at is tried anew, by each who comes later", async (address) => {
  const [hostname, port] = address.split(":") as [string, string];
  const holder = Deno.listen({ hostname, port: Number(port) });
  const first = assertRejects(() => waitForMessage(address), ConnectionError, "another program");
  // All of it before the first knows that it failed.
  holder.close();
  const hungUp = hangUp(address);
  const second = waitForCommand(address);
  await Promise.all([first, hungUp]);
  const third = waitForMessage(address);
  const sent = [sendCommand(address, "GO"), sendMessage(address, "hello")];
  await (await third).reply("hello");
  assertEquals([await second, await Promise.all(sent)], [["GO"], [true, "hello"]]);
});

test("an address of this machine stands for all of its addresses", async (address) => {
  const port = address.split(":")[1];
  const own = Deno.networkInterfaces().find((it) => it.family === "IPv4" && it.name !== "lo");
  const waiting = waitForMessage(`${own?.address ?? "0.0.0.0"}:${port}`);
  const sent = sendMessage(`127.0.0.1:${port}`, "by another way");
  await (await waiting)?.reply("heard");
  assertEquals(await sent, "heard");
});

test("forms of one address are one place, and what is wider says what is in its way", async (address) => {
  const port = address.split(":")[1];
  // The loopback is narrower than all addresses.
  const asked = sendMessage(address, "first");
  const upper = waitForMessage(`LOCALHOST:${port}`);
  assertEquals((await upper).message, "first");
  assertEquals(await waitForMessage(address, { wait: 0 }), null);
  await sendReply(`:${port}`, "by its port");
  assertEquals(await asked, "by its port");
  await assertRejects(
    () => waitForMessage(`:${port}`),
    ConnectionError,
    `this program waits at ${address} already`,
  );
  await hangUp(`localhost:${port}`);
  // All addresses are wider than the loopback.
  const again = sendMessage(address, "second");
  assertEquals((await waitForMessage(Number(port))).message, "second");
  assertEquals(await waitForMessage(address, { wait: 0 }), null);
  assertEquals(await waitForMessage(`localhost:${port}`, { wait: 0 }), null);
  await sendReply(address, "by its address");
  assertEquals(await again, "by its address");
  await hangUp(address);
  Deno.listen({ hostname: "127.0.0.1", port: Number(port) }).close();
});

test("a program that waits long is told for what, once", async (address) => {
  const waiting = sendMessage(address, "hello?", { wait: 5_600 });
  assertEquals(await waiting, null);
  assertEquals(warnings.length, 2, warnings.join());
  assert(warnings[0]?.startsWith(`Still waiting for ${address}: Cannot connect`), warnings[0]);
});

Deno.test("simple: the end", async () => {
  await reset();
});
