/**
 * What the notifications want of a mesh. `MeshDriver` gives it.
 *
 * @module
 */

import type { Published } from "../mesh/broadcast.ts";
import type { MeshWatcher } from "../mesh/driver.ts";
import type { MeshNode } from "../mesh/node.ts";

/** A node with its links. */
export interface NotifyMesh {
  readonly node: MeshNode;
  /** Does something with the node now (monotonic ms). */
  now<T>(action: (node: MeshNode, now: number) => T): T;
  /** Publishes messages of a kind to all nodes, said at `time` (ms since 1970). */
  publish(kind: number, payloads: readonly Uint8Array[], time: number): Published;
  /** Has `watcher` told from now on. */
  watch(watcher: MeshWatcher): void;
}

/** Calls `action` after so many ms. Gives the function that keeps it from that. */
export type After = (ms: number, action: () => void) => () => void;
