import { assert, assertEquals } from "@std/assert";
import { BulkClient } from "../support/bulk_client.ts";
import { within } from "../support/line_client.ts";
import { TestServer } from "../support/server.ts";

Deno.test("Who of this machine reads nothing for 15 s with its queue full is disconnected, at no cost to others", async () => {
  await using server = await TestServer.start();
  using deaf = await BulkClient.join(server.port, "deaf");
  const readers = await Promise.all(
    ["one", "two"].map((nick) => BulkClient.join(server.port, nick)),
  );
  using speaker = await BulkClient.join(server.port, "speaker");
  deaf.pause();
  const stopped = performance.now();
  const left = () => speaker.others.includes("deaf has left");
  let lines = 0;
  while (!left()) {
    const elapsed = performance.now() - stopped;
    assert(elapsed < 30_000, "it was never disconnected");
    // At full speed until its queue is full and cut back; then the machine is left to other tests.
    if (elapsed > 5_000) await new Promise((resolve) => setTimeout(resolve, 20));
    await speaker.flood(lines, lines + 256, 1024);
    lines += 256;
  }
  const took = performance.now() - stopped;
  assert(took >= 14_900, `it was disconnected after ${took} ms`);
  for (const reader of readers) {
    await reader.hears("speaker", lines);
    assertEquals([reader.faults, reader.missed], [[], 0]);
    reader[Symbol.dispose]();
  }
  await server.stderr.next(/deaf\b.* took nothing for \d\d s with \d+ bytes waiting/); // The reason is logged.
  deaf.resume();
  await within(deaf.over, "the end of the connection");
});
