import { assert, assertEquals } from "@std/assert";
import { BulkClient } from "../support/bulk_client.ts";
import { TestServer } from "../support/server.ts";

Deno.test("A reader of 1 MiB/s loses nothing of a speaker at full speed", async () => {
  await using server = await TestServer.start();
  using slow = await BulkClient.join(server.port, "slow");
  using reader = await BulkClient.join(server.port, "reader");
  using speaker = await BulkClient.join(server.port, "speaker");
  slow.rate = 1024 * 1024;
  // 140 MiB: no buffers on the way take that, so the speaker has to wait.
  const lines = 140_000;
  let spoken = false;
  const flood = speaker.flood(0, lines, 1024).then(() => spoken = true);
  await slow.until(() => slow.bytes > 4 * 1024 * 1024, "4 MiB for the slow reader");
  assert(!spoken, "the speaker was not slowed down");
  slow.rate = Infinity;
  await flood;
  for (const client of [slow, reader]) {
    await client.hears("speaker", lines, 30_000);
    assertEquals([client.faults, client.missed], [[], 0]);
  }
});

Deno.test("Who stops reading loses what is over 8 MiB, and is told how many lines when it reads on", async () => {
  await using server = await TestServer.start();
  using text = await BulkClient.join(server.port, "text");
  using json = await BulkClient.join(server.port, "json", "/format json");
  using reader = await BulkClient.join(server.port, "reader");
  using speaker = await BulkClient.join(server.port, "speaker");
  text.pause();
  json.pause();
  // 140 MiB: no buffers on the way take that.
  const lines = 140_000;
  const flood = speaker.flood(0, lines, 1024);
  await reader.hears("speaker", lines, 30_000);
  await flood;
  assertEquals([reader.faults, reader.missed], [[], 0]);
  for (const client of [text, json]) {
    client.resume();
    await client.hears("speaker", lines);
    assertEquals(client.faults, []); // The number fits the gap.
    assert(client.missed > 0);
    assertEquals(client.missed + client.order.length, lines);
  }
  // From here on they lose nothing again.
  await speaker.flood(lines, lines + 100, 100);
  for (const client of [text, json]) await client.hears("speaker", lines + 100);
  assertEquals([text.faults, json.faults], [[], []]);
});

Deno.test("Who half-closes and reads on slowly, but steadily, gets all that was queued", async () => {
  await using server = await TestServer.start();
  using speaker = await BulkClient.join(server.port, "speaker");
  using slow = await BulkClient.join(server.port, "slow");
  slow.pause();
  const lines = 13_000;
  await speaker.flood(0, lines, 1000);
  await speaker.send("@end /ping");
  await speaker.until(() => speaker.others.includes("@end ok"), "the end of the speech");
  await slow.halfClose();
  // Eight times what counts as slow, for longer than a server may want to wait for all of it.
  const begun = performance.now();
  slow.rate = 512 * 1024;
  slow.resume();
  await slow.until(() => performance.now() - begun > 6_000, "6 s");
  slow.rate = Infinity;
  await slow.until(
    () => slow.heard.get("speaker") === lines,
    () => `line ${lines}, after line ${slow.heard.get("speaker")}`,
  );
  assertEquals(slow.faults, []);
});
