/**
 * Encryption of the library's connections (docs/SECURITY.md).
 *
 * @module
 */

import { stretchSecret } from "../link/secure/secret.ts";
import type { Purpose, Security } from "../link/secure/security.ts";

export { SecurityError } from "../link/secure/security.ts";
export type { FailureCode } from "../link/secure/handshake_messages.ts";

/** How a connection is to be encrypted: both sides must want the same. */
export interface EncryptionOptions {
  /** True: the connection is encrypted. @default false */
  encrypted?: boolean | undefined;
  /** A secret that both sides know: then it is encrypted, and nobody else gets in. */
  secret?: string | undefined;
}

/** Stretched secrets: that takes 0.1 s and more, and a program uses a few at most. */
const stretched = new Map<string, Promise<Uint8Array>>();
const MAX_STRETCHED = 16;

/** What is wanted of connections for `purpose`; undefined: they are plain. */
export function securityOf(
  { encrypted = false, secret }: EncryptionOptions,
  purpose: Purpose,
): Security | undefined {
  if (secret === undefined) return encrypted ? { purpose, secrets: () => [] } : undefined;
  if (secret.trim() === "") throw new TypeError("The secret is empty: give one, or leave it out");
  return { purpose, secrets: async () => [await stretch(secret.trim().normalize("NFC"))] };
}

function stretch(secret: string): Promise<Uint8Array> {
  const known = stretched.get(secret);
  if (known !== undefined) return known;
  const stretching = stretchSecret(secret);
  stretched.set(secret, stretching);
  if (stretched.size > MAX_STRETCHED) {
    const [oldest] = stretched.keys();
    stretched.delete(oldest as string);
  }
  return stretching;
}
