/** Each cause that the doctor tells, brought about on hosts of their own. */

import { assertEquals, assertMatch } from "@std/assert";
import { advertise, type DoctorRecord, examine, finish, Spawned } from "../support/discovery.ts";
import { type Cable, type Host, Network, testOnHosts } from "../support/netns.ts";

/** Hosts on one network, without IPv6: it would be a way around what is broken here. */
async function hosts(stack: AsyncDisposableStack, names: string) {
  const network = stack.use(await Network.create());
  const lan = await network.segment();
  const all: Host[] = [];
  for (const name of names) {
    const host = await network.host(name);
    await run(host, "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6");
    await lan.attach(host, "left");
    all.push(host);
  }
  const [a, b, c] = all as [Host, Host, Host];
  return { network, lan, a, b, c };
}

/** The doctor, in less time than it takes itself: whether others hear us is not asked. */
function quick(name: string | undefined, on: Host) {
  return examine(name, { on, args: ["--wait", "1.5"] });
}

/** Runs a shell command on a host. */
async function run(on: Host, command: string): Promise<void> {
  await using program = new Spawned(["sh", "-ec", command], { on });
  const { code, err } = await program.ended();
  assertEquals(code, 0, `${command}: ${err.join("\n")}`);
}

/** What a firewall there would do: datagrams for the beacons' port don't come in. */
function block(on: Host): Promise<void> {
  return run(on, "ip xfrm policy add dir in proto udp dport 28889 action block");
}

/** It gets another address instead of the one it has. */
async function renumber(host: Host, lan: Cable, address: string): Promise<void> {
  await run(host, `ip addr del ${host.on(lan)}/24 dev eth1 && ip addr add ${address} dev eth1`);
}

function sentence({ findings }: DoctorRecord, cause: string): string {
  return findings.find((finding) => finding.cause === cause)?.text ?? `no ${cause}`;
}

await testOnHosts("doctor: all is well, and who is there", async () => {
  await using stack = new AsyncDisposableStack();
  const { a, b } = await hosts(stack, "ab");
  stack.use(new Spawned(["nc", "-lk", "4567"], { on: a }));
  stack.use(await advertise("kitchen", "4567", { on: a }));
  const found = await quick("kitchen", b);
  assertEquals([found.causes, found.code], [["found", "healthy"], 0]);
  assertEquals(found.heard.map(({ name, answered }) => [name, answered]), [["kitchen", true]]);
  const echoes = found.interfaces.map(({ name, multicast, broadcast }) =>
    `${name} ${multicast?.is} ${broadcast?.is}`
  );
  assertEquals(echoes.sort(), ["eth1 returned returned", "lo returned returned"]);
  const other = await quick("kitchne", b);
  assertEquals([other.causes, other.code], [["not-advertised"], 1]);
  assertMatch(sentence(other, "not-advertised"), /advertises kitchne; heard were kitchen\.$/);
});

await testOnHosts("doctor: nobody accepts connections at the address", async () => {
  await using stack = new AsyncDisposableStack();
  const { a, b } = await hosts(stack, "ab");
  stack.use(await advertise("kitchen", "4567", { on: a }));
  const { causes, code, ...rest } = await quick("kitchen", b);
  assertEquals([causes, code], [["not-accepting"], 1]);
  assertMatch(sentence(rest, "not-accepting"), /10\.77\.1\.1:4567 \(connection refused\)/);
});

await testOnHosts("doctor: nobody is there", async () => {
  await using stack = new AsyncDisposableStack();
  const { a } = await hosts(stack, "a");
  assertEquals((await quick(undefined, a)).causes, ["nobody-heard"]);
});

await testOnHosts("doctor: another program has the port", async () => {
  await using stack = new AsyncDisposableStack();
  const { a, b } = await hosts(stack, "ab");
  stack.use(await advertise("kitchen", "4567", { on: a }));
  const holding = "import socket,time\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n" +
    "s.bind(('',28889))\nprint('ready',flush=True)\ntime.sleep(60)";
  const holder = stack.use(new Spawned(["python3", "-c", holding], { on: b }));
  await holder.next("ready");
  const found = await quick(undefined, b);
  assertEquals([found.causes[0], found.code, found.port.state], ["port-taken", 1, "taken"]);
  // The tests run with all permissions: then the system tells who it is.
  assertMatch(sentence(found, "port-taken"), new RegExp(`python\\S*, process ${holder.pid}\\)`));
  // What answers is found nevertheless.
  const { code, out } = await finish(["discover", "kitchen"], { on: b });
  assertEquals([code, out], [0, ["10.77.1.1:4567"]]);
});

await testOnHosts("doctor: a firewall on this machine blocks the port", async () => {
  await using stack = new AsyncDisposableStack();
  const { b } = await hosts(stack, "ab");
  await block(b);
  const found = await quick(undefined, b);
  assertEquals([found.causes, found.code], [["port-blocked"], 1]);
  assertMatch(
    sentence(found, "port-blocked"),
    /^What is sent on eth1 \(10\.77\.1\.2\/24\) does not/,
  );
});

