/** What the tests of the store have in common: batches, directories, and looking at both. */

import { StoreDatabase } from "../../lib/store/database.ts";
import { Store, type StoreOptions } from "../../lib/store/store.ts";
import { type Batch, encodeBatches } from "../../lib/wire/mesh_batch.ts";
import type { MeshStore } from "../../lib/mesh/store.ts";
import type { Notification } from "../../lib/notify/notification.ts";

/** An origin. */
export const ATTIC = "00000000000000aa";
/** Another one. */
export const KITCHEN = "00000000000000bb";

/** A batch of lines, from `first` on. */
export function batchOf(
  texts: readonly string[],
  options: { origin?: string; incarnation?: number; first?: number; time?: number } = {},
): Batch {
  const { origin = ATTIC, incarnation = 2 ** 32 + 7, first = 1, time = 1_700_000_000_000 } =
    options;
  const payloads = texts.map((text) => new TextEncoder().encode(text));
  const batches = encodeBatches({ origin, incarnation, first, kind: 1, time }, payloads);
  if (batches.length !== 1) throw new Error("The sample is too long for one batch");
  return batches[0]!;
}

/** Appends a batch and moves the mark behind it, as the mesh does. */
export function keep(mesh: MeshStore, batch: Batch): void {
  mesh.append(batch);
  const { origin, incarnation, last } = batch;
  mesh.mark({ origin, incarnation, next: last + 1, pastNext: 1, pastEnd: 0 });
}

/** The texts of a batch. */
export function textsOf(batch: Batch): string[] {
  return batch.payloads().map((payload) => new TextDecoder().decode(payload));
}

/** A notification. */
export function notificationOf(id: string, more: Partial<Notification> = {}): Notification {
  return {
    id,
    topic: "hits",
    text: `text of ${id}`,
    time: 5,
    nick: "bob",
    server: "attic",
    ...more,
  };
}

/** A directory for one test, removed at its end. */
export class TestDirectory implements AsyncDisposable {
  private constructor(readonly path: string) {}

  static async make(): Promise<TestDirectory> {
    return new TestDirectory(await Deno.makeTempDir({ prefix: "talker-store-" }));
  }

  /** The database. */
  get database(): string {
    return `${this.path}/talker.db`;
  }

  open(options: StoreOptions = {}): Promise<Store> {
    return Store.open(this.path, options);
  }

  /** Names of the files in it, sorted. */
  names(): string[] {
    return [...Deno.readDirSync(this.path)].map(({ name }) => name).sort();
  }

  /** Opens, writes what `write` says, and closes. */
  async fill(write: (store: Store) => void | Promise<void>): Promise<void> {
    await using store = await this.open();
    await write(store);
  }

  /** Looks into the closed database. */
  look<T>(what: (database: StoreDatabase) => T): T {
    const database = new StoreDatabase(this.database);
    try {
      database.prepare();
      return what(database);
    } finally {
      database.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
