import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  AddressError,
  anything,
  AskError,
  connect,
  ConnectionError,
  defineMessage,
  handle,
  list,
  listen,
  LocalFault,
  number,
  Refusal,
  type Session,
  type SessionEvent,
  text,
} from "../../lib/mod.ts";
import { eventually, freePort, Stranger } from "../support/messaging.ts";
import { within } from "../support/line_client.ts";

const Double = defineMessage("double", number, { reply: number });
const Say = defineMessage("say", text);
const Any = defineMessage("any", anything);

Deno.test("session: either side asks, many questions at a time, answered in any order", async () => {
  const release: ((value: number) => void)[] = [];
  await using server = await listen("127.0.0.1:0", {
    handlers: [
      handle(Double, (n) => n < 3 ? new Promise<number>((done) => release[n] = done) : 2 * n),
    ],
  });
  await using session = await connect(server.address, {
    handlers: [handle(Say, (words) => words.toUpperCase())],
  });
  const slow = [0, 1, 2].map((n) => session.ask(Double, n));
  assertEquals(await session.ask(Double, 21), 42, "the others don't hold it up");
  for (const n of [2, 0, 1]) release[n]?.(10 * n);
  assertEquals(await Promise.all(slow), [0, 10, 20]);
  const [accepted] = server.sessions;
  assertEquals(await accepted?.ask(Say, "hello"), "HELLO");
  assertEquals(
    await Promise.all(Array.from({ length: 500 }, (_, i) => session.ask(Double, i + 3))),
    Array.from({ length: 500 }, (_, i) => 2 * i + 6),
  );
});

Deno.test("session: values of any size up to the limit arrive whole; beyond it nothing is sent", async () => {
  await using server = await listen("127.0.0.1:0", { handlers: [handle(Any, (it) => it)] });
  await using session = await connect(server.address);
  const big = { list: Array.from({ length: 60_000 }, (_, i) => `größe ${i}`), n: null };
  assertEquals(await session.ask(Any, big), big);
  const limit = "x".repeat(1024 * 1024 - 2);
  assertEquals(await session.ask(Any, limit), limit);
  await assertRejects(() => session.ask(Any, `${limit}x`), LocalFault, "longer than");
  await assertRejects(() => session.tell(Any, { f: () => 1 }), LocalFault, "a function at f");
  assertEquals(await session.ask(Any, 1), 1);
});

Deno.test("session: what is not registered, or not as registered, is refused with a reason", async () => {
  await using server = await listen("127.0.0.1:0", { handlers: [handle(Double, (n) => 2 * n)] });
  await using session = await connect(server.address);
  const other = defineMessage("triple", number);
  const wrong = defineMessage("double", text, { reply: text });
  const unregistered = await assertRejects(() => session.ask(other, 1), AskError, '"triple"');
  assertEquals(unregistered.code, "unregistered");
  const invalid = await assertRejects(() => session.ask(wrong, "two"), AskError, '"two"');
  assertEquals(invalid.code, "invalid");
  const wrongAnswer = defineMessage("double", number, { reply: text });
  const answer = await assertRejects(() => session.ask(wrongAnswer, 1), AskError, "is 2");
  assertEquals(answer.code, "invalid-answer");
  assertEquals(await session.ask(Double, 4), 8);
});

Deno.test("session: a handler that refuses, one that fails", async () => {
  await using server = await listen("127.0.0.1:0", {
    handlers: [
      handle(Double, (n) => {
        if (n > 100) throw new Refusal(`${n} is too much`);
        throw new Error("a secret of the program");
      }),
    ],
  });
  await using session = await connect(server.address);
  const refused = await assertRejects(() => session.ask(Double, 101), AskError, "101 is too much");
  assertEquals(refused.code, "refused");
  const failed = await assertRejects(() => session.ask(Double, 1), AskError, "failed");
  assertEquals([failed.code, failed.message.includes("secret")], ["failed", false]);
});

