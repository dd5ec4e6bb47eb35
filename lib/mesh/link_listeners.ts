/**
 * Where a node takes links, and how many of one address.
 *
 * @module
 */

import { getLogger } from "../log/mod.ts";
import { RateLimiter } from "../link/rate_limiter.ts";
import { acceptAll } from "../net/accept.ts";
import { isFromThisMachine } from "../net/tcp_server.ts";
import type { Connection, Listener } from "../net/transport.ts";
import { LINKS_MADE } from "../wire/limits.ts";
import { MAX_LINKS_PER_ADDRESS } from "./limits.ts";

const log = getLogger(["talker", "mesh"]);

/** What listeners need of the node. */
export interface LinkListenersOptions {
  /** Takes a connection. */
  readonly open: (connection: Connection) => void;
  /** Links with that address. */
  readonly linksWith: (hostname: string) => number;
}

/** The listeners of one node. */
export class LinkListeners {
  readonly #options: LinkListenersOptions;
  readonly #listeners = new Set<Listener>();
  readonly #made = new RateLimiter(LINKS_MADE);

  /** None yet. */
  constructor(options: LinkListenersOptions) {
    this.#options = options;
  }

  /** Accepts links at `listener` until {@linkcode close}. */
  add(listener: Listener): void {
    this.#listeners.add(listener);
    void acceptAll(listener, {
      isOpen: () => this.#listeners.has(listener),
      arrived: (connection) => this.#arrived(connection),
      complain: (error) => log.warn("Cannot accept a link: {reason}", { reason: String(error) }),
    });
  }

  /** Accepts nothing more. */
  close(): void {
    for (const listener of this.#listeners) listener.close();
    this.#listeners.clear();
  }

  #arrived(connection: Connection): void {
    if (this.#hasRoomFor(connection)) this.#options.open(connection);
    else connection.close();
  }

  /** One address has not all of the links that are taken, nor makes them all the time; this machine's own are not counted. */
  #hasRoomFor(connection: Connection): boolean {
    if (isFromThisMachine(connection)) return true;
    const { hostname } = connection.remoteAddr;
    const now = performance.now();
    if (!this.#made.allows(hostname, now)) return false;
    this.#made.use(hostname, now);
    return this.#options.linksWith(hostname) < MAX_LINKS_PER_ADDRESS;
  }
}
