/**
 * The store's thread: SQLite waits for the disk here, and nobody waits for it.
 *
 * @module
 */

import { openData, type Opened } from "./open.ts";
import { StoreError, storeError } from "./error.ts";
import type { FromWorker, Group, LoadedBatches, ToWorker } from "./group.ts";

/** What of a worker's global scope is used. */
interface Scope {
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
}

const scope = globalThis as unknown as Scope;
let opened: Opened | undefined;
let directory = "";
/** What could not be written, and is to be tried again. */
let unwritten: Group | undefined;

scope.onmessage = ({ data }) => {
  try {
    handle(data);
  } catch (error) {
    const { code, message } = storeError(error, directory);
    scope.postMessage({ type: "failed", code, message });
  }
};

function handle(message: ToWorker): void {
  switch (message.type) {
    case "open":
      directory = message.directory;
      return open(message.time);
    case "write":
      unwritten = message.group;
      return write();
    case "retry":
      return write();
    case "close":
      return close(message.clock);
  }
}

function open(time: number): void {
  let pieces: LoadedBatches[] = [];
  opened = openData(directory, {
    time,
    batches: (piece) => void pieces.push(piece),
    restart: () => pieces = [],
  });
  for (const batches of pieces) {
    const { numbers, times, lengths, bytes } = batches;
    const buffers = [numbers, times, lengths, bytes].map(({ buffer }) => buffer as ArrayBuffer);
    scope.postMessage({ type: "batches", batches }, buffers);
  }
  scope.postMessage({ type: "opened", loaded: opened.loaded });
}

function write(): void {
  if (opened === undefined) throw new StoreError("closed", `The data in ${directory} is not open`);
  if (unwritten !== undefined) opened.database.write(unwritten);
  unwritten = undefined;
  scope.postMessage({ type: "written" });
}

function close(clock: number): void {
  const { database, lock } = opened ?? {};
  opened = undefined;
  try {
    database?.close(clock);
  } finally {
    lock?.release();
  }
  scope.postMessage({ type: "closed" });
}
