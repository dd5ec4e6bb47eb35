/**
 * What a node writes down so that it comes back with its memory. The core calls these in the
 * order of events and never waits: a store collects what it is told and commits it in groups.
 */
import type { Batch } from "../wire/mesh_batch.ts";
import type { NodeId } from "../wire/mesh_bytes.ts";

/** The cursors of one stream, see `Stream` in `seen.ts`. */
export interface StoredMark {
  readonly origin: NodeId;
  readonly incarnation: number;
  readonly next: number;
  readonly pastNext: number;
  readonly pastEnd: number;
}

/** What a store gives back at the start. */
export interface StoredMesh {
  readonly marks: Iterable<StoredMark>;
  /** The retained batches in the order in which they were appended. */
  readonly batches: Iterable<{ readonly batch: Batch; readonly age: number }>;
  /** What origins were called last. */
  readonly names: Iterable<{ readonly origin: NodeId; readonly name: string }>;
}

/** Where the core writes down what it has seen. */
export interface MeshStore {
  /** What was written before. `age` of a batch is in ms, counted from when it was appended. */
  load(): StoredMesh;
  /** A batch was accepted, and is delivered next. Its bytes never change. */
  append(batch: Batch): void;
  /** The cursors of a stream moved. */
  mark(mark: StoredMark): void;
  /** A batch fell out of the retention. */
  evict(batch: Batch): void;
  /** An origin is called so, as long as nothing else is said. */
  name(origin: NodeId, name: string): void;
  /** An origin was forgotten, with its marks and its name. */
  forget(origin: NodeId): void;
}
