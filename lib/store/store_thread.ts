/**
 * The other end of the store's thread: messages to it, and what comes back.
 *
 * @module
 */

import { Batch } from "../wire/mesh_batch.ts";
import { StoreError } from "./error.ts";
import type { FromWorker, Group, Loaded, LoadedBatches, ToWorker } from "./group.ts";
import type { RetainedBatch } from "./pending_mesh.ts";

/** A thread with the database. */
export class StoreThread {
  /** The group is committed and synced. */
  onWritten: () => void = () => {};
  /** The group could not be written; {@linkcode retry} tries again. */
  onFailed: (error: StoreError) => void = () => {};
  readonly #worker = new Worker(new URL("./store_worker.ts", import.meta.url), { type: "module" });
  #opening: PromiseWithResolvers<Loaded> | undefined;
  #closing: PromiseWithResolvers<void> | undefined;
  #batches: RetainedBatch[] = [];
  #stopped: StoreError | undefined;

  constructor() {
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#received(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#stop(`The thread of the data ended: ${event.message}`);
    };
    this.#worker.onmessageerror = () => this.#stop("The thread of the data can't be understood");
  }

  /** Opens the data. `time` is in ms since 1970. */
  async open(
    directory: string,
    time: number,
  ): Promise<{ loaded: Loaded; batches: RetainedBatch[] }> {
    this.#opening = Promise.withResolvers();
    this.#send({ type: "open", directory, time });
    const loaded = await this.#opening.promise;
    const batches = this.#batches;
    this.#batches = [];
    return { loaded, batches };
  }

  /** Writes a group. The next one may come when this one is written. */
  write(group: Group): void {
    const { mesh } = group;
    const arrays = mesh && [mesh.evicted, mesh.lengths, mesh.times, mesh.bytes];
    const transfer = arrays?.map(({ buffer }) => buffer as ArrayBuffer) ?? [];
    this.#send({ type: "write", group }, transfer);
  }

  /** Tries again to write what could not be written. */
  retry(): void {
    this.#send({ type: "retry" });
  }

  /** Closes the data, with `clock` written down, and ends the thread. */
  async close(clock: number): Promise<void> {
    if (this.#stopped === undefined) {
      this.#closing = Promise.withResolvers();
      this.#send({ type: "close", clock });
      await this.#closing.promise;
    }
    this.end();
  }

  /** Ends the thread at once. */
  end(): void {
    this.#worker.terminate();
  }

  #send(message: ToWorker, transfer: Transferable[] = []): void {
    if (this.#stopped !== undefined) return this.onFailed(this.#stopped);
    this.#worker.postMessage(message, transfer);
  }

  #received(message: FromWorker): void {
    switch (message.type) {
      case "batches":
        return this.#load(message.batches);
      case "opened":
        return this.#opening?.resolve(message.loaded);
      case "written":
        return this.onWritten();
      case "failed":
        return this.#fail(new StoreError(message.code, message.message));
      case "closed":
        return this.#closing?.resolve();
    }
  }

  #load({ numbers, times, lengths, bytes }: LoadedBatches): void {
    for (let i = 0, at = 0; i < numbers.length; i++) {
      const end = at + (lengths[i] as number);
      const batch = new Batch(bytes.subarray(at, end));
      this.#batches.push({ batch, number: numbers[i] as number, time: times[i] as number });
      at = end;
    }
  }

  #stop(message: string): void {
    this.#stopped = new StoreError("stopped", `${message}. Restart the server`);
    this.#fail(this.#stopped);
  }

  #fail(error: StoreError): void {
    this.#opening?.reject(error);
    if (this.#closing !== undefined) this.#closing.resolve();
    else this.onFailed(error);
  }
}
