// deno-lint-ignore-file no-console
/** Sends back whatever comes, byte by byte. */

import { listen } from "../../lib/mod.ts";

await using server = await listen(Deno.args[0] ?? ":12345", {
  raw: "bytes",
  session: async (session) => {
    for await (const bytes of session.frames) await session.send(bytes);
  },
});
console.log(`Listening at ${server.address}`);
for await (const event of server.events) console.log(event.type);
