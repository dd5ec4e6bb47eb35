/**
 * Making connections secure: the handshake is carried over a connection, within its time.
 *
 * @module
 */

import { closeQuietly } from "../../net/close.ts";
import { anySignal } from "../../net/signals.ts";
import type { Connection } from "../../net/transport.ts";
import { HANDSHAKE_MS } from "../../wire/limits.ts";
import type { RateLimiter } from "../rate_limiter.ts";
import { type Handshake, Initiator } from "./handshake.ts";
import { type Failure, type FailureCode, type Purpose } from "./handshake_messages.ts";
import { SecureConnection } from "./secure_connection.ts";
import { loadSodium, type Sodium } from "./sodium.ts";

export type { Purpose };

/** No encrypted connection came about; the message says why and what to do. */
export class SecurityError extends Error {
  /** Known by it where classes of several copies of the library meet. */
  override readonly name = "SecurityError";
  /** Why. */
  readonly code: FailureCode;

  /** `text` is one sentence without a full stop. */
  constructor({ code, text }: Failure) {
    super(text);
    this.code = code;
  }
}

/** What one wants of one's encrypted connections. */
export interface Security {
  /** What they are for: both sides must want the same. */
  readonly purpose: Purpose;
  /** Name of the mesh, for links between servers. */
  readonly mesh?: string;
  /** Stretched secrets that are valid now, the present one first (`stretchSecret`); none: whoever comes. */
  readonly secrets: () => readonly Uint8Array[] | Promise<readonly Uint8Array[]>;
  /** Wrong secrets so far: one for all the ports of a program. Default: each port has its own. */
  readonly guesses?: RateLimiter | undefined;
}

/** Carries a handshake over a connection. Throws what failed; the connection is the caller's to close. */
export async function carry(
  sodium: typeof Sodium,
  connection: Connection,
  handshake: Handshake,
  beforeWork: (guesses: number) => Promise<void> = () => Promise.resolve(),
): Promise<SecureConnection> {
  const buffer = new Uint8Array(512);
  for (;;) {
    const count = await connection.read(buffer);
    if (count === null) throw new Error("The connection ended during the key exchange");
    const chunk = buffer.subarray(0, count);
    const work = handshake.works(chunk);
    if (work !== undefined) await beforeWork(work.guesses);
    const step = handshake.push(chunk);
    if (step.send !== undefined) await writeAll(connection, step.send);
    if (step.is === "failed") throw new SecurityError(step.failure);
    if (step.is === "done") {
      return new SecureConnection(connection, { sodium, keys: step.keys, rest: step.rest });
    }
  }
}

/**
 * Encrypts a connection that was made here. Closes it when that fails.
 *
 * @throws {SecurityError} when the other side doesn't encrypt, or proves no common secret
 * @throws {Error} when the connection ends, or nothing comes for 5 s
 *
 * @example
 * ```ts ignore
 * const security = { purpose: "client", secrets: () => [secret] } as const;
 * const connection = await secureOutgoing(await connectTcp(address), security);
 * ```
 */
export async function secureOutgoing(
  connection: Connection,
  security: Security,
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<Connection> {
  const { purpose, mesh = "", secrets } = security;
  const timeout = AbortSignal.timeout(HANDSHAKE_MS);
  const close = () => closeQuietly(connection);
  const either = anySignal(timeout, signal);
  either.addEventListener("abort", close, { once: true });
  try {
    const sodium = await loadSodium();
    signal?.throwIfAborted();
    const handshake = new Initiator({ sodium, purpose, mesh, secrets: await secrets(), random });
    await writeAll(connection, handshake.opening);
    return await carry(sodium, connection, handshake);
  } catch (error) {
    close();
    signal?.throwIfAborted();
    if (timeout.aborted) {
      throw new Error(`No answer to the key exchange within ${HANDSHAKE_MS / 1000} s`);
    }
    throw error;
  } finally {
    either.removeEventListener("abort", close);
  }
}

/**
 * Loads what encryption needs, and stretches the secrets. To be called before a connection is made:
 * the other side waits for the first bytes a short time only, and takes us for one that does not
 * encrypt.
 */
export async function prepareSecurity({ secrets }: Security): Promise<void> {
  await Promise.all([loadSodium(), secrets()]);
}

/**
 * Makes a connection, and encrypts it. All is prepared before `connect` is called.
 *
 * @throws {SecurityError} when the other side doesn't encrypt, or proves no common secret
 * @throws the errors of `connect`, and of {@linkcode secureOutgoing}
 */
export async function connectSecurely(
  connect: () => Promise<Connection>,
  security: Security,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<Connection> {
  await prepareSecurity(security);
  return await secureOutgoing(await connect(), security, options);
}

/** So many random bytes. */
export function random(bytes: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(bytes));
}

/** Writes all of it. */
export async function writeAll(connection: Connection, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
}
