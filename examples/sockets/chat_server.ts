// deno-lint-ignore-file no-console
/** What one says, all the others hear. Messages come with their size in front. */

import { listen } from "../../lib/mod.ts";

await using server = await listen(Deno.args[0] ?? ":12345", {
  raw: "frames",
  session: async (speaker) => {
    for await (const message of speaker.frames) {
      for (const other of server.sessions) {
        if (other !== speaker) void other.send(message).catch(() => {});
      }
    }
  },
});
console.log(`Listening at ${server.address}`);
for await (const event of server.events) console.log(event.type);
