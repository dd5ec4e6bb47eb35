import { assert, assertEquals, assertMatch } from "@std/assert";
import type { LineClient } from "../support/line_client.ts";
import { TestServer } from "../support/server.ts";

/** What each of these has been given and has not looked at. */
function drainAll(...clients: LineClient[]): Promise<string[][]> {
  return Promise.all(clients.map((client) => client.drain()));
}

Deno.test("Welcome comes at once, the arrival is announced with the first line", async () => {
  await using server = await TestServer.start();
  const ann = await server.connect();
  await ann.expect("Welcome, guest1");
  await ann.send("hi");
  await ann.expect("guest1 has joined", "guest1: hi");
  const bob = await server.connect();
  await bob.expect("Welcome, guest2");
  await bob.send("/ping");
  await bob.expect("guest2 has joined", "pong");
  assertEquals(await ann.drain(), ["guest2 has joined"]);
});

Deno.test("Who says nothing is announced after half a second, to everybody", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const before = performance.now();
  const bob = await server.connect();
  await bob.expect("Welcome, guest2");
  const early = await ann.drain();
  if (performance.now() - before < 400) assertEquals(early, []);
  await bob.expect("guest2 has joined");
  const elapsed = performance.now() - before;
  assert(elapsed >= 490, `announced after ${elapsed} ms`);
  assertEquals([...early, ...await ann.drain()], ["guest2 has joined"]);
});

Deno.test("Who leaves is announced, and so is who just goes away", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const bob = await server.join("bob");
  const cid = await server.join("cid");
  const dan = await server.join("dan", { resets: true });
  await drainAll(ann, bob);
  await bob.send("/quit");
  assertEquals(await bob.closed(), ["Goodbye"]);
  await ann.expect("bob has left");
  cid.close();
  await ann.expect("cid has left");
  dan.reset();
  await ann.expect("dan has left");
});

Deno.test("Who comes and goes within half a second without a word is never announced", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const slow: string[] = []; // On a machine that is very busy some may take half a second.
  for (let i = 0; i < 3; i++) {
    const before = performance.now();
    const passer = await server.connect();
    const welcome = await passer.next(/^Welcome, guest\d+$/);
    passer.close();
    if (performance.now() - before > 300) slow.push(welcome.slice("Welcome, ".length));
  }
  const bob = await server.connect();
  await bob.next("Welcome, guest5");
  await bob.next("guest5 has joined");
  bob.close();
  const seen = await ann.until("guest5 has left");
  assertEquals(
    seen.filter((line) => !slow.some((nick) => line.startsWith(`${nick} `))),
    ["guest5 has joined", "guest5 has left"],
  );
});

Deno.test("Speech reaches everybody, the speaker too, in the same order for all", async () => {
  await using server = await TestServer.start();
  const clients = await Promise.all(["ann", "bob", "cid"].map((nick) => server.join(nick)));
  await drainAll(...clients);
  for (let i = 0; i < 50; i++) {
    for (const client of clients) void client.send(`line ${i}`);
  }
  const seen = await Promise.all(clients.map(async (client) => {
    const lines: string[] = [];
    while (lines.length < 150) lines.push(await client.next());
    return lines;
  }));
  assertEquals(seen[1], seen[0]);
  assertEquals(seen[2], seen[0]);
  for (const nick of ["ann", "bob", "cid"]) {
    assertEquals(
      seen[0]!.filter((line) => line.startsWith(`${nick}: `)),
      Array.from({ length: 50 }, (_, i) => `${nick}: line ${i}`),
    );
  }
});

Deno.test("//text says /text, and @bob hi is speech", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const bob = await server.join("bob");
  await drainAll(ann, bob);
  await ann.send("//etc/hosts is a file", "@bob hi", "@", "@bob", "@ /who", "//", "  two  blanks ");
  const seen = [
    "ann: /etc/hosts is a file",
    "ann: @bob hi",
    "ann: @",
    "ann: @bob",
    "ann: @ /who",
    "ann: /",
    "ann:   two  blanks ",
  ];
  assertEquals(await ann.drain(), seen);
  assertEquals(await bob.drain(), seen);
});

Deno.test("/nick: all see the change, a nick is unique with its case folded", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("Ann");
  const bob = await server.connect();
  await bob.send("/nick bob");
  await bob.expect(
    "Welcome, guest2",
    "guest2 has joined",
    "guest2 renames themself as bob",
  );
  assertEquals(await ann.drain(), ["guest2 has joined", "guest2 renames themself as bob"]);
  await bob.send("/nick ann", "/nick ANN", "@t /nick Ann");
  await bob.expect("Nick ann is taken", "Nick ANN is taken", "@t error taken Nick Ann is taken");
  await bob.send("/nick Bob", "hi");
  await bob.expect("bob renames themself as Bob", "Bob: hi");
  await bob.send("/nick Straße");
  await bob.expect("Bob renames themself as Straße");
  await ann.send("/nick STRASSE");
  assertEquals((await ann.drain()).at(-1), "Nick STRASSE is taken");
  await bob.send("/nick bob");
  await bob.drain();
  await ann.send("/nick STRASSE");
  assertEquals((await ann.drain()).at(-1), "Ann renames themself as STRASSE");
});

