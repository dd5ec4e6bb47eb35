/**
 * One process at a time. The lock is one of the system's, held through SQLite on an empty file of its
 * own, so it ends with the process however that ends; and no other file is touched without it.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { kindOf, StoreError } from "./error.ts";
import { exists, setAside } from "./set_aside.ts";

/** Holds a directory until {@linkcode release}. */
export class DirectoryLock {
  readonly #database: DatabaseSync;
  readonly #pidFile: string;

  private constructor(database: DatabaseSync, pidFile: string) {
    this.#database = database;
    this.#pidFile = pidFile;
  }

  /**
   * Takes the lock of a directory. `time` is in ms since 1970.
   *
   * @throws {StoreError} `used` when another process has it
   */
  static acquire(directory: string, time: number): DirectoryLock {
    const path = `${directory}/talker.lock`;
    const pidFile = `${directory}/talker.pid`;
    makePrivate(path);
    let database: DatabaseSync;
    try {
      database = lock(path);
    } catch (error) {
      const kind = kindOf(error);
      if (kind === "used") throw used(directory, pidFile, error);
      if (kind !== "corrupt") throw error;
      // Nothing is ever written to it, so somebody or something else did.
      setAside(path, "corrupt", time);
      makePrivate(path);
      database = lock(path);
    }
    try {
      makePrivate(pidFile);
      Deno.writeTextFileSync(pidFile, `${Deno.pid}\n`);
    } catch {
      // It only serves a message.
    }
    return new DirectoryLock(database, pidFile);
  }

  /** Gives the directory free. */
  release(): void {
    try {
      Deno.removeSync(this.#pidFile);
    } catch {
      // Gone already.
    }
    this.#database.close();
  }
}

function lock(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    database.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function used(directory: string, pidFile: string, cause: unknown): StoreError {
  let pid = "";
  try {
    pid = /^\d{1,10}$/m.exec(Deno.readTextFileSync(pidFile))?.[0] ?? "";
  } catch {
    // It is just being written, or another user's.
  }
  return new StoreError(
    "used",
    `${directory} is used by another talker server${pid === "" ? "" : ` (pid ${pid})`}: ` +
      "stop it, or use another directory",
    { cause },
  );
}

/** Makes an empty file that nobody else can read, unless it is there; then nobody else can read it. */
export function makePrivate(path: string): void {
  // A file that is there isn't opened: to close it would end all locks that this process has on it.
  if (!exists(path)) Deno.openSync(path, { write: true, create: true, mode: 0o600 }).close();
  if (Deno.build.os !== "windows") Deno.chmodSync(path, 0o600);
}
