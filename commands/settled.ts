/**
 * Waiting until this node knows its mesh.
 *
 * @module
 */

import type { MeshDriver } from "../lib/mesh/driver.ts";

/** The mesh has settled when nothing has changed for so long, in milliseconds. */
const QUIET_MS = 500;
/** How often to look, in milliseconds. */
const LOOK_MS = 25;

/** How long to wait. */
export interface SettledOptions {
  /** At the most so long, in milliseconds. */
  within: number;
  /** Ends the waiting. */
  signal: AbortSignal;
}

/**
 * Waits until another node can be reached and the graph has not changed for half a second. False when that
 * did not happen in time.
 */
export async function settled(
  driver: MeshDriver,
  { within, signal }: SettledOptions,
): Promise<boolean> {
  const deadline = performance.now() + within;
  let seen = "";
  let since = performance.now();
  for (;;) {
    const now = performance.now();
    const graph = driver.node.topology();
    const shown = JSON.stringify(graph);
    if (shown !== seen) {
      seen = shown;
      since = now;
    }
    if (graph.length > 1 && now - since >= QUIET_MS) return true;
    if (signal.aborted || now >= deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
