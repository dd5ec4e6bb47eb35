// deno-lint-ignore-file no-console
/** The box with the motor: does what it is told. Three boxes, three programs; start them in any order. */

import { advertise, waitForCommand } from "../../lib/mod.ts";

const address = await advertise(`${Deno.args[0] ?? "club"}/turntable`);
while (true) {
  const [name, ...args] = await waitForCommand(address);
  if (name === "START") console.log(`The motor turns at ${args[0]}`);
  else if (name === "STOP") console.log("The motor stops");
  else console.log(`No such command: ${name}`);
}
