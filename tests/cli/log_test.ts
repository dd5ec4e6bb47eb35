import { getLogger } from "@logtape/logtape";
import { assert, assertEquals } from "@std/assert";
import { startLog } from "../../lib/cli/log.ts";
import type { Output } from "../../lib/cli/output.ts";

async function logged(logFormat: "text" | "json"): Promise<string> {
  let text = "";
  const output = { write: (some: string) => void (text += some), flush: () => Promise.resolve() };
  const options = { logLevel: "info", logFormat, logFile: undefined } as const;
  {
    await using _log = await startLog(options, output as unknown as Output);
    const log = getLogger(["talker", "test"]);
    log.info("Link to {name} ({port}) is up", { name: 'at"tic\u001b[31m', port: 7000 });
    log.debug("Nobody is told of this");
  }
  return text;
}

Deno.test("log: as text, a line for each record, escapes made harmless", async () => {
  const text = await logged("text");
  assert(/^\S+Z \[info\] talker\.test: Link to at"tic\S* \(7000\) is up\n$/.test(text), text);
  assert(!text.includes("\u001b"));
});

Deno.test("log: as JSON, the message as one would read it", async () => {
  const { message, properties } = JSON.parse(await logged("json"));
  assertEquals(message, 'Link to at"tic\u001b[31m (7000) is up');
  assertEquals(properties, { name: 'at"tic\u001b[31m', port: 7000 });
});
