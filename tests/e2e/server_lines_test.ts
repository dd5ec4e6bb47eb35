import { assertEquals, assertMatch } from "@std/assert";
import { LineClient } from "../support/line_client.ts";
import { TestServer } from "../support/server.ts";

/** A room with a client that sends bytes, and one that sees what becomes of them. */
async function room(server: TestServer): Promise<{ ann: LineClient; bob: LineClient }> {
  const ann = await server.join("ann");
  const bob = await server.join("bob");
  await Promise.all([ann.drain(), bob.drain()]);
  return { ann, bob };
}

/** Latin-1: each character one byte. */
function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

Deno.test("CRLF, LF and CR NUL end a line; empty lines are ignored", async () => {
  await using server = await TestServer.start();
  const { ann, bob } = await room(server);
  await ann.raw("one\r\ntwo\nthree\r\0\n\r\n\r\0four\r\n\r\r\nfive\r\0six\n");
  const seen = ["one", "two", "three", "four", "five", "six"].map((text) => `ann: ${text}`);
  assertEquals(await ann.drain(), seen);
  assertEquals(await bob.drain(), seen);
});

Deno.test("An empty line is no first line", async () => {
  await using server = await TestServer.start();
  const ann = await server.connect();
  await ann.raw("\r\n\n\r\0/service\r\n");
  assertEquals(await ann.drain(), ["Welcome, guest1"]);
});

Deno.test("A line may be cut anywhere: bytewise, inside characters, ends and telnet commands", async () => {
  await using server = await TestServer.start();
  const { ann, bob } = await room(server);
  const all = [
    ...new TextEncoder().encode("aä€🦕z\r\n//x\r\0"),
    ...bytes("\xff\xfb\x01b\r\n"),
  ];
  for (const byte of all) {
    await ann.raw(Uint8Array.of(byte));
    await bob.drain(); // The server has had its turn: the byte has very likely come alone.
  }
  assertEquals(await ann.drain(), ["ann: aä€🦕z", "ann: /x", "ann: b"]);
});

Deno.test("A command may arrive in pieces, and many lines in one", async () => {
  await using server = await TestServer.start();
  const { ann, bob } = await room(server);
  await ann.raw("/pi");
  await bob.drain();
  await ann.raw("ng one\r");
  await bob.drain();
  await ann.raw("\n/ping two\n/ping three\n/pi");
  await ann.expect("pong one", "pong two", "pong three");
  await ann.raw("ng four\n");
  await ann.expect("pong four");
});

Deno.test("Telnet option negotiation is swallowed", async () => {
  await using server = await TestServer.start();
  const { ann, bob } = await room(server);
  await ann.raw(bytes("\xff\xfd\x03\xff\xfb\x18he\xff\xfc\x01llo\r\n")); // DO, WILL; WONT in a line.
  await ann.raw(bytes("\xff\xfa\x18\x00xterm\xff\xf0one\r\n")); // A subnegotiation.
  await ann.raw(bytes("\xff\xfa\x1f\x00\xff\xff\x0a\x0d\xff\xf0two\r\n")); // 255, CR and LF in it.
  await ann.raw(bytes("\xff\xf1th\xff\xf6ree\r\n")); // NOP, and ARE YOU THERE.
  await ann.raw(bytes("four\xff\xfe\nend\xff\r\n")); // No option eats the end of a line.
  await ann.raw(bytes("fi\xff\xffve\r\n")); // An escaped byte 255, which is not UTF-8.
  const seen = [
    "hello",
    "one",
    "two",
    "three",
    "four\u{fffd}\u{fffd}",
    "end\u{fffd}",
    "fi\u{fffd}ve",
  ].map((x) => `ann: ${x}`);
  assertEquals(await ann.drain(), seen);
  assertEquals(await bob.drain(), seen);
});

Deno.test("A telnet subnegotiation without an end does not swallow what follows for ever", async () => {
  await using server = await TestServer.start();
  const { ann } = await room(server);
  await ann.raw(bytes("\xff\xfa" + "x".repeat(2000) + "\r\n"));
  await ann.send("hello");
  await ann.next("ann: hello");
});

