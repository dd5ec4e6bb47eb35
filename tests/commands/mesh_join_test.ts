import { assertEquals, assertMatch } from "@std/assert";
import { linkListener, newNode } from "../../commands/mesh_join.ts";
import { RateLimiter } from "../../lib/link/rate_limiter.ts";
import type { Security } from "../../lib/link/secure/security.ts";
import { listenTcp } from "../../lib/net/tcp_server.ts";

const secret = (byte: number): Security => ({
  purpose: "peer",
  mesh: "",
  secrets: () => [new Uint8Array(32).fill(byte)],
});

Deno.test("links: who answers with a wrong secret too often is not dialled for a while, under whatever name", async () => {
  const listener = linkListener(listenTcp({ hostname: "127.0.0.1", port: 0 }), secret(1));
  const { port } = listener.addr;
  const guesses = new RateLimiter({ burst: 2, everyMs: 60_000 });
  const reached: number[] = [];
  const driver = newNode({
    name: "kitchen",
    mesh: "",
    security: { ...secret(2), guesses },
    lookUp: () => Promise.resolve({ host: "127.0.0.1", port }),
    reached: (to) => reached.push(to.port),
  });
  const reasons: (string | undefined)[] = [];
  // By its address, by its name, and then by either.
  for (const to of [port, 0, port, 0]) {
    reasons.push(await driver.connect({ hostname: to === 0 ? "attic" : "127.0.0.1", port: to }));
  }
  assertMatch(reasons[0] ?? "", /^not authorised: Refused: the secret, or the name of the mesh/);
  assertEquals(reasons[1], reasons[0]);
  const later = "too many secrets were wrong there: trying again later";
  assertEquals(reasons.slice(2), [later, later]);
  assertEquals(reached, [port, 0], "it was not even connected to");
  await driver.stop();
  listener.close();
});
