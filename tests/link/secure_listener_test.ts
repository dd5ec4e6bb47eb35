/** The door of encrypted connections, in memory. */

import { assertEquals, assertRejects } from "@std/assert";
import { Initiator } from "../../lib/link/secure/handshake.ts";
import { SecureListener } from "../../lib/link/secure/secure_listener.ts";
import { random } from "../../lib/link/secure/security.ts";
import { loadSodium } from "../../lib/link/secure/sodium.ts";
import { MAX_HALF_OPEN, MAX_UNPROVEN_PER_ADDRESS } from "../../lib/wire/limits.ts";
import { FakeConnection, FakeListener } from "../support/fake_connection.ts";

const sodium = await loadSodium();
const BLUE = new Uint8Array(32).fill(9);

/** A door; it has its secret when `stretched` is resolved. */
function door() {
  const under = new FakeListener();
  const stretched = Promise.withResolvers<readonly Uint8Array[]>();
  const refused: string[] = [];
  const listener = new SecureListener(under, {
    purpose: "client",
    secrets: () => stretched.promise,
    allowsPlain: () => false,
    exempt: () => false,
    plainRefusal: new Uint8Array(0),
    refused: (_remote, reason) => refused.push(reason),
  });
  return { under, listener, refused, stretched };
}

/** Somebody arrives who knows the secret. */
function arrives(under: FakeListener, hostname: string): FakeConnection {
  const connection = new FakeConnection(hostname);
  const { opening } = new Initiator({
    sodium,
    purpose: "client",
    mesh: "",
    secrets: [BLUE],
    random,
  });
  connection.arrives(opening);
  under.arrives(connection);
  return connection;
}

Deno.test("secure listener: who is dropped while it waits for the secret takes no turn", async () => {
  const { under, listener, refused, stretched } = door();
  const one = "198.51.100.7";
  const dropped = Array.from({ length: MAX_UNPROVEN_PER_ADDRESS }, () => arrives(under, one));
  for (let i = 0; i < MAX_HALF_OPEN; i++) {
    under.arrives(new FakeConnection(`2001:db8::${i.toString(16)}`));
  }
  await dropped.at(-1)!.until(() => dropped.every(({ closed }) => closed));
  stretched.resolve([BLUE]);
  for (const hostname of ["198.51.100.8", one]) {
    const honest = arrives(under, hostname);
    await honest.until(() => honest.written.length > 0);
  }
  assertEquals(refused, [], "they have guessed nothing");
  listener.close();
});

Deno.test("secure listener: that none can be accepted is for who accepts", async () => {
  const { under, listener, stretched } = door();
  stretched.resolve([BLUE]);
  const failed = assertRejects(() => listener.accept(), Error, "Too many open files");
  under.arrives(new Error("Too many open files"));
  await failed;
  const honest = arrives(under, "198.51.100.8");
  await honest.until(() => honest.written.length > 0);
  listener.close();
});
