/**
 * Carries what a subscriber or publisher of notifications decides over a connection.
 *
 * @module
 */

import { isUnauthorised, lossKind } from "../client/trouble.ts";
import { getLogger } from "@logtape/logtape";
import type { Outcome } from "../client/host.ts";
import { harmlessJson } from "../client/harmless.ts";
import type { Caller, CallerHost, Level } from "../client/notify/caller.ts";
import type { HostPort } from "../net/address.ts";
import { connectTcp, RecordStream } from "../net/tcp_client.ts";
import type { Connection } from "../net/transport.ts";
import { MIB } from "../wire/limits.ts";

/** Longest record that is taken in, in bytes: well above what a server sends. */
const MAX_RECORD_BYTES = 1 * MIB;

/** Longest that a timer of the system runs, in milliseconds; it is set anew then. */
const MAX_TIMER_MS = 2 ** 31 - 1;

const log = getLogger(["talker", "notify"]);

/** Where the server is, and what is told on the way. */
export interface ConnectionOptions {
  /** The server. A function is asked before each attempt to connect. */
  readonly server: HostPort | ((signal: AbortSignal) => Promise<HostPort>);
  /** How to connect. An error called `SecurityError` ends it at once. @default `connectTcp` */
  readonly connect?:
    | ((server: HostPort, options: { signal: AbortSignal }) => Promise<Connection>)
    | undefined;
  /** What a server says, instead of a greeting, where we are not authorised. */
  readonly refusal?: string | undefined;
  /** Ends it. */
  readonly signal?: AbortSignal | undefined;
  /** What a person may want to know, in one line. @default it goes to the log */
  readonly status?: ((text: string) => void) | undefined;
  /** An error in words. @default its message */
  readonly reason?: ((error: unknown) => string) | undefined;
}

/** What a {@linkcode Wire} carries. */
export interface Machine {
  readonly caller: Caller;
  start(now: number): void;
  stop(now: number): void;
}

/** Carries a machine: its connection, its clock and its end. */
export class Wire {
  readonly #options: ConnectionOptions;
  readonly #changed: () => void;
  readonly #ended = Promise.withResolvers<Outcome>();
  #machine: Machine | undefined;
  #stream: RecordStream | undefined;
  #attempt: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timerDue = Infinity;

  /** `changed` is called when something may have happened. */
  constructor(options: ConnectionOptions, changed = () => {}) {
    this.#options = options;
    this.#changed = changed;
  }

  /** What the machine needs of its host. */
  host(): CallerHost {
    return {
      connect: () => void this.#connect(),
      disconnect: () => this.#disconnect(),
      send: (record) => this.#stream?.send(record),
      status: (text) =>
        this.#options.status === undefined ? log.warn(quoted(text)) : this.#options.status(text),
      log: logged,
      finish: (outcome) => this.#ended.resolve(outcome),
    };
  }

  /** Starts the machine; the promise is of its end. */
  async run(machine: Machine): Promise<Outcome> {
    this.#machine = machine;
    const { signal } = this.#options;
    const stop = () => this.act((now) => machine.stop(now));
    if (signal?.aborted) return { is: "done" };
    signal?.addEventListener("abort", stop, { once: true });
    this.act((now) => machine.start(now));
    try {
      return await this.#ended.promise;
    } finally {
      signal?.removeEventListener("abort", stop);
      clearTimeout(this.#timer);
      this.#timerDue = -Infinity;
      this.#disconnect();
    }
  }

  /** Something is wrong in this program: it ends with that. */
  fail(error: unknown): void {
    this.#ended.reject(error);
  }

  /** Lets something happen to the machine, and sees to its clock. */
  act(event: (now: number) => void): void {
    event(performance.now());
    this.#changed();
    this.#setTimer();
  }

  #setTimer(): void {
    const due = this.#machine?.caller.due ?? Infinity;
    // It may ring too early, never too late: what moves away needs no new timer.
    if (due >= this.#timerDue) return;
    clearTimeout(this.#timer);
    this.#timerDue = due;
    this.#timer = setTimeout(() => {
      this.#timerDue = Infinity;
      this.act((now) => this.#machine?.caller.tick(now));
    }, Math.min(MAX_TIMER_MS, Math.max(0, Math.ceil(due - performance.now()))));
  }

  async #connect(): Promise<void> {
    const attempt = this.#attempt = new AbortController();
    const { signal } = attempt;
    const { server, connect = connectTcp, refusal } = this.#options;
    let stream: RecordStream;
    try {
      const address = typeof server === "function" ? await server(signal) : server;
      const connection = await connect(address, { signal });
      stream = new RecordStream(connection, { framed: false, limit: MAX_RECORD_BYTES });
    } catch (error) {
      if (signal.aborted) return;
      if (isUnauthorised(error)) this.#unauthorised(error.message);
      else this.#lost(error);
      return;
    }
    if (signal.aborted) return stream.close();
    this.#stream = stream;
    this.act((now) => this.#machine?.caller.connected(now));
    const error = await stream.run({
      record: (text) => {
        if (text === refusal) this.#unauthorised(text);
        else this.#machine?.caller.received(text, performance.now());
      },
      tooLong: () => logged("info", "A record that is too long", { limit: MAX_RECORD_BYTES }),
      pause: () => void this.act(() => {}),
    });
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    this.#lost(error);
  }

  /** There is no connection; without an error the server closed it. */
  #lost(error: unknown): void {
    const { reason = messageOf } = this.#options;
    const why = error === undefined ? "the server closed it" : reason(error);
    const kind = lossKind(error, isHopeless(error));
    this.act((now) => this.#machine?.caller.disconnected(why, now, kind));
  }

  /** Another attempt would fail in the same way, and going on without encryption is out of the question. */
  #unauthorised(why: string): void {
    this.act((now) => this.#machine?.caller.unauthorised(why, now));
  }

  #disconnect(): void {
    this.#attempt?.abort();
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.close();
  }
}

/** There is no such host, or no such address: another attempt would fare no better. */
function isHopeless(error: unknown): boolean {
  return error instanceof TypeError ||
    /name or service not known|nodename nor servname|no such host/i.test(messageOf(error));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function logged(level: Level, message: string, properties?: Record<string, unknown>): void {
  const more = properties === undefined ? "" : `: ${harmlessJson(properties).slice(0, 500)}`;
  log[level](quoted(message + more), properties ?? {});
}

/** As a message of the log, in which braces stand for properties. */
function quoted(message: string): string {
  return message.replace(/[{}]/g, "$&$&");
}
