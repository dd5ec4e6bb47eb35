import { assertEquals, assertMatch } from "@std/assert";
import { frame, LineClient } from "../support/line_client.ts";
import { TestServer } from "../support/server.ts";

function framedServer(): Promise<TestServer> {
  return TestServer.start(["--name", "kitchen", "--framed", "0"]);
}

Deno.test("Framed clients have the same records, commands and room as line clients", async () => {
  await using server = await framedServer();
  const ann = await server.join("ann");
  const bob = await server.connect({ framed: true });
  await bob.expect("Welcome, guest2");
  await bob.send("/nick bob", "hello", "//x", "@t /ping ä€🦕", "/tell ann psst", "@u /nosuch");
  await bob.expect(
    "guest2 has joined",
    "guest2 renames themself as bob",
    "bob: hello",
    "bob: /x",
    "@t pong ä€🦕",
    "@t ok",
    "You whisper to ann: psst",
    /^@u error unknown-command Unknown command: \/nosuch/,
  );
  await ann.expect(
    "guest2 has joined",
    "guest2 renames themself as bob",
    "bob: hello",
    "bob: /x",
    "bob whispers: psst",
  );
  await ann.send("hi bob");
  await bob.expect("ann: hi bob");
  await bob.send("/who");
  await bob.expect(
    "There are 2 users online on 1 servers:",
    "  Server: kitchen",
    "    ann",
    "    bob",
  );
  await bob.send("/quit");
  assertEquals(await bob.closed(), ["Goodbye"]);
  await ann.next("bob has left");
});

Deno.test("Text, framed and JSON clients hear one talk in one order", async () => {
  await using server = await framedServer();
  const text = await server.join("ann");
  const framed = await server.join("bob", { framed: true });
  const json = await server.join("cid");
  const framedJson = await server.join("dan", { framed: true });
  await json.send("/format json");
  await framedJson.send("/format json");
  const clients = [text, framed, json, framedJson];
  await Promise.all(clients.map((client) => client.drain()));
  for (let i = 0; i < 25; i++) {
    for (const client of clients) void client.send(`line ${i}`);
  }
  const heard = await Promise.all(clients.map(async (client) => {
    const lines: string[] = [];
    while (lines.length < 100) {
      const line = await client.next();
      const { nick, text } = line.startsWith("{") ? JSON.parse(line) : {};
      lines.push(nick === undefined ? line : `${nick}: ${text}`);
    }
    return lines;
  }));
  for (const lines of heard.slice(1)) assertEquals(lines, heard[0]);
  for (const nick of ["ann", "bob", "cid", "dan"]) {
    assertEquals(
      heard[0]!.filter((line) => line.startsWith(nick)),
      Array.from({ length: 25 }, (_, i) => `${nick}: line ${i}`),
    );
  }
});

Deno.test("Records may be cut anywhere, and many come in one piece", async () => {
  await using server = await framedServer();
  const ann = await server.join("ann");
  const bob = await server.join("bob", { framed: true });
  await Promise.all([ann.drain(), bob.drain()]);
  for (const byte of frame("one€")) {
    await bob.raw(Uint8Array.of(byte));
    await ann.drain(); // The server has had its turn: the byte has very likely come alone.
  }
  await bob.raw("         3two         0         5three         1");
  await bob.expect("bob: one€", "bob: two", "bob: three");
  await bob.raw("4");
  await bob.expect("bob: 4");
});

Deno.test("CR and LF in a record become spaces, other control characters go", async () => {
  await using server = await framedServer();
  const ann = await server.join("ann");
  const bob = await server.join("bob", { framed: true });
  await Promise.all([ann.drain(), bob.drain()]);
  await bob.send("a\r\nb\nc\rd\te\x1bf\0g", "/ping x\ny", "/tell ann p\r\nq", "\nhi\n");
  await ann.expect("bob: a  b c d\tefg", "bob whispers: p  q");
  await ann.expect("bob:  hi ");
  await bob.expect("bob: a  b c d\tefg", "pong x y", "You whisper to ann: p  q", "bob:  hi ");
  // Nobody speaks in another's name by a line end in his own.
  await bob.send("x\r\nann: I owe you money");
  await ann.expect("bob: x  ann: I owe you money");
});

