/**
 * What a driver knows of one connection that is, or is to be, a link.
 *
 * @module
 */

import type { FramedLink } from "../link/framed_link.ts";
import type { Endpoint } from "../net/transport.ts";
import type { Identity } from "./identity.ts";
import { keyOf } from "./keepers.ts";
import type { LinkOutcome } from "./link_outcome.ts";

/** A connection of a driver. */
export interface LinkEntry {
  readonly framed: FramedLink;
  /** Where it was made to, when it was made here. */
  readonly to: string | undefined;
  /** Made by the joiner, which may drop it. */
  readonly joined: boolean;
  /** Told once how it went; whoever waits for that tells it to others. */
  settle: ((outcome: LinkOutcome) => void) | undefined;
  /** Who is at the other end, once it is up. */
  peer: Identity | undefined;
}

/** What the other end is called in the log. */
export function nameOf({ peer, framed }: LinkEntry): string {
  return peer?.name ?? keyOf(framed.remote);
}

/** Is it the link to the peer of that name, or at that address? */
export function leadsTo(which: string | Endpoint, { to, peer, framed }: LinkEntry): boolean {
  if (typeof which === "string") return peer?.name === which;
  return to === keyOf(which) || keyOf(framed.remote) === keyOf(which);
}
