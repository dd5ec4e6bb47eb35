import { assertEquals } from "@std/assert";
import { FramedLink, type LinkOwner } from "../../lib/link/framed_link.ts";
import { FakeConnection } from "../support/fake_connection.ts";

/** Nothing may be left behind. */
const clean = { sanitizeOps: true, sanitizeResources: true };

function link(owner: Partial<LinkOwner> = {}) {
  const ends: string[] = [];
  const connection = new FakeConnection();
  const framed = new FramedLink(1, connection, {
    frame() {},
    heard() {},
    sent() {},
    broken() {},
    ended: (_link, reason) => void ends.push(reason),
    ...owner,
  }, 1024 * 1024);
  framed.start();
  return { framed, connection, ends };
}

const bytes = (length: number) => new Uint8Array(length);

Deno.test("link: what was sent is taken before it closes", clean, async () => {
  const { framed, connection, ends } = link();
  connection.takes = 0;
  framed.send(bytes(10));
  framed.finish();
  assertEquals(connection.closed, false);
  await connection.until(() => connection.pending > 0);
  connection.take(Infinity);
  await framed.closed;
  assertEquals([connection.written.length, connection.closed, ends.length], [20, true, 0]);
});

Deno.test("link: one that ends while the rest goes out waits for nothing more", clean, async () => {
  const { framed, connection, ends } = link();
  connection.takes = 0;
  framed.send(bytes(10));
  framed.finish();
  await connection.until(() => connection.pending > 0);
  connection.arrives(new Error("Reset"));
  await framed.closed;
  assertEquals([connection.closed, ends.length], [true, 0]);
});

Deno.test("link: one that is closed at once sends nothing more", clean, async () => {
  const { framed, connection } = link();
  framed.send(bytes(10));
  framed.close();
  await framed.closed;
  assertEquals([connection.written, connection.closed], ["", true]);
});
