/**
 * Making connections, once or until it goes well.
 *
 * @module
 */

import { BACKOFF, backoffDelay, distanceOf } from "../link/backoff.ts";
import { formatAddress, type HostPort } from "../net/address.ts";
import { connectTcp } from "../net/tcp_client.ts";
import type { Connection } from "../net/transport.ts";
import { checkWait } from "../net/wait.ts";
import { prepareSecurity, secureOutgoing } from "../link/secure/security.ts";
import { type EncryptionOptions, forCallers, SecurityError, securityOf } from "./encryption.ts";
import { whyNot } from "./acceptor.ts";
import { ConnectionError } from "./ask_error.ts";

/**
 * A connection, or an error that says what to do.
 *
 * @throws {ConnectionError} when there is none
 * @throws {SecurityError} when it should be encrypted, and the other side wants something else
 */
export async function open(
  to: HostPort,
  { signal, ...encryption }: EncryptionOptions & { signal?: AbortSignal | undefined } = {},
): Promise<Connection> {
  const { attemptTimeout: timeoutMs } = BACKOFF[distanceOf(to.host)];
  const security = securityOf(encryption, "program");
  // Before there is a connection: the other side waits for the first bytes a short time only.
  if (security !== undefined) await prepareSecurity(security);
  try {
    const connection = await connectTcp(to, {
      timeoutMs,
      ...(signal === undefined ? {} : { signal }),
    });
    return security === undefined
      ? connection
      : await secureOutgoing(connection, security, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof SecurityError) throw forCallers(error, formatAddress(to));
    throw new ConnectionError(`Cannot connect to ${formatAddress(to)}: ${whyNot(error)}`, {
      cause: error,
    });
  }
}

/**
 * Tries until it goes well, or the time is over.
 *
 * @throws {RangeError} for a time that is none
 */
export async function patiently<T>(
  to: HostPort,
  { wait = 0, signal }: { wait?: number; signal?: AbortSignal | undefined },
  attempt: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  checkWait(wait);
  const until = performance.now() + wait;
  for (let failures = 1;; failures++) {
    signal?.throwIfAborted();
    try {
      return await attempt(signal);
    } catch (error) {
      signal?.throwIfAborted();
      const left = until - performance.now();
      if (!(error instanceof ConnectionError) || left <= 0) throw error;
      const delay = backoffDelay(distanceOf(to.host), failures, Math.random);
      await pause(Math.min(delay, left), signal);
    }
  }
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener("abort", done, { once: true });
  });
}
