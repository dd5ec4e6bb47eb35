import { assert, assertEquals } from "@std/assert";
import { MeshDriver } from "../../lib/mesh/driver.ts";
import { MAX_LINKS_PER_ADDRESS } from "../../lib/mesh/limits.ts";
import { LINKS_MADE } from "../../lib/wire/limits.ts";
import type { Connection, Listener } from "../../lib/net/transport.ts";

/** A connection on which nothing ever comes. */
function silent(hostname: string): Connection & { closed: boolean } {
  const never = Promise.withResolvers<never>();
  never.promise.catch(() => {});
  return {
    closed: false,
    remoteAddr: { hostname, port: 1 },
    localAddr: { hostname: "192.0.2.1", port: 7000 },
    read: () => never.promise,
    write: (bytes) => Promise.resolve(bytes.length),
    closeWrite: () => Promise.resolve(),
    close() {
      this.closed = true;
      never.reject(new Error("closed"));
    },
  };
}

/** Gives `connections` one after the other; `all` resolves when they were taken. */
function listenerOf(
  connections: readonly Connection[],
): { listener: Listener; all: Promise<void> } {
  const waiting = [...connections];
  const all = Promise.withResolvers<void>();
  const listener: Listener = {
    addr: { hostname: "192.0.2.1", port: 7000 },
    accept() {
      const next = waiting.shift();
      if (next !== undefined) return Promise.resolve(next);
      all.resolve();
      return new Promise(() => {});
    },
    close() {},
  };
  return { listener, all: all.promise };
}

function newDriver(): MeshDriver {
  return new MeshDriver({
    identity: { id: "00000000000000aa", incarnation: 1, name: "a", mesh: "" },
    random: () => 0.5,
    connect: () => Promise.reject(new Error("nobody")),
  });
}

Deno.test("driver: one address takes no more than its share of the links", async () => {
  const knocking = [
    ...Array.from({ length: MAX_LINKS_PER_ADDRESS + 3 }, () => silent("192.0.2.7")),
    silent("192.0.2.8"),
    ...Array.from({ length: MAX_LINKS_PER_ADDRESS + 3 }, () => silent("127.0.0.1")),
  ];
  const { listener, all } = listenerOf(knocking);
  const driver = newDriver();
  driver.listen(listener);
  await all;
  const closed = knocking.filter((each) => each.closed).map((each) => each.remoteAddr.hostname);
  assertEquals(closed, ["192.0.2.7", "192.0.2.7", "192.0.2.7"]);
  await driver.stop();
  for (const each of knocking) if (!each.closed) each.close();
});

/** A connection that its other side closes at once. */
function fleeting(hostname: string): Connection & { read: () => Promise<null>; served: boolean } {
  const connection = silent(hostname);
  return {
    ...connection,
    served: false,
    read() {
      this.served = true;
      return Promise.resolve(null);
    },
  };
}

Deno.test("driver: one address makes no more links in a time than it may, if it isn't this machine's", async () => {
  const knocking = ["192.0.2.7", "127.0.0.1", "192.0.2.8"].flatMap((address) =>
    Array.from({ length: LINKS_MADE.burst + 100 }, () => fleeting(address))
  );
  const { listener, all } = listenerOf(knocking);
  const driver = newDriver();
  driver.listen(listener);
  await all;
  const served = (address: string) =>
    knocking.filter((each) => each.remoteAddr.hostname === address && each.served).length;
  assertEquals(served("127.0.0.1"), LINKS_MADE.burst + 100);
  for (const address of ["192.0.2.7", "192.0.2.8"]) {
    // While the test runs some more become due.
    assert(served(address) >= MAX_LINKS_PER_ADDRESS && served(address) < LINKS_MADE.burst + 100);
  }
  await driver.stop();
});
