// deno-lint-ignore-file no-console
/** Asks for a hello: the second program. It may be started before the first, on this box or another. */

import { discover, sendMessage } from "../../lib/mod.ts";

const hello = await discover(Deno.args[0] ?? "hello", { wait: 60_000 });
if (hello !== null) {
  console.log(await sendMessage(hello, "World"));
  console.log(await sendMessage(hello, "Tim"));
}
