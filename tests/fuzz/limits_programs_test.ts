/** What the library's programs take at the most, and what the door of encrypted connections does. */

import { assert, assertEquals } from "@std/assert";
import { RateLimiter } from "../../lib/link/rate_limiter.ts";
import { SecureListener } from "../../lib/link/secure/secure_listener.ts";
import { PURPOSES } from "../../lib/link/secure/handshake_messages.ts";
import { Stream } from "../../lib/messaging/stream.ts";
import type { Connection, Listener } from "../../lib/net/transport.ts";
import * as limits from "../../lib/wire/limits.ts";
import { eventually } from "../support/messaging.ts";

// ---------------------------------------------------------------- encrypted connections

/** A connection that says nothing, until it is closed. */
class Silent implements Connection {
  readonly localAddr = { hostname: "10.0.0.1", port: 1 };
  isClosed = false;
  readonly sent: number[] = [];
  #end: ((count: null) => void) | undefined;
  constructor(readonly remoteAddr: { hostname: string; port: number }) {}
  /** What it says first. */
  first = new Uint8Array(0);
  read(buffer: Uint8Array): Promise<number | null> {
    const { first } = this;
    if (first.length > 0) {
      this.first = new Uint8Array(0);
      buffer.set(first);
      return Promise.resolve(first.length);
    }
    return this.isClosed ? Promise.resolve(null) : new Promise((resolve) => this.#end = resolve);
  }
  write(bytes: Uint8Array): Promise<number> {
    this.sent.push(...bytes);
    return Promise.resolve(bytes.length);
  }
  closeWrite(): Promise<void> {
    return Promise.resolve();
  }
  close(): void {
    this.isClosed = true;
    this.#end?.(null);
  }
}

/** A door at which connections arrive when the test wants it. */
function door(allowsPlain = false) {
  const arriving: Silent[] = [];
  let wake: (() => void) | undefined;
  let over = false;
  const under: Listener = {
    addr: { hostname: "10.0.0.1", port: 1 },
    accept: async () => {
      while (arriving.length === 0) {
        if (over) throw new Error("closed");
        await new Promise<void>((resolve) => wake = resolve);
      }
      return arriving.shift()!;
    },
    close: () => {
      over = true;
      wake?.();
    },
  };
  const listener = new SecureListener(under, {
    purpose: PURPOSES[1],
    secrets: () => [],
    allowsPlain: () => allowsPlain,
    exempt: () => false,
    plainRefusal: new Uint8Array(0),
    refused: () => {},
  });
  const arrive = (hostname: string) => {
    const connection = new Silent({ hostname, port: 1 });
    arriving.push(connection);
    wake?.();
    return connection;
  };
  return { listener, arrive };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("limit: half-open key exchanges, in all and of one address", async () => {
  const { MAX_HALF_OPEN, MAX_HALF_OPEN_PER_ADDRESS } = limits;
  const { listener, arrive } = door();
  const ofOne = Array.from({ length: MAX_HALF_OPEN_PER_ADDRESS + 1 }, () => arrive("10.0.0.9"));
  await eventually("the last is refused", () => ofOne.at(-1)!.isClosed);
  assertEquals(ofOne.filter(({ isClosed }) => isClosed).length, 1);
  const others = Array.from(
    { length: MAX_HALF_OPEN },
    (_, i) => arrive(`10.1.${i >> 8}.${i & 255}`),
  );
  await eventually("the oldest make room", () => ofOne.every(({ isClosed }) => isClosed));
  await settled();
  assertEquals(others.filter(({ isClosed }) => isClosed).length, 0);
  listener.close();
  await eventually("all are closed", () => others.every(({ isClosed }) => isClosed));
});

Deno.test("limit: how long a key exchange may take, and its first byte", async () => {
  const { HANDSHAKE_MS, SPEAKS_FIRST_MS } = limits;
  const { listener, arrive } = door();
  const start = performance.now();
  const silent = arrive("10.0.0.9");
  // It begins well, and does not go on.
  const slow = arrive("10.0.0.8");
  slow.first = Uint8Array.of(0, ...new TextEncoder().encode("TALKENC"), 1, 1);
  await eventually("the silent one is dropped", () => silent.isClosed);
  const first = performance.now() - start;
  assert(first >= SPEAKS_FIRST_MS - 100, `${first} ms`);
  await eventually("the slow one is dropped", () => slow.isClosed);
  const took = performance.now() - start;
  assert(took >= HANDSHAKE_MS - 100 && took < HANDSHAKE_MS + 10_000, `${took} ms`);
  listener.close();
});

Deno.test("limit: how long a plain client waits to be greeted", async () => {
  const { GREET_PLAINLY_MS, HANDSHAKE_MS } = limits;
  const { listener, arrive } = door(true);
  arrive("10.0.0.9");
  const start = performance.now();
  const plain = await listener.accept();
  const took = performance.now() - start;
  assert(took >= GREET_PLAINLY_MS - 50 && took < HANDSHAKE_MS, `${took} ms`);
  plain.close();
  listener.close();
});

Deno.test("limit: wrong secrets of one address, forgiven in time, of so many addresses", () => {
  const { WRONG_SECRETS, MAX_RATED_ADDRESSES } = limits;
  const { burst, everyMs } = WRONG_SECRETS;
  const guesses = new RateLimiter(WRONG_SECRETS);
  for (let i = 0; i < burst; i++) {
    assert(guesses.allows("10.0.0.9", 0));
    guesses.use("10.0.0.9", 0);
  }
  assert(!guesses.allows("10.0.0.9", everyMs - 1));
  assertEquals(guesses.allowedAt("10.0.0.9", everyMs - 1), everyMs);
  assert(guesses.allows("10.0.0.9", everyMs));
  guesses.use("10.0.0.7", 0, burst + 5);
  assertEquals(guesses.allowedAt("10.0.0.7", 1), 6 * everyMs);
  for (let i = 0; i < burst; i++) guesses.use("10.0.0.8", 0);
  for (let i = 0; i < MAX_RATED_ADDRESSES - 1; i++) {
    guesses.use(`10.${i >> 16}.${i >> 8 & 255}.${i & 255}x`, 0);
  }
  assert(!guesses.allows("10.0.0.8", 0));
  guesses.use("10.9.9.9", 0);
  assert(guesses.allows("10.0.0.8", 0), "the longest ago is forgotten");
});

// ---------------------------------------------------------------- messages between programs

Deno.test("limit: a queue between what happens and who looks drops its oldest", () => {
  const { MAX_NEWS_WAITING, MAX_NEWS_WAITING_BYTES } = limits;
  let dropped = 0;
  const options = {
    limit: MAX_NEWS_WAITING,
    maxWeight: MAX_NEWS_WAITING_BYTES,
    dropped: () => dropped++,
  };
  const many = new Stream<number>(options);
  for (let i = 0; i < MAX_NEWS_WAITING + 5; i++) many.push(i, 1);
  assertEquals([many.size, dropped], [MAX_NEWS_WAITING, 5]);
  const heavy = new Stream<number>(options);
  for (let i = 0; i < 20; i++) heavy.push(i, MAX_NEWS_WAITING_BYTES / 10);
  assertEquals(heavy.size, 10);
});
