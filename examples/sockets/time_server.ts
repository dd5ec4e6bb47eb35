// deno-lint-ignore-file no-console
/** Tells everybody who connects the time: `nc localhost 12345`, or any program that reads a socket. */

import { listen } from "../../lib/mod.ts";

await using server = await listen(Deno.args[0] ?? ":12345", {
  raw: "bytes",
  session: (session) => session.send(new Date().toString()),
});
console.log(`Listening at ${server.address}`);
for await (const event of server.events) console.log(event.type);
