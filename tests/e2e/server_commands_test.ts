import { assert, assertEquals, assertMatch } from "@std/assert";
import { DEADLINE_MS, type LineClient } from "../support/line_client.ts";
import { TestServer } from "../support/server.ts";

/** Sends one line, and returns the answer: all that comes. */
async function ask(client: LineClient, line: string): Promise<string[]> {
  await client.send(line);
  return await client.drain();
}

Deno.test("/help lists the commands, /help COMMAND tells of one", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const all = await ask(ann, "/help");
  const names = "help nick who tell say me peers reachable topology history time random ping " +
    "format echo kill quit";
  for (const name of names.split(" ")) {
    assertEquals(all.filter((line) => line.trim().startsWith(`/${name}`)).length, 1, name);
  }
  for (const name of names.split(" ")) {
    const [first] = await ask(ann, `/help ${name}`);
    assertMatch(first!, new RegExp(`^/${name}\\b`));
    assertEquals(await ask(ann, `/help /${name}`), await ask(ann, `/help ${name}`));
  }
  const [unknown, ...more] = await ask(ann, "/help tiem");
  assertMatch(unknown!, /time/);
  assertEquals(more, []);
});

Deno.test("/time is now, in ISO 8601", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const before = Date.now();
  const [time, ...more] = await ask(ann, "/time");
  const after = Date.now();
  assertEquals(more, []);
  assertMatch(time!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/);
  const told = Date.parse(time!);
  assert(before - 1000 <= told && told <= after + 1000, time);
});

Deno.test("/random gives N whole numbers from MIN to MAX, both included, on one line", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const numbers = async (line: string) => {
    const [answer, ...more] = await ask(ann, line);
    assertEquals(more, [], line);
    assertMatch(answer!, /^-?\d+( -?\d+)*$/, line);
    return answer!.split(" ").map(Number);
  };
  assertEquals((await numbers("/random")).length, 1);
  assertEquals((await numbers("/random 5")).length, 5);
  const dice = await numbers("/random 500 1 6");
  assertEquals(dice.length, 500);
  assertEquals([...new Set(dice)].sort(), [1, 2, 3, 4, 5, 6]);
  assertEquals(await numbers("/random 3 7 7"), [7, 7, 7]);
  assertEquals([...new Set(await numbers("/random 200 -1 1"))].sort((a, b) => a - b), [-1, 0, 1]);
  const most = Number.MAX_SAFE_INTEGER;
  for (const number of await numbers(`/random 50 1 ${most}`)) assert(1 <= number && number <= most);
});

Deno.test("/random with bad arguments answers with its usage", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const bad = [
    "0",
    "-1",
    "x",
    "1.5",
    "1e3",
    "NaN",
    "Infinity",
    "5 1",
    "5 6 1",
    "1 2 3 4",
    "1 a b",
    "99999999999999999999",
    "1 -9007199254740991 9007199254740991",
    "1000000000 1 6",
  ];
  for (const args of bad) {
    const [answer, ...more] = await ask(ann, `/random ${args}`);
    assertMatch(answer!, /^Usage: \/random \[N \[MIN MAX\]\]/, args);
    assertEquals(more, [], args);
  }
  const why = async (args: string) =>
    /\(([^()]*)\)$/.exec((await ask(ann, `/random ${args}`))[0]!)?.[1];
  assertEquals(await why("1 5"), "MIN and MAX, or neither");
  assertEquals(await why("2 -9007199254740991 9007199254740991"), "MIN and MAX are too far apart");
  assertEquals(await why("1 6 5"), "MIN not above MAX");
  assertEquals(await why("1001"), "N from 1 to 1000");
  assertMatch((await ask(ann, "@r /random x"))[0]!, /^@r error usage Usage: \/random /);
});

Deno.test("/ping is answered with pong and its text", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  await ann.send("/ping", "/ping hello  there", "@p /ping x", "/PING ä€🦕");
  await ann.expect("pong", "pong hello  there", "@p pong x", "@p ok", "pong ä€🦕");
});

