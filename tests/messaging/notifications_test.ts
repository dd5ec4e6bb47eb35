import { assertEquals, assertRejects } from "@std/assert";
import { SecureListener } from "../../lib/link/secure/secure_listener.ts";
import { stretchSecret } from "../../lib/link/secure/secret.ts";
import { notifications } from "../../lib/messaging/notifications.ts";
import { AddressError } from "../../lib/net/address.ts";
import { listenTcp } from "../../lib/net/tcp_server.ts";
import { FakeServer } from "../support/fake_server.ts";
import { confirm, enter, pushed } from "../support/notify_server.ts";

Deno.test("notifications: a loop over them; each is acknowledged when the next is asked for", async () => {
  using server = new FakeServer();
  const loop = (async () => {
    const texts: string[] = [];
    for await (const { topic, text } of notifications(`:${server.port}`, ["hits"], { count: 2 })) {
      texts.push(`${topic} ${text}`);
    }
    return texts;
  })();
  const { session, command } = await enter(server);
  assertEquals(command, "/notify hits");
  await session.send(pushed(1), pushed(2));
  await confirm(session, "/ack f.1.1");
  await confirm(session, "/ack f.1.2");
  assertEquals(await loop, ["hits text 1", "hits text 2"]);
});

Deno.test("notifications: the one in which the loop is left is not acknowledged", async () => {
  using server = new FakeServer();
  const loop = (async () => {
    for await (const { text } of notifications(`:${server.port}`, [], { as: "ann" })) {
      if (text === "text 2") break;
    }
  })();
  const { session } = await enter(server);
  await session.send(pushed(1), pushed(2), pushed(3));
  await confirm(session, "/ack f.1.1");
  await loop;
  await session.rest();
  assertEquals(session.untaken, []);
});

Deno.test("notifications: it waits for a server that is not up yet, and comes back", async () => {
  const free = new FakeServer();
  const { port } = free;
  free[Symbol.dispose]();
  const stop = new AbortController();
  const texts: string[] = [];
  const loop = (async () => {
    for await (const { text } of notifications(`:${port}`, ["hits"], { signal: stop.signal })) {
      texts.push(text);
      if (texts.length === 2) stop.abort();
    }
  })();
  using server = new FakeServer({ port });
  const first = await enter(server);
  await first.session.send(pushed(1));
  await confirm(first.session, "/ack f.1.1");
  first.session.close();
  const { session, command } = await enter(server);
  assertEquals(command, "/notify hits since=f.1.1");
  await session.send(pushed(1), pushed(2), pushed(3));
  await loop;
  assertEquals(texts, ["text 1", "text 2"]);
});

Deno.test("notifications: a wrong secret is called so, also where plain clients are taken", async () => {
  const secrets = [await stretchSecret("blue turntable")];
  const listener = new SecureListener(listenTcp({ hostname: "127.0.0.1", port: 0 }), {
    purpose: "client",
    secrets: () => secrets,
    allowsPlain: () => true,
    exempt: () => true,
    plainRefusal: new Uint8Array(0),
    refused: () => {},
  });
  const accepting = listener.accept().catch(() => {});
  const { port } = listener.addr;
  await assertRejects(
    () => notifications(`:${port}`, [], { secret: "red turntable" }).next(),
    Error,
    "the secret is another one there",
  );
  listener.close();
  await accepting;
});

/** The first notification from there. */
function first(address: string, topics: string[] = []): Promise<unknown> {
  return notifications(address, topics).next();
}

Deno.test("notifications: what is wrong is thrown", async () => {
  await assertRejects(() => first("no address:"), Error, "no address");
  await assertRejects(() => first("kitchen"), AddressError, "look it up");
  await assertRejects(() => first(null as unknown as string), AddressError, "null is no address");
  await assertRejects(() => first(":1", ["a b"]), TypeError, '"a b" has a blank');
  const notList = "door" as unknown as string[];
  await assertRejects(() => first(":1", notList), TypeError, '"door" is no list of topics');
  await assertRejects(() => first(":1", [7 as unknown as string]), TypeError, "7 is no text");
  const stopped = AbortSignal.abort();
  assertEquals((await notifications(":1", [], { signal: stopped }).next()).done, true);
});

Deno.test({
  name: "notifications: so is that nobody knows the name",
  // Deno 2.4 forgets to close what would cancel the connecting, where the name is not found.
  sanitizeResources: false,
  fn: async () => {
    const where = "nowhere.invalid:1";
    await assertRejects(() => first(where), Error, `Cannot connect to ${where}`);
  },
});
