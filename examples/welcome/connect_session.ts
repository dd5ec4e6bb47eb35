// deno-lint-ignore-file no-console
/** The same client, with a function for the connection: when it returns, the connection is closed. */

import { connect, type Session } from "../../lib/mod.ts";
import { ADDRESS, Hello } from "./messages.ts";

async function visit(session: Session) {
  return await session.ask(Hello, { myName: "Gladys" });
}

const session = await connect(ADDRESS, { session: visit, wait: 60_000 });
const end = await session.ended;
console.log(end.type === "closed" ? end.result : end);