Deno.test("session: time, giving up; the other side knows that nobody waits", async () => {
  const signals: AbortSignal[] = [];
  await using server = await listen("127.0.0.1:0", {
    handlers: [
      handle(Double, (n, { signal }) => {
        if (n === 1) return 2;
        signals.push(signal);
        return new Promise<number>(() => {});
      }),
    ],
  });
  await using session = await connect(server.address);
  const late = await assertRejects(() => session.ask(Double, 5, { wait: 30 }), AskError, "0.03 s");
  assertEquals(late.code, "timed-out");
  const giveUp = new AbortController();
  const asked = session.ask(Double, 6, { signal: giveUp.signal });
  await eventually("both questions are there", () => signals.length === 2);
  giveUp.abort(new Error("never mind"));
  await assertRejects(() => asked, Error, "never mind");
  await eventually("the other side is told", () => signals.every(({ aborted }) => aborted));
  await assertRejects(() => session.ask(Double, 6, { signal: giveUp.signal }), Error, "never mind");
  assertEquals(await session.ask(Double, 1), 2, "the connection can be used on");
});

Deno.test("session, connect: a wait that is no time is an error at once, and does no harm", async () => {
  await using server = await listen("127.0.0.1:0", {
    handlers: [handle(Double, (n) => n === 1 ? 2 : new Promise<number>(() => {}))],
  });
  await using session = await connect(server.address);
  const nobody = freePort();
  let attempts = 0;
  const onEvent = () => attempts++;
  for (const wait of [NaN, -1, "100" as unknown as number]) {
    await within(
      assertRejects(() => session.ask(Double, 2, { wait }), RangeError, "is no time"),
      "the error",
    );
    for (const options of [{}, { raw: "bytes" } as const]) {
      const stop = new AbortController();
      const tried = connect(nobody, { ...options, wait, onEvent, signal: stop.signal } as object);
      await within(assertRejects(() => tried, RangeError, "is no time"), "the error")
        .finally(() => stop.abort());
    }
  }
  assertEquals(attempts, 0);
  await assertRejects(() => session.ask(Double, 2, { wait: 1 }), AskError, "0.001 s");
  assertEquals(await session.ask(Double, 1), 2, "the connection can be used on");
});

Deno.test("session: a question that was given up is not taken any more", async () => {
  await using server = await listen("127.0.0.1:0", {
    messages: [Double],
    handlers: [handle(Say, () => "all that was before has come")],
  });
  await using session = await connect(server.address);
  await assertRejects(() => session.ask(Double, 1, { wait: 20 }), AskError, "0.02 s");
  await session.ask(Say, "");
  assertEquals(server.messages.size, 0);
});

Deno.test("session: messages that nobody handles are taken one by one, with who sent them", async () => {
  await using server = await listen("127.0.0.1:0", { messages: [Say, Double] });
  await using one = await connect(server.address);
  await using two = await connect(server.address);
  await one.tell(Say, "first");
  const asked = two.ask(Double, 4);
  const taken = [await server.messages.next(), await server.messages.next()];
  for (const message of taken) {
    if (message?.is(Double)) await message.reply(message.body * 2);
    else if (message?.is(Say)) {
      assertEquals([message.body, message.asked], ["first", false]);
      await message.reply("nobody waits for it");
    }
  }
  assertEquals(await asked, 8);
});

Deno.test("session: a function for each connection, closed when it returns; its result is told", async () => {
  const events: SessionEvent<Session>[] = [];
  await using server = await listen("127.0.0.1:0", {
    messages: [Say],
    session: async (session) => {
      const message = await session.messages.next();
      await message?.reply(`Welcome, ${message.body}`);
      return message?.body;
    },
    onEvent: (event) => events.push(event),
  });
  const session = await connect(server.address);
  assertEquals(await session.ask(Say, "Buster"), "Welcome, Buster");
  const end = await within(session.ended, "the end");
  assertEquals(end.type, "abandoned");
  assertEquals(events.map(({ type }) => type), ["accepted", "closed"]);
  assert(events[1]?.type === "closed" && events[1].result === "Buster");
});

