/**
 * The statements of a database, each prepared once.
 *
 * @module
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";

/** A row, by the names of its columns. */
export type Row = Record<string, unknown>;

/** Runs statements. */
export class Tables {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** Of an open database. */
  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** The statement, prepared. */
  statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      this.#statements.set(sql, statement = this.#database.prepare(sql));
    }
    return statement;
  }

  /** Runs it, with these values for its question marks. */
  run(sql: string, ...values: (string | number | null)[]): void {
    this.statement(sql).run(...values);
  }

  /** Its first row. */
  get(sql: string): Row | undefined {
    return this.statement(sql).get() as Row | undefined;
  }

  /** All its rows. */
  all(sql: string): Row[] {
    return this.statement(sql).all() as Row[];
  }

  /** Does all of `what`, committed and synced, or, when it throws, nothing. */
  transaction(what: () => void): void {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      what();
      this.#database.exec("COMMIT");
    } catch (error) {
      rollback(this.#database);
      throw error;
    }
  }
}

/** Ends a transaction that failed, unless SQLite did so itself. */
function rollback(database: DatabaseSync): void {
  try {
    database.exec("ROLLBACK");
  } catch {
    // There was none any more.
  }
}
