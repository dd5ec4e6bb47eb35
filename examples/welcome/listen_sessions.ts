// deno-lint-ignore-file no-console
/** The same server, with an object for each connection: it remembers who is at the other end. */

import { listen, type Session } from "../../lib/mod.ts";
import { ADDRESS, Hello } from "./messages.ts";

class Visitor {
  #name = "Somebody";

  constructor(session: Session) {
    session.on(Hello, ({ myName }) => {
      this.#name = myName;
      return { yourName: myName, myName: "Buster" };
    });
  }

  [Symbol.dispose]() {
    console.log(`${this.#name} has gone`);
  }
}

await using server = await listen(ADDRESS, { session: Visitor });
console.log(`Listening at ${server.address}`);
for await (const event of server.events) console.log(event.type);
