/** 200 services of 50 programs on real hosts: how much they say. */

import { assert, assertEquals } from "@std/assert";
import { finish, Spawned } from "../support/discovery.ts";
import { type Host, Network, testOnHosts } from "../support/netns.ts";

const HOSTS = 5, BEACONS = 10, SERVICES = 4;
const CROWD = new URL("../support/discovery_crowd.ts", import.meta.url).pathname;
/**
 * Most packets a second that count as no storm, once all is settled: one or two for each program and
 * way (multicast, broadcast, IPv6) in each second and a half.
 */
const CALM = 50 * 3 * 2 / 1.5;

/** Packets that a host has received. */
async function received(host: Host): Promise<number> {
  await using program = new Spawned(["cat", "/proc/net/dev"], { on: host });
  const { out } = await program.ended();
  return out.map((line) => line.trim().split(/[\s:]+/))
    .filter(([name, , packets]) => name !== "lo" && /^\d+$/.test(packets ?? ""))
    .reduce((sum, [, , packets]) => sum + Number(packets), 0);
}

await testOnHosts("discovery: 200 services of 50 programs are no storm", async () => {
  await using stack = new AsyncDisposableStack();
  const network = stack.use(await Network.create());
  const lan = await network.segment();
  const observer = await network.host("o");
  await lan.attach(observer, "left");
  const programs: Spawned[] = [];
  for (let i = 0; i < HOSTS; i++) {
    const host = await network.host(`h${i}`);
    await lan.attach(host, i % 2 === 0 ? "left" : "right");
    const command = [Deno.execPath(), "run", "--allow-all", CROWD, `crowd${i}`];
    programs.push(stack.use(new Spawned([...command, `${BEACONS}`, `${SERVICES}`], { on: host })));
  }
  const counts: number[] = [await received(observer)];
  const count = async () => {
    counts.push(await received(observer));
  };
  for (const program of programs) await program.stdout.next("ready", 30_000);
  await count();
  // A second is a second by the sum of both clocks here: how long it took is measured, too.
  const rates: number[] = [];
  for (let i = 0; i < 8; i++) {
    const from = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await count();
    rates.push((counts.at(-1)! - counts.at(-2)!) / ((performance.now() - from) / 1000));
  }
  const text = `packets until all are advertised ${counts[1]! - counts[0]!}, then a second: ` +
    rates.map(Math.round).join(", ");
  Deno.stdout.writeSync(new TextEncoder().encode(`    ${text}\n`));
  const settled = rates.slice(4);
  assert(Math.min(...settled) <= CALM, text);
  const all = await finish(["discover", "--all", "crowd*/*", "--json"], { on: observer });
  const names = new Set(all.out.map((line) => (JSON.parse(line) as { name: string }).name));
  assertEquals(names.size, HOSTS * BEACONS * SERVICES);
});
