import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  connect,
  connectGroup,
  ConnectionError,
  defineMessage,
  handle,
  listen,
  type RawSession,
  SecurityError,
  text,
} from "../../lib/mod.ts";
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
  await using sealed = await listen("127.0.0.1:0", { handlers, ...BLUE });
  const cases = [
    [open.address, { encrypted: true }, "plain"],
    [open.address, BLUE, "plain"],
    [sealed.address, { encrypted: true }, "secret-needed"],
    [sealed.address, RED, "refused"],
  ] as const;
  for (const [address, options, code] of cases) {
    const error = await assertRejects(
      () => connect(address, { wait: 60_000, ...options }),
      SecurityError,
    );
    assertEquals((error as unknown as SecurityError).code, code);
  }
  await assertRejects(() => connect(sealed.address), ConnectionError);
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

Deno.test("encryption: an empty secret is no secret", () => {
  assertThrows(() => securityOf({ secret: " " }, "program"), TypeError);
  assertEquals(securityOf({}, "program"), undefined);
});
