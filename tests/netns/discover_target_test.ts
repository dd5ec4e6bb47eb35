/** `talker client` without a TARGET: it looks for servers. On hosts of their own, where no others are. */

import { assertEquals, assertMatch } from "@std/assert";
import { finish, Spawned } from "../support/discovery.ts";
import { type Host, Network, testOnHosts } from "../support/netns.ts";

const ADVERTISER = `${import.meta.dirname}/../support/discovery_advertiser.ts`;

/** Advertises as a server does; nobody listens there. */
async function server(name: string, on: Host, kind = "talker"): Promise<Spawned> {
  const command = [Deno.execPath(), "run", "--allow-all", ADVERTISER, name, kind, "8889"];
  const program = new Spawned(command, { on });
  await program.next("ready");
  return program;
}

await testOnHosts("client: without a TARGET it looks for servers", async () => {
  await using stack = new AsyncDisposableStack();
  const network = stack.use(await Network.create());
  const lan = await network.segment();
  const [a, b, c] = [await network.host("a"), await network.host("b"), await network.host("c")];
  for (const host of [a, b, c]) await lan.attach(host, "left");
  const client = () => finish(["client", "--send", "x"], { on: c });

  // Other kinds of services are none.
  stack.use(await server("thing", b, "service"));
  const none = await client();
  assertEquals([none.code, none.out, none.err.length], [1, [], 1]);
  assertMatch(
    none.err[0] ?? "",
    /^talker: No TARGET given, and no server was found within 1 s; start/,
  );

  stack.use(await server("kitchen", a));
  const one = await client();
  assertEquals([one.code, one.out], [1, []]);
  const at = `${a.on(lan)}:8889`;
  assertEquals(one.err[0], `talker: No TARGET given: taking kitchen at ${at}`);
  assertMatch(one.err[1] ?? "", /^talker: Cannot connect to kitchen .*: connection refused/);

  stack.use(await server("attic", b));
  const two = await client();
  assertEquals([two.code, two.out, two.err], [2, [], [
    `talker: No TARGET given, and there are several servers: attic (${b.on(lan)}:8889), ` +
    `kitchen (${at}); name one: talker client attic`,
  ]]);
});
