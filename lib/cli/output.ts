/**
 * Writing to stdout, stderr and files without waiting, in order, and knowing how much waits.
 *
 * @module
 */

/** Something that bytes can be written to; `Deno.stdout` is one. A write may take only a part. */
export interface ByteSink {
  write(bytes: Uint8Array): Promise<number>;
}

/** Where a command writes text. */
export interface Output {
  /** It is a terminal. */
  readonly isTerminal: boolean;
  /** Bytes that wait to be written, about: UTF-16 units where they are not encoded yet. */
  readonly queued: number;
  /** The reader has gone (a closed pipe), or writing failed: what is written is dropped. */
  readonly closed: boolean;
  /** Why writing failed; undefined where it didn't, or the reader has just gone. */
  readonly failure: unknown;
  /** Writes text. It never waits and never throws; what is written in one turn goes out in one piece. */
  write(text: string): void;
  /** Waits until all that was written before is out, or the reader has gone. */
  flush(): Promise<void>;
}

const encoder = new TextEncoder();

/**
 * An {@linkcode Output} with one write under way at a time.
 *
 * @example
 * ```ts
 * import { QueuedOutput } from "./output.ts";
 *
 * const output = new QueuedOutput(Deno.stdout, { isTerminal: Deno.stdout.isTerminal() });
 * output.write("hello\n");
 * await output.flush();
 * ```
 */
export class QueuedOutput implements Output {
  readonly isTerminal: boolean;
  readonly #sink: ByteSink;
  readonly #onError: (error: unknown) => void;
  readonly #limit: number;
  #waiting: string[] = [];
  #waitingSize = 0;
  #writingSize = 0;
  #pumping: Promise<void> | undefined;
  #closed = false;
  #failure: unknown;
  #dropped = 0;

  /**
   * @param sink Where the bytes go.
   * @param options `isTerminal` (@default false); `limit`: above so many queued bytes what is
   * written is dropped and a line says so later (@default Infinity); `onError`: called once, with
   * what ended the output (by default nothing is done).
   */
  constructor(
    sink: ByteSink,
    options: { isTerminal?: boolean; limit?: number; onError?: (error: unknown) => void } = {},
  ) {
    this.#sink = sink;
    this.isTerminal = options.isTerminal ?? false;
    this.#limit = options.limit ?? Infinity;
    this.#onError = options.onError ?? (() => {});
  }

  get queued(): number {
    return this.#waitingSize + this.#writingSize;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get failure(): unknown {
    return this.#failure;
  }

  write(text: string): void {
    if (this.#closed || text === "") return;
    if (this.queued > this.#limit) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(text);
    this.#waitingSize += text.length;
    this.#pumping ??= this.#pump();
  }

  async flush(): Promise<void> {
    await this.#pumping;
  }

  async #pump(): Promise<void> {
    // What is written in this turn of the event loop goes out together.
    await Promise.resolve();
    try {
      while (this.#waiting.length > 0) {
        if (this.#dropped > 0 && this.queued < this.#limit / 2) {
          this.#waiting.push(`… ${this.#dropped} lines dropped: they were read too slowly\n`);
          this.#dropped = 0;
        }
        let bytes = encoder.encode(this.#waiting.join(""));
        this.#waiting = [];
        this.#waitingSize = 0;
        this.#writingSize = bytes.length;
        while (bytes.length > 0) {
          const written = await this.#sink.write(bytes);
          bytes = bytes.subarray(written);
          this.#writingSize = bytes.length;
        }
      }
    } catch (error) {
      this.#closed = true;
      // A terminal fails when its window is closed.
      if (!this.isTerminal && !isGone(error)) this.#failure = error;
      this.#waiting = [];
      this.#waitingSize = 0;
      this.#writingSize = 0;
      this.#onError(error);
    }
    this.#pumping = undefined;
  }
}

/** Is it only that nobody reads any more? */
function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset;
}
