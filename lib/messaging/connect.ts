/**
 * Connections that carry messages, from the side that makes them.
 *
 * @module
 */

import { formatAddress, type HostPort } from "../net/address.ts";
import { endWith } from "../net/signals.ts";
import type { Connection } from "../net/transport.ts";
import { type Address, targetOf } from "./address.ts";
import { ConnectionError } from "./ask_error.ts";
import { refusedBecause } from "./encryption.ts";
import { open, patiently } from "./dial.ts";
import { LinkSession } from "./link_session.ts";
import { connectRaw, type RawConnectOptions, type RawSession } from "./raw.ts";
import { Registry } from "./registry.ts";
import type { Session, SessionMaker, SessionOptions } from "./session.ts";
import { Events, type SessionEvent } from "./session_event.ts";
import { runSession } from "./session_runner.ts";

/** How {@linkcode connect} connects. */
export interface ConnectOptions extends SessionOptions {
  /** Messages, not bytes. */
  raw?: undefined;
  /** Tries again for so long, in milliseconds, where nobody listens yet. @default 0: tries once */
  wait?: number;
  /** Runs for the connection. */
  session?: SessionMaker<Session> | undefined;
}

/**
 * Connects to a program that listens.
 *
 * @throws {AddressError} for what is no address
 * @throws {ConnectionError} when there is no connection in time, after the event `notConnected`
 * @throws {SecurityError} when only one side encrypts, or their secrets differ
 * @throws {RangeError} for a `wait` that is no time
 *
 * @example
 * ```ts
 * import { connect, defineMessage, handle, listen, text } from "../mod.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const Hello = defineMessage("hello", text, { reply: text });
 * await using server = await listen("127.0.0.1:0", {
 *   handlers: [handle(Hello, (name) => `Welcome, ${name}`)],
 * });
 *
 * await using session = await connect(server.address, { wait: 5_000 });
 * assertEquals(await session.ask(Hello, "Buster"), "Welcome, Buster");
 * ```
 */
export function connect(address: Address | null, options?: ConnectOptions): Promise<Session>;
/** Connects to a program that takes bytes as they are, or frames of bytes (`raw`). */
export function connect(address: Address | null, options: RawConnectOptions): Promise<RawSession>;
export async function connect(
  address: Address | null,
  options: ConnectOptions | RawConnectOptions = {},
): Promise<Session | RawSession> {
  if (options.raw !== undefined) return await connectRaw(address, options);
  const connector = new Connector(address, options);
  return await patiently(connector.to, options, (signal) => connector.once(signal));
}

/** Connects to one address, once or again and again; it knows what comes of it. */
export class Connector {
  /** Where to. */
  readonly to: HostPort;
  readonly #options: ConnectOptions;
  readonly #registry: Registry;
  readonly #events: Events<SessionEvent<Session>>;

  /**
   * Does nothing yet.
   *
   * @throws {AddressError} for what is no address
   */
  constructor(address: Address | null, options: ConnectOptions = {}) {
    this.to = targetOf(address);
    this.#options = options;
    this.#registry = new Registry(options.messages, options.handlers);
    this.#events = new Events(options.onEvent);
  }

  /**
   * Connects.
   *
   * @throws {ConnectionError} when that fails, after the event `notConnected`
   */
  async once(signal?: AbortSignal): Promise<LinkSession> {
    const { signal: end, session: maker, encrypted, secret } = this.#options;
    try {
      const session = await this.#open(await open(this.to, { encrypted, secret, signal }), signal);
      endWith(end, () => session.close(), session.signal);
      if (maker !== undefined) void runSession<Session & LinkSession>(session, maker);
      return session;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#events.tell({ type: "notConnected", address: formatAddress(this.to), reason });
      throw error;
    }
  }

  #open(connection: Connection, signal: AbortSignal | undefined): Promise<LinkSession> {
    if (this.#options.background) connection.unref?.();
    return new Promise((resolve, reject) => {
      const abort = () => session.close("given up");
      const session: LinkSession = new LinkSession(connection, {
        role: "connects",
        registry: this.#registry,
        opened: (session) => {
          signal?.removeEventListener("abort", abort);
          const event = { type: "connected", session } as const;
          session.tellOpened(event);
          this.#events.tell(event);
          resolve(session);
        },
        ended: (session, event) => {
          if (event.type !== "notConnected") return this.#events.tell(event);
          signal?.removeEventListener("abort", abort);
          if (signal?.aborted) return reject(signal.reason);
          const refused = refusedBecause(session.refusal, event.address);
          if (refused !== undefined) return reject(refused);
          const { address, reason } = event;
          reject(new ConnectionError(`Cannot connect to ${address}: ${reason}`));
        },
      });
      signal?.addEventListener("abort", abort, { once: true });
    });
  }
}