Deno.test("/nick takes 1 to 32 letters, digits, - and _, and nothing else", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const longest = "x".repeat(32);
  for (const nick of ["a", "7", "_-_", "Zoë", "太郎", longest]) {
    await ann.send(`/nick ${nick}`);
    assertMatch(await ann.next(), new RegExp(` renames themself as ${nick}$`));
  }
  for (
    const nick of ["", "a b", "a@b", "a.b", "a/b", "é!", `${longest}x`, "\u{1f995}", "a\tb", "a:b"]
  ) {
    await ann.send(`/nick ${nick}`);
    assertMatch(await ann.next(), /^Usage: \/nick NAME\b/, JSON.stringify(nick));
  }
  await ann.send("/me waits");
  await ann.expect(`* ${longest} waits`);
});

Deno.test("A nick that was left is free at once, and who takes it is told apart", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const bob = await server.join("bob");
  await drainAll(ann, bob);
  await bob.send("/quit");
  assertEquals(await bob.closed(), ["Goodbye"]);
  await ann.send("/nick bob");
  // Else it would read as if the new bob had left.
  await ann.expect("bob has left", "ann renames themself as bob");
});

Deno.test("/who lists everybody on the server, sorted", async () => {
  await using server = await TestServer.start(["--name", "kitchen"]);
  const cid = await server.join("cid");
  await server.join("ann");
  await server.join("bob");
  await cid.drain();
  await cid.send("/who");
  await cid.expect(
    "There are 3 users online on 1 servers:",
    "  Server: kitchen",
    "    ann",
    "    bob",
    "    cid",
  );
  await cid.send("@w /who");
  await cid.expect(
    "@w There are 3 users online on 1 servers:",
    "@w   Server: kitchen",
    "@w     ann",
    "@w     bob",
    "@w     cid",
    "@w ok",
  );
  const alone = await TestServer.start(["--name", "attic"]);
  await using _ = alone;
  const one = await alone.connect();
  await one.send("/who");
  await one.next("There are 1 users online on 1 servers:");
  await one.expect("  Server: attic", "    guest1");
});

Deno.test("/tell is seen by one only, and confirmed", async () => {
  await using server = await TestServer.start(["--name", "kitchen"]);
  const [ann, bob, cid] = await Promise.all(["ann", "bob", "cid"].map((n) => server.join(n)));
  await drainAll(ann!, bob!, cid!);
  await ann!.send("/tell bob come  here /now");
  await bob!.expect("ann whispers: come  here /now");
  assertMatch(await ann!.next(), /^You whisper to bob: come {2}here \/now$/);
  await ann!.send("/tell BOB@kitchen hi", "@t /tell bob hi");
  await bob!.expect("ann whispers: hi", "ann whispers: hi");
  const answer = await ann!.drain();
  assertEquals(answer.length, 3);
  assertMatch(answer[1]!, /^@t You whisper to bob: hi$/);
  assertEquals(answer[2], "@t ok");
  await ann!.send("/tell nobody hi", "@u /tell nobody hi", "/tell bob@attic hi");
  await ann!.expect(
    "Nobody called nobody",
    "@u error not-found Nobody called nobody",
    "Nobody called bob@attic",
  );
  await ann!.send("/tell ann note to myself");
  assertEquals((await ann!.drain()).sort(), [
    "You whisper to ann: note to myself",
    "ann whispers: note to myself",
  ]);
  await ann!.send("/tell", "/tell bob", "@v /tell bob ");
  await ann!.expect(/^Usage: \/tell /, /^Usage: \/tell /, /^@v error usage Usage: \/tell /);
  assertEquals(await drainAll(bob!, cid!), [[], []]);
});

Deno.test("/me tells what somebody does", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const bob = await server.join("bob");
  await drainAll(ann, bob);
  await ann.send("/me waves", "/me", "@m /me");
  await ann.expect("* ann waves", "Usage: /me TEXT", "@m error usage Usage: /me TEXT");
  assertEquals(await bob.drain(), ["* ann waves"]);
});

Deno.test("/echo off hides one's own lines from oneself alone; /echo on shows them again", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const bob = await server.join("bob");
  await drainAll(ann, bob);
  await ann.send("/echo off", "one", "/me two", "@s /say three");
  const [ok, ...more] = await ann.drain();
  assertMatch(ok!, /^@s ok \S+$/);
  assertEquals(more, []);
  await bob.send("four");
  await bob.expect("ann: one", "* ann two", "ann: three", "bob: four");
  assertEquals(await ann.drain(), ["bob: four"]);
  await ann.send("/echo on", "five", "/echo", "/echo maybe");
  await ann.expect("ann: five", "Usage: /echo on|off", "Usage: /echo on|off");
  assertEquals(await bob.drain(), ["ann: five"]);
});

Deno.test("--no-echo: nobody hears himself, unless he asks for it", async () => {
  await using server = await TestServer.start(["--no-echo"]);
  const ann = await server.join("ann");
  const bob = await server.join("bob");
  await drainAll(ann, bob);
  await ann.send("one");
  assertEquals(await ann.drain(), []);
  assertEquals(await bob.drain(), ["ann: one"]);
  await ann.send("/echo on", "two");
  assertEquals(await ann.drain(), ["ann: two"]);
  await bob.send("three");
  assertEquals(await drainAll(bob, ann), [["ann: two"], ["bob: three"]]);
});
