/** What a stranger in the path sees of encrypted connections, and what he can do: nothing. */

import { assert, assertEquals } from "@std/assert";
import { LineClient } from "../support/line_client.ts";
import { runToEnd, talker } from "../support/process.ts";
import { TestServer } from "../support/server.ts";
import { Wiretap } from "../support/wiretap.ts";

const SECRET = { env: { TALKER_SECRET: "blue turntable" } };
/** What must not be seen: a line, names, nicks, a topic, a notification, a question, an answer. */
const PRIVATE = [
  "the tea is ready",
  "kitchen-server",
  "attic-server",
  "ann-of-the-attic",
  "bob-of-the-kitchen",
  "door-topic",
  "somebody rings",
  "which way",
  "left-and-right",
  "blue turntable",
  "/say",
  "speech",
  "NOTIFY",
];

function assertPrivate(bytes: Uint8Array): void {
  const text = new TextDecoder("latin1").decode(bytes).toLowerCase();
  for (const word of PRIVATE) assert(!text.includes(word.toLowerCase()), word);
}

Deno.test("wire: chat, names, notifications and questions are not to be seen", async () => {
  const listen = ["--peer-listen", "127.0.0.1:0", "--answer", "cat; echo left-and-right"];
  await using kitchen = await TestServer.start(["--name", "kitchen-server", ...listen], SECRET);
  const peers = Number(/:(\d+)$/.exec(await kitchen.stdout.next(/ for peers on /))?.[1]);
  using link = new Wiretap(peers);
  const peer = ["--peer", `127.0.0.1:${link.at}`];
  await using attic = await TestServer.start(["--name", "attic-server", ...peer], SECRET);
  await attic.stderr.next(/Link to kitchen-server .* is up/);
  using client = new Wiretap(attic.port);
  const bob = await kitchen.join("bob-of-the-kitchen");
  await bob.send("/notify door-topic");
  await bob.next(/^Notifications on/);
  const end = await runToEnd(
    ["client", `:${client.at}`, "--nick", "ann-of-the-attic"]
      .concat(["--send", "/publish door-topic somebody rings"])
      .concat(["--send", "/ask @kitchen-server which way"])
      .concat(["--send", "the tea is ready", "--send", "/tell bob-of-the-kitchen hello"]),
    SECRET,
  );
  assertEquals(end.code, 0, end.err.join("\n"));
  assert(end.out.includes("left-and-right"), end.out.join("\n"));
  await bob.next(/^NOTIFY .* door-topic somebody rings$/);
  await bob.send("/normal", "/history 1");
  await bob.next(/ann-of-the-attic: the tea is ready$/);
  assert(link.bytes.length > 1000 && client.bytes.length > 1000);
  assertPrivate(link.bytes);
  assertPrivate(client.bytes);
  // The same without encryption is there to be seen: the test can fail.
  await using plain = await TestServer.start(["--name", "kitchen-server"]);
  using open = new Wiretap(plain.port);
  await runToEnd(["client", `:${open.at}`, "--send", "the tea is ready"]);
  assert(new TextDecoder("latin1").decode(open.bytes).includes("the tea is ready"));
});

Deno.test("wire: a recorded session, played to the server again, gets nowhere", async () => {
  await using server = await TestServer.start(["--name", "kitchen"], SECRET);
  const bob = await server.join("bob");
  using tap = new Wiretap(server.port);
  const said = ["client", `:${tap.at}`, "--nick", "ann", "--send", "hello"];
  assertEquals((await runToEnd(said, SECRET)).code, 0);
  await bob.next("ann: hello");
  await bob.next("ann has left");
  const { there } = tap.connections[0]!;
  const again = await LineClient.connect(server.port, { host: "127.0.0.1" });
  // The server may be through with it before all is sent.
  for (const chunk of there) await again.raw(chunk).catch(() => {});
  await again.closed().catch(() => {});
  await server.stderr.next(/Refused a client .* the secret is another one there/);
  await bob.send("@1 /who");
  const heard = await bob.until("@1 ok");
  assert(!heard.some((line) => line.includes("ann")), heard.join("\n"));
});

Deno.test("wire: altered, repeated, left out or cut: the connection ends, and all is delivered once", async () => {
  await using server = await TestServer.start(["--name", "kitchen"], SECRET);
  const bob = await server.join("bob");
  const changes: Record<string, (chunk: Uint8Array) => Uint8Array[]> = {
    altered: (chunk) => {
      const wrong = chunk.slice();
      wrong[wrong.length - 1]! ^= 1;
      return [wrong];
    },
    repeated: (chunk) => [chunk, chunk],
    "left out": () => [],
    cut: (chunk) => [chunk.subarray(0, chunk.length - 1)],
  };
  for (const [what, change] of Object.entries(changes)) {
    using tap = new Wiretap(server.port);
    await using client = talker(["client", `:${tap.at}`, "--nick", "ann"], SECRET);
    await client.type("first\n");
    await bob.next("ann: first");
    const passed = Promise.withResolvers<void>();
    let changed = false;
    tap.change = (chunk, direction) => {
      if (direction === "back" || changed) return [chunk];
      changed = true;
      passed.resolve();
      return change(chunk);
    };
    await client.type(`then ${what}\n`);
    await passed.promise;
    await client.type("last\n");
    // The client comes back, and what the server never took goes out again.
    await bob.next("ann: last");
    assertEquals(tap.connections.length, 2, `${what}: the first connection has ended`);
    await server.stderr.next(/Disconnected ann from 127.0.0.1: An encrypted record was altered/);
    assertEquals(bob.all.filter((line) => line === `ann: then ${what}`).length, 1, what);
    client.signal("SIGTERM");
    await bob.next("ann has left");
  }
});