Deno.test("Telnet means nothing in a record: the byte 255 is no UTF-8", async () => {
  await using server = await framedServer();
  const bob = await server.join("bob", { framed: true });
  await bob.raw(frame(Uint8Array.of(97, 255, 251, 98)));
  await bob.expect("bob: a\u{fffd}\u{fffd}b");
});

Deno.test("Empty records are ignored, and one is no first line", async () => {
  await using server = await framedServer();
  const bob = await server.connect({ framed: true });
  await bob.send("", "", "/service");
  assertEquals(await bob.drain(), ["Welcome, guest1"]);
});

Deno.test("A record over the limit of a line is dropped with one reply, plain or not", async () => {
  await using server = await framedServer();
  const ann = await server.join("ann");
  const bob = await server.join("bob", { framed: true });
  await Promise.all([ann.drain(), bob.drain()]);
  const most = "x".repeat(8192);
  await bob.send(most, `${"ä".repeat(4096)}y`, `/ping ${most}`, "still here");
  await bob.expect(`bob: ${most}`, "Line too long", "Line too long", "bob: still here");
  assertEquals(await ann.drain(), [`bob: ${most}`, "bob: still here"]);
  await bob.send(`${most}y`, "and here");
  assertEquals(await bob.drain(), ["Line too long", "bob: and here"]);
  assertEquals((await ann.drain()).map((line) => line.slice(0, 20)), ["bob: and here"]);
});

Deno.test("A record of 1 MiB is no reason to close, one byte more is", async () => {
  await using server = await framedServer();
  const bob = await server.join("bob", { framed: true });
  await bob.raw(frame("ä".repeat(512 * 1024)));
  await bob.expect("Line too long");
  await bob.raw("   1048577");
  const [error, ...more] = await bob.closed();
  assertMatch(error!, /1048577/);
  assertEquals(more, []);
});

const badHeaders = [
  "hello worl",
  "        5 ",
  "5         ",
  "         x",
  "        -1",
  "       1.5",
  "      0x10",
  "          ",
  "\t        5",
  "9999999999",
  "     1 000",
  "\0\0\0\0\0\0\0\0\0\x05",
];

Deno.test("After a header that is no length comes an error record, then the end", async () => {
  await using server = await framedServer();
  const ann = await server.join("ann");
  for (const [index, header] of badHeaders.entries()) {
    const bob = await server.join(`bob${index}`, { framed: true });
    await bob.raw(frame("before"));
    await bob.raw(`${header}         5after`);
    const [error, ...more] = (await bob.closed()).slice(1);
    assertMatch(error!, /\S/, JSON.stringify(header));
    assertEquals(more, [], JSON.stringify(header));
    assertEquals(bob.error, undefined, JSON.stringify(header));
    await ann.next(`bob${index}: before`);
  }
  await ann.drain();
  assertEquals(ann.all.filter((line) => line.includes("after")), []);
});

Deno.test("An error record in JSON has its code", async () => {
  await using server = await framedServer();
  const bob = await server.join("bob", { framed: true });
  await bob.send("/format json");
  await bob.nextJson("welcome");
  await bob.raw("not a head");
  const [error] = await bob.closed();
  assertEquals({ ...JSON.parse(error!), text: "" }, { type: "error", code: "bad-frame", text: "" });
});

Deno.test("A record that is cut off by the end of the stream is dropped, what was asked is answered", async () => {
  await using server = await framedServer();
  const bob = await LineClient.connect(server.framedPort, { framed: true });
  await bob.raw("         7/ping x        10half");
  bob.halfClose();
  assertEquals(await bob.closed(), ["Welcome, guest1", "guest1 has joined", "pong x"]);
});

Deno.test("--framed takes an address as well", async () => {
  await using server = await TestServer.start(["--framed", "127.0.0.1:0"]);
  const bob = await server.join("bob", { framed: true });
  await bob.send("hi");
  await bob.expect("bob: hi");
});
