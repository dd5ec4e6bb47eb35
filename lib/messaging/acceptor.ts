/**
 * Takes the connections that arrive at a port, within bounds.
 *
 * @module
 */

import { getLogger } from "../log/mod.ts";
import { acceptAll } from "../net/accept.ts";
import { formatAddress } from "../net/address.ts";
import { addressOf, isFromThisMachine, listenTcp } from "../net/tcp_server.ts";
import { plainListener, SecureListener } from "../link/secure/secure_listener.ts";
import type { Security } from "../link/secure/security.ts";
import type { Connection, Endpoint, Listener as Port } from "../net/transport.ts";
import { MAX_TIMER_MS } from "../net/wait.ts";
import { MAX_SESSIONS, MAX_SESSIONS_PER_ADDRESS } from "../wire/limits.ts";
import { type Address, listenAt } from "./address.ts";
import { ConnectionError } from "./ask_error.ts";
import { type EncryptionOptions, forListeners, FOUND_ENCRYPTED, securityOf } from "./encryption.ts";

const log = getLogger(["talker", "messaging"]);

/** Addresses of which is remembered why they were refused. */
const MAX_SAID = 1_000;
/** That there are too many connections is told at most this often, in milliseconds. */
const CROWD_TOLD_MS = 10_000;

/** What an {@linkcode Acceptor} is made of. */
export interface AcceptorOptions extends EncryptionOptions {
  /** True: it does not keep the program alive. */
  background: boolean;
  /** Takes a connection; the promise resolves when that has ended. */
  take: (connection: Connection) => Promise<unknown>;
  /** What somebody is sent who doesn't encrypt and must. @default nothing */
  plainRefusal?: Uint8Array;
  /** Told who was refused, and why: its encryption is not as it is wanted here. */
  refused?: (from: string, why: string) => void;
  /** Listens. @default by TCP */
  listen?: (at: Endpoint) => Port;
}

/** A port that is listened at. */
export class Acceptor {
  /** Where. */
  readonly address: string;
  /** Resolves when the port is free again, after {@linkcode close}. */
  readonly ended: Promise<void>;
  readonly #port: Port;
  readonly #options: AcceptorOptions;
  readonly #counts = new Map<string, number>();
  #all = 0;
  /** Connections of which it was not told that there was no room, and when it was last told. */
  #untold = 0;
  #toldAt = -Infinity;
  #closed = false;

  /**
   * Listens.
   *
   * @throws {AddressError} for what is no address
   * @throws {ConnectionError} when it can't be listened at
   */
  constructor(address: Address | null, options: AcceptorOptions) {
    const { host, port } = listenAt(address);
    const security = securityOf(options, "program");
    const { listen = listenTcp } = options;
    let bound: Port;
    try {
      bound = listen({ hostname: host, port });
    } catch (error) {
      const where = formatAddress({ host, port });
      throw new ConnectionError(`Cannot listen at ${where}: ${whyNot(error)}`, { cause: error });
    }
    this.#port = secured(bound, security, options);
    this.#options = options;
    if (options.background) this.#port.unref?.();
    this.address = formatAddress({ host: this.#port.addr.hostname, port: this.#port.addr.port });
    this.ended = acceptAll(this.#port, {
      isOpen: () => !this.#closed,
      arrived: (connection) => this.#take(connection),
      complain: (error) =>
        log.warn("Cannot accept a connection: {reason}", { reason: String(error) }),
    });
  }

  #take(connection: Connection): void {
    const from = addressOf(connection);
    const isOwn = isFromThisMachine(connection);
    const count = this.#counts.get(from) ?? 0;
    if (this.#all >= MAX_SESSIONS || (!isOwn && count >= MAX_SESSIONS_PER_ADDRESS)) {
      connection.close();
      return this.#tellCrowd(from);
    }
    if (this.#options.background) connection.unref?.();
    this.#all++;
    this.#counts.set(from, count + 1);
    void this.#options.take(connection).finally(() => {
      this.#all--;
      const left = (this.#counts.get(from) ?? 1) - 1;
      if (left > 0) this.#counts.set(from, left);
      else this.#counts.delete(from);
    });
  }

  /** Tells that there are too many. Not of each: who knocks all the time is not to fill the log. */
  #tellCrowd(from: string): void {
    const count = ++this.#untold;
    const now = performance.now();
    if (now - this.#toldAt < CROWD_TOLD_MS) return;
    this.#toldAt = now;
    this.#untold = 0;
    log.warn("Too many connections: {count} refused, the last from {from}", { count, from });
  }

  /** Takes no more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#port.close();
    // In the background nothing else may keep the program alive until the port is free.
    const alive = setInterval(() => {}, MAX_TIMER_MS);
    void this.ended.finally(() => clearInterval(alive));
  }
}

/** The port, with what is wanted of its connections. Whoever doesn't fit is told, and so is this side. */
function secured(
  port: Port,
  security: Security | undefined,
  { refused = () => {}, plainRefusal = new Uint8Array(0) }: AcceptorOptions,
): Port {
  // Of each address each reason once, however they take turns.
  const said = new Set<string>();
  const tell = ({ hostname, port }: Endpoint, why: string) => {
    refused(formatAddress({ host: hostname, port }), why);
    const what = `${hostname} ${why}`;
    if (said.has(what)) return;
    if (said.size >= MAX_SAID) said.clear();
    said.add(what);
    log.warn("Refused a connection from {from}: {why}", { from: hostname, why });
  };
  if (security === undefined) return plainListener(port, (from) => tell(from, FOUND_ENCRYPTED));
  return new SecureListener(port, {
    ...security,
    allowsPlain: () => false,
    exempt: isFromThisMachine,
    plainRefusal,
    refused: (from, _why, code) => tell(from, forListeners(code)),
  });
}

/** What went wrong, and what to do. */
export function whyNot(error: unknown): string {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  switch (name) {
    case "AddrInUse":
      return "another program listens there; end it, or choose another port";
    case "AddrNotAvailable":
      return "that is no address of this machine";
    case "PermissionDenied":
      return "this user may not; ports below 1024 are for the administrator";
    case "NotCapable":
      return "this program may not use the network; start it with --allow-net";
    case "ConnectionRefused":
      return "nobody listens there";
    case "TimedOut":
      return "nobody answers";
    default:
      return message;
  }
}
