// deno-lint-ignore-file no-console
/** The box at the targets: tells everybody what was hit. A line on stdin is a hit, here. */

import { advertise, publishNews } from "../../lib/mod.ts";
import { createInterface } from "node:readline";
import { stdin } from "node:process";

const address = await advertise(`${Deno.args[0] ?? "club"}/detector`);
console.log("Type the number of a target:");
for await (const target of createInterface({ input: stdin })) {
  await publishNews(address, "hits", { target: Number(target) });
}
