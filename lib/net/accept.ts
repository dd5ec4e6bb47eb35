/**
 * Accepting connections, for as long as a listener is open and whatever comes between.
 *
 * @module
 */

import { closeQuietly } from "./close.ts";
import type { Connection, Listener } from "./transport.ts";

/** How long to wait when no connection can be accepted (too many open files), in milliseconds. */
const PAUSE_MS = 100;
/** It is complained at most this often, in milliseconds. */
const COMPLAINT_MS = 10_000;

/** How {@linkcode acceptAll} accepts. */
export interface AcceptOptions {
  /** Is the listener still to be listened to? */
  readonly isOpen: () => boolean;
  /** Takes a connection. Where that throws it is closed. */
  readonly arrived: (connection: Connection) => void;
  /** None could be accepted or taken. It is tried again soon, and told again 10 s later. */
  readonly complain: (error: unknown) => void;
  /** Connections that are accepted in one go: those who are here come first, however many knock. @default 16 */
  readonly atOnce?: number;
}

/** Accepts the connections of `listener`. Resolves when it is not open any more; never rejects. */
export async function acceptAll(
  listener: Listener,
  { isOpen, arrived, complain, atOnce = 16 }: AcceptOptions,
): Promise<void> {
  let complainedAt = -Infinity;
  for (let accepted = 1; isOpen(); accepted++) {
    let connection: Connection | undefined;
    try {
      connection = await listener.accept();
      if (!isOpen()) return closeQuietly(connection);
      arrived(connection);
      if (accepted % atOnce === 0) await pause(1);
    } catch (error) {
      if (connection !== undefined) closeQuietly(connection);
      if (!isOpen()) return;
      const now = performance.now();
      if (now - complainedAt >= COMPLAINT_MS) {
        complainedAt = now;
        complain(error);
      }
      await pause(PAUSE_MS);
    }
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