Deno.test("/history tells what was said, with times; since=ID what was said after it", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  assertEquals(await ask(ann, "/history"), []);
  const ids: string[] = [];
  for (let i = 1; i <= 12; i++) {
    await ann.send(i % 4 === 0 ? `@t /me does ${i}` : `@t /say line ${i}`);
    const ok = /^@t ok ([A-Za-z0-9._-]{1,64})$/.exec(await ann.next(/^@t /));
    ids.push(ok![1]!);
  }
  await ann.send("/tell ann this is private", "/nick anna");
  await ann.drain();
  assertEquals(new Set(ids).size, 12);
  const said = (lines: string[]) =>
    lines.map((line) => {
      const match = /^(\S+) (.*)$/.exec(line)!;
      assert(Math.abs(Date.parse(match[1]!) - Date.now()) < DEADLINE_MS, line);
      return match[2];
    });
  const line = (i: number) => i % 4 === 0 ? `* ann does ${i}` : `ann: line ${i}`;
  const lines = Array.from({ length: 12 }, (_, i) => line(i + 1));
  assertEquals(said(await ask(ann, "/history")), lines.slice(2));
  assertEquals(said(await ask(ann, "/history 3")), lines.slice(9));
  assertEquals(said(await ask(ann, "/history 1000")), lines);
  assertEquals(said(await ask(ann, `/history since=${ids[8]}`)), lines.slice(9));
  assertEquals(said(await ask(ann, `/history 2 since=${ids[5]}`)), lines.slice(10));
  assertEquals(said(await ask(ann, `/history since=${ids[5]} 2`)), lines.slice(10));
  assertEquals(await ask(ann, `/history since=${ids[11]}`), []);
  assertEquals(await ask(ann, `/history 0`), []);
  const [unknown, ...more] = await ask(ann, "@h /history since=never");
  assertMatch(unknown!, /^@h error not-found .*never/);
  assertEquals(more, []);
  for (const args of ["x", "-1", "1.5", "1 2", "since=a since=b", "before=a"]) {
    assertMatch((await ask(ann, `/history ${args}`))[0]!, /^Usage: \/history \[N\] \[since=ID\]/);
  }
});

Deno.test("A tagged /say and a tagged /me are answered with the id of the line", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const bob = await server.join("bob");
  await Promise.all([ann.drain(), bob.drain()]);
  await ann.send("@a /say one", "/say two", "@b //etc", "@c /say", "@d /me x");
  await ann.expect("ann: one", /^@a ok \S+$/, "ann: two", "ann: /etc", /^@b ok \S+$/);
  await ann.expect("@c error usage Usage: /say TEXT", "* ann x", /^@d ok \S+$/);
  assertEquals(await bob.drain(), ["ann: one", "ann: two", "ann: /etc", "* ann x"]);
});

Deno.test("A burst of 1,000 tagged commands: each gets its own answer, whatever arrives between", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const bob = await server.join("bob");
  const tags = Array.from({ length: 1000 }, (_, i) => `T${i}`);
  let chatting = true;
  const chat = (async () => {
    for (let i = 0; chatting; i++) {
      await bob.send(`chat ${i}`, `@T${i % 1000} hi`);
      await bob.next(`bob: chat ${i}`);
    }
  })();
  await ann.next("bob: chat 0");
  await ann.send(
    ...tags.map((tag, i) =>
      i % 10 === 3
        ? `@${tag} /nosuch`
        : i % 10 === 6
        ? `@${tag} /tell nobody x`
        : `@${tag} /ping ${tag}`
    ),
  );
  const seen = new Map<string, string[]>();
  for (let done = 0; done < tags.length;) {
    const [, tag, text] = /^@(T\d+) (.*)$/.exec(await ann.next(/^@T/))!;
    seen.set(tag!, [...seen.get(tag!) ?? [], text!]);
    if (/^(ok|error)\b/.test(text!)) done++;
  }
  chatting = false;
  await chat;
  assertEquals([...seen.keys()], tags);
  for (const [i, tag] of tags.entries()) {
    const answer = seen.get(tag)!;
    if (i % 10 === 3) assertMatch(answer.join("|"), /^error unknown-command [^|]*$/);
    else if (i % 10 === 6) assertEquals(answer, ["error not-found Nobody called nobody"]);
    else assertEquals(answer, [`pong ${tag}`, "ok"]);
  }
});

Deno.test("A tag is 1 to 32 letters and digits; anything else is speech", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const longest = "aZ09".repeat(8);
  await ann.send(
    `@${longest} /ping x`,
    `@${longest}1 /ping`,
    "@a-b /ping",
    "@ä /ping",
    "@a  /ping",
  );
  await ann.expect(
    `@${longest} pong x`,
    `@${longest} ok`,
    `ann: @${longest}1 /ping`,
    "ann: @a-b /ping",
    "ann: @ä /ping",
    "ann: @a  /ping",
  );
});

Deno.test("An unknown command is named, with the nearest one", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  for (
    const [wrong, near] of [["foo", ""], ["hlep", "/help"], ["tiem", "/time"], ["nik", "/nick"]]
  ) {
    const [answer, ...more] = await ask(ann, `/${wrong} some text`);
    assertMatch(answer!, new RegExp(`^Unknown command: /${wrong}\\b.*/\\w+`));
    assert(answer!.includes(near!), answer);
    assertEquals(more, []);
  }
  const [tagged] = await ask(ann, "@u /foo");
  assertMatch(tagged!, /^@u error unknown-command Unknown command: \/foo\b/);
  assertMatch((await ask(ann, "/"))[0]!, /^Unknown command: \//);
  assertMatch((await ask(ann, "/Foo"))[0]!, /^Unknown command: \/foo\b/i);
});

