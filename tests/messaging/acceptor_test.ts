/** How many connections a listening program takes, with a port in memory. */

import { assert, assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import { Acceptor } from "../../lib/messaging/acceptor.ts";
import { MAX_SESSIONS, MAX_SESSIONS_PER_ADDRESS } from "../../lib/wire/limits.ts";
import { FakeConnection, FakeListener } from "../support/fake_connection.ts";

/** In memory nothing takes longer. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A program that listens; connections come to it one by one, and stay until they are let go. */
class Program {
  readonly #listener = new FakeListener();
  readonly #acceptor: Acceptor;
  readonly #ends: (() => void)[] = [];

  constructor() {
    this.#acceptor = new Acceptor("192.0.2.1:8889", {
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
    await turn();
    assertEquals(this.#ends.length, connection.closed ? before : before + 1);
    return !connection.closed;
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
