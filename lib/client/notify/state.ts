/**
 * Where a client of notifications is with its server: the states, and which may follow which. Pure.
 *
 * @module
 */

/** The state of a subscriber or publisher. Times are on the monotonic clock, in milliseconds. */
export type State =
  /** Not started. */
  | { readonly is: "new" }
  /** An attempt to connect is under way. */
  | { readonly is: "connecting" }
  /** Connected; the server is asked for JSON and the nick. */
  | { readonly is: "greeting" }
  /** The server is asked for notification mode, for the first time on this connection. */
  | { readonly is: "entering" }
  /** In the mode. At `renewAt` it is left and entered anew: a little later the server would end it. */
  | { readonly is: "listening"; readonly since: number; readonly renewAt: number }
  /** The server is asked for normal mode: to stay longer, or to ask for details. */
  | { readonly is: "leaving"; readonly to: "renew" | "fetch" }
  /** In normal mode; the details of what was announced are asked for. */
  | { readonly is: "fetching" }
  /** The server is asked for notification mode again. */
  | { readonly is: "reentering" }
  /** What is to be published is sent as it comes, and asked after. */
  | { readonly is: "publishing" }
  /** Nothing more is taken; acknowledgements have until then to be confirmed. */
  | { readonly is: "ending"; readonly until: number }
  /** Without a connection, until the next attempt. */
  | { readonly is: "waiting"; readonly until: number }
  /** It is over. */
  | { readonly is: "ended" };

const FOLLOWERS: { readonly [From in State["is"]]: readonly State["is"][] } = {
  new: ["connecting", "ended"],
  connecting: ["greeting", "waiting", "ended"],
  greeting: ["entering", "publishing", "waiting", "ended"],
  entering: ["listening", "ending", "waiting", "ended"],
  listening: ["leaving", "reentering", "ending", "waiting", "ended"],
  leaving: ["fetching", "reentering", "ending", "waiting", "ended"],
  fetching: ["reentering", "ending", "waiting", "ended"],
  reentering: ["listening", "ending", "waiting", "ended"],
  publishing: ["waiting", "ended"],
  ending: ["ended"],
  waiting: ["connecting", "ended"],
  ended: [],
};

/**
 * The next state, if it may follow.
 *
 * @throws {RangeError} if it may not: a mistake in the program
 */
export function transition(from: State, to: State): State {
  if (!FOLLOWERS[from.is].includes(to.is)) {
    throw new RangeError(`The state "${to.is}" can't follow "${from.is}"`);
  }
  return to;
}

/** Whether there is a server that answers. */
export function isUp({ is }: State): boolean {
  switch (is) {
    case "new":
    case "connecting":
    case "greeting":
    case "waiting":
    case "ended":
      return false;
    default:
      return true;
  }
}
