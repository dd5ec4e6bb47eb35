// deno-lint-ignore-file no-console
/** The same client, as a state machine: it connects, asks, and has the answer or has failed. */

import { connect, type Session, type SessionEvent } from "../../lib/mod.ts";
import { ADDRESS, Hello } from "./messages.ts";

type State = "connecting" | "asking" | "done" | "failed";
type Input = SessionEvent<Session> | { type: "welcome"; text: string };

const TABLE: { [S in State]: { [T in Input["type"]]?: (input: Input) => State } } = {
  connecting: {
    // Nobody there: it is tried again, until the time is over.
    notConnected: () => "connecting",
    connected: (input) => {
      if (input.type === "connected") void ask(input.session);
      return "asking";
    },
  },
  asking: {
    welcome: (input) => {
      if (input.type === "welcome") console.log(input.text);
      return "done";
    },
    abandoned: () => "failed",
  },
  done: { closed: () => "done" },
  failed: {},
};

let state: State = "connecting";
function step(input: Input): void {
  state = TABLE[state][input.type]?.(input) ?? state;
}

async function ask(session: Session): Promise<void> {
  const { yourName, myName } = await session.ask(Hello, { myName: "Gladys" });
  step({ type: "welcome", text: `Hello "${yourName}", my name is "${myName}"` });
  session.close();
}

const session = await connect(ADDRESS, { onEvent: step, wait: 60_000 });
await session.ended;
console.log(state);
