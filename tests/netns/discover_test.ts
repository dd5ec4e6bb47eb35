/** Discovery between hosts: network namespaces without a default route, on one or two networks. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  advertise,
  discover,
  finish,
  type FoundRecord,
  Spawned,
  start,
} from "../support/discovery.ts";
import { type Host, Network, testOnHosts } from "../support/netns.ts";

/** What the specification promises, in milliseconds. */
const FIND_MS = 150;
const LEAVE_MS = 200;
const CRASH_MS = 5_000;
/** How often something is measured. */
const ROUNDS = 5;
/** What the log says, at debug level, when a program has begun to look. */
const IS_OPEN = /Beacon [0-9a-f]{16} is open$/;

/** Prints what was measured. */
function tell(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`    ${text}\n`));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

function list(values: readonly number[]): string {
  return values.map((value) => Math.round(value)).join(", ");
}

/** Hosts a, b and c on one network. */
async function threeHosts(stack: AsyncDisposableStack) {
  const network = stack.use(await Network.create());
  const lan = await network.segment();
  const hosts: Host[] = [];
  for (const name of ["a", "b", "c"]) {
    const host = await network.host(name);
    await lan.attach(host, name === "c" ? "right" : "left");
    hosts.push(host);
  }
  const [a, b, c] = hosts as [Host, Host, Host];
  return { network, lan, a, b, c };
}

/** Something that accepts connections on that host. */
function listener(port: number, on: Host): Spawned {
  return new Spawned(["nc", "-lk", `${port}`], { on });
}

async function routes(host: Host): Promise<string> {
  await using program = new Spawned(["ip", "route"], { on: host });
  return (await program.ended()).out.join("\n");
}

await testOnHosts("discovery: what is up is found at once, without a default route", async () => {
  await using stack = new AsyncDisposableStack();
  const { lan, a, b, c } = await threeHosts(stack);
  assertEquals((await routes(b)).includes("default"), false);
  stack.use(await advertise("kitchen", "8889", { on: a }));
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    for (const on of [a, b, c]) {
      const { address, took = Infinity } = await discover("kitchen", { on });
      assertEquals(address, `${a.on(lan)}:8889`);
      times.push(took);
    }
  }
  tell(`found after ${list(times)} ms`);
  assert(median(times) < FIND_MS);
});

await testOnHosts("discovery: what is not up is found as soon as it is", async () => {
  await using stack = new AsyncDisposableStack();
  const { lan, a, b, c } = await threeHosts(stack);
  const seekers: Spawned[] = [];
  for (const on of [b, c]) {
    const seeker = start(["discover", "attic", "--wait", "30", "--log-level", "debug"], { on });
    seekers.push(stack.use(seeker));
    await seeker.stderr.next(IS_OPEN);
  }
  stack.use(await advertise("attic", "8889", { on: a }));
  const there = performance.now();
  for (const seeker of seekers) {
    const { code, out } = await seeker.ended();
    assertEquals([code, out], [0, [`${a.on(lan)}:8889`]]);
    tell(
      `found, and ended, ${
        Math.round(performance.now() - there)
      } ms after it said that it is there`,
    );
  }
});

await testOnHosts("discovery: who leaves is missed at once, who crashes within 5 s", async () => {
  await using stack = new AsyncDisposableStack();
  const { a, b } = await threeHosts(stack);
  const watcher = stack.use(start(["discover", "--watch", "--json"], { on: b }));
  const polite: number[] = [], crashed: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const isCrash = i === ROUNDS - 1;
    const program = stack.use(await advertise(`guest${i}`, "8889", { on: a }));
    await watcher.next((line) => eventOf(line) === `found guest${i}`);
    const before = Date.now();
    program.signal(isCrash ? "SIGKILL" : "SIGTERM");
    const lost = await watcher.next((line) => eventOf(line) === `lost guest${i}`);
    const { time = "" } = JSON.parse(lost) as FoundRecord;
    (isCrash ? crashed : polite).push(Date.parse(time) - before);
  }
  tell(`left: ${list(polite)} ms; crashed: ${list(crashed)} ms`);
  assert(median(polite) < LEAVE_MS);
  assert(Math.max(...crashed) < CRASH_MS);
});

function eventOf(line: string): string {
  const { type, name } = JSON.parse(line) as FoundRecord;
  return `${type} ${name}`;
}

