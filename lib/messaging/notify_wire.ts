/**
 * Carries what a subscriber or publisher of notifications decides over a connection.
 *
 * @module
 */

import { getLogger } from "../log/mod.ts";
import { Carrier } from "./carrier.ts";
import type { Outcome } from "../client/host.ts";
import { harmlessJson } from "../client/harmless.ts";
import type { Caller, CallerHost, Level } from "../client/notify/caller.ts";
import type { HostPort } from "../net/address.ts";
import { connectTcp } from "../net/tcp_client.ts";
import type { Connection } from "../net/transport.ts";

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
  readonly #carrier: Carrier;
  readonly #ended = Promise.withResolvers<Outcome>();
  #machine: Machine | undefined;

  /** `changed` is called when something may have happened. */
  constructor(options: ConnectionOptions, changed = () => {}) {
    this.#options = options;
    const { server, connect = connectTcp, refusal, reason = messageOf } = options;
    const core = () => (this.#machine as Machine).caller;
    this.#carrier = new Carrier(core, {
      dial: async (signal) =>
        await connect(typeof server === "function" ? await server(signal) : server, { signal }),
      refusal,
      reason,
      tooLong: (limit) => logged("info", "A record that is too long", { limit }),
      changed,
      failed: (error) => this.fail(error),
    });
  }

  /** What the machine needs of its host. */
  host(): CallerHost {
    const carrier = this.#carrier;
    return {
      connect: () => carrier.connect(),
      disconnect: () => carrier.disconnect(),
      send: (record) => carrier.send(record),
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
      this.#carrier.stop();
    }
  }

  /** Something is wrong in this program: it ends with that. */
  fail(error: unknown): void {
    this.#ended.reject(error);
  }

  /** Lets something happen to the machine, and sees to its clock. */
  act(event: (now: number) => void): void {
    this.#carrier.act(event);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function logged(level: Level, message: string, properties?: Record<string, unknown>): void {
  // What a server sends may be long: it is made fit for the log only where it gets there.
  if (!log.isEnabledFor(level)) return;
  const more = properties === undefined ? "" : `: ${harmlessJson(properties).slice(0, 500)}`;
  log[level](quoted(message + more), properties ?? {});
}

/** As a message of the log, in which braces stand for properties. */
function quoted(message: string): string {
  return message.replace(/[{}]/g, "$&$&");
}
