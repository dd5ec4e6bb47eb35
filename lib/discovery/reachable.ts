/**
 * Which of a service's addresses accepts connections.
 *
 * @module
 */

import { parseTarget } from "../net/address.ts";
import { connectTcp } from "../net/tcp_client.ts";
import type { Endpoint } from "../net/transport.ts";

/** How long an address has to accept a connection, in milliseconds: on a local network it takes one or two. */
const REACH_MS = 1_000;
/** When one has accepted, those before it have so much longer, in milliseconds. */
const GRACE_MS = 60;

/** Resolves with true when `endpoint` accepts a connection. Never rejects. */
export type Reachable = (
  endpoint: Endpoint,
  options: { readonly kind: string; readonly signal: AbortSignal },
) => Promise<boolean>;

/** Connects by TCP, and closes the connection at once. A talker is told that it was only a look. */
export const reachableByTcp: Reachable = async ({ hostname, port }, { kind, signal }) => {
  try {
    const connection = await connectTcp({ host: hostname, port }, { signal, timeoutMs: REACH_MS });
    try {
      if (kind === "talker") await connection.write(new TextEncoder().encode("/service\r\n"));
    } finally {
      connection.close();
    }
    return true;
  } catch {
    return false;
  }
};

/** The host and port in an address of a service. */
export function endpointOf(address: string): Endpoint | undefined {
  const target = parseTarget(address);
  return target.kind === "address" ? { hostname: target.host, port: target.port } : undefined;
}

/**
 * The first of some addresses, in their order, that accepts a connection; all are tried at once.
 * Undefined where none does in time, or `signal` is aborted.
 */
export async function firstReachable(
  addresses: readonly string[],
  { kind, reachable, signal }: {
    readonly kind: string;
    readonly reachable: Reachable;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<string | undefined> {
  const stop = new AbortController();
  const onAbort = () => stop.abort();
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted) stop.abort();
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    return await new Promise((resolve) => {
      const outcomes: (boolean | undefined)[] = addresses.map(() => undefined);
      const decide = (late: boolean) => {
        for (const [i, outcome] of outcomes.entries()) {
          if (outcome === true) return resolve(addresses[i]);
          if (outcome === undefined && !late) return;
        }
        resolve(undefined);
      };
      if (stop.signal.aborted || addresses.length === 0) return resolve(undefined);
      stop.signal.addEventListener("abort", () => resolve(undefined), { once: true });
      for (const [i, address] of addresses.entries()) {
        const endpoint = endpointOf(address);
        const tried = endpoint === undefined
          ? Promise.resolve(false)
          : reachable(endpoint, { kind, signal: stop.signal });
        void tried.catch(() => false).then((outcome) => {
          outcomes[i] = outcome;
          if (outcome) timer ??= setTimeout(() => decide(true), GRACE_MS);
          decide(false);
        });
      }
    });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    stop.abort();
  }
}
