import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { configure, reset } from "@logtape/logtape";
import {
  connect,
  connectGroup,
  defineMessage,
  handle,
  listen,
  type RawSession,
  SecurityError,
  type Session,
  type SessionEvent,
  text,
} from "../../lib/mod.ts";
import { within } from "../support/line_client.ts";
import { eventually } from "../support/messaging.ts";
import { securityOf } from "../../lib/messaging/encryption.ts";

const Hello = defineMessage("hello", text, { reply: text });
const handlers = [handle(Hello, (name) => `Welcome, ${name}`)];
const BLUE = { secret: "blue turntable" }, RED = { secret: "red turntable" };

Deno.test("encryption: both ends encrypt, with a secret or without", async () => {
  for (const options of [{ encrypted: true }, BLUE]) {
    await using server = await listen("127.0.0.1:0", { handlers, ...options });
    await using session = await connect(server.address, options);
    assertEquals(await session.ask(Hello, "Tim"), "Welcome, Tim");
  }
});

Deno.test("encryption: who wants something else is refused, at once and with the reason", async () => {
  await using open = await listen("127.0.0.1:0", { handlers });
  await using closed = await listen("127.0.0.1:0", { handlers, encrypted: true });
  await using sealed = await listen("127.0.0.1:0", { handlers, ...BLUE });
  const cases = [
    [
      open,
      { encrypted: true },
      "plain",
      "does not encrypt: give { encrypted: true } or { secret: … } there",
    ],
    [open, BLUE, "plain", "does not encrypt: give { encrypted: true } or { secret: … } there"],
    [closed, {}, "plain", "the other side encrypts: give { encrypted: true } here"],
    [closed, BLUE, "no-secret", "has no secret: leave { secret: … } out here"],
    [sealed, {}, "secret-needed", "asks for a secret: give it with { secret: … }"],
    [sealed, { encrypted: true }, "secret-needed", "asks for a secret: give it with { secret: … }"],
    [sealed, RED, "refused", "the secret is another one there"],
  ] as const;
  for (const [server, options, code, text] of cases) {
    const { address } = server;
    const told: string[] = [];
    const onEvent = (event: SessionEvent<Session>) =>
      told.push(event.type === "notConnected" ? event.reason : event.type);
    const error = await assertRejects(
      () => connect(address, { wait: 60_000, ...options, onEvent }),
      SecurityError,
      text,
    );
    assertEquals((error as unknown as SecurityError).code, code);
    assertStringIncludes((error as unknown as Error).message, `Cannot connect to ${address}: `);
    assertEquals(told, [(error as unknown as Error).message]);
    // The side that listens is told, too.
    const event = await within(server.events.next(), "the event at the listener");
    assert(event?.type === "notConnected" && event.address.startsWith("127.0.0.1:"));
  }
  await using session = await connect(sealed.address, BLUE);
  assertEquals(await session.ask(Hello, "Tim"), "Welcome, Tim");
});

Deno.test("encryption: a group, and raw frames", async () => {
  await using motor = await listen("127.0.0.1:0", { handlers, ...BLUE });
  await using detector = await listen("127.0.0.1:0", { handlers, ...BLUE });
  const addresses = { motor: motor.address, detector: detector.address };
  await using group = connectGroup(addresses, BLUE);
  const members = await group.ready();
  assertEquals(await members.detector.ask(Hello, "Tim"), "Welcome, Tim");
  await using echo = await listen("127.0.0.1:0", {
    raw: "frames",
    encrypted: true,
    session: async (session: RawSession) => {
      for await (const frame of session.frames) await session.send(frame);
    },
  });
  await using raw = await connect(echo.address, { raw: "frames", encrypted: true });
  const large = new Uint8Array(200_000).map((_, i) => i % 251);
  await raw.send(large);
  assertEquals(await raw.frames.next(), large);
});

Deno.test("encryption: a group that can't be, for want of a secret, says so and goes on trying", async () => {
  const warnings: string[] = [];
  await configure({
    sinks: { list: (record) => warnings.push(record.message.join("")) },
    loggers: [
      { category: ["talker", "messaging"], sinks: ["list"], lowestLevel: "warning" },
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "warning" },
    ],
  });
  try {
    let refused = 0;
    await using motor = await listen("127.0.0.1:0", {
      handlers,
      ...BLUE,
      onEvent: ({ type }) => refused += Number(type === "notConnected"),
    });
    await using group = connectGroup({ motor: motor.address });
    await eventually("it was tried several times", () => refused >= 3);
    assertEquals(warnings.filter((text) => text.startsWith("motor: ")), [
      `motor: Cannot connect to ${motor.address}: the other side asks for a secret: ` +
      "give it with { secret: … }",
    ]);
    assertEquals(group.isReady, false);
  } finally {
    await reset();
  }
});

Deno.test("encryption: an empty secret is no secret, nor is one that no file may hold", () => {
  assertThrows(() => securityOf({ secret: " " }, "program"), TypeError);
  assert(securityOf({ secret: ` ${"x".repeat(1024)}\n` }, "program") !== undefined);
  const tooLong = { secret: "x".repeat(1025) };
  assertThrows(() => securityOf(tooLong, "program"), TypeError, "1024 are the most");
  assertEquals(securityOf({}, "program"), undefined);
});

Deno.test("encryption: a secret that could not be stretched is stretched the next time", async () => {
  const { Worker } = globalThis;
  let made = 0;
  // The first thread gets no memory.
  globalThis.Worker = class extends EventTarget {
    onmessage: ((event: MessageEvent) => void) | undefined;
    onerror: ((event: ErrorEvent) => void) | undefined;
    postMessage(): void {
      const isFirst = made++ === 0;
      queueMicrotask(() => {
        if (isFirst) this.onerror?.(new ErrorEvent("error", { message: "no memory" }));
        else this.onmessage?.(new MessageEvent("message", { data: new Uint8Array(32) }));
      });
    }
    terminate(): void {}
  } as unknown as typeof Worker;
  try {
    const { secrets } = securityOf({ secret: "a secret of this test" }, "program")!;
    await assertRejects(async () => await secrets(), Error, "no memory");
    for (let i = 0; i < 3; i++) assertEquals((await secrets()).length, 1);
    assertEquals(made, 2, "then it is remembered");
  } finally {
    globalThis.Worker = Worker;
  }
});
