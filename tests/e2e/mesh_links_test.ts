/** Links that are made, kept, doubled and ended: by `--peer` and by operators. */

import { assertEquals, assertMatch } from "@std/assert";
import { ask, askUntil, MeshServer, startMesh } from "../support/mesh_host.ts";
import { TestServer } from "../support/server.ts";

/** A port that nobody listens on. */
function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

const peerCount = (count: number) => ([first]: string[]) =>
  first === `There are ${count} peers directly connected`;

Deno.test("/peer-listen and /peer-connect join two servers that were alone", async () => {
  await using a = await TestServer.start(["--name", "a"]);
  await using b = await TestServer.start(["--name", "b"]);
  const [ann, bob] = [await a.join("ann"), await b.join("bob")];
  assertEquals((await ask(ann, "/peers")).lines, ["There are 0 peers directly connected"]);
  assertEquals((await ask(ann, "/reachable")).lines, ["There are 1 reachable peers:", "  a"]);
  assertEquals((await ask(ann, "/topology")).lines, ["a"]);

  const { lines, outcome } = await ask(ann, "/peer-listen 127.0.0.1 0");
  assertEquals(outcome, "ok");
  const port = /^Listening for peers on 127\.0\.0\.1:(\d+)$/.exec(lines[0] as string)?.[1];
  assertEquals(await ask(bob, `/peer-connect 0.0.0.0 ${port}`), {
    lines: [`Connected to 0.0.0.0 ${port}`],
    outcome: "ok",
  });
  await askUntil(ann, "/reachable", (lines) => lines.length === 3);
  await ann.send("hello");
  await bob.next("ann: hello");
  await bob.send("hello yourself");
  await ann.next("bob: hello yourself");

  const taken = await ask(bob, `/peer-listen 127.0.0.1 ${port}`);
  assertMatch(
    taken.outcome,
    /^error failed Cannot listen on 127\.0\.0\.1 \d+: the address is in use$/,
  );
  assertEquals(
    (await ask(bob, "/peer-listen 192.0.2.1 0")).outcome,
    "error failed Cannot listen on 192.0.2.1 0: this machine does not have that address",
  );
  assertMatch((await ask(bob, "/peer-listen")).outcome, /^error usage .*HOST PORT/);
});

Deno.test("/peer-connect says why it failed", async () => {
  await using stack = new AsyncDisposableStack();
  const a = await startMesh(stack, "a");
  const club = await startMesh(stack, "c", { args: ["--mesh", "club"] });
  const closed = freePort();
  const fails = async (port: number, reason: RegExp) => {
    const { lines, outcome } = await a.ask(`/peer-connect 127.0.0.1 ${port}`);
    assertEquals(lines, []);
    assertMatch(outcome, new RegExp(`^error failed Cannot connect to 127\\.0\\.0\\.1 ${port}: `));
    assertMatch(outcome, reason);
  };
  await fails(closed, /refused/);
  await fails(a.peerPort, /itself/);
  await fails(club.peerPort, /c belongs to the mesh "club" and a to the unnamed mesh/);
  // A port that speaks another protocol, and one that says nothing.
  await fails(a.process.port, /: .+/);
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = silent.accept();
  await fails(silent.addr.port, /within 5 s/);
  (await accepted).close();
  silent.close();
  assertMatch((await a.ask("/peer-connect 127.0.0.1")).outcome, /^error usage/);
  assertMatch((await a.ask("/peer-connect 127.0.0.1 0")).outcome, /^error usage/);
  assertMatch((await a.ask("/peer-connect nowhere.invalid 7000")).outcome, /^error failed /);
  // The other side has the reason in its log, too.
  await club.logged(/a belongs to the unnamed mesh and c to the mesh "club"|belongs to/);
  assertEquals((await a.ask("/peers")).lines, ["There are 0 peers directly connected"]);
});

Deno.test("operator commands are refused where they are for nobody", async () => {
  await using server = await TestServer.start(["--admin", "none"]);
  const ann = await server.join("ann");
  for (const line of ["peer-listen 127.0.0.1 0", "peer-connect 127.0.0.1 7", "peer-kill a"]) {
    assertMatch((await ask(ann, `/${line}`)).outcome, /^error denied /);
  }
});

Deno.test("--peer links as soon as the other side is there, and again after its restart", async () => {
  await using stack = new AsyncDisposableStack();
  const peerPort = freePort();
  const a = await startMesh(stack, "a", { peers: [`127.0.0.1:${peerPort}`] });
  await a.logged(/Cannot link to 127\.0\.0\.1:\d+: .*refused/);
  for (let i = 0; i < 2; i++) {
    const b = await MeshServer.start("b", { peerPort });
    stack.use(b);
    const listening = performance.now();
    await a.linked("b");
    // Attempts are at most 0.5 s apart.
    assertEquals(performance.now() - listening < 1_500, true);
    await b.reaches("a", "b");
    await b.kill();
    await a.reaches("a");
  }
});