Deno.test("/quit says Goodbye and closes; what was sent behind it is not done", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const bob = await server.join("bob");
  await Promise.all([ann.drain(), bob.drain()]);
  await bob.send("last words", "@q /quit", "after that", "/ping after");
  assertEquals(await bob.closed(), ["bob: last words", "@q Goodbye", "@q ok"]);
  assertEquals(bob.error, undefined);
  await ann.expect("bob: last words", "bob has left");
});

Deno.test("/kill disconnects a client, and nobody else", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const bob = await server.join("bob");
  const cid = await server.join("cid");
  await Promise.all([ann.drain(), bob.drain(), cid.drain()]);
  await ann.send("@k /kill BOB");
  assertEquals((await bob.closed()).length, 1); // Some word about it.
  const answer = await ann.until("bob has left");
  assert(answer.includes("@k ok"), answer.join("|"));
  await cid.expect("bob has left");
  await ann.send("/kill bob", "@l /kill bob", "/kill", "/kill a b");
  await ann.expect("Nobody called bob", "@l error not-found Nobody called bob");
  await ann.expect(/^Usage: \/kill NICK/, /^Usage: \/kill NICK/);
  await ann.send("/kill ann");
  await ann.closed();
  await cid.expect("ann has left");
});

Deno.test("Operator commands are refused to others: --admin none", async () => {
  await using server = await TestServer.start(["--admin", "none"]);
  const ann = await server.join("ann");
  await server.join("bob");
  await ann.drain();
  const [answer, ...more] = await ask(ann, "@k /kill bob");
  assertMatch(answer!, /^@k error denied \S/);
  assertEquals(more, []);
  assertMatch((await ask(ann, "@s /stats"))[0]!, /^@s error denied \S/);
  assert((await ask(ann, "/who")).includes("    bob"));
});

Deno.test("/service: never announced, in no list, hears no chat, and can still ask", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const service = await server.connect();
  await service.send("@s /service");
  await service.expect("Welcome, guest2", "@s ok");
  await ann.send("hello");
  await ann.expect("ann: hello");
  assertEquals(await ask(ann, "/who"), [
    "There are 1 users online on 1 servers:",
    `  Server: ${Deno.hostname()}`,
    "    ann",
  ]);
  assertMatch((await ask(ann, "/tell guest2 hi"))[0]!, /^Nobody called guest2$/);
  assertEquals((await ask(service, "/who")).at(-1), "    ann");
  const bob = await server.connect();
  await bob.next("guest3 has joined"); // Half a second: the service has not been announced either.
  assertEquals(await service.drain(), []);
  await service.send("/quit");
  assertEquals(await service.closed(), ["Goodbye"]);
  bob.close();
  assertEquals(await ann.until("guest3 has left"), ["guest3 has joined", "guest3 has left"]);
  await ann.send("@s /service");
  assertMatch(await ann.next(), /^@s error usage /);
});

Deno.test("A service can't take the nick of somebody and speak in that name", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const service = await server.connect();
  await service.send("/service", "/nick ann");
  assertEquals(await service.drain(), ["Welcome, guest2", "Nick ann is taken"]);
  await service.send("I am ann");
  await service.drain();
  assertEquals((await ann.drain()).filter((line) => line.startsWith("ann: ")), []);
});

Deno.test("/peers, /reachable and /topology of a server alone", async () => {
  await using server = await TestServer.start(["--name", "kitchen"]);
  const ann = await server.join("ann");
  assertEquals(await ask(ann, "/peers"), ["There are 0 peers directly connected"]);
  const [head, ...names] = await ask(ann, "/reachable");
  assertEquals(head, "There are 1 reachable peers:");
  assertEquals(names.map((name) => name.trim()), ["kitchen"]);
  assertMatch((await ask(ann, "/topology")).join("\n"), /kitchen/);
});

Deno.test("A server knows itself from its first moment", async () => {
  for (let i = 0; i < 5; i++) {
    await using server = await TestServer.start(["--name", "kitchen"]);
    const ann = await server.connect();
    await ann.send("/reachable", "/who");
    const lines = await ann.drain();
    assert(lines.includes("There are 1 reachable peers:"), lines.join(" | "));
    assert(lines.includes("There are 1 users online on 1 servers:"), lines.join(" | "));
  }
});
