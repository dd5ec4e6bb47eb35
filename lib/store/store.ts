/**
 * What a server remembers over its restarts: `--data DIR`. See docs/STORE.md.
 *
 * Changes are collected while the disk is busy and committed together; SQLite works in a thread of
 * its own, so that a slow disk stops nobody.
 *
 * @module
 */

import type { MeshStore } from "../mesh/store.ts";
import { endOfTurn } from "../net/turn.ts";
import type { NotificationStore } from "../notify/store.ts";
import { MAX_UNWRITTEN_BYTES } from "../wire/limits.ts";
import { StoreError } from "./error.ts";
import type { Loaded, StoredIdentity, StoreReport } from "./group.ts";
import { PendingBoard } from "./pending_board.ts";
import { PendingMesh, type RetainedBatch } from "./pending_mesh.ts";
import { StoreThread } from "./store_thread.ts";

export { StoreError, type StoreErrorCode } from "./error.ts";
export type { StoredIdentity, StoreReport } from "./group.ts";

/** Milliseconds after which what changed is committed though nobody waits for it. */
const COMMIT_EVERY_MS = 100;

/** Milliseconds between attempts to write when writing failed. */
const RETRY_MS = 1_000;

/** How a store is opened. */
export interface StoreOptions {
  /** Milliseconds since 1970, for the names of files that are set aside. @default Date.now */
  readonly time?: () => number;
  /** Monotonic milliseconds. @default performance.now */
  readonly now?: () => number;
  /** Milliseconds after which what changed is committed though nobody waits for it. @default 100 */
  readonly commitEvery?: number;
  /** Speakers are to wait, as too much is unwritten; or may go on. */
  readonly onCongested?: (congested: boolean) => void;
  /** Nothing can be written, for this reason; undefined: it can again. */
  readonly onFailed?: (reason: StoreError | undefined) => void;
}

/**
 * The data of a server, open.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { Store } from "./store.ts";
 * const directory = await Deno.makeTempDir();
 * {
 *   await using store = await Store.open(directory);
 *   assert(store.identity.starts === 1 && store.reports.length === 0);
 *   store.mesh.name("00000000000000aa", "attic");
 *   store.mesh.mark({ origin: "00000000000000aa", incarnation: 1, next: 2, pastNext: 1, pastEnd: 0 });
 *   await store.committed();
 * }
 * {
 *   await using store = await Store.open(directory);
 *   assert(store.identity.starts === 2);
 *   assert([...store.mesh.load().names][0]?.name === "attic");
 * }
 * await Deno.remove(directory, { recursive: true });
 * ```
 */
export class Store implements AsyncDisposable {
  /** Who this server is. The start is counted on disk. */
  readonly identity: StoredIdentity;
  /** What was wrong with the files at opening, for the log. */
  readonly reports: readonly StoreReport[];
  readonly #thread: StoreThread;
  readonly #options: StoreOptions;
  readonly #mesh: PendingMesh;
  readonly #board: PendingBoard;
  readonly #clockBase: number;
  readonly #commitEvery: number;
  /** Bytes that are being written; undefined when nothing is. */
  #writing: number | undefined;
  /** Those who wait for what is being written. */
  #current: Waiters | undefined;
  /** Those who wait for what is not yet. */
  #next: Waiters | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isCutting = false;
  #failed: StoreError | undefined;
  #isCongested = false;
  #closing: Promise<void> | undefined;

  private constructor(
    thread: StoreThread,
    found: { loaded: Loaded; batches: RetainedBatch[] },
    options: StoreOptions,
  ) {
    const { loaded, batches } = found;
    this.#thread = thread;
    this.#options = options;
    this.#commitEvery = options.commitEvery ?? COMMIT_EVERY_MS;
    this.#clockBase = loaded.clock - this.#now();
    this.identity = loaded.identity;
    this.reports = loaded.reports;
    const changed = () => this.#changed();
    const { lastNumber, marks, names } = loaded;
    this.#mesh = new PendingMesh(
      { batches, lastNumber, marks, names },
      { clock: () => this.#clock(), changed },
    );
    this.#board = new PendingBoard(loaded, { clock: () => this.#clock(), changed });
    thread.onWritten = () => this.#written();
    thread.onFailed = (error) => this.#failedToWrite(error);
  }

  /**
   * Opens the data in `directory`, which is made (mode 700) if it is missing. A database that can't be
   * used is set aside under another name, and {@linkcode reports} tells.
   *
   * @throws {StoreError} when another process uses it, a later release wrote it, or it can't be written
   */
  static async open(directory: string, options: StoreOptions = {}): Promise<Store> {
    const thread = new StoreThread();
    try {
      const found = await thread.open(directory, (options.time ?? Date.now)());
      return new Store(thread, found, options);
    } catch (error) {
      thread.end();
      throw error;
    }
  }

  /** What the mesh writes down. `load` gives what was found the first time it is called. */
  get mesh(): MeshStore {
    return this.#mesh;
  }

