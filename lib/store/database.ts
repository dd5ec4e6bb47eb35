/**
 * The database: opening, reading all of it, writing groups. Synchronous: it lives in the store's thread.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { readNotifications, readSubscribers, writeBoard } from "./board_tables.ts";
import { StoreError } from "./error.ts";
import type { Group, Loaded, LoadedBatches, StoredIdentity } from "./group.ts";
import { pruneMesh, readBatches, readMarks, writeMesh } from "./mesh_tables.ts";
import { migrate, VERSION, versionOf } from "./schema.ts";
import { Tables } from "./tables.ts";

const SET_CLOCK = "UPDATE node SET clock = ?";

/** The log of changes is cut back to this when it was moved into the database, in bytes. */
const WAL_BYTES = 8 * 1024 * 1024;

/** Something in the database isn't as it was written. */
export class DamageError extends Error {
  override readonly name = "DamageError";
}

/** A database. */
export class StoreDatabase {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #tables: Tables;

  /** Opens the file, which must be there. {@linkcode prepare} comes next. */
  constructor(path: string) {
    this.#path = path;
    this.#database = new DatabaseSync(path);
    this.#tables = new Tables(this.#database);
  }

  /**
   * Checks the database, and brings it to the newest version.
   *
   * @throws {StoreError} `newer` when a later release wrote it
   * @throws {DamageError} when the check finds damage
   * @throws what SQLite throws
   */
  prepare(): void {
    const database = this.#database;
    configure(database);
    const version = versionOf(database);
    if (version > VERSION) {
      throw new StoreError(
        "newer",
        `${this.#path} has version ${version}, and this release of talker knows up to ${VERSION}: ` +
          "use the later release, or another directory",
      );
    }
    const check = this.pragma("quick_check(1)");
    if (check !== "ok") throw new DamageError(String(check).replaceAll("\n", " "));
    migrate(database);
  }

  /** Counts a start; committed and synced when it returns. */
  start(): StoredIdentity {
    this.#tables.run("UPDATE node SET starts = starts + 1");
    const row = this.#tables.get("SELECT id, starts FROM node");
    const id = row?.["id"], starts = Number(row?.["starts"]);
    if (typeof id !== "string" || !/^[0-9a-f]{16}$/.test(id)) {
      throw new DamageError("No identity in it");
    }
    return { id, starts };
  }

  /** Reads everything but the batches; forgets what nothing refers to any more. */
  load(): Omit<Loaded, "identity" | "reports"> {
    const tables = this.#tables;
    tables.transaction(() => pruneMesh(tables));
    return {
      clock: Number(tables.get("SELECT clock FROM node")?.["clock"]),
      lastNumber: Number(tables.get("SELECT max(number) AS last FROM batch")?.["last"] ?? 0),
      marks: readMarks(tables),
      names: tables.all("SELECT origin, name FROM name") as unknown as Loaded["names"],
      notifications: readNotifications(tables, "notification"),
      subscribers: readSubscribers(tables),
      offers: readNotifications(tables, "offer"),
    };
  }

  /** Reads the batches, see {@linkcode readBatches}. */
  batches(take: (batches: LoadedBatches) => void): number {
    return readBatches(this.#tables, take);
  }

  /** Commits a group, and syncs it: all of it or, when it throws, nothing. */
  write({ clock, mesh, board }: Group): void {
    const tables = this.#tables;
    tables.transaction(() => {
      if (mesh !== undefined) writeMesh(tables, mesh);
      if (board !== undefined) writeBoard(tables, board);
      tables.run(SET_CLOCK, clock);
    });
  }

  /** What a PRAGMA says, for tests. */
  pragma(name: string): unknown {
    return Object.values(this.#database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  }

  /** Writes down the clock, and closes: all is in one file then. */
  close(clock?: number): void {
    try {
      if (clock !== undefined) this.#tables.run(SET_CLOCK, clock);
    } finally {
      this.#database.close();
    }
  }
}

/** Sets what an open database needs before it is used. */
export function configure(database: DatabaseSync, synchronous: "FULL" | "OFF" = "FULL"): void {
  // Exclusive before anything else: then there is no -shm file, and no other program gets in between.
  database.exec(`
    PRAGMA busy_timeout = 1000;
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA synchronous = ${synchronous};
    PRAGMA journal_mode = WAL;
    PRAGMA journal_size_limit = ${WAL_BYTES};
  `);
}
