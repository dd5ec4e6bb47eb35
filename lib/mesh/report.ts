/**
 * What a node tells about itself and the mesh when it is asked.
 */
import type { MeshCounters } from "./context.ts";
import type { NodeId } from "./identity.ts";
import type { LinkId } from "./links.ts";

/** A direct peer. */
export interface Peer {
  readonly link: LinkId;
  readonly id: NodeId;
  readonly incarnation: number;
  readonly name: string;
  readonly initiator: boolean;
  /** Round-trip time in ms; undefined before it was measured. */
  readonly roundTrip: number | undefined;
  /** When the link came up, in ms. */
  readonly since: number;
}

/** A node that can be reached. */
export interface KnownNode {
  readonly id: NodeId;
  readonly name: string;
  readonly incarnation: number;
  /** Sorted ids. */
  readonly links: readonly NodeId[];
  readonly isCutPoint: boolean;
}

/** Counters, and how full the tables are. */
export interface MeshStats extends MeshCounters {
  readonly links: number;
  readonly reachable: number;
  readonly origins: number;
  readonly retainedMessages: number;
  readonly retainedBytes: number;
  readonly pendingBytes: number;
  readonly behind: number;
  readonly stateRecords: number;
  readonly routedUnderWay: number;
  readonly gathers: number;
}
