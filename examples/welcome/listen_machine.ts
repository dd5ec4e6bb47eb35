// deno-lint-ignore-file no-console
/**
 * The same server, as a state machine: what may happen in each state stands in one table. Each entry
 * does its part and gives the next state.
 */

import { listen, type Message, type Session, type SessionEvent } from "../../lib/mod.ts";
import { ADDRESS, Hello } from "./messages.ts";

type State = "empty" | "visited";
type Input = SessionEvent<Session>["type"] | "hello";

let visitors = 0;
const entered = (): State => (visitors++, "visited");
const left = (): State => --visitors === 0 ? "empty" : "visited";

const TABLE: { [S in State]: { [I in Input]?: (message?: Message) => State } } = {
  empty: { accepted: entered },
  visited: {
    accepted: entered,
    abandoned: left,
    closed: left,
    hello: (message) => {
      if (message?.is(Hello)) {
        void message.reply({ yourName: message.body.myName, myName: "Buster" });
      }
      return "visited";
    },
  },
};

let state: State = "empty";
function step(input: Input, message?: Message): void {
  const next = TABLE[state][input]?.(message);
  console.log(`${input}: ${state} → ${next ?? "not now"}`);
  state = next ?? state;
}

await using server = await listen(ADDRESS, {
  messages: [Hello],
  onEvent: ({ type }) => step(type),
});
console.log(`Listening at ${server.address}`);
for await (const message of server.messages) step("hello", message);
