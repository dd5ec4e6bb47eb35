/**
 * Where a client is with its connection: the states, and which may follow which. Pure.
 *
 * @module
 */

/** The state of a client. Times are on the monotonic clock, in milliseconds. */
export type State =
  /** Not started. */
  | { readonly is: "new" }
  /** An attempt to connect is under way. */
  | { readonly is: "connecting" }
  /** Connected; the server has not answered yet, and has time to do so. */
  | { readonly is: "greeting"; readonly until: number }
  /** Welcomed; the nick and what was missed are being settled, and the user's lines wait. */
  | { readonly is: "entering" }
  /** The user's lines are sent as they come. */
  | { readonly is: "ready"; readonly since: number }
  /** Without a connection, until the next attempt. */
  | { readonly is: "waiting"; readonly until: number }
  /**
   * The user leaves: what waits is still sent, then `/quit` (`quits`: it has been). The server has time
   * to take it, and to say goodbye.
   */
  | { readonly is: "leaving"; readonly until: number; readonly quits: boolean }
  /** It is over. */
  | { readonly is: "finished" };

const FOLLOWERS: { readonly [From in State["is"]]: readonly State["is"][] } = {
  new: ["connecting", "finished"],
  connecting: ["greeting", "waiting", "finished"],
  greeting: ["entering", "waiting", "finished"],
  entering: ["ready", "waiting", "leaving", "finished"],
  ready: ["waiting", "leaving", "finished"],
  waiting: ["connecting", "finished"],
  leaving: ["leaving", "finished"],
  finished: [],
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
