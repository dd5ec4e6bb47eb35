import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  AddressError,
  connect,
  connectGroup,
  ConnectionError,
  defineMessage,
  type GroupEvent,
  handle,
  listen,
  text,
} from "../../lib/mod.ts";
import { eventually, freePort } from "../support/messaging.ts";
import { within } from "../support/line_client.ts";

const Hello = defineMessage("hello", text, { reply: text });

function serve(port: number, name: string) {
  return listen(`127.0.0.1:${port}`, {
    handlers: [handle(Hello, (who) => `Welcome, ${who}, says ${name}`)],
  });
}

Deno.test("group: one of nobody is ready at once", async () => {
  const events: GroupEvent[] = [];
  await using group = connectGroup({}, { onEvent: (event) => events.push(event) });
  assertEquals([group.isReady, events], [true, [{ type: "ready" }]]);
  assertEquals(await within(group.ready(), "nobody"), {});
  const closed = connectGroup({}, { signal: AbortSignal.abort() });
  assertEquals(closed.isReady, false);
  await assertRejects(() => closed.ready(), ConnectionError, "closed");
});

Deno.test("group: ready when all are there, whenever they come; each change is told", async () => {
  const [a, b] = [freePort(), freePort()];
  const events: GroupEvent[] = [];
  await using motor = await serve(a, "motor");
  await using group = connectGroup({ motor: a, detector: b }, {
    onEvent: (event) => events.push(event),
  });
  await eventually("the first is there", () => group.members.motor !== null);
  assertEquals([group.isReady, group.members.detector], [false, null]);
  assertEquals(await group.members.motor?.ask(Hello, "Tim"), "Welcome, Tim, says motor");
  const ready = group.ready();
  await using _detector = await serve(b, "detector");
  const members = await within(ready, "all are there");
  assertEquals(await members.detector.ask(Hello, "Ada"), "Welcome, Ada, says detector");
  await motor[Symbol.asyncDispose]();
  await eventually("it is lost", () => !group.isReady);
  await using again = await serve(a, "another motor");
  const { motor: other } = await within(group.ready(), "it is there again");
  assertEquals(await other.ask(Hello, "Tim"), "Welcome, Tim, says another motor");
  assertEquals(
    events.map((event) => event.type === "changed" ? `${event.name} ${event.isUp}` : event.type),
    ["motor true", "detector true", "ready", "motor false", "notReady", "motor true", "ready"],
  );
  assert(again.sessions.size === 1);
});

Deno.test("group: the other side may ask, over each of its connections", async () => {
  await using server = await listen("127.0.0.1:0", {
    session: async (session) => await session.ask(Hello, "server"),
    onEvent: (event) => {
      if (event.type === "closed") results.push(event.result);
    },
  });
  const results: unknown[] = [];
  await using _group = connectGroup({ server: server.address }, {
    handlers: [handle(Hello, (who) => `Welcome, ${who}`)],
  });
  await eventually("it was asked", () => results.length > 0);
  assertEquals(results[0], "Welcome, server");
});

Deno.test("group: a member may be listened for; an address in use is tried again", async () => {
  const port = freePort();
  const holder = await listen(`127.0.0.1:${port}`);
  await using group = connectGroup({
    door: { listen: `127.0.0.1:${port}`, handlers: [handle(Hello, (who) => `Hello, ${who}`)] },
  });
  assertEquals(group.members.door, null);
  await holder[Symbol.asyncDispose]();
  const { door } = await within(group.ready(), "it listens");
  await using session = await connect(door.address);
  assertEquals(await session.ask(Hello, "Tim"), "Hello, Tim");
});

Deno.test("group: its end, wrong addresses, giving up the wait", async () => {
  assertThrows(() => connectGroup({ a: "kitchen" }), AddressError, "kitchen");
  await using server = await serve(freePort(), "a");
  const group = connectGroup({ a: server.address, b: freePort() });
  await eventually("one is there", () => group.members.a !== null);
  const { a } = group.members;
  await assertRejects(() => group.ready({ signal: AbortSignal.timeout(20) }), DOMException);
  await assertRejects(
    () => group.ready({ wait: 20 }),
    ConnectionError,
    "Not there within 0.02 s: ",
  );
  await assertRejects(() => group.ready({ wait: NaN }), RangeError);
  const waiting = group.ready();
  group.close();
  await assertRejects(() => waiting, ConnectionError, "closed");
  await assertRejects(() => group.ready(), ConnectionError, "closed");
  assertEquals((await within(a!.ended, "its end")).type, "closed");
  assertEquals(group.members.a, null);
});
