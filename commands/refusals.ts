/**
 * Telling the log who was refused: who is refused tries on, and would fill it.
 *
 * @module
 */

import { Said } from "../lib/mesh/said.ts";
import type { Endpoint } from "../lib/net/transport.ts";

/** Calls `tell` for each host and reason, but not again and again. */
export function refusals(
  tell: (from: string, why: string) => void,
): (remote: Endpoint, why: string) => void {
  const said = new Said();
  return ({ hostname }, why) => {
    if (!said.lately(`${hostname} ${why}`, performance.now())) tell(hostname, why);
  };
}
