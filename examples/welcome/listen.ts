// deno-lint-ignore-file no-console
/** A server: everything that happens, and everything that is said, comes to one place. */

import { listen } from "../../lib/mod.ts";
import { ADDRESS, Hello } from "./messages.ts";

await using server = await listen(ADDRESS, {
  messages: [Hello],
  onEvent: (event) => console.log(event.type),
});
console.log(`Listening at ${server.address}`);
for await (const message of server.messages) {
  if (message.is(Hello)) {
    await message.reply({ yourName: message.body.myName, myName: "Buster" });
  }
}
