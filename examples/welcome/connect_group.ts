// deno-lint-ignore-file no-console
/** A client of two servers: it is ready when both are there, and says so when one is lost. */

import { connectGroup } from "../../lib/mod.ts";
import { ADDRESS, Hello } from "./messages.ts";

const other = Deno.args[1] ?? "127.0.0.1:32012";

await using group = connectGroup({ first: ADDRESS, second: other }, {
  onEvent: (event) =>
    console.log(event.type === "changed" ? `${event.name}: ${event.reason}` : event.type),
});
const { first, second } = await group.ready();
for (const server of [first, second]) {
  const { yourName, myName } = await server.ask(Hello, { myName: "Gladys" });
  console.log(`Hello "${yourName}", my name is "${myName}"`);
}
