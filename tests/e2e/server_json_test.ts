import { assert, assertEquals, assertMatch } from "@std/assert";
import { LineClient } from "../support/line_client.ts";
import { TestServer } from "../support/server.ts";

type Json = Record<string, unknown>;

/** What a client has been given, each line a JSON object; the times checked and taken out. */
async function objects(client: LineClient): Promise<Json[]> {
  return (await client.drain()).map(timeless);
}

function timeless(line: string): Json {
  const { time, ...rest } = JSON.parse(line) as Json;
  if (time === undefined) {
    assert(["reply", "ok", "error"].includes(rest.type as string), `no time in ${line}`);
  } else {
    assertMatch(time as string, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert(Math.abs(Date.parse(time as string) - Date.now()) < 60_000, line);
  }
  return rest;
}

/** A client called bob that is served in JSON, on the server kitchen. */
async function jsonClient(server: TestServer, framed = false): Promise<LineClient> {
  const bob = await server.join("bob", { framed });
  await bob.send("/format json");
  await bob.nextJson("welcome");
  return bob;
}

Deno.test("/format json is answered with a welcome, and with ok where it was tagged", async () => {
  await using server = await TestServer.start(["--name", "kitchen"]);
  const ann = await server.join("ann");
  await ann.drain();
  await ann.send("@f /format json");
  const welcome = { type: "welcome", nick: "ann", server: "kitchen", text: "Welcome, ann" };
  assertEquals(timeless(await ann.next()), welcome);
  assertEquals(JSON.parse(await ann.next()), { type: "ok", tag: "f" });
  await ann.send("/format json");
  assertEquals(await objects(ann), [welcome]);
  await ann.send("@g /format text", "/ping x");
  await ann.expect("@g ok", "pong x");
  await ann.send("/format", "/format xml", "/format JSON");
  for (let i = 0; i < 3; i++) await ann.expect(/^Usage: \/format text\|json/);
});

for (const framed of [false, true]) {
  Deno.test(`Each type of event in JSON, ${framed ? "framed" : "in lines"}`, async () => {
    await using server = await TestServer.start(["--name", "kitchen", "--framed", "0"]);
    const ann = await server.join("ann");
    const bob = await jsonClient(server, framed);
    const say = async (...lines: string[]) => {
      await ann.send(...lines);
      await ann.drain();
      return await objects(bob);
    };

    const spoken = (await say("hi", "/me waves"))
      .map(({ id, ...rest }) => (assertMatch(id as string, /^[A-Za-z0-9._-]{1,64}$/), rest));
    assertEquals(spoken, [
      { type: "speech", nick: "ann", server: "kitchen", text: "hi" },
      { type: "action", nick: "ann", server: "kitchen", text: "waves" },
    ]);
    assertEquals(await say("/tell bob psst"), [
      { type: "whisper", nick: "ann", server: "kitchen", text: "psst" },
    ]);
    assertEquals(await say("/nick anna"), [{
      type: "renamed",
      server: "kitchen",
      old: "ann",
      nick: "anna",
      text: "ann renames themself as anna",
    }]);
    const cid = await server.join("cid");
    assertEquals((await objects(bob))[0], {
      type: "joined",
      server: "kitchen",
      count: 1,
      nicks: ["guest3"],
      nick: "guest3",
      text: "guest3 has joined",
    });
    cid.close();
    assertEquals(timeless(await bob.next()), {
      type: "left",
      server: "kitchen",
      count: 1,
      nicks: ["cid"],
      nick: "cid",
      text: "cid has left",
    });
    await bob.send("/ping x", "@t /ping y", "@u /nosuch", "/tell nobody x", "@v /say own");
    const [pong, tagged, ok, unknown, nobody, own, said, ...none] = await objects(bob);
    assertEquals(none, []);
    assertEquals(pong, { type: "reply", text: "pong x" });
    assertEquals(tagged, { type: "reply", tag: "t", text: "pong y" });
    assertEquals(ok, { type: "ok", tag: "t" });
    assertMatch(unknown!.text as string, /^Unknown command: \/nosuch/);
    assertEquals({ ...unknown, text: "" }, {
      type: "error",
      tag: "u",
      code: "unknown-command",
      text: "",
    });
    assertEquals(nobody, { type: "error", code: "not-found", text: "Nobody called nobody" });
    assertEquals({ ...own, id: "" }, {
      type: "speech",
      nick: "bob",
      server: "kitchen",
      text: "own",
      id: "",
    });
    assertEquals(said, { type: "ok", tag: "v", id: own!.id });

    await ann.send("/kill bob");
    const last = (await bob.closed()).map(timeless);
    assertEquals(last.map(({ type }) => type), ["notice"]);
    assertEquals(typeof last[0]!.text, "string");
  });
}

Deno.test("Replies in JSON carry their members beside the text", async () => {
  await using server = await TestServer.start(["--name", "kitchen"]);
  const ann = await server.join("ann");
  const bob = await jsonClient(server);
  await ann.send("@x /say one", "/me two");
  const id = /^@x ok (\S+)$/.exec(await ann.next(/^@x ok/))![1];
  await ann.drain();
  await bob.drain();

  await bob.send("@w /who");
  assertEquals(await objects(bob), [
    {
      type: "reply",
      tag: "w",
      text: "There are 2 users online on 1 servers:",
      users: 2,
      servers: 1,
    },
    { type: "reply", tag: "w", text: "  Server: kitchen", server: "kitchen" },
    { type: "reply", tag: "w", text: "    ann", server: "kitchen", nick: "ann" },
    { type: "reply", tag: "w", text: "    bob", server: "kitchen", nick: "bob" },
    { type: "ok", tag: "w" },
  ]);

  await bob.send("/history");
  const [one, two] = await bob.drain();
  const first = JSON.parse(one!) as Json;
  assertEquals(first.text, `${first.time} ann: one`);
  assertEquals({ ...timeless(one!), text: "" }, {
    type: "reply",
    text: "",
    id,
    nick: "ann",
    server: "kitchen",
    kind: "speech",
    said: "one",
  });
  assertEquals(timeless(two!).kind, "action");
  assertEquals(timeless(two!).said, "two");

  await bob.send("/time", "/random 3 5 5");
  const [time, random] = (await bob.drain()).map((line) => JSON.parse(line) as Json);
  assertEquals(time!.text, time!.time);
  assertEquals(random, { type: "reply", text: "5 5 5", numbers: [5, 5, 5] });
});

Deno.test("The id that a speaker gets is the one that the others get, and is good for since=", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const bob = await jsonClient(server);
  await bob.drain();
  await ann.send("@a /say one", "@b /say two", "@c /me three");
  const ids: unknown[] = [];
  for (const tag of "abc") ids.push((await ann.next(new RegExp(`^@${tag} ok `))).split(" ")[2]);
  assertEquals((await objects(bob)).map(({ id }) => id), ids);
  await bob.send(`/history since=${ids[0]}`);
  assertEquals((await objects(bob)).map(({ id }) => id), ids.slice(1));
});