await testOnHosts(
  "discovery: two programs on one box; one's death doesn't hide the other",
  async () => {
    await using stack = new AsyncDisposableStack();
    const { lan, a, b } = await threeHosts(stack);
    const arm = stack.use(await advertise("robot/arm", "4001", { on: a }));
    stack.use(await advertise("robot/leg", "4002", { on: a }));
    const watcher = stack.use(start(["discover", "--watch"], { on: b }));
    const come = [await watcher.next(), await watcher.next()].sort();
    assertEquals(come, [`+ robot/arm ${a.on(lan)}:4001`, `+ robot/leg ${a.on(lan)}:4002`]);
    // On the box itself, too.
    assertEquals((await discover("robot/leg", { on: a })).address, `${a.on(lan)}:4002`);
    arm.signal("SIGKILL");
    assertEquals(await watcher.next(), "- robot/arm");
    assertEquals((await discover("robot/leg", { on: b })).address, `${a.on(lan)}:4002`);
    assertEquals((await discover("robot/leg", { on: a })).address, `${a.on(lan)}:4002`);
    assertEquals(watcher.stdout.untaken, []);
  },
);

await testOnHosts(
  "discovery: of several addresses each asker gets one that it can reach",
  async () => {
    await using stack = new AsyncDisposableStack();
    const { network, lan, a, b } = await threeHosts(stack);
    const other = await network.segment();
    const d = await network.host("d");
    await other.attach(d, "left");
    await other.attach(a, "right");
    stack.use(listener(4567, a));
    stack.use(await advertise("gate", "4567", { on: a }));
    for (const [asker, cable] of [[b, lan], [d, other]] as const) {
      const { address, addresses, took = 0 } = await discover("gate", { on: asker });
      assertEquals(address, `${a.on(cable)}:4567`);
      assertEquals([...addresses].sort(), [`${a.on(lan)}:4567`, `${a.on(other)}:4567`].sort());
      tell(`found and tried in ${took} ms`);
      await using client = new Spawned(["nc", "-zv", ...address.split(":")], { on: asker });
      const { code, err } = await client.ended();
      assertEquals(code, 0, err.join("\n"));
    }
    // Without --interface each asker is told of both networks; with it, of that one alone.
    const { addresses } = await discover("gate", { on: a, env: { TALKER_INTERFACE: a.on(other) } });
    assertEquals(addresses[0], `${a.on(other)}:4567`);
  },
);

await testOnHosts("discovery: a name that two claim at one moment is one's", async () => {
  await using stack = new AsyncDisposableStack();
  const { lan, a, b, c } = await threeHosts(stack);
  for (let i = 0; i < ROUNDS; i++) {
    const name = `throne${i}`;
    const claimants = [a, b].map((on) => ({
      on,
      program: stack.use(start(["discover", name, "--advertise", "4567"], { on })),
    }));
    const outcomes = await Promise.all(claimants.map(async ({ on, program }) => {
      const ended = program.ended().then(({ code, err }) => ({ on, code, err }));
      const won = program.next(/ advertised at /).then(() => ({ on, code: -1, err: [] }));
      return await Promise.any([won, ended]);
    }));
    // The loser may have been told after it began, too.
    const [winner] = outcomes.filter(({ code }) => code === -1);
    const losers = outcomes.filter(({ code }) => code !== -1);
    assertEquals([losers.length, losers[0]?.code], [1, 1], JSON.stringify(outcomes));
    const at = `${(winner?.on ?? a).on(lan)}:4567`;
    assertMatch(
      losers[0]?.err.join("\n") ?? "",
      new RegExp(`^talker: The name "${name}" .* ${at}`),
    );
    assertEquals((await discover(name, { on: c })).address, at);
  }
});

await testOnHosts(
  "discovery: where two networks are joined, who held a name longer keeps it",
  async () => {
    await using stack = new AsyncDisposableStack();
    const { lan, a, b, c } = await threeHosts(stack);
    await lan.cut();
    const first = stack.use(await advertise("throne", "4567", { on: a }));
    const second = stack.use(await advertise("throne", "4568", { on: c }));
    const mended = performance.now();
    await lan.mend();
    const { code, err } = await second.ended();
    tell(`told ${Math.round(performance.now() - mended)} ms after the networks were joined`);
    assertEquals(code, 1);
    assertMatch(
      err.join("\n"),
      new RegExp(`^talker: The name "throne" now belongs to ${a.on(lan)}:4567, which has had`, "m"),
    );
    assertEquals((await discover("throne", { on: b })).address, `${a.on(lan)}:4567`);
    assertEquals((await discover("throne", { on: c })).address, `${a.on(lan)}:4567`);
    const end = await first.stop();
    assertEquals([end.code, end.err], [0, []]);
  },
);

