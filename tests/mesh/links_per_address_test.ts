import { assertEquals } from "@std/assert";
import { MeshDriver } from "../../lib/mesh/driver.ts";
import { MAX_LINKS_PER_ADDRESS } from "../../lib/mesh/limits.ts";
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

Deno.test("driver: one address takes no more than its share of the links", async () => {
  const knocking = [
    ...Array.from({ length: MAX_LINKS_PER_ADDRESS + 3 }, () => silent("192.0.2.7")),
    silent("192.0.2.8"),
    ...Array.from({ length: MAX_LINKS_PER_ADDRESS + 3 }, () => silent("127.0.0.1")),
  ];
  const waiting = [...knocking];
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
  const driver = new MeshDriver({
    identity: { id: "00000000000000aa", incarnation: 1, name: "a", mesh: "" },
    random: () => 0.5,
    connect: () => Promise.reject(new Error("nobody")),
  });
  driver.listen(listener);
  await all.promise;
  const closed = knocking.filter((each) => each.closed).map((each) => each.remoteAddr.hostname);
  assertEquals(closed, ["192.0.2.7", "192.0.2.7", "192.0.2.7"]);
  await driver.stop();
  for (const each of knocking) if (!each.closed) each.close();
});