Deno.test("session: a class for each connection, told of its end", async () => {
  const seen: string[] = [];
  class Visitor {
    #name = "nobody";
    constructor(session: Session) {
      session.on(Say, (name) => {
        this.#name = name;
        return `Welcome, ${name}`;
      });
    }
    [Symbol.dispose]() {
      seen.push(this.#name);
    }
  }
  await using server = await listen("127.0.0.1:0", { session: Visitor });
  const [one, two] = [await connect(server.address), await connect(server.address)];
  assertEquals(await Promise.all([one.ask(Say, "Tim"), two.ask(Say, "Ada")]), [
    "Welcome, Tim",
    "Welcome, Ada",
  ]);
  one.close("done");
  await eventually("the end is told", () => seen.length === 1);
  assertEquals(seen, ["Tim"]);
  await two[Symbol.asyncDispose]();
});

Deno.test("session: events of both sides, as a stream", async () => {
  await using server = await listen("127.0.0.1:0", { messages: [Say] });
  const session = await connect(server.address);
  assertEquals((await session.events.next())?.type, "connected");
  assertEquals((await server.events.next())?.type, "accepted");
  const [accepted] = server.sessions;
  session.close("I am done");
  assertEquals((await session.ended).type, "closed");
  assertEquals<unknown>(await server.events.next(), {
    type: "abandoned",
    session: accepted,
    reason: "I am done",
  });
  assert(accepted?.signal.aborted && server.sessions.size === 0);
  server.close();
  assertEquals((await server.events.next())?.type, "notListening");
  assertEquals(await server.events.next(), undefined);
});

Deno.test("session: questions under way end with the connection", async () => {
  await using server = await listen("127.0.0.1:0", { messages: [Double] });
  const session = await connect(server.address);
  const asked = session.ask(Double, 1);
  await server.messages.next();
  server.close("going home");
  const lost = await assertRejects(() => asked, AskError, "going home");
  assertEquals(lost.code, "lost");
  await assertRejects(() => session.ask(Double, 1), AskError, "has ended");
  await assertRejects(() => session.tell(Say, ""), AskError, "has ended");
});

Deno.test("connect: nobody there; somebody comes in time; wrong addresses", async () => {
  const port = freePort();
  const events: SessionEvent<Session>[] = [];
  const onEvent = (event: SessionEvent<Session>) => void events.push(event);
  await assertRejects(
    () => connect(port, { onEvent }),
    ConnectionError,
    `Cannot connect to 127.0.0.1:${port}: nobody listens there`,
  );
  assertEquals(events.map(({ type }) => type), ["notConnected"]);
  const patient = connect(port, { wait: 10_000, onEvent });
  await eventually("it tries again", () => events.length > 2);
  await using server = await listen(`127.0.0.1:${port}`);
  await using _session = await patient;
  await assertRejects(() => connect("kitchen"), AddressError, "discover(");
  await assertRejects(() => connect("1.2.3.4"), AddressError, "no port");
  for (const number of [1.5, -1, NaN, 65_536]) {
    await assertRejects(() => connect(number), AddressError, `${number}`);
    await assertRejects(() => listen(number), AddressError, "(0 to 65535)");
  }
  await assertRejects(() => connect(server.address, { signal: AbortSignal.abort() }), DOMException);
  const events2: SessionEvent<Session>[] = [];
  await assertRejects(
    () => listen(server.address, { onEvent: (event) => events2.push(event) }),
    ConnectionError,
    "another program listens there",
  );
  assertEquals(events2.map(({ type }) => type), ["notListening"]);
  await assertRejects(() => listen("192.0.2.1:0"), ConnectionError, "no address of this machine");
});

Deno.test("listen, connect: a signal ends them", async () => {
  const end = new AbortController();
  await using server = await listen("127.0.0.1:0", { signal: end.signal });
  await using session = await connect(server.address);
  end.abort();
  assertEquals((await within(session.ended, "the end")).type, "abandoned");
  await assertRejects(() => connect(server.address), ConnectionError);
});

Deno.test("messages: a name has one type; names and lists are checked", async () => {
  await assertRejects(
    () => listen("127.0.0.1:0", { messages: [Say], handlers: [handle(Say, () => 1)] }),
    TypeError,
    '"say" is registered twice',
  );
  assertThrows(() => defineMessage("", text), TypeError, "no name");
  assertThrows(() => defineMessage("x".repeat(65), text), TypeError, "1 to 64");
  assert(list(number)([]) && !list(number)({ length: 0 }));
});

Deno.test("news: to those who want it, also without a topic", async () => {
  await using server = await listen("127.0.0.1:0", { messages: [Say] });
  await using hits = await connect(server.address);
  await using all = await connect(server.address);
  await using none = await connect(server.address);
  hits.subscribe("hits");
  all.subscribe();
  for (const session of [hits, all, none]) await session.tell(Say, "subscribed");
  for (let i = 0; i < 3; i++) await server.messages.next();
  for (const [topic, data] of [["hits/front", 1], ["misses", 2], [null, 3]] as const) {
    await server.publish(topic, data);
  }
  const take = async (session: Session, count: number) => {
    const taken = [];
    for (let i = 0; i < count; i++) taken.push((await session.news.next())?.data);
    return taken;
  };
  assertEquals(await take(hits, 2), [1, 3]);
  assertEquals(await take(all, 3), [1, 2, 3]);
  assertEquals(none.news.size, 0);
  assertThrows(() => server.publish("x".repeat(256)), TypeError, "no topic");
  assertThrows(() => server.publish("hits", 1n), LocalFault, "1n");
});

Deno.test("news: who publishes goes as fast as the readers; who reads nothing misses some, and is told", async () => {
  await using server = await listen("127.0.0.1:0", { messages: [Say] });
  await using reader = await connect(server.address);
  const port = Number(server.address.split(":")[1]);
  using stopped = await Stranger.stopped(port, { kind: "subscribe", prefix: "" });
  reader.subscribe();
  await reader.tell(Say, "subscribed");
  await server.messages.next();
  await eventually("both are there", () => server.sessions.size === 2);
  const data = "x".repeat(100_000);
  const count = 400;
  const reading = (async () => {
    for (let i = 0; i < count; i++) {
      const news = await reader.news.next();
      assertEquals([news?.topic, news?.missed], [`${i}`, 0]);
    }
  })();
  for (let i = 0; i < count; i++) await server.publish(`${i}`, data);
  await reading;
  await stopped.readOn();
  const seen = () => stopped.all.filter(({ kind }) => kind === "news");
  await eventually("what waited has come", () => seen().length > 50);
  await server.publish("last", 1);
  await eventually("the last has come", () => seen().at(-1)?.topic === "last");
  const missed = seen().reduce((sum, news) => sum + Number(news.missed ?? 0), 0);
  assertEquals(seen().length + missed, count + 1);
  assert(missed > 100, `${missed} were missed`);
});

Deno.test("news: a program that doesn't take them in time misses the oldest, and is told", async () => {
  await using server = await listen("127.0.0.1:0", { messages: [Say] });
  await using session = await connect(server.address);
  session.subscribe();
  await session.tell(Say, "subscribed");
  await server.messages.next();
  for (let i = 0; i < 20_500; i++) await server.publish("n", i);
  const [accepted] = server.sessions;
  session.on(Say, () => "all has come before this");
  await accepted?.ask(Say, "?");
  let missed = 0;
  for (let i = 0; i < 20_000; i++) missed += (await session.news.next())?.missed ?? 0;
  await server.publish("n", "last");
  const last = await session.news.next();
  assertEquals([last?.data, missed + (last?.missed ?? 0)], ["last", 500]);
});

Deno.test("session: a check that fails says no; handlers that are slow hold up who tells, not who asks", async () => {
  const bad = defineMessage("bad", (_: unknown): _ is string => {
    throw new Error("a bug");
  });
  let running = 0;
  let release = () => {};
  const released = new Promise<void>((resolve) => release = resolve);
  await using server = await listen("127.0.0.1:0", {
    messages: [bad],
    handlers: [
      handle(Say, async () => {
        running++;
        await released;
      }),
      handle(Double, (n) => 2 * n),
    ],
  });
  await using session = await connect(server.address);
  const refused = await assertRejects(() => session.ask(bad, "x"), AskError);
  assertEquals(refused.code, "invalid");
  for (let i = 0; i < 3000; i++) await session.tell(Say, "x".repeat(500));
  await eventually("some are under way", () => running >= 1000);
  const asked = session.ask(Double, 4);
  await new Promise((resolve) => setTimeout(resolve, 50));
  // What came with the same read is taken, too.
  assert(running < 1600, `${running} at once`);
  release();
  assertEquals(await asked, 8);
  await eventually("all are done", () => running === 3000);
});