await testOnHosts("discovery: on a machine with nothing but its loopback interface", async () => {
  await using stack = new AsyncDisposableStack();
  const network = stack.use(await Network.create());
  const on = await network.host("alone");
  const program = stack.use(await advertise("self", "4567", { on }));
  stack.use(await advertise("other", "4568", { on }));
  assertEquals((await discover("self", { on })).address, "127.0.0.1:4567");
  const { code, out } = await finish(["discover", "--all", "--wait", "1"], { on });
  assertEquals([code, out.length], [0, 2]);
  const watcher = stack.use(start(["discover", "--watch", "self"], { on }));
  await watcher.next("+ self 127.0.0.1:4567");
  program.signal("SIGTERM");
  await watcher.next("- self");
});

await testOnHosts(
  "discovery: an interface that comes later is used, one that goes is given up",
  async () => {
    await using stack = new AsyncDisposableStack();
    const { network, lan, b } = await threeHosts(stack);
    const late = await network.host("late");
    const program = stack.use(await advertise("latecomer", "4567", { on: late }));
    const watcher = stack.use(start(["discover", "--watch"], { on: b }));
    const plugged = performance.now();
    await lan.attach(late, "right");
    assertEquals(await watcher.next(), `+ latecomer ${late.on(lan)}:4567`);
    tell(`found ${Math.round(performance.now() - plugged)} ms after it was plugged in`);
    await using unplug = new Spawned(["ip", "link", "del", "eth1"], { on: late });
    await unplug.ended();
    assertEquals(await watcher.next(), "- latecomer");
    // It goes on at home.
    assertEquals((await discover("latecomer", { on: late })).address, "127.0.0.1:4567");
    const { code, err } = await program.stop();
    assertEquals([code, err], [0, []]);
  },
);

await testOnHosts("discovery: what is at 127.0.0.1 is for that box alone", async () => {
  await using stack = new AsyncDisposableStack();
  const { lan, a, b } = await threeHosts(stack);
  stack.use(await advertise("inner", "localhost:4567", { on: a }));
  assertEquals((await discover("inner", { on: a })).address, "127.0.0.1:4567");
  const { code, err } = await finish(["discover", "inner", "--wait", "1"], { on: b });
  assertEquals(code, 1);
  assertStringIncludes(
    err.join("\n"),
    `"inner" is there, but offers no address that can be used from here (it is heard from ${
      a.on(lan)
    })`,
  );
});

await testOnHosts("discovery: --interface lo keeps everything on this machine", async () => {
  await using stack = new AsyncDisposableStack();
  const { a, b } = await threeHosts(stack);
  stack.use(await advertise("secret", "4567", { on: a, args: ["--interface", "lo"] }));
  assertEquals((await discover("secret", { on: a })).address, "127.0.0.1:4567");
  const { code, err } = await finish(["discover", "secret", "--wait", "1.5"], { on: b });
  assertEquals(code, 1);
  assertStringIncludes(err.join("\n"), "nobody else was heard");
});

await testOnHosts("discovery: a hundred thousand strange datagrams change nothing", async () => {
  await using stack = new AsyncDisposableStack();
  const { lan, a, b } = await threeHosts(stack);
  const program = stack.use(await advertise("rock", "4567", { on: a }));
  const rss = () => {
    const status = Deno.readTextFileSync(`/proc/${program.pid}/status`);
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
  };
  const before = rss();
  // Random bytes to both ports, as broadcasts and to the box alone, 64 bytes each.
  const flood = "import os,socket,sys\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM)\n" +
    "s.setsockopt(socket.SOL_SOCKET,socket.SO_BROADCAST,1)\n" +
    "for i in range(100000):\n" +
    "  b=os.urandom(64)\n" +
    "  if i%2: b=b'TLKB\\1'+b\n" +
    "  s.sendto(b,((sys.argv[1],sys.argv[2])[i//2%2],(28889,9999)[i%10==0]))\n";
  const broadcast = b.on(lan).replace(/\d+$/, "255");
  const watcher = stack.use(start(["discover", "--watch"], { on: b }));
  await watcher.next(`+ rock ${a.on(lan)}:4567`);
  await using storm = new Spawned(["python3", "-c", flood, broadcast, a.on(lan)], { on: b });
  const { code, err } = await storm.ended(60_000);
  assertEquals(code, 0, err.join("\n"));
  assertEquals((await discover("rock", { on: b })).address, `${a.on(lan)}:4567`);
  const after = rss();
  tell(`memory: ${Math.round(before)} MiB before, ${Math.round(after)} after`);
  assert(after < before + 64);
  assertEquals(watcher.stdout.untaken, []);
});
