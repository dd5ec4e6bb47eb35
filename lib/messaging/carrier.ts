/**
 * Carries a client core over connections: makes them when it asks for one, hands it what comes, and
 * keeps its clock.
 *
 * @module
 */

import { RecordStream } from "../net/tcp_client.ts";
import type { Connection } from "../net/transport.ts";
import { MAX_TIMER_MS } from "../net/wait.ts";
import { MIB } from "../wire/limits.ts";
import { isUnauthorised, type LossKind, lossKind } from "../client/trouble.ts";

/** Longest record that is taken in, in bytes: well above what a server sends, which is a few times its longest line. */
export const MAX_RECORD_BYTES = 1 * MIB;

/** What is carried: it decides, and is told what happened when (monotonic milliseconds). */
export interface Core {
  /** When {@linkcode tick} is to be called; Infinity where it needn't be. */
  readonly due: number;
  /** Does what is due. */
  tick(now: number): void;
  /** The connection is there. */
  connected(now: number): void;
  /** A record of the server, without its line end or frame header. */
  received(record: string, now: number): void;
  /** There is no connection, or no longer. */
  disconnected(reason: string, now: number, kind?: LossKind): void;
  /** Another attempt would fail in the same way, and going on without encryption is out of the question. */
  unauthorised(why: string, now: number): void;
}

/** How a core is carried. */
export interface CarrierOptions {
  /** Finds the server and connects to it. An error called `SecurityError` says that we are not taken. */
  readonly dial: (signal: AbortSignal) => Promise<Connection>;
  /** Frames instead of lines. @default false */
  readonly framed?: boolean;
  /** What a server says, instead of a greeting, where we are not authorised. */
  readonly refusal?: string | undefined;
  /** An error in a few words. */
  readonly reason: (error: unknown) => string;
  /** A record was longer than so many bytes, and was passed over. */
  readonly tooLong: (limit: number) => void;
  /** After what came in one read. The next one waits for the promise. */
  readonly pause?: () => Promise<void> | undefined;
  /** Something may have happened to the core. */
  readonly changed?: () => void;
  /** Something is wrong in this program: it is not carried on. */
  readonly failed: (error: unknown) => void;
}

/** Carries a {@linkcode Core}. */
export class Carrier {
  readonly #core: () => Core;
  readonly #options: CarrierOptions;
  #stream: RecordStream | undefined;
  #attempt: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerDue = Infinity;

  /** A carrier of a core that is made after it, and asks it for connections. */
  constructor(core: () => Core, options: CarrierOptions) {
    this.#core = core;
    this.#options = options;
  }

  /** Lets something happen to the core, and sees to its clock. */
  act(event: (now: number) => void): void {
    event(performance.now());
    this.#options.changed?.();
    this.#setTimer();
  }

  /** Tries to connect; the core is told how that went. */
  connect(): void {
    this.#connect().catch((error: unknown) => this.#failed(error));
  }

  /** Drops the connection, or the attempt to make one; the core is told nothing more of it. */
  disconnect(): void {
    this.#attempt?.abort();
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.close();
  }

  /** Sends a record, if there is a connection. */
  send(record: string): void {
    this.#stream?.send(record);
  }

  /** It is over: no connection, and no clock. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timerDue = -Infinity;
    this.disconnect();
  }

  #setTimer(): void {
    const { due } = this.#core();
    // It may ring too early, never too late: what moves away needs no new timer.
    if (due >= this.#timerDue) return;
    clearTimeout(this.#timer);
    this.#timerDue = due;
    this.#timer = setTimeout(() => {
      this.#timerDue = Infinity;
      try {
        this.act((now) => this.#core().tick(now));
      } catch (error) {
        this.#failed(error);
      }
    }, Math.min(MAX_TIMER_MS, Math.max(0, Math.ceil(due - performance.now()))));
  }

  async #connect(): Promise<void> {
    const { signal } = this.#attempt = new AbortController();
    let stream: RecordStream;
    try {
      const connection = await this.#options.dial(signal);
      const { framed = false } = this.#options;
      stream = new RecordStream(connection, { framed, limit: MAX_RECORD_BYTES });
    } catch (error) {
      if (signal.aborted) return;
      if (isUnauthorised(error)) this.#unauthorised(error.message);
      else this.#lost(error);
      return;
    }
    if (signal.aborted) return stream.close();
    this.#stream = stream;
    this.act((now) => this.#core().connected(now));
    const error = await this.#read(stream);
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    this.#lost(error);
  }

  /** Reads to the end. Gives the error that ended it; none where the server closed. */
  #read(stream: RecordStream): Promise<unknown> {
    const { refusal, tooLong, pause } = this.#options;
    const core = this.#core();
    // One look at the clock for what comes in one read.
    let now: number | undefined;
    return stream.run({
      record: (text) => {
        if (text === refusal) this.#unauthorised(text);
        else core.received(text, now ??= performance.now());
      },
      tooLong: () => tooLong(MAX_RECORD_BYTES),
      pause: () => {
        now = undefined;
        this.act(() => {});
        return pause?.();
      },
    });
  }

  #lost(error: unknown): void {
    const why = error === undefined ? "the server closed it" : this.#options.reason(error);
    this.act((now) => this.#core().disconnected(why, now, lossKind(error, why)));
  }

  /** The connection is not to blame: another one would be of no use. */
  #failed(error: unknown): void {
    this.stop();
    this.#options.failed(error);
  }

  #unauthorised(why: string): void {
    this.act((now) => this.#core().unauthorised(why, now));
  }
}
