/** `talker notify --need-ack all` where a recipient on another server is lost: it is told, and the exit code is 4. */

import { assertEquals, assertMatch } from "@std/assert";
import { askUntil, startMesh } from "../support/mesh_host.ts";
import { talker } from "../support/process.ts";

/** Two servers, someone in notification mode on the second one, and a publisher on the first one that waits. */
async function publishing(stack: AsyncDisposableStack, timeout: string) {
  const a = await startMesh(stack, "a");
  const b = await startMesh(stack, "b", { peers: [a.address] });
  await a.reaches("a", "b");
  const deaf = await b.process.connect();
  await deaf.send("/notify hits");
  await deaf.next(/Notifications on/);
  // Who subscribed elsewhere is counted where the topic is known.
  await a.ask("/publish hits early");
  await askUntil(a.console, "/topics", (lines) => / 1 subscribers$/.test(lines[1] ?? ""));
  const args = ["--publish", "hits", "x", "--need-ack", "all", "--timeout", timeout];
  const publisher = stack.use(talker(["notify", `:${a.process.port}`, ...args]));
  const id = await publisher.waitFor(/./);
  await deaf.next(`NOTIFY ${id} hits x`);
  return { b, deaf, publisher, id };
}

for (const signal of ["SIGKILL", "SIGTERM", "SIGSTOP"] as const) {
  Deno.test(`notify --need-ack all: the recipient's server gets ${signal}`, async () => {
    await using stack = new AsyncDisposableStack();
    const { b, publisher, id } = await publishing(stack, "2");
    b.process.signal(signal);
    const { code, out } = await publisher.ended();
    assertEquals([code, out[0]], [4, id]);
    // Who stops in good order may still say that the connection is gone.
    assertMatch(out.join("\n"), signal === "SIGTERM" ? /from: b$|1 expired/m : /from: b$/m);
  });
}

Deno.test("notify --need-ack all: whose connection is gone is not waited for", async () => {
  await using stack = new AsyncDisposableStack();
  // Much longer than this test may take.
  const { deaf, publisher, id } = await publishing(stack, "3600");
  deaf[Symbol.dispose]();
  const { code, out } = await publisher.ended();
  assertEquals([code, out.slice(0, 2)], [4, [
    id,
    `${id}: 1 recipients, 0 acknowledged, 0 delivered, 0 queued, 1 expired`,
  ]]);
});
