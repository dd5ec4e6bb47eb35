/**
 * Opening the data of a server: the directory, its lock, and the database, which is made when it is
 * missing, and set aside when it can't be used.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { newNodeId } from "../mesh/identity.ts";
import { configure, DamageError, StoreDatabase } from "./database.ts";
import { kindOf, reasonOf, StoreError, storeError } from "./error.ts";
import type { Loaded, LoadedBatches, StoreReport } from "./group.ts";
import { DirectoryLock, makePrivate } from "./lock.ts";
import { APPLICATION_ID, migrate, VERSION } from "./schema.ts";
import { companions, exists, setAside } from "./set_aside.ts";

/** The name of the database in its directory. */
const DATABASE_NAME = "talker.db";

/** What was opened. */
export interface Opened {
  readonly database: StoreDatabase;
  readonly lock: DirectoryLock;
  readonly loaded: Loaded;
}

/** How to open. */
export interface OpenOptions {
  /** Milliseconds since 1970, for the names of files that are set aside. */
  readonly time: number;
  /** Is given the retained batches, piece by piece. After `restart`, those before don't count. */
  readonly batches: (batches: LoadedBatches) => void;
  readonly restart: () => void;
}

/**
 * Opens the data in `directory`, with the start counted.
 *
 * @throws {StoreError} when it can't be used, and why
 */
export function openData(directory: string, options: OpenOptions): Opened {
  makeDirectory(directory);
  let lock: DirectoryLock | undefined;
  try {
    lock = DirectoryLock.acquire(directory, options.time);
    return { lock, ...openDatabase(directory, options) };
  } catch (error) {
    lock?.release();
    if (error instanceof StoreError) throw error;
    if (error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR") {
      throw storeError(error, directory);
    }
    const reason = reasonOf(error);
    const isFull = kindOf(error) === "full";
    throw new StoreError(
      isFull ? "full" : "unusable",
      isFull
        ? `No space left for the data in ${directory}: free some`
        : `Cannot use ${directory} for data (${reason}): check who may write there, or use another directory`,
      { cause: error },
    );
  }
}

function makeDirectory(directory: string): void {
  try {
    Deno.mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    const reason = reasonOf(error);
    const isFile = error instanceof Deno.errors.AlreadyExists;
    throw new StoreError(
      "unusable",
      isFile
        ? `Cannot use ${directory} for data: it is a file, and must be a directory`
        : `Cannot make the directory ${directory} for data (${reason}): use another one`,
      { cause: error },
    );
  }
}

function openDatabase(
  directory: string,
  { time, batches, restart }: OpenOptions,
): { database: StoreDatabase; loaded: Loaded } {
  const path = `${directory}/${DATABASE_NAME}`;
  const reports: StoreReport[] = [];
  const wrong = inspect(path);
  if (wrong !== undefined) reports.push(report(path, wrong, time));
  if (!exists(path)) create(path);
  for (;;) {
    makePrivate(path);
    const database = new StoreDatabase(path);
    try {
      return { database, loaded: load(path, database, { reports, batches }) };
    } catch (error) {
      const isFirst = reports.every(({ setAside }) => setAside === undefined);
      if (!isDamage(error) || !isFirst) {
        database.close();
        throw error;
      }
      // Renamed first: SQLite then leaves the files as they are when it closes them.
      const canRename = Deno.build.os !== "windows";
      if (!canRename) database.close();
      reports.push(
        report(path, { why: "corrupt", reason: `it is damaged (${reasonOf(error)})` }, time),
      );
      if (canRename) database.close();
      restart();
      create(path);
    }
  }
}

function isDamage(error: unknown): boolean {
  if (error instanceof DamageError) return true;
  return error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR" &&
    kindOf(error) === "corrupt";
}

function load(
  path: string,
  database: StoreDatabase,
  { reports, batches }: { reports: StoreReport[]; batches: (batches: LoadedBatches) => void },
): Loaded {
  database.prepare();
  const loaded = database.load();
  const damaged = database.batches(batches);
  if (damaged > 0) {
    const message = `${damaged} batches of messages in ${path} were damaged, and are left out`;
    reports.push({ kind: "note", message });
  }
  return { identity: database.start(), reports, ...loaded };
}

interface Wrong {
  readonly why: "corrupt" | "foreign";
  readonly reason: string;
}

// Sets a file aside.
function report(path: string, { why, reason }: Wrong, time: number): StoreReport {
  const aside = setAside(path, why, time);
  return {
    kind: why,
    message: `${path} can't be used: ${reason}. It was renamed to ${aside}, and a new one is made`,
    setAside: aside,
  };
}

/**
 * What is wrong with a file, as far as its first bytes tell. They are read before SQLite sees the
 * file: it would change a foreign database, and take an empty file for a new one.
 */
function inspect(path: string): Wrong | undefined {
  if (!exists(path)) {
    const left = companions(path);
    if (left.length === 0) return undefined;
    return { why: "corrupt", reason: `it is missing, but talker.db${left[0]} is there` };
  }
  const { isFile, size } = Deno.statSync(path);
  if (!isFile) {
    throw new StoreError("unusable", `${path} is not a file: remove it, or use another directory`);
  }
  const header = new Uint8Array(100);
  const file = Deno.openSync(path);
  let length = 0;
  try {
    for (let read = 1; length < header.length && read > 0; length += read) {
      read = file.readSync(header.subarray(length)) ?? 0;
    }
  } finally {
    file.close();
  }
  if (length === 0) return { why: "corrupt", reason: "it is empty" };
  const magic = new TextDecoder().decode(header.subarray(0, 16));
  if (!"SQLite format 3\0".startsWith(magic.slice(0, length))) {
    return { why: "corrupt", reason: "it is no database" };
  }
  if (length < header.length) return { why: "corrupt", reason: `it ends after ${size} bytes` };
  const view = new DataView(header.buffer);
  if (view.getUint32(68) !== APPLICATION_ID) {
    return { why: "foreign", reason: "it is another program's database" };
  }
  // SQLite would take the rest of the last page for zeros. (With a log of changes beside it, the page
  // may be in there.)
  const pageSize = view.getUint16(16);
  if (size % pageSize !== 0 && companions(path).length === 0) {
    return { why: "corrupt", reason: `it ends inside a page, after ${size} bytes` };
  }
  return undefined;
}

// Makes a database under another name first, so that there never is a half-made one.
function create(path: string): void {
  const draft = `${path}.new`;
  for (const end of ["", ...companions(draft)]) {
    if (exists(draft + end)) Deno.removeSync(draft + end);
  }
  makePrivate(draft);
  const database = new DatabaseSync(draft);
  try {
    // Synced as a whole below: a slow card takes seconds for each step on its own.
    configure(database, "OFF");
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    migrate(database, VERSION);
    const random = () => crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32;
    database.prepare("INSERT INTO node (one, id, starts, clock) VALUES (1, ?, 0, 0)")
      .run(newNodeId(random));
  } finally {
    database.close();
  }
  sync(draft);
  Deno.renameSync(draft, path);
  sync(path.slice(0, path.lastIndexOf("/")) || "/");
}

// Waits until a file or a directory is on disk. Not all systems let a directory be synced.
function sync(path: string): void {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(path, { read: true });
  } catch {
    return;
  }
  try {
    file.syncSync();
  } catch {
    // As said.
  } finally {
    file.close();
  }
}
