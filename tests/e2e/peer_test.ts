/** `talker peer`: what it hears, says, relays and shows, and how it ends. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { meshServer, reaches, TestPeer } from "../support/peer.ts";
import { runTalker } from "../support/server.ts";

const GONE = "127.0.0.1:1";

Deno.test("peer: hears speech, actions, arrivals, changes and departures", async () => {
  const { server, links } = await meshServer("attic");
  await using _server = server;
  await using peer = new TestPeer(links, "--name", "ears");
  await peer.hears(server);
  const ann = await server.join("ann");
  await ann.send("hello", "/me waves", "/nick anna", "/quit");
  const heard = await peer.stdout.until("anna has left");
  // What is said goes at once, who comes and goes is collected for some milliseconds.
  const said = heard.filter((line) => /^(ann:|\*) /.test(line));
  assertEquals(said, ["ann: hello", "* ann waves"]);
  assert(heard.includes("ann renames themself as anna"));
  assertEquals(peer.stdout.all.filter((line) => line.startsWith("Welcome")), []);
});

Deno.test("peer: tells that a server has stopped", async () => {
  const { server, links } = await meshServer("attic");
  await using peer = new TestPeer(links, "--name", "ears");
  await peer.hears(server);
  await server.stop();
  await peer.stdout.next(/^attic has stopped \(\d users\)$/);
  await peer.stderr.next(/Cannot link to .*: connection refused; trying on/);
  assertEquals((await peer.stop()).code, 0);
});

Deno.test("peer: says its lines, whatever they begin with, and is a user from the first on", async () => {
  const { server, links } = await meshServer("attic");
  await using _server = server;
  const ann = await server.join("ann");
  await using peer = new TestPeer(links, "--name", "north.tower");
  await reaches(ann, "north.tower");
  await ann.send("@w /who");
  assertEquals(await ann.until("@w ok"), [
    "@w There are 1 users online on 2 servers:",
    "@w   Server: attic",
    "@w     ann",
    "@w   Server: north.tower",
    "@w ok",
  ]);
  await peer.say("good evening", "/who", "", "//x", "@a /me", "b\u001b[31mred");
  await peer.endOfInput();
  const said = ["good evening", "/who", "//x", "@a /me", "b[31mred"].map((text) =>
    `north-tower: ${text}`
  );
  const isChat = (line: string) => line.startsWith("north-tower: ");
  const heard = await ann.until(said.at(-1) as string);
  assertEquals(heard.filter(isChat), said);
  await peer.stdout.next("north-tower has joined");
  await peer.stdout.expect(...said);
  // The end of its input was not its own.
  await ann.send("@t /tell north-tower psst");
  await ann.next("@t ok");
  await peer.stdout.next("ann whispers: psst");
  await ann.send("@w /who");
  assert((await ann.until("@w ok")).includes("@w     north-tower"));
  assertEquals((await peer.stop("SIGINT")).code, 0);
  await ann.next("north.tower has stopped (1 users)");
});

Deno.test("peer: what it is given before it is linked is heard, the last line without its end too", async () => {
  const { server, links } = await meshServer("attic");
  await using _server = server;
  const ann = await server.join("ann");
  await using peer = new TestPeer(links, "--name", "voice", "--no-echo");
  const most = 500;
  const lines = Array.from({ length: most }, (_, i) => `line ${i} ${"x".repeat(i % 50)}`);
  await peer.say(...lines);
  await peer.say("y".repeat(9000));
  await peer.type("the end");
  await peer.endOfInput();
  const heard = await ann.until("voice: the end");
  assertEquals(
    heard.filter((line) => line.startsWith("voice: line")),
    lines.map((line) => `voice: ${line}`),
  );
  await peer.stderr.next(/A line of stdin was dropped: it has more than 8192 bytes/);
  await ann.send("heard");
  assertEquals(await peer.stdout.until("ann: heard"), ["voice has joined", "ann: heard"]);
});

Deno.test("peer: relays between two servers that are linked through it alone", async () => {
  const { server: attic, links: atticLinks } = await meshServer("attic");
  await using _attic = attic;
  await using peer = new TestPeer(atticLinks, "--listen", "127.0.0.1:0", "--name", "hall");
  const at = await peer.listens();
  assertEquals(peer.stdout.all, [`talker peer hall listening for peers on ${at}`]);
  const { server: cellar } = await meshServer("cellar", "--peer", at);
  await using _cellar = cellar;
  await peer.linked("cellar");
  await peer.endOfInput();
  const ann = await attic.join("ann");
  const bob = await cellar.join("bob");
  await reaches(ann, "attic", "cellar", "hall");
  await ann.send("down there?");
  await bob.next("ann: down there?");
  await bob.send("up there?");
  await ann.next("bob: up there?");
  await peer.stdout.next("bob: up there?");
  await peer.stop();
  await ann.next("cellar is unreachable (1 users)");
});

Deno.test("peer --json: one object for each line, as clients get them", async () => {
  const { server, links } = await meshServer("attic");
  await using _server = server;
  await using peer = new TestPeer(links, "--listen", "127.0.0.1:0", "--name", "ears", "--json");
  const listening = JSON.parse(await peer.stdout.next());
  assertEquals({ ...listening, port: 0 }, {
    type: "listening",
    name: "ears",
    host: "127.0.0.1",
    port: 0,
    for: "peers",
  });
  await peer.hears(server);
  const ann = await server.join("ann");
  await ann.send("hello");
  const speech = JSON.parse(await peer.stdout.next(/"speech"/));
  const { id, time, ...rest } = speech;
  assertEquals(rest, { type: "speech", nick: "ann", server: "attic", text: "hello" });
  assertMatch(id, /^[\w.-]{1,64}$/);
  assertMatch(time, /^\d{4}-.*Z$/);
});

Deno.test("peer --map: a line of three, without a word to anybody", async () => {
  const { server: attic, links } = await meshServer("attic");
  await using _attic = attic;
  const { server: hall, links: hallLinks } = await meshServer("hall", "--peer", links);
  await using _hall = hall;
  const { server: cellar, links: cellarLinks } = await meshServer("cellar", "--peer", hallLinks);
  await using _cellar = cellar;
  const ann = await attic.join("ann");
  await reaches(ann, "hall", "cellar");
  const bob = await cellar.join("bob");

  const map = await runTalker(["peer", links, "--map", "--name", "eye"]);
  assertEquals([map.code, map.stderr], [0, ""]);
  // That attic is what links the eye to the others makes it no cut point of theirs.
  assertEquals(map.stdout, "eye\n└── attic\n    └── hall (cut point)\n        └── cellar\n");

  const who = await runTalker(["peer", hallLinks, "--who", "--name", "eye"]);
  assertEquals([who.code, who.stderr], [0, ""]);
  assertEquals(who.stdout.trimEnd().split("\n"), [
    "There are 2 users online on 3 servers:",
    "  Server: attic",
    "    ann",
    "  Server: cellar",
    "    bob",
    "  Server: hall",
  ]);

  const both = ["peer", cellarLinks, GONE, "--map", "--who", "--json", "--name", "eye"];
  const json = await runTalker(both);
  assertEquals(json.code, 0);
  assertEquals(json.stderr, `talker: Cannot link to ${GONE}: connection refused\n`);
  const objects = json.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  const servers = new Map(
    objects.filter(({ type }) => type === "server").map((one) => [one.server, one]),
  );
  assertEquals([...servers.keys()].sort(), ["attic", "cellar", "eye", "hall"]);
  const hallNode = servers.get("hall");
  assertEquals(hallNode.links.map((one: { server: string }) => one.server).sort(), [
    "attic",
    "cellar",
  ]);
  assertEquals([hallNode.cutPoint, hallNode.self], [true, false]);
  assertEquals(servers.get("cellar").cutPoint, false);
  assertEquals(servers.get("eye").self, true);
  assertEquals(servers.get("eye").links, [{ id: servers.get("cellar").id, server: "cellar" }]);
  const census = objects.filter(({ type }) => type === "reply");
  assertEquals([census[0].users, census[0].servers], [2, 3]);
  assertEquals(census.find(({ nick }) => nick === "bob").server, "cellar");

  await bob.send("over");
  const heard = await ann.until("bob: over");
  assertEquals(heard.filter((line) => line.includes("eye")), []);
});

Deno.test("peer --map: two that aren't linked are both drawn, and aren't joined by the look", async () => {
  const { server: attic, links } = await meshServer("attic");
  await using _attic = attic;
  const { server: cellar, links: cellarLinks } = await meshServer("cellar");
  await using _cellar = cellar;
  const ann = await attic.join("ann");
  const bob = await cellar.join("bob");
  await bob.send("only here");
  await bob.next("bob: only here");
  const map = await runTalker(["peer", links, cellarLinks, "--map", "--name", "eye"]);
  assertEquals([map.code, map.stdout], [0, "eye (cut point)\n├── attic\n└── cellar\n"]);
  await ann.send("/history", "over");
  const heard = await ann.until("ann: over");
  assertEquals(heard.filter((line) => /eye|cellar|bob/.test(line)), []);
});

Deno.test("peer --who: who does not answer is named, and it exits with 4", async () => {
  const { server: attic, links } = await meshServer("attic");
  await using _attic = attic;
  // A node that never reads what it is sent: stopped as soon as the others know it.
  await using stuck = new TestPeer(links, "--listen", "127.0.0.1:0", "--name", "stuck");
  await stuck.linked("attic");
  await using watcher = new TestPeer(links, "--name", "watcher");
  await watcher.linked("attic");
  const ann = await attic.join("ann");
  await reaches(ann, "stuck", "watcher");
  stuck.signal("SIGSTOP");
  try {
    const { code, stdout } = await runTalker(["peer", links, "--who", "--name", "eye"]);
    assertEquals(stdout.trimEnd().split("\n"), [
      "There are 1 users online on 2 servers:",
      "  Server: attic",
      "    ann",
      "  Server: watcher",
      "No answer from: stuck",
    ]);
    assertEquals(code, 4);
  } finally {
    stuck.signal("SIGCONT");
  }
});

Deno.test("peer: two of one --mesh find each other, without a server", async () => {
  const mesh = `peers${crypto.randomUUID().slice(0, 8)}`;
  await using north = new TestPeer("--mesh", mesh, "--name", `${mesh}-north`, "--advertise");
  await using south = new TestPeer("--mesh", mesh, "--name", `${mesh}-south`, "--advertise");
  const listening = /^talker peer peers\S+ listening for peers on 0\.0\.0\.0:\d+$/;
  for (const peer of [north, south]) assertMatch(await peer.stdout.next(), listening);
  await north.say("is anybody there?");
  await south.stdout.next(`${mesh}-north: is anybody there?`);
  await south.say("yes");
  await north.stdout.next(`${mesh}-south: yes`);
});

Deno.test("peer --mesh --map: a mesh that encrypts is named, and it exits with 5", async () => {
  const mesh = `secret${crypto.randomUUID().slice(0, 8)}`;
  const { server } = await meshServer(mesh, "--mesh", mesh, "--encrypted", "--advertise");
  await using _server = server;
  const look = ["peer", "--mesh", mesh, "--map", "--timeout", "2", "--log-level", "error"];
  const { code, stdout, stderr } = await runTalker(look);
  assertEquals([code, stdout], [5, ""]);
  assertMatch(stderr, new RegExp(`^talker: Cannot link to ${mesh}: .*encrypt.*\\n$`));
});

Deno.test("peer: exit codes", async () => {
  const { server, links } = await meshServer("attic", "--mesh", "club");
  await using _server = server;
  const cases: [args: string[], code: number, stderr: RegExp][] = [
    [[], 2, /^talker: Nobody to link to: give a TARGET .*, --mesh or --listen\n$/],
    [["--mesh", "club", "--no-auto-peer"], 2, /Nobody to link to/],
    [["a:b"], 2, /"b" is no port/],
    [["--listen", "kitchen"], 2, /--listen is "kitchen"; that is no address/],
    [["--lissen", "0"], 2, /nearest is --listen/],
    [[links, "--name", "a b"], 2, /--name is "a b"; it must be 1 to 64/],
    [[links, "--mesh", "x".repeat(256)], 2, /--mesh is .*256 bytes of UTF-8: 255/],
    [["nowhere", "--map", "--timeout", "0.3"], 1, /^talker: Cannot link to nowhere: .*\n$/],
    [["--listen", links], 1, /Cannot listen on .*: the address is in use/],
    [
      [GONE, "--map", "--timeout", "0.2"],
      1,
      /^talker: Cannot link to 127.0.0.1:1: connection refused\n$/,
    ],
    // Who is there and says no will say it again: no need to wait.
    [[links, "--who", "--timeout", "60"], 1, /talker: Cannot link to .*mesh/],
    [["--listen", "127.0.0.1:0", "--map", "--timeout", "0.2"], 3, /Nobody was linked to/],
    [[links, "--mesh", "club", "--timeout", "0.2", "--log-level", "error"], 3, /^$/],
    [[links, "--mesh", "club", "--map"], 0, /^$/],
  ];
  await Promise.all(cases.map(async ([args, code, stderr]) => {
    const ended = await runTalker(["peer", ...args]);
    assertEquals(ended.code, code, `${args}: ${ended.stderr}`);
    assertMatch(ended.stderr, stderr);
  }));
});

Deno.test("peer: a TARGET that is not there yet is tried until it is", async () => {
  const { server: first, links } = await meshServer("attic");
  await first.stop();
  await using peer = new TestPeer(links, "--name", "patient");
  await peer.stderr.next(/Cannot link to .*: connection refused; trying on/);
  const { server } = await meshServer("attic", "--peer-listen", links);
  await using _server = server;
  await peer.linked("attic");
  await peer.say("at last");
  const ann = await server.join("ann");
  await ann.next("patient: at last");
});
