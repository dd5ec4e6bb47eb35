/**
 * Accepting connections, for as long as a listener is open and whatever comes between; and refusing them.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { closeQuietly } from "../net/close.ts";
import type { Connection, Listener } from "../net/transport.ts";
import { encodeEvent, formatOf } from "./format.ts";

/** How long to wait when no connection can be accepted (too many open files), in milliseconds. */
const ACCEPT_PAUSE_MS = 100;
/** Connections that are accepted in one go: those who are here come first, however many knock. */
const ACCEPTED_AT_ONCE = 16;
/** A complaint about accepting is logged at most this often, in milliseconds. */
const ACCEPT_COMPLAINT_MS = 10_000;

const log = getLogger(["talker", "server"]);

/** Who wants the connections. */
export interface Acceptor {
  /** Is the listener still to be listened to? */
  isOpen(): boolean;
  /** Takes a connection. */
  arrived(connection: Connection): void;
  /** Connections now, for the log. */
  open(): number;
}

/** Gives the connections of `listener` to `acceptor`. Resolves when that is not open any more; never rejects. */
export async function acceptAll(listener: Listener, acceptor: Acceptor): Promise<void> {
  let complainedAt = -Infinity;
  for (let accepted = 1; acceptor.isOpen(); accepted++) {
    try {
      acceptor.arrived(await listener.accept());
      if (accepted % ACCEPTED_AT_ONCE === 0) {
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    } catch (error) {
      if (!acceptor.isOpen()) return;
      const now = performance.now();
      if (now - complainedAt > ACCEPT_COMPLAINT_MS) {
        complainedAt = now;
        log.warn(
          "Cannot accept a connection with {open} open: {reason}; going on as soon as some are closed",
          { open: acceptor.open(), reason: String(error) },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, ACCEPT_PAUSE_MS));
    }
  }
}

/** Tells a connection that it isn't taken, and closes it. */
export function refuse(connection: Connection, text: string, framed: boolean): void {
  const bytes = encodeEvent(formatOf(false, framed), { type: "error", code: "full", text });
  const close = () => {
    closeQuietly(connection);
  };
  connection.write(bytes).then(close, close);
}
