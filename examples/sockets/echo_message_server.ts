// deno-lint-ignore-file no-console
/** Sends back each message, whole: they come with their size in front, ten characters (`b'%10d'`). */

import { listen } from "../../lib/mod.ts";

await using server = await listen(Deno.args[0] ?? ":12345", {
  raw: "frames",
  session: async (session) => {
    for await (const message of session.frames) await session.send(message);
  },
});
console.log(`Listening at ${server.address}`);
for await (const event of server.events) console.log(event.type);
