/**
 * Listening for TCP connections with Deno.
 *
 * @module
 */

import type { Connection, Endpoint, Listener } from "./transport.ts";

/** Connections that wait in the system until they are accepted; the system may have a lower limit. */
const BACKLOG = 4096;

/**
 * Listens at `hostname:port`; port 0 lets the system choose.
 *
 * @throws {Deno.errors.AddrInUse} and the other errors of `Deno.listen`.
 */
export function listenTcp({ hostname, port }: Endpoint): Listener {
  // tcpBacklog is not in the types of all the versions of Deno that have it.
  const options = { hostname, port, tcpBacklog: BACKLOG };
  const listener = Deno.listen(options);
  return {
    addr: listener.addr,
    async accept(): Promise<Connection> {
      while (true) {
        try {
          const connection = await listener.accept();
          connection.setNoDelay(true);
          // Who went without a word, and whom nothing is sent, is there for ever otherwise.
          connection.setKeepAlive(true);
          return connection;
        } catch (error) {
          // Who has reset the connection before it was accepted is nobody to be served.
          if (!isGone(error)) throw error;
        }
      }
    },
    close: () => listener.close(),
    unref: () => listener.unref(),
  };
}

function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.ConnectionAborted;
}

/** `::ffff:192.0.2.1`, as a dual-stack socket tells it, is 192.0.2.1. */
function plainAddress(hostname: string): string {
  return hostname.startsWith("::ffff:") ? hostname.slice(7) : hostname;
}

let own = new Set<string>();
let ownReadAt = -Infinity;

/** Interfaces come and go: this machine's addresses are read anew after this long, in milliseconds. */
const OWN_ADDRESSES_MS = 5_000;

/**
 * True when the other side is on this machine: its address is a loopback address, or the one that it
 * connected to, or that of an interface here.
 */
export function isFromThisMachine({ remoteAddr, localAddr }: Connection): boolean {
  const remote = plainAddress(remoteAddr.hostname);
  if (remote.startsWith("127.") || remote === "::1") return true;
  if (remote === plainAddress(localAddr.hostname)) return true;
  const now = performance.now();
  if (now - ownReadAt > OWN_ADDRESSES_MS) {
    own = new Set(Deno.networkInterfaces().map(({ address }) => address));
    ownReadAt = now;
  }
  return own.has(remote);
}

/** The address of the other side, as text, for limits and logs. */
export function addressOf({ remoteAddr }: Connection): string {
  return plainAddress(remoteAddr.hostname);
}

/** Ports that `freePort` chooses from: below those that systems give to outgoing connections. */
const FIRST_PORT = 20_000, LAST_PORT = 32_767;
/** Ports that are tried before the system is asked for any. */
const TRIES = 50;

/**
 * A TCP port that nobody listens at now, for a program that listens there a moment later. By chance, and
 * none of those that the system would give to somebody else meanwhile.
 */
export function freePort(): number {
  const random = new Uint16Array(TRIES);
  for (const bits of crypto.getRandomValues(random)) {
    const port = FIRST_PORT + bits % (LAST_PORT - FIRST_PORT + 1);
    try {
      Deno.listen({ hostname: "0.0.0.0", port }).close();
      return port;
    } catch {
      // Taken: another one.
    }
  }
  const listener = Deno.listen({ hostname: "0.0.0.0", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}
