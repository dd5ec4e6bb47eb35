/**
 * Servers on hosts of their own, and cables that are cut. The long test of a cut, 45 s, is run with
 * TALKER_LONG=1; without, it is one of 8 s.
 */

import { assert, assertEquals } from "@std/assert";
import { askUntil, type MeshServer, startMesh } from "../support/mesh_host.ts";
import { type Host, type HostClient, Network, testOnHosts } from "../support/netns.ts";
import { Conversation, LATE_MS, type Person } from "./conversation.ts";

const LONG = Deno.env.get("TALKER_LONG") === "1";

/** Prints what was measured. */
function tell(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`    ${text}\n`));
}

async function person(server: MeshServer, nick: string, speaks = false): Promise<Person> {
  return { nick, at: server.name, client: await server.join(nick) as HostClient, speaks };
}

/** a–b–c with a speaker and a listener at a and at c, and a listener at b. */
async function threeInALine(stack: AsyncDisposableStack) {
  const network = stack.use(await Network.create());
  const hosts: Host[] = [];
  for (const name of ["a", "b", "c"]) hosts.push(await network.host(name));
  const [hostA, hostB, hostC] = hosts as [Host, Host, Host];
  const ab = await network.cable(hostA, hostB);
  const bc = await network.cable(hostB, hostC);
  const startB = () => startMesh(stack, "b", { on: hostB });
  const peerOf = (cable: typeof ab) => ({ peers: [`${hostB.on(cable)}:7000`] });
  const [a, b, c] = await Promise.all([
    startMesh(stack, "a", { on: hostA, ...peerOf(ab) }),
    startB(),
    startMesh(stack, "c", { on: hostC, ...peerOf(bc) }),
  ]);
  for (const server of [a, b, c]) await server.reaches("a", "b", "c");
  const people = [
    await person(a, "alice", true),
    await person(a, "adam"),
    await person(b, "bella"),
    await person(c, "carol", true),
    await person(c, "cecil"),
  ];
  return { a, b, c, ab, startB, people };
}

/** Whether the log tells, since it was last looked at, that the link to `peer` was given up. */
function linkWasLost(server: MeshServer, peer: string): boolean {
  return server.process.stderr.untaken.some((line) => line.includes(`Link to ${peer} is down`));
}

function count(person: Person | undefined, line: RegExp): number {
  return person!.client.all.filter((each) => line.test(each)).length;
}

async function silentCut(milliseconds: number): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const { a, b, ab, people } = await threeInALine(stack);
  await Promise.all([a.linked("b"), b.linked("a")]);
  using talk = new Conversation(people);
  await talk.go(1_000);
  await ab.cut();
  const from = performance.now();
  await talk.go(milliseconds);
  const mended = performance.now();
  await ab.mend();
  // Too short to be noticed by anybody, or both sides notice and link again.
  const lost = linkWasLost(a, "b") || linkWasLost(b, "a");
  if (lost) await Promise.all([a.linked("b"), b.linked("a")]);
  const linked = lost ? performance.now() : mended;
  await talk.go(LATE_MS);
  const shown = await talk.check({ parts: [["a"], ["b", "c"]], from, mended, linked });
  tell(`cut of ${milliseconds / 1000} s${lost ? "" : ", not noticed"}: ${shown}`);
  assertEquals(lost, milliseconds > 5_000, "a silent link is found dead within 5 s");
  // Who is out of reach, and back, is said once, at both sides.
  const times = lost ? 1 : 0;
  for (const [index, gone] of [[1, "b"], [1, "c"], [2, "a"], [4, "a"]] as const) {
    const { nick } = people[index] as Person;
    const users = { a: 2, b: 1, c: 2 }[gone];
    const unreachable = new RegExp(`^${gone} is unreachable \\(${users} users\\)$`);
    assertEquals(count(people[index], unreachable), times, `${gone} unreachable at ${nick}`);
    assertEquals(count(people[index], new RegExp(`^${gone} is back$`)), times, `${nick}: ${gone}`);
  }
  assertEquals(count(people[2], /^c is /), 0, "b had c all the time");
}

await testOnHosts("a silent cut of 2 s loses nothing", () => silentCut(2_000));

await testOnHosts(
  `a silent cut of ${LONG ? "45 s" : "8 s (TALKER_LONG=1: 45 s)"} loses nothing`,
  () => silentCut(LONG ? 45_000 : 8_000),
);

await testOnHosts("the server in the middle is killed and started again", async () => {
  await using stack = new AsyncDisposableStack();
  const { a, b, c, startB, people } = await threeInALine(stack);
  const [alice, adam, , carol, cecil] = people as [Person, Person, Person, Person, Person];
  await Promise.all([a.linked("b"), c.linked("b")]);
  using talk = new Conversation([alice, adam, carol, cecil]);
  await talk.go(1_000);
  const from = performance.now();
  await b.kill();
  await talk.go(3_000);
  const again = await startB();
  const mended = performance.now();
  await Promise.all([a.linked("b"), c.linked("b")]);
  const linked = performance.now();
  const newcomer = await person(again, "bella");
  await talk.go(LATE_MS);
  tell(`kill -9: ${await talk.check({ parts: [["a"], ["c"]], from, mended, linked })}`);
  for (const who of [adam, cecil]) {
    assertEquals(count(who, /^b is unreachable \(1 users\)$/), 1, who.nick);
    assertEquals(
      count(who, /^. is back$/),
      2,
      `${who.nick}: the one that was away, and b, by its name`,
    );
  }
  // Whoever came late sees what is said from then on, and each line once.
  for (const nick of ["alice", "carol"]) {
    const lines = newcomer.client.all.filter((line) => line.startsWith(`${nick}: `));
    assertEquals(new Set(lines).size, lines.length);
    const first = Number(lines[0]?.split(" ").at(-1));
    assertEquals(lines.at(-1), `${nick}: line ${first + lines.length - 1}`, "without a hole");
  }
});

