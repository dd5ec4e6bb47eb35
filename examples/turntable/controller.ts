// deno-lint-ignore-file no-console
/** The box that plays: starts the motor, counts three hits, stops it. */

import { discover, sendCommand, waitForNews } from "../../lib/mod.ts";

const club = Deno.args[0] ?? "club";
const turntable = await discover(`${club}/turntable`, { wait: 60_000 });
const detector = await discover(`${club}/detector`, { wait: 60_000 });
if (turntable === null || detector === null) throw new Error("Not all the boxes are there");

await sendCommand(turntable, "START 0.5");
let score = 0;
for (let hits = 1; hits <= 3; hits++) {
  const news = await waitForNews(detector, "hits");
  const { target } = news.data as { target: number };
  score += target;
  console.log(`Target ${target} was hit: ${score} points`);
}
await sendCommand(turntable, "STOP");