  /** What the board of notifications writes down. */
  get notifications(): NotificationStore {
    return this.#board;
  }

  /** Why nothing can be written now; undefined when it can. It is tried again every second. */
  get failed(): StoreError | undefined {
    return this.#failed;
  }

  /** Whether speakers should wait: the disk can't follow. */
  get congested(): boolean {
    // While the disk is at work it tells nothing, and that may take long.
    if (!this.#isCongested) this.#noteCongestion();
    return this.#isCongested;
  }

  /** Bytes that are not on disk yet, about. */
  get unwritten(): number {
    return this.#mesh.bytes + this.#board.bytes + (this.#writing ?? 0);
  }

  #now(): number {
    return this.#options.now?.() ?? performance.now();
  }

  // The clock of retention: it goes on only while a server runs, so no jump of the wall clock and no
  // night without power makes anything too old.
  #clock(): number {
    return Math.max(0, Math.floor(this.#clockBase + this.#now()));
  }

  /**
   * Resolves when all that was told so far is committed and synced.
   *
   * @throws {StoreError} when it can't be: nothing may be confirmed then, though it may be written later
   */
  committed(): Promise<void> {
    if (this.#failed !== undefined) return Promise.reject(this.#failed);
    if (this.#isClean) return (this.#current ?? DONE).promise;
    this.#next ??= newWaiters();
    if (this.#writing === undefined) this.#cutSoon();
    return this.#next.promise;
  }

  get #isClean(): boolean {
    return this.#mesh.isEmpty && this.#board.isEmpty;
  }

  // Something is to be written. It is at the latest when the timer says so.
  #changed(): void {
    if (this.#writing === undefined && this.#failed === undefined) this.#arm();
  }

  #arm(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#cut();
    }, this.#commitEvery);
  }

  // Writes at the end of this turn, with what else comes in it: never in the midst of an event, of
  // which a part would be on disk without the other.
  #cutSoon(): void {
    if (this.#isCutting) return;
    this.#isCutting = true;
    endOfTurn(() => {
      this.#isCutting = false;
      this.#cut();
    });
  }

  #cut(): void {
    if (this.#writing !== undefined || this.#isClean) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#mesh.bytes + this.#board.bytes;
    this.#current = this.#next ?? newWaiters();
    this.#next = undefined;
    const group = { clock: this.#clock(), mesh: this.#mesh.take(), board: this.#board.take() };
    this.#thread.write(group);
    this.#noteCongestion();
  }

  #written(): void {
    const { resolve } = this.#current ?? DONE;
    this.#writing = undefined;
    this.#current = undefined;
    if (this.#failed !== undefined) {
      this.#failed = undefined;
      this.#options.onFailed?.(undefined);
    }
    resolve();
    this.#noteCongestion();
    if (this.#isClean) return;
    if (this.#next !== undefined || this.#isCongested || this.#closing !== undefined) this.#cut();
    else this.#arm();
  }

  #failedToWrite(error: StoreError): void {
    const isNew = this.#failed?.message !== error.message;
    this.#failed = error;
    this.#current?.reject(error);
    this.#next?.reject(error);
    this.#current = this.#next = undefined;
    if (isNew) this.#options.onFailed?.(error);
    this.#noteCongestion();
    if (error.code === "corrupt" || error.code === "stopped") return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#thread.retry();
    }, RETRY_MS);
  }

  // While nothing can be written nobody waits for it: what is too much falls out of the retention.
  #noteCongestion(): void {
    const { unwritten } = this;
    const limit = this.#isCongested ? MAX_UNWRITTEN_BYTES / 2 : MAX_UNWRITTEN_BYTES;
    const isCongested = this.#failed === undefined && unwritten > limit;
    if (isCongested === this.#isCongested) return;
    this.#isCongested = isCongested;
    this.#options.onCongested?.(isCongested);
  }

  /**
   * Writes what is unwritten, and closes. A second call gives the same promise.
   *
   * @throws {StoreError} when something could not be written; it is closed all the same
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    try {
      if (this.#failed !== undefined) await this.#lastTry();
      while (!this.#isClean || this.#writing !== undefined) await this.committed();
    } finally {
      clearTimeout(this.#timer);
      await this.#thread.close(this.#clock());
      this.#failed ??= new StoreError("closed", "The data was closed");
    }
  }

  async #lastTry(): Promise<void> {
    clearTimeout(this.#timer);
    this.#current = newWaiters();
    const { promise } = this.#current;
    this.#thread.retry();
    await promise;
  }

  /** As {@linkcode close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

type Waiters = PromiseWithResolvers<void>;

function newWaiters(): Waiters {
  const waiters = Promise.withResolvers<void>();
  // Who waits hears of the failure; where nobody does, that is no fault of the program.
  waiters.promise.catch(() => {});
  return waiters;
}

const DONE = newWaiters();
DONE.resolve();
