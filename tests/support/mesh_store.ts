/** A store of the mesh in memory. */

import type { MeshStore, StoredMark, StoredMesh } from "../../lib/mesh/store.ts";
import type { Batch } from "../../lib/wire/mesh_batch.ts";
import type { NodeId } from "../../lib/wire/mesh_bytes.ts";

/** A store in memory: survives the node, not the process. */
export class MemoryStore implements MeshStore {
  readonly #marks = new Map<string, StoredMark>();
  readonly #batches = new Map<string, Batch>();
  readonly #names = new Map<NodeId, string>();
  /** How often the node was started, for `newIncarnation`. */
  starts = 0;

  load(): StoredMesh {
    const batches = [...this.#batches.values()].map((batch) => ({ batch, age: 0 }));
    const names = [...this.#names].map(([origin, name]) => ({ origin, name }));
    return { marks: [...this.#marks.values()], batches, names };
  }

  append(batch: Batch): void {
    this.#batches.set(key(batch), batch);
  }

  mark(mark: StoredMark): void {
    this.#marks.set(`${mark.origin}/${mark.incarnation}`, mark);
  }

  evict(batch: Batch): void {
    this.#batches.delete(key(batch));
  }

  name(origin: NodeId, name: string): void {
    this.#names.set(origin, name);
  }

  forget(origin: NodeId): void {
    this.#names.delete(origin);
    for (const name of this.#marks.keys()) {
      if (name.startsWith(origin)) this.#marks.delete(name);
    }
  }
}

function key(batch: Batch): string {
  return `${batch.origin}/${batch.incarnation}/${batch.first}`;
}
