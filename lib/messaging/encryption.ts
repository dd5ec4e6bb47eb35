/**
 * Encryption of the library's connections (docs/SECURITY.md).
 *
 * @module
 */

import { encodeFrame } from "../wire/frame_codec.ts";
import { encodeEnvelope } from "./envelope.ts";
import { MAX_SECRET, stretchSecret } from "../link/secure/secret.ts";
import type { FailureCode } from "../link/secure/handshake_messages.ts";
import { type Purpose, type Security, SecurityError } from "../link/secure/security.ts";

export { SecurityError } from "../link/secure/security.ts";
export type { FailureCode } from "../link/secure/handshake_messages.ts";

/** How a connection is to be encrypted: both sides must want the same. */
export interface EncryptionOptions {
  /** True: the connection is encrypted. @default false */
  encrypted?: boolean | undefined;
  /**
   * A secret that both sides know, 1 to 1024 characters: then it is encrypted, and nobody else gets in.
   */
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
  const text = secret.trim().normalize("NFC");
  if (text === "") throw new TypeError("The secret is empty: give one, or leave it out");
  if (text.length > MAX_SECRET) {
    throw new TypeError(`The secret has ${text.length} characters: ${MAX_SECRET} are the most`);
  }
  return { purpose, secrets: async () => [await stretch(text)] };
}

function stretch(secret: string): Promise<Uint8Array> {
  const known = stretched.get(secret);
  if (known !== undefined) return known;
  const stretching = stretchSecret(secret);
  stretched.set(secret, stretching);
  stretching.catch(() => {
    // There may be memory for it the next time.
    if (stretched.get(secret) === stretching) stretched.delete(secret);
  });
  if (stretched.size > MAX_STRETCHED) {
    const [oldest] = stretched.keys();
    stretched.delete(oldest as string);
  }
  return stretching;
}

/** What is wrong, and what to do about it: for a program that connects and encrypts. */
const TOLD: Readonly<Record<FailureCode, string>> = {
  plain:
    "the other side does not encrypt: give { encrypted: true } or { secret: … } there as here, or leave that out here",
  version: "the other side has a version that does not fit this one: update the older one",
  purpose: "the other side serves something else at that port",
  "secret-needed": "the other side asks for a secret: give it with { secret: … }",
  "no-secret": "the other side has no secret: leave { secret: … } out here, or give it one",
  refused: "the secret is another one there",
  busy: "it takes nobody from here for a moment: too many wrong secrets came from here",
};

/** For one that connects and does not encrypt: what the other side may tell it. */
const TOLD_PLAIN: Readonly<Record<string, readonly [FailureCode, string]>> = {
  plain: [
    "plain",
    "the other side encrypts: give { encrypted: true } here, or leave that out there",
  ],
  "secret-needed": ["secret-needed", TOLD["secret-needed"]],
};

/** For one that listens and encrypts. */
const FOUND: Readonly<Record<FailureCode, string>> = {
  ...TOLD,
  plain:
    "it does not encrypt: give { encrypted: true } or { secret: … } there as here, or leave that out here",
  purpose: "it wants something else than is served at this port",
  "secret-needed": "it has no secret: give it one with { secret: … }",
  "no-secret": "it has a secret, this side has none: give { secret: … } here, or not there",
  busy: "too many wrong secrets came from there",
};

/** For one that listens and does not encrypt. */
export const FOUND_ENCRYPTED =
  "it encrypts, and this side does not: give { encrypted: true } here, or leave that out there";

function securityError(code: FailureCode, address: string, why: string): SecurityError {
  return new SecurityError({ code, text: `Cannot connect to ${address}: ${why}` });
}

/** The same error as programs are told it, who know no flags: with the address, and what to do. */
export function forCallers({ code }: SecurityError, address: string): SecurityError {
  return securityError(code, address, TOLD[code]);
}

/** The same without the address, for where that is said already. */
export function inWords({ code }: SecurityError): SecurityError {
  return new SecurityError({ code, text: TOLD[code] });
}

/** What is told one that listens and encrypts. */
export function forListeners(code: FailureCode): string {
  return FOUND[code];
}

/** Why a plain connection was refused by a side that encrypts; undefined where it was for another reason. */
export function refusedBecause(
  code: string | undefined,
  address: string,
): SecurityError | undefined {
  const told = code === undefined ? undefined : TOLD_PLAIN[code];
  return told && securityError(told[0], address, told[1]);
}

/** What a side that encrypts sends one that does not, in its own language. */
export function plainRefusal({ secret }: EncryptionOptions): Uint8Array {
  const code = secret === undefined ? "plain" : "secret-needed";
  const reason = secret === undefined
    ? "connections are encrypted here"
    : "connections are encrypted here, with a secret";
  return encodeFrame(encodeEnvelope({ kind: "refuse", id: undefined, code, reason }));
}
