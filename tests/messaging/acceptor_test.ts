/** How many connections a listening program takes, with a port in memory. */

import { assert, assertEquals } from "@std/assert";
import { configure, reset } from "@logtape/logtape";
import { setImmediate } from "node:timers";
import { Acceptor } from "../../lib/messaging/acceptor.ts";
import type { EncryptionOptions } from "../../lib/messaging/encryption.ts";
import { MAX_SESSIONS, MAX_SESSIONS_PER_ADDRESS } from "../../lib/wire/limits.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeConnection, FakeListener } from "../support/fake_connection.ts";

/** In memory nothing takes longer. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A program that listens; connections come to it one by one, and stay until they are let go. */
class Program {
  readonly #listener = new FakeListener();
  readonly #acceptor: Acceptor;
  readonly #ends: (() => void)[] = [];

  constructor(options: EncryptionOptions = {}) {
    this.#acceptor = new Acceptor("192.0.2.1:8889", {
      ...options,
      background: false,
      take: () => new Promise<void>((resolve) => this.#ends.push(resolve)),
      listen: () => this.#listener,
    });
  }

  /** Is somebody from there taken? */
  async takes(hostname: string): Promise<boolean> {
    const before = this.#ends.length;
    const connection = new FakeConnection(hostname);
    this.#listener.arrives(connection);
    await this.#listener.idle();
    assertEquals(this.#ends.length, connection.closed ? before : before + 1);
    return !connection.closed;
  }

  /** That comes from there, and the connection is closed. */
  async refuses(hostname: string, bytes: Uint8Array): Promise<void> {
    const connection = new FakeConnection(hostname);
    this.#listener.arrives(connection);
    connection.arrives(bytes);
    await connection.until(() => connection.closed);
  }

  /** The first that came goes. */
  async letsGo(): Promise<void> {
    this.#ends.shift()?.();
    await turn();
  }

  async close(): Promise<void> {
    this.#acceptor.close();
    await this.#acceptor.ended;
  }
}

/** Addresses for documentation: they are those of no machine. */
const strangers = (i: number) => `2001:db8::${i.toString(16)}`;

Deno.test("limit: connections of one address; this machine's own are exempt", async () => {
  const program = new Program();
  for (let i = 0; i < MAX_SESSIONS_PER_ADDRESS; i++) assert(await program.takes("198.51.100.7"));
  assert(!await program.takes("198.51.100.7"));
  assert(!await program.takes("::ffff:198.51.100.7"), "the same in another form");
  assert(await program.takes("198.51.100.8"));
  for (let i = 0; i <= MAX_SESSIONS_PER_ADDRESS; i++) assert(await program.takes("127.0.0.1"));
  await program.letsGo();
  assert(await program.takes("198.51.100.7"), "one has left");
  assert(!await program.takes("198.51.100.7"));
  await program.close();
});

Deno.test("limit: connections of a program, in all", async () => {
  const program = new Program();
  for (let i = 0; i < MAX_SESSIONS; i++) assert(await program.takes(strangers(i)), `${i}`);
  assert(!await program.takes(strangers(MAX_SESSIONS)));
  assert(!await program.takes("127.0.0.1"), "this machine's own count for it");
  await program.letsGo();
  assert(await program.takes(strangers(MAX_SESSIONS)));
  assert(!await program.takes(strangers(MAX_SESSIONS + 1)));
  await program.close();
});

/** What the log warns of while that runs. */
async function warningsOf(run: () => Promise<void>): Promise<string[]> {
  const warnings: string[] = [];
  await configure({
    sinks: { list: (record) => warnings.push(record.message.join("")) },
    loggers: [
      { category: ["talker", "messaging"], sinks: ["list"], lowestLevel: "warning" },
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "warning" },
    ],
  });
  try {
    await run();
  } finally {
    await reset();
  }
  return warnings;
}

Deno.test("a stranger who knocks all the time fills no log", async () => {
  using clock = new FakeClock();
  const warnings = await warningsOf(async () => {
    const program = new Program();
    for (let i = 0; i < MAX_SESSIONS_PER_ADDRESS; i++) await program.takes("198.51.100.7");
    for (let i = 0; i < 100; i++) assert(!await program.takes("198.51.100.7"));
    clock.now += 10_000;
    for (let i = 0; i < 100; i++) assert(!await program.takes("198.51.100.7"));
    await program.close();
  });
  assertEquals(warnings, [
    "Too many connections: 1 refused, the last from 198.51.100.7",
    "Too many connections: 100 refused, the last from 198.51.100.7",
  ]);
});

Deno.test("nor does one who is refused now for this reason, now for that", async () => {
  const opening = (version: number) => {
    const bytes = new Uint8Array(200);
    bytes.set(new TextEncoder().encode("\0TALKENC"));
    bytes.fill(version, 8, 10);
    return bytes;
  };
  const warnings = await warningsOf(async () => {
    const program = new Program({ encrypted: true });
    for (let i = 0; i < 5; i++) {
      await program.refuses("198.51.100.7", new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
      await program.refuses("198.51.100.7", opening(99));
    }
    await program.close();
  });
  assertEquals(warnings.length, 2, warnings.join("\n"));
});
