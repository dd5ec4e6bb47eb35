// deno-lint-ignore-file no-console
/** Says what is typed, shows what the others say. Ends with its input. */

import { connect } from "../../lib/mod.ts";
import { createInterface } from "node:readline";
import { stdin } from "node:process";

await using room = await connect(Deno.args[0] ?? ":12345", { raw: "frames", wait: 60_000 });

async function listenToOthers() {
  for await (const message of room.frames) console.log(new TextDecoder().decode(message));
}

void listenToOthers();
for await (const line of createInterface({ input: stdin })) await room.send(line);
