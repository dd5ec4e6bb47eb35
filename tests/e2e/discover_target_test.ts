/** Names as TARGETs, on the loopback interface. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { resolveTarget, type TargetRole } from "../../commands/target.ts";
import { CommandError } from "../../lib/cli/exit.ts";
import { Beacon } from "../../lib/discovery/beacon.ts";
import { Networkzero } from "../../lib/discovery/networkzero.ts";
import { finish } from "../support/discovery.ts";
import { talker } from "../support/process.ts";
import { TestServer } from "../support/server.ts";

/** A name that no other test has: all tests on this machine hear each other. */
function unique(what: string): string {
  return `${what}-${Deno.pid}-${Math.floor(Math.random() * 1e9)}`;
}

function openBeacon(): Beacon {
  return Beacon.open({ interfaces: ["lo"] });
}

/** Advertises as a server does. */
function advertise(
  beacon: Beacon,
  name: string,
  { port, kind = "talker", ...properties }:
    & { port: number; kind?: string }
    & Record<string, unknown>,
) {
  const texts = Object.entries(properties).map(([key, value]) => [key, String(value)]);
  const addresses = [`127.0.0.1:${port}`];
  return beacon.advertise({ name, kind, addresses, properties: Object.fromEntries(texts) });
}

Deno.test("target: a client connects to a server by its name", async () => {
  await using server = await TestServer.start(["--framed", "0"]);
  await using beacon = openBeacon();
  const name = unique("kitchen");
  await advertise(beacon, name, { port: server.port, framed: server.framedPort });
  for (const args of [[], ["--framed"]]) {
    const { code, out, err } = await finish(["client", name, "--send", "/ping x", ...args]);
    assertEquals([code, out, err], [0, ["pong x"], []]);
  }
});

Deno.test("target: a client of a server that comes back elsewhere follows it", async () => {
  const name = unique("nomad");
  await using beacon = openBeacon();
  await using first = await TestServer.start();
  await using second = await TestServer.start();
  const here = await advertise(beacon, name, { port: first.port });
  await using client = talker(["client", name, "--nick", "ann"]);
  await client.type("here\n");
  await client.waitFor("ann: here");
  await here.withdraw();
  await advertise(beacon, name, { port: second.port });
  await first.stop();
  await client.type("there\n");
  await client.waitFor("ann: there");
  await client.endInput();
  const { code } = await client.ended();
  assertEquals(code, 0);
});

Deno.test("target: a name that isn't there", async () => {
  const name = unique("gone");
  const [plain, timed] = await Promise.all([
    finish(["client", name, "--send", "x"]),
    finish(["client", name, "--send", "x", "--timeout", "0.5"]),
  ]);
  assertEquals([plain.code, plain.out, plain.err.length], [1, [], 1]);
  assertMatch(plain.err[0] ?? "", new RegExp(`^talker: "${name}" was not found within 5 s; `));
  assertMatch(plain.err[0] ?? "", new RegExp(`\\(talker discover --doctor ${name} looks for`));
  assertEquals(timed.code, 3);
  assertMatch(timed.err[0] ?? "", new RegExp(`^talker: "${name}" was not found within 0.5 s; `));
});

Deno.test("target: what only networkzero advertises is found, when no beacon answers", async () => {
  await using server = await TestServer.start();
  using networkzero = Networkzero.open({ interfaces: ["lo"] });
  const name = unique("snake");
  networkzero.advertise(name, [`127.0.0.1:${server.port}`]);
  const { code, out, err } = await finish(["client", name, "--send", "/ping x"]);
  assertEquals([code, out, err], [0, ["pong x"], []]);
});

Deno.test("target: the map of a name that nobody has", async () => {
  const name = unique("nowhere");
  const { code, err } = await finish(["peer", name, "--map", "--timeout", "2"]);
  assertEquals(code, 1);
  assertMatch(
    err.join(),
    new RegExp(`Cannot link to ${name}: "${name}" was not found within 1.5 s`),
  );
});

Deno.test("target: the address is the one for the role", async () => {
  await using beacon = openBeacon();
  await using other = openBeacon();
  const [full, bare, relay, thing] = ["full", "bare", "relay", "thing"].map(unique) as [
    string,
    string,
    string,
    string,
  ];
  await Promise.all([
    advertise(beacon, full, { port: 4001, peers: 4002, framed: 4003 }),
    advertise(beacon, bare, { port: 4004, peers: "x", framed: "70000" }),
    advertise(beacon, relay, { port: 4005, kind: "peer" }),
    advertise(beacon, thing, { port: 4006, kind: "service" }),
  ]);
  const look = async (name: string, role: TargetRole) => {
    const { host, port } = await resolveTarget(name, {
      role,
      beacon: other,
      flags: { interface: [] },
    });
    assertEquals(host, "127.0.0.1");
    return port;
  };
  assertEquals(await look(full, "clients"), 4001);
  assertEquals(await look(full, "peers"), 4002);
  assertEquals(await look(full, "framed"), 4003);
  assertEquals(await look(relay, "peers"), 4005);
  assertEquals(await look(thing, "clients"), 4006);
  assertEquals(await look(thing, "peers"), 4006);
  const wrong: [string, TargetRole, RegExp][] = [
    [
      bare,
      "peers",
      /takes no links from other servers: start it with --peer-listen PORT or --mesh/,
    ],
    [bare, "framed", /takes no framed clients: start it with --framed PORT$/],
    [relay, "clients", /is a talker peer: it takes no clients/],
  ];
  for (const [name, role, message] of wrong) {
    const error = await assertRejects(() => look(name, role), CommandError);
    assertMatch(error.message, message);
    assertEquals(error.exitCode, 1);
  }
});

Deno.test("target: an address needs no beacon", async () => {
  const flags = { interface: ["nosuch0"] };
  assertEquals(await resolveTarget(":80", { role: "peers", flags }), {
    host: "127.0.0.1",
    port: 80,
  });
  assertEquals(await resolveTarget("[::1]:80", { role: "clients", flags }), {
    host: "::1",
    port: 80,
  });
});

Deno.test("target: looking ends when it is told to", async () => {
  await using beacon = openBeacon();
  const stop = new AbortController();
  const options = {
    role: "clients",
    beacon,
    flags: { interface: [] },
    signal: stop.signal,
  } as const;
  const looking = resolveTarget(unique("never"), { ...options, wait: 60_000 });
  stop.abort(new Error("enough"));
  const error = await assertRejects(() => looking, Error);
  assert(error.message === "enough");
});