Deno.test("What is not UTF-8 becomes U+FFFD", async () => {
  await using server = await TestServer.start();
  const { ann, bob } = await room(server);
  const samples: [string, string][] = [
    ["a\x80b", "a\u{fffd}b"],
    ["\xc3(", "\u{fffd}("],
    ["\xe2\x82", "\u{fffd}"], // The beginning of a character.
    ["\xc0\xaf", "\u{fffd}\u{fffd}"], // Overlong.
    ["\xed\xa0\x80", "\u{fffd}\u{fffd}\u{fffd}"], // A surrogate.
    ["\xf5\x80", "\u{fffd}\u{fffd}"],
    ["\xef\xbb\xbfx", "\u{feff}x"], // A byte order mark is a character as any other.
  ];
  for (const [sent, text] of samples) {
    await ann.raw(bytes(`${sent}\r\n`));
    assertEquals(await ann.next(), `ann: ${text}`);
    assertEquals(await bob.next(), `ann: ${text}`);
  }
});

Deno.test("Control characters but tab are removed, wherever text goes", async () => {
  await using server = await TestServer.start();
  const { ann, bob } = await room(server);
  const steering = "\x1b[31mred\x07\x00\x08\x7f\u{9b}2J\u{85}\tend\rx";
  const harmless = "[31mred2J\tendx";
  await ann.send(steering, `/me ${steering}`, `/say ${steering}`, `/tell bob ${steering}`);
  await ann.send(`/ping ${steering}`, `/nick ${steering}`, `@t /${steering}`, "\x1b\x07");
  await bob.expect(
    `ann: ${harmless}`,
    `* ann ${harmless}`,
    `ann: ${harmless}`,
    `ann whispers: ${harmless}`,
  );
  assertEquals(await bob.drain(), []);
  const lines = await ann.drain();
  const controls = lines.join("").replaceAll("\t", "").match(/\p{Cc}/gu);
  assertEquals(controls, null);
  assertEquals(lines.at(-3), `pong ${harmless}`);
  await bob.send("/history 1");
  for (const line of await bob.drain()) assertMatch(line, /^\S+ ann: \[31mred2J\tendx$/);
});

Deno.test("A line over 8,192 bytes is dropped whole with one reply, and the connection goes on", async () => {
  await using server = await TestServer.start();
  const { ann, bob } = await room(server);
  const most = "x".repeat(8192);
  await ann.raw(`${most}\r\n${most}\n${most}\r\0`);
  for (let i = 0; i < 3; i++) assertEquals(await ann.next(), `ann: ${most}`);
  await ann.raw(`${most}y\r\n`);
  await ann.expect("Line too long");
  await ann.raw("z".repeat(1_000_000));
  await ann.raw("\nafter it\n");
  await ann.expect("Line too long", "ann: after it");
  // It is counted in bytes, not in characters.
  await ann.raw(
    `${"ä".repeat(4096)}\r\n${"ä".repeat(4096)}y\r\n/ping ${most}\r\n@t /ping ${most}\n`,
  );
  await ann.expect(`ann: ${"ä".repeat(4096)}`, "Line too long", "Line too long", "Line too long");
  assertEquals(await ann.drain(), []);
  assertEquals(await bob.drain(), [
    ...[most, most, most, "after it", "ä".repeat(4096)].map((text) => `ann: ${text}`),
  ]);
});

Deno.test("A half-closed connection gets its answers before the server closes", async () => {
  await using server = await TestServer.start(["--name", "kitchen"]);
  const ann = await server.join("ann");
  const bob = await LineClient.connect(server.port);
  await bob.raw("/who\n@a /ping x\nhello\n/ha");
  bob.halfClose();
  assertEquals(await bob.closed(), [
    "Welcome, guest2",
    "guest2 has joined",
    "There are 2 users online on 1 servers:",
    "  Server: kitchen",
    "    ann",
    "    guest2",
    "@a pong x",
    "@a ok",
    "guest2: hello",
    "A last line without a line end is not taken",
  ]);
  assertEquals(bob.error, undefined);
  await ann.expect("guest2 has joined", "guest2: hello", "guest2 has left");
});

Deno.test("Half-closed with a long answer on its way: it arrives whole", async () => {
  await using server = await TestServer.start();
  const { ann } = await room(server);
  const text = "x".repeat(1000);
  for (let i = 0; i < 4000; i++) void ann.raw(`${i} ${text}\n`);
  await ann.next(`ann: 3999 ${text}`);
  const reader = await LineClient.connect(server.port);
  reader.pause();
  await reader.raw("/history 4000\n/ping last\n");
  reader.halfClose();
  await ann.next("guest3 has left");
  reader.resume();
  const lines = await reader.closed();
  assertEquals(lines.slice(0, 2), ["Welcome, guest3", "guest3 has joined"]);
  assertEquals(
    lines.slice(2, -1).map((line) => line.slice(line.indexOf(" ") + 1)),
    Array.from({ length: 4000 }, (_, i) => `ann: ${i} ${text}`),
  );
  assertEquals(lines.at(-1), "pong last");
});