Deno.test("Any text survives JSON, on one line", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const bob = await jsonClient(server);
  await bob.drain();
  const text = `quote " backslash \\ {"type":"speech"} tab \t line \u2028 separator €🦕 \\u0000`;
  await ann.send(text);
  await ann.drain();
  assertEquals((await objects(bob)).map((object) => object.text), [text]);
});

Deno.test("/echo off holds for JSON as well", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const bob = await jsonClient(server);
  await bob.send("/echo off", "mine");
  await ann.next("bob: mine");
  await ann.send("hers");
  await ann.next("ann: hers");
  assertEquals((await objects(bob)).map(({ type, text }) => [type, text]), [["speech", "hers"]]);
});

Deno.test("A JSON client that goes back to text misses nothing and gets nothing twice", async () => {
  await using server = await TestServer.start();
  const ann = await server.join("ann");
  const bob = await server.join("bob");
  await bob.drain();
  let toldAs = "text";
  const seen: string[] = [];
  for (let i = 0; i < 40; i++) {
    void ann.send(`line ${i}`);
    await ann.next(`ann: line ${i}`);
    toldAs = toldAs === "text" ? "json" : "text";
    await bob.send(`/format ${toldAs}`);
  }
  for (const line of await bob.drain()) {
    if (!line.startsWith("{")) seen.push(line);
    else if (JSON.parse(line).type === "speech") seen.push(`ann: ${JSON.parse(line).text}`);
  }
  assertEquals(seen, Array.from({ length: 40 }, (_, i) => `ann: line ${i}`));
});

Deno.test("At the end a JSON client gets the goodbye as a notice", async () => {
  await using server = await TestServer.start();
  const bob = await jsonClient(server);
  server.signal("SIGTERM");
  const last = (await bob.closed()).map(timeless);
  assertEquals(last.map(({ type }) => type), ["notice"]);
  assertEquals((await server.ended()).code, 0);
});
