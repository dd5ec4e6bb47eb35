// deno-lint-ignore-file no-console
/** A client: connects, asks, shows the answer. */

import { connect } from "../../lib/mod.ts";
import { ADDRESS, Hello } from "./messages.ts";

await using server = await connect(ADDRESS, { wait: 60_000 });
const { yourName, myName } = await server.ask(Hello, { myName: "Gladys" });
console.log(`Hello "${yourName}", my name is "${myName}"`);
