/**
 * The tables of the database, and how an older database becomes the newest.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import { Tables } from "./tables.ts";

/** Tells our files from other programs' SQLite databases: "talk" in ASCII. */
export const APPLICATION_ID = 0x74616c6b;

/**
 * One step for each version: it makes of version `index` the version `index + 1`. A step that was
 * released never changes; what is new comes as a further step.
 */
const MIGRATIONS: readonly string[] = [
  // 1: the node, and what the mesh retains.
  `
  CREATE TABLE node (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL,
    starts INTEGER NOT NULL,
    clock INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE batch (
    number INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    body BLOB NOT NULL
  ) STRICT;
  CREATE TABLE mark (
    origin TEXT NOT NULL,
    incarnation INTEGER NOT NULL,
    next INTEGER NOT NULL,
    past_next INTEGER NOT NULL,
    past_end INTEGER NOT NULL,
    PRIMARY KEY (origin, incarnation)
  ) STRICT;
  CREATE TABLE name (
    origin TEXT PRIMARY KEY,
    name TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  // 2: the board of notifications.
  `
  CREATE TABLE notification (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    topic TEXT NOT NULL,
    text TEXT NOT NULL,
    time INTEGER NOT NULL,
    nick TEXT NOT NULL,
    server TEXT NOT NULL,
    details TEXT
  ) STRICT;
  CREATE TABLE offer (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    topic TEXT NOT NULL,
    text TEXT NOT NULL,
    time INTEGER NOT NULL,
    nick TEXT NOT NULL,
    server TEXT NOT NULL,
    details TEXT
  ) STRICT;
  CREATE TABLE subscriber (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    record TEXT NOT NULL
  ) STRICT;
  CREATE TABLE settled (
    notification INTEGER NOT NULL,
    subscriber INTEGER NOT NULL,
    PRIMARY KEY (notification, subscriber)
  ) STRICT, WITHOUT ROWID;
  `,
];

/** The newest version. */
export const VERSION = MIGRATIONS.length;

/** The version of an open database. */
export function versionOf(database: DatabaseSync): number {
  return Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
}

/** Brings a database to version `to` (default: the newest), a transaction for each step. */
export function migrate(database: DatabaseSync, to: number = VERSION): void {
  const tables = new Tables(database);
  for (let version = versionOf(database); version < to; version++) {
    tables.transaction(() => {
      database.exec(MIGRATIONS[version] as string);
      database.exec(`PRAGMA user_version = ${version + 1}`);
    });
  }
}
