/**
 * What the mesh writes down, as rows.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { DEFAULT_LIMITS } from "../mesh/limits.ts";
import type { StoredMark } from "../mesh/store.ts";
import { decodeBatch } from "../wire/mesh_batch.ts";
import type { LoadedBatches, MeshChanges } from "./group.ts";
import type { Row, Tables } from "./tables.ts";

/** Bytes of batches that are read as one piece. */
const PIECE_BYTES = 1024 * 1024;

/** Lives of one origin that the mesh tells apart. */
const LIVES = DEFAULT_LIMITS.incarnations;
/** Lives of one origin whose marks are kept: more, so that the mesh sees that there were older ones. */
const MARKED_LIVES = 4 * LIVES;

/** Forgets lives that are too old, and the names of origins that are forgotten. */
export function pruneMesh(tables: Tables): void {
  tables.run(
    `DELETE FROM mark WHERE rowid IN (
      SELECT rowid FROM (
        SELECT rowid, row_number() OVER (PARTITION BY origin ORDER BY incarnation DESC) AS life
        FROM mark
      ) WHERE life > ${MARKED_LIVES}
    )`,
  );
  tables.run("DELETE FROM name WHERE origin NOT IN (SELECT origin FROM mark)");
}

/** The marks: the origin that was heard longest ago first; its lives in their order. */
export function readMarks(tables: Tables): StoredMark[] {
  const rows = tables.all(
    `SELECT origin, incarnation, next, past_next AS pastNext, past_end AS pastEnd
     FROM mark JOIN (SELECT origin, max(rowid) AS latest FROM mark GROUP BY origin) USING (origin)
     ORDER BY latest, incarnation`,
  );
  return rows.map((row) => ({ ...row }) as unknown as StoredMark);
}

/**
 * Reads the batches in their order, piece by piece. Those that are damaged, or belong to no life that
 * the mesh still knows, are deleted; returns how many were damaged.
 */
export function readBatches(tables: Tables, take: (batches: LoadedBatches) => void): number {
  const lives = new Set(
    tables.all(
      `SELECT origin || '.' || incarnation AS stream FROM (
        SELECT *, row_number() OVER (PARTITION BY origin ORDER BY incarnation DESC) AS life FROM mark
      ) WHERE life <= ${LIVES}`,
    ).map(({ stream }) => stream),
  );
  const rows = tables.statement("SELECT number, time, checksum, body FROM batch ORDER BY number");
  const unfit: number[] = [];
  let damaged = 0;
  let piece = new Piece();
  for (const row of rows.iterate() as Iterable<Row>) {
    const number = Number(row["number"]), body = row["body"] as Uint8Array;
    const stream = crc32(body) === Number(row["checksum"]) ? streamOf(body) : undefined;
    if (stream === undefined) damaged++;
    if (stream === undefined || !lives.has(stream)) {
      unfit.push(number);
      continue;
    }
    piece.add(number, Number(row["time"]), body);
    if (piece.bytes < PIECE_BYTES) continue;
    take(piece.finish());
    piece = new Piece();
  }
  if (piece.bytes > 0) take(piece.finish());
  if (unfit.length > 0) {
    tables.transaction(() => {
      for (const number of unfit) tables.run("DELETE FROM batch WHERE number = ?", number);
    });
  }
  return damaged;
}

/** Writes what changed, within a transaction. */
export function writeMesh(tables: Tables, changes: MeshChanges): void {
  const { evicted, firstNumber, lengths, times, bytes } = changes;
  for (let i = 0; i < evicted.length; i += 2) {
    tables.run(
      "DELETE FROM batch WHERE number BETWEEN ? AND ?",
      evicted[i] as number,
      evicted[i + 1] as number,
    );
  }
  for (const origin of changes.forgotten) {
    tables.run("DELETE FROM mark WHERE origin = ?", origin);
    tables.run("DELETE FROM name WHERE origin = ?", origin);
  }
  const insert = tables.statement(
    "INSERT INTO batch (number, time, checksum, body) VALUES (?, ?, ?, ?)",
  );
  for (let i = 0, at = 0; i < lengths.length; i++) {
    const end = at + (lengths[i] as number);
    if (end === at) continue;
    const body = bytes.subarray(at, end);
    insert.run(firstNumber + i, times[i] as number, crc32(body), body);
    at = end;
  }
  for (const { origin, incarnation, next, pastNext, pastEnd } of changes.marks) {
    // Replaced, not updated: a new row is the last one, and the order tells who was heard last.
    tables.run(
      "INSERT OR REPLACE INTO mark (origin, incarnation, next, past_next, past_end) VALUES (?, ?, ?, ?, ?)",
      origin,
      incarnation,
      next,
      pastNext,
      pastEnd,
    );
  }
  for (const [origin, name] of changes.names) {
    tables.run("INSERT OR REPLACE INTO name (origin, name) VALUES (?, ?)", origin, name);
  }
}

// Who said a batch, and in which life; undefined when it isn't one.
function streamOf(body: Uint8Array): string | undefined {
  try {
    const { origin, incarnation } = decodeBatch(body);
    return `${origin}.${incarnation}`;
  } catch {
    return undefined;
  }
}

/** Collects batches that were read. */
class Piece {
  readonly #numbers: number[] = [];
  readonly #times: number[] = [];
  readonly #bodies: Uint8Array[] = [];
  bytes = 0;

  add(number: number, time: number, body: Uint8Array): void {
    this.#numbers.push(number);
    this.#times.push(time);
    this.#bodies.push(body);
    this.bytes += body.length;
  }

  finish(): LoadedBatches {
    const bytes = new Uint8Array(this.bytes);
    let at = 0;
    for (const body of this.#bodies) {
      bytes.set(body, at);
      at += body.length;
    }
    return {
      numbers: Float64Array.from(this.#numbers),
      times: Float64Array.from(this.#times),
      lengths: Uint32Array.from(this.#bodies, ({ length }) => length),
      bytes,
    };
  }
}
