import { assert, assertEquals } from "@std/assert";
import { frame, LineClient } from "../support/line_client.ts";
import { Dice, seededRandom } from "../support/random.ts";
import { TestServer } from "../support/server.ts";

Deno.test("Who vanishes in the middle of a line: the line is not said, the others see it leave", async () => {
  await using server = await TestServer.start(["--framed", "0"]);
  const ann = await server.join("ann");
  const bob = await server.join("bob", { resets: true });
  const cid = await server.join("cid", { framed: true, resets: true });
  await ann.drain();
  await bob.raw("half a li");
  bob.reset();
  await ann.expect("bob has left");
  await cid.raw("        20half a rec");
  cid.reset();
  await ann.expect("cid has left");
  await ann.send("still here");
  await ann.expect("ann: still here");
});

Deno.test("500 that connect and vanish at once leave nothing behind", async () => {
  await using server = await TestServer.start(["--framed", "0"]);
  const ann = await server.join("ann");
  for (let i = 0; i < 500; i += 25) {
    await Promise.all(Array.from({ length: 25 }, async (_, n) => {
      const framed = n % 2 === 1;
      const port = framed ? server.framedPort : server.port;
      const client = await LineClient.connect(port, { framed, resets: true });
      if (n % 3 === 0) await client.send("hello").catch(() => {});
      client.reset();
    }));
  }
  // What they said may still be on its way; then ann is alone.
  for (let alone = false; !alone;) {
    await ann.send("@w /who");
    alone = (await ann.until("@w ok")).includes("@w There are 1 users online on 1 servers:");
  }
  assert(server.running);
});

/** What a client sends that means no good. */
class Noise {
  readonly #dice: Dice;

  constructor(seed: number) {
    this.#dice = new Dice(seededRandom(seed));
  }

  /** Random bytes, and pieces that mean something to the server, in any order. */
  bytes(length: number): Uint8Array {
    const dice = this.#dice;
    const pieces: (() => number[])[] = [
      () => Array.from({ length: dice.int(1, 300) }, () => dice.int(0, 255)),
      () => Array.from({ length: dice.int(1, 60) }, () => dice.int(32, 126)),
      () => latin1(dice.pick(["\r\n", "\n", "\r\0", "\r", "\0", "\n\n\n"])),
      () => latin1(dice.pick(["\xff", "\xff\xfa", "\xff\xf0", "\xff\xfd", "\xff\xff", "\x1b[2J"])),
      () => latin1(dice.pick(["\xc3", "\xe2\x82", "\xed\xa0\x80", "\xf0\x9f", "\xef\xbb\xbf"])),
      () => latin1(`\r\n${dice.pick(COMMANDS)} `),
      () => latin1(`\r\n@${dice.pick(["t", "", "\xff", "x".repeat(33)])} ${dice.pick(COMMANDS)}\n`),
      () => latin1(String(dice.int(-5, 2_000_000)).padStart(10)),
      () => Array.from({ length: 9000 }, () => 120),
    ];
    const out: number[] = [];
    while (out.length < length) out.push(...dice.pick(pieces)());
    return Uint8Array.from(out.slice(0, length));
  }

  /** Records: well-formed, with anything in them; a wrong header at the end. */
  records(length: number): Uint8Array {
    const out: number[] = [];
    while (out.length < length) out.push(...frame(this.bytes(this.#dice.int(0, 500))));
    return Uint8Array.from([...out, ...this.bytes(100)]);
  }
}

const COMMANDS = ("/nick /nick ann /who /tell ann x /tell /me /say /help /help /history 99999 " +
  "/random 1000 /random -1 /ping /echo off /echo /format json /format text /kill ann /kill bob " +
  "/stats /quit /service /topology /nosuch / // /// /peer-connect 127.0.0.1 1").split(/ (?=\/)/);

function latin1(text: string): number[] {
  return Array.from(text, (character) => character.charCodeAt(0));
}

Deno.test("Random bytes of 50 connections on both ports: two go on chatting undisturbed", async () => {
  const seed = 20_240_607;
  await using server = await TestServer.start(["--framed", "0", "--admin", "none"]);
  const [ann, bob] = await Promise.all([server.join("ann"), server.join("bob")]);
  let noisy = true;
  const noise = Promise.all(Array.from({ length: 50 }, async (_, i) => {
    const source = new Noise(seed + i);
    const framed = i % 2 === 1;
    const port = framed ? server.framedPort : server.port;
    for (let round = 0; round < 3; round++) {
      const resets = i % 5 === 0;
      const client = await LineClient.connect(port, { framed, resets });
      const bytes = i % 4 === 1 ? source.records(8000) : source.bytes(8000);
      const half = Math.floor(bytes.length / 2);
      await client.raw(bytes.subarray(0, half)).catch(() => {});
      await client.raw(bytes.subarray(half)).catch(() => {});
      if (resets) client.reset();
      else {
        client.halfClose();
        await client.closed();
      }
    }
  })).finally(() => noisy = false);
  let lines = 0;
  for (; noisy || lines < 100; lines++) {
    await ann!.send(`ann's line ${lines}`);
    await bob!.next(`ann: ann's line ${lines}`);
    await bob!.send(`bob's line ${lines}`);
    await ann!.next(`bob: bob's line ${lines}`);
  }
  await noise;
  for (const client of [ann!, bob!]) {
    await client.drain();
    for (const nick of ["ann", "bob"]) {
      assertEquals(
        client.all.filter((line) => line.startsWith(`${nick}: `)),
        Array.from({ length: lines }, (_, i) => `${nick}: ${nick}'s line ${i}`),
      );
    }
    assertEquals(client.all.filter((line) => /(?!\t)\p{Cc}/u.test(line)), []);
  }
  for (let users = 0; users !== 2;) {
    await ann!.send("@w /who");
    const [head] = (await ann!.until("@w ok")).filter((line) => line.startsWith("@w There are"));
    users = Number(/There are (\d+) users/.exec(head!)![1]);
  }
  assertEquals(
    server.stderr.all.filter((line) => /\b(error|uncaught|unexpected)\b/i.test(line)),
    [],
  );
});