await testOnHosts("doctor: multicast or broadcast alone is filtered", async () => {
  await using stack = new AsyncDisposableStack();
  const { a, b } = await hosts(stack, "ab");
  stack.use(await advertise("kitchen", "4567", { on: a }));
  for (
    const [cause, to] of [["multicast-lost", "239.0.0.0/8"], ["broadcast-lost", "255.255.255.255"]]
  ) {
    await run(b, `ip xfrm policy flush; ip xfrm policy add dst ${to} dir in action block`);
    const found = await quick(undefined, b);
    assertEquals([found.causes, found.code], [[cause, "healthy"], 0]);
  }
});

await testOnHosts("doctor: one-way: a firewall on the other box blocks the port", async () => {
  await using stack = new AsyncDisposableStack();
  const { a, b } = await hosts(stack, "ab");
  await block(a);
  stack.use(await advertise("kitchen", "4567", { on: a }));
  const found = await examine("kitchen", { on: b });
  assertEquals([found.causes[0], found.code], ["one-way", 1]);
  assertMatch(
    sentence(found, "one-way"),
    /^kitchen \(10\.77\.1\.1\) is heard here but did not answer/,
  );
  assertEquals(found.heard.map(({ answered }) => answered), [false]);
});

await testOnHosts("doctor: two boxes on one wire in different subnets", async () => {
  await using stack = new AsyncDisposableStack();
  const { lan, a, b } = await hosts(stack, "ab");
  await renumber(a, lan, "10.99.0.1/24");
  stack.use(await advertise("kitchen", "4567", { on: a }));
  const found = await quick("kitchen", b);
  assertEquals(found.causes[0], "other-subnet", found.findings.map(({ text }) => text).join("\n"));
  assertMatch(
    sentence(found, "other-subnet"),
    /^kitchen is heard from 10\.99\.0\.1 and offers 10\.99\.0\.1:4567, .* eth1 \(10\.77\.1\.2\/24\)/,
  );
});

await testOnHosts("doctor: nothing can be sent on an interface that is down", async () => {
  await using stack = new AsyncDisposableStack();
  const { a } = await hosts(stack, "a");
  await run(a, "ip link set eth1 down");
  const found = await quick(undefined, a);
  assertEquals([found.causes, found.code], [["cannot-send"], 1]);
  assertMatch(
    sentence(found, "cannot-send"),
    /^Nothing can be sent on eth1 .*: .*unreachable; check/,
  );
});

await testOnHosts(
  "doctor: a machine with only its loopback interface, and one without",
  async () => {
    await using stack = new AsyncDisposableStack();
    const network = stack.use(await Network.create());
    const alone = await network.host("alone");
    assertEquals((await quick(undefined, alone)).causes, [
      "only-loopback",
      "nobody-heard",
    ]);
    await run(alone, "ip link set lo down; ip addr flush dev lo");
    assertEquals((await quick(undefined, alone)).causes, ["no-interface"]);
  },
);

await testOnHosts("doctor: an interface that isn't used", async () => {
  await using stack = new AsyncDisposableStack();
  const { a, b } = await hosts(stack, "ab");
  stack.use(await advertise("kitchen", "4567", { on: a }));
  const found = await examine("kitchen", { on: b, args: ["--interface", "lo"] });
  assertEquals(found.causes, ["interface-unused", "nobody-heard"]);
  assertMatch(sentence(found, "interface-unused"), /^Only lo is used.* eth1 \(10\.77\.1\.2\/24\)/);
});

await testOnHosts("doctor: two boxes with one name, of which one hears nobody", async () => {
  await using stack = new AsyncDisposableStack();
  const { a, b, c } = await hosts(stack, "abc");
  // Else the second would hear of the first, and refuse.
  await block(b);
  stack.use(await advertise("kitchen", "4567", { on: a }));
  const blocked = "ip xfrm policy add dir in proto udp action block";
  await run(b, blocked);
  stack.use(await advertise("kitchen", "4568", { on: b }));
  const found = await quick("kitchen", c);
  assertEquals(found.causes[0], "name-clash", found.findings.map(({ text }) => text).join("\n"));
  assertMatch(
    sentence(found, "name-clash"),
    /^The name kitchen is advertised by 2 programs, at 10/,
  );
});

await testOnHosts("doctor: strange datagrams at the port", async () => {
  await using stack = new AsyncDisposableStack();
  const { a, b } = await hosts(stack, "ab");
  const noise = "import socket,time\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n" +
    "while True:\n  s.sendto(b'hello',('10.77.1.2',28889))\n  time.sleep(0.1)";
  stack.use(new Spawned(["python3", "-c", noise], { on: a }));
  const found = await quick(undefined, b);
  assertEquals(found.causes, ["nobody-heard", "malformed"]);
  assertMatch(sentence(found, "malformed"), /^\d+ datagrams at UDP port 28889 were no beacons/);
});
