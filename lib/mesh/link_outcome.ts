/**
 * Making the connection of a link, and how that ends.
 *
 * @module
 */

import { BACKOFF } from "../link/backoff.ts";
import { anySignal } from "../net/signals.ts";
import type { Connection, Endpoint } from "../net/transport.ts";
import type { NodeId } from "./identity.ts";
import { distanceTo } from "./keepers.ts";

/** Makes a connection; with port 0 the host is a name to be looked up. Rejects when it can't. */
export type Connect = (to: Endpoint, signal: AbortSignal) => Promise<Connection>;

/** How an attempt at a link ended: it is up with `peer`, or not; `refused` by whoever is there. */
export type LinkOutcome =
  | { readonly type: "up"; readonly peer: NodeId }
  | { readonly type: "failed"; readonly reason: string; readonly refused: boolean };

const GIVEN_UP = "it was given up";

/** An attempt that failed. */
export function failed(reason: string, refused = false): LinkOutcome {
  return { type: "failed", reason, refused };
}

/**
 * Connects within the time for that distance, or until the signal is aborted; gives the connection, or
 * why there is none.
 */
export async function tryToConnect(
  connect: Connect,
  to: Endpoint,
  signal?: AbortSignal,
): Promise<{ connection: Connection } | { outcome: LinkOutcome }> {
  const { attemptTimeout } = BACKOFF[distanceTo(to)];
  const either = anySignal(AbortSignal.timeout(attemptTimeout), signal);
  try {
    const connection = await connect(to, either);
    if (signal?.aborted !== true) return { connection };
    connection.close();
    return { outcome: failed(GIVEN_UP) };
  } catch (error) {
    if (signal?.aborted === true) return { outcome: failed(GIVEN_UP) };
    if (error instanceof DOMException && error.name === "TimeoutError") {
      return { outcome: failed(`no answer within ${attemptTimeout / 1000} s`) };
    }
    // Another secret, or no encryption there: the connection ended before there was a link.
    const cause = error instanceof Error ? error.cause : undefined;
    const refused = cause instanceof Error && cause.name === "SecurityError";
    return { outcome: failed(error instanceof Error ? error.message : String(error), refused) };
  }
}
