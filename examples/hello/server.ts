// deno-lint-ignore-file no-console
/** Says hello to whoever asks: networkzero's first example, the first of two programs. */

import { advertise, waitForMessage } from "../../lib/mod.ts";

const address = await advertise(Deno.args[0] ?? "hello");
console.log(`Waiting at ${address}`);
while (true) {
  const request = await waitForMessage(address);
  await request.reply(`Hello, ${request.message}`);
}