await testOnHosts("a ring with one cable cut: no line is lost or late", async () => {
  await using stack = new AsyncDisposableStack();
  const network = stack.use(await Network.create());
  const names = ["a", "b", "c", "d"];
  const hosts = await Promise.all(names.map((name) => network.host(name)));
  const servers: MeshServer[] = [];
  const cables = [];
  for (const [index, host] of hosts.entries()) {
    const next = hosts[(index + 1) % hosts.length] as Host;
    cables.push(await network.cable(host, next));
  }
  for (const [index, host] of hosts.entries()) {
    const next = hosts[(index + 1) % hosts.length] as Host;
    const peers = [`${next.on(cables[index]!)}:7000`];
    servers.push(await startMesh(stack, names[index] as string, { on: host, peers }));
  }
  const isRing = (lines: string[]) =>
    lines.length === 5 && lines[4]!.startsWith("also linked: ") && !lines.join().includes("cut");
  for (const server of servers) await askUntil(server.console, "/topology", isRing);
  const people: Person[] = [];
  for (const server of servers) {
    people.push(await person(server, `${server.name}lice`, "ab".includes(server.name)));
    people.push(await person(server, `${server.name}dam`));
  }
  using talk = new Conversation(people);
  await talk.go(1_500);
  // a and b, who speak, are at the ends of what is cut.
  const [a, b] = servers as [MeshServer, MeshServer];
  await Promise.all([a.linked("b"), b.linked("a")]);
  const [cable] = cables;
  await cable!.cut();
  const from = performance.now();
  await talk.go(6_000);
  assert(linkWasLost(a, "b") && linkWasLost(b, "a"), "a silent link is found dead within 5 s");
  await cable!.mend();
  const mended = performance.now();
  await Promise.all([a.linked("b"), b.linked("a")]);
  const linked = performance.now();
  await talk.go(LATE_MS);
  tell(`ring of 4: ${await talk.check({ parts: [names], from, mended, linked })}`);
  for (const who of people) assertEquals(count(who, /^. is (unreachable|back)/), 0, who.nick);
});

await testOnHosts("/who over 5 servers, and with one that is frozen", async () => {
  await using stack = new AsyncDisposableStack();
  const network = stack.use(await Network.create());
  const lan = await network.segment();
  const hosts: Host[] = [];
  for (const name of ["a", "b", "c", "d", "e"]) {
    const host = await network.host(name);
    hosts.push(host);
    await lan.attach(host, "left");
  }
  const peers = [`${hosts[0]!.on(lan)}:7000`];
  const servers = await Promise.all(
    hosts.map((on, index) => startMesh(stack, on.name, index === 0 ? { on } : { on, peers })),
  );
  const [a, e] = [servers[0] as MeshServer, servers[4] as MeshServer];
  const people: Person[] = [];
  for (const server of servers) {
    await server.reaches("a", "b", "c", "d", "e");
    people.push(await person(server, `${server.name}nn`));
  }
  const everybody = ["a", "b", "c", "d", "e"].flatMap((
    name,
  ) => [`  Server: ${name}`, `    ${name}nn`]);
  const timed = async () => {
    const before = performance.now();
    const { lines } = await a.ask("/who");
    return { lines, time: performance.now() - before };
  };
  const times: number[] = [];
  for (let i = 0; i < 20; i++) {
    const { lines, time } = await timed();
    assertEquals(lines, ["There are 5 users online on 5 servers:", ...everybody]);
    times.push(time);
  }
  times.sort((x, y) => x - y);
  const shown = [times[10]!, times[19]!].map((time) => time.toFixed(1));
  tell(`/who over 5 servers: median ${shown[0]} ms, slowest ${shown[1]} ms`);
  assert(times[10]! < 500, "/who is quick when all are alive");

  e.process.signal("SIGSTOP");
  const { lines, time } = await timed();
  tell(`/who with one frozen: ${Math.round(time)} ms`);
  assertEquals(lines, [
    "There are 4 users online on 4 servers:",
    ...everybody.slice(0, -2),
    "No answer from: e",
  ]);
  assert(time > 1_800 && time < 3_000, `the timeout is 2 s, and it took ${time} ms`);
  // Those who are frozen for longer are out of reach, and not asked any more.
  const from = performance.now();
  await people[0]!.client.next("e is unreachable (1 users)", 6_000);
  tell(`frozen → out of reach: ${Math.round(performance.now() - from + time)} ms`);
  const without = await timed();
  assertEquals(without.lines, [
    "There are 4 users online on 4 servers:",
    ...everybody.slice(0, -2),
  ]);
  e.process.signal("SIGCONT");
  const thawed = performance.now();
  await people[0]!.client.next("e is back");
  tell(`thawed → back: ${Math.round(performance.now() - thawed)} ms`);
  assertEquals((await timed()).lines, ["There are 5 users online on 5 servers:", ...everybody]);
});