Deno.test("/peer-kill ends links by name and by address, and --peer does not come back", async () => {
  await using stack = new AsyncDisposableStack();
  const hub = await startMesh(stack, "hub");
  const leaf = await startMesh(stack, "leaf", { peers: [hub.address] });
  await leaf.reaches("hub", "leaf");

  // From the side that does not keep it: --peer comes back.
  await hub.linked("leaf");
  assertEquals(await hub.ask("/peer-kill leaf"), {
    lines: ["Ended 1 links to leaf"],
    outcome: "ok",
  });
  await leaf.logged(/by the other side.*operator|operator/);
  await hub.linked("leaf");
  await leaf.reaches("hub", "leaf");

  // From the side that keeps it, by name and by address: it stays away.
  for (const which of ["hub", `127.0.0.1 ${hub.peerPort}`, `0.0.0.0 ${hub.peerPort}`]) {
    assertEquals((await leaf.ask(`/peer-kill ${which}`)).outcome, "ok", which);
    await leaf.reaches("leaf");
    await hub.reaches("hub");
    // Attempts are at most 0.5 s apart, so one would have come.
    await new Promise((resolve) => setTimeout(resolve, 700));
    await leaf.reaches("leaf");
    assertEquals(
      (await leaf.ask(`/peer-kill ${which}`)).outcome,
      `error not-found No link to ${which}`,
    );
    await leaf.ask(`/peer-connect 127.0.0.1 ${hub.peerPort}`);
    await leaf.reaches("hub", "leaf");
  }
  assertMatch((await leaf.ask("/peer-kill")).outcome, /^error usage/);
  assertEquals(
    (await leaf.ask("/peer-kill nobody")).outcome,
    "error not-found No link to nobody",
  );
});

Deno.test("/peer-kill ends the attempts of --peer at an address where nobody is", async () => {
  await using stack = new AsyncDisposableStack();
  const peerPort = freePort();
  const a = await startMesh(stack, "a", { peers: [`127.0.0.1:${peerPort}`] });
  await a.logged(/Cannot link to/);
  assertEquals((await a.ask(`/peer-kill 127.0.0.1 ${peerPort}`)).outcome, "ok");
  const b = await startMesh(stack, "b", { peerPort });
  await new Promise((resolve) => setTimeout(resolve, 700));
  await b.reaches("b");
});

Deno.test("links that both sides make collapse into one, and stay so", async () => {
  await using stack = new AsyncDisposableStack();
  const [portA, portB] = [freePort(), freePort()];
  const [a, b] = await Promise.all([
    startMesh(stack, "a", { peerPort: portA, peers: [`127.0.0.1:${portB}`] }),
    startMesh(stack, "b", { peerPort: portB, peers: [`127.0.0.1:${portA}`] }),
  ]);
  await a.reaches("a", "b");
  await b.reaches("a", "b");
  const [ann, bob] = [await a.join("ann"), await b.join("bob")];
  // One more from either side is the same link.
  for (const [server, port] of [[a, portB], [b, portA]] as const) {
    assertEquals((await server.ask(`/peer-connect 127.0.0.1 ${port}`)).outcome, "ok");
  }
  for (const server of [a, b]) await askUntil(server.console, "/peers", peerCount(1));
  // What was logged of that may come a little later than the answers.
  const isOneUp = ({ process }: MeshServer) => {
    const count = (end: string) => process.stderr.all.filter((line) => line.endsWith(end)).length;
    return count(" is up") === count(" is down") + 1;
  };
  for (let i = 0; i < 500 && ![a, b].every(isOneUp); i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  // The one that was dropped is not tried again and again.
  const lines = () => [a, b].map(({ process }) => process.stderr.all.length).join();
  const quiet = lines();
  for (let i = 0; i < 50; i++) await ann.send(`line ${i}`);
  for (let i = 0; i < 50; i++) await bob.next(`ann: line ${i}`);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assertEquals(lines(), quiet, a.process.stderr.all.join("\n"));
  for (const server of [a, b]) assertEquals(peerCount(1)((await server.ask("/peers")).lines), true);
  assertEquals((await bob.drain()).filter((line) => line.startsWith("ann:")), [], "each once");
  assertEquals(
    [...ann.all, ...bob.all].filter((line) => /unreachable|is back|has stopped/.test(line)),
    [],
  );
});

Deno.test("--peer to itself, and to another mesh: said, and the server serves on", async () => {
  await using stack = new AsyncDisposableStack();
  const peerPort = freePort();
  const a = await startMesh(stack, "a", { peerPort, peers: [`127.0.0.1:${peerPort}`] });
  await a.logged(/Cannot link to .*itself/);
  const ann = await a.join("ann");
  await ann.send("hello");
  await ann.next("ann: hello");
  const b = await startMesh(stack, "b", { peers: [a.address], args: ["--mesh", "club"] });
  await b.logged(/belongs to/);
  await a.logged(/belongs to/);
  assertEquals(await ann.drain(), []);
});

Deno.test("a --peer that refuses is told of once, not at each attempt", async () => {
  await using stack = new AsyncDisposableStack();
  const a = await startMesh(stack, "a");
  const b = await startMesh(stack, "b", { peers: [a.address], args: ["--mesh", "club"] });
  await b.logged(/belongs to/);
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  for (const { process } of [a, b]) {
    const said = process.stderr.all.filter((line) => line.includes("belongs to"));
    assertEquals(said.length, 1, said.join("\n"));
  }
});

Deno.test("a --peer that encrypts and is refused for it: a line on each side", async () => {
  await using stack = new AsyncDisposableStack();
  const a = await startMesh(stack, "a");
  const b = await startMesh(stack, "b", { peers: [a.address], args: ["--encrypted"] });
  await b.logged(/Cannot link to .*not authorised/);
  // Attempts are at most 0.5 s apart.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  for (const { process } of [a, b]) {
    const said = process.stderr.all.filter((line) => /link/i.test(line));
    assertEquals(said.length, 1, said.join("\n"));
  }
});
