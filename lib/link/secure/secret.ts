/**
 * Secrets, as people write them and as the key exchange uses them.
 *
 * @module
 */

import { MAX_SECRETS } from "./handshake_messages.ts";

/** Longest secret, in characters. */
export const MAX_SECRET = 1024;
/** With fewer characters a secret is short: it is guessed by trying at the server's own pace. */
export const SHORT_SECRET = 6;

/** A text that is no secret. */
export class SecretError extends Error {
  override readonly name = "SecretError";
}

/**
 * The secrets in the text of a secret file: a line each, the present one first, then the one before,
 * which is still taken. Blanks around them don't count; empty lines and those that begin with `#` are
 * passed over.
 *
 * @throws {SecretError} when there is none, too many, or one is too long
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseSecrets } from "./secret.ts";
 * assertEquals(parseSecrets("# the club's\nblue turntable\nred turntable\n"), [
 *   "blue turntable",
 *   "red turntable",
 * ]);
 * ```
 */
export function parseSecrets(text: string): string[] {
  const secrets = text.split(/\r?\n/).map((line) => line.trim().normalize("NFC"))
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (secrets.length === 0) throw new SecretError("There is no secret in it: write one on a line");
  if (secrets.length > MAX_SECRETS) {
    const most = `${MAX_SECRETS} are taken, the present one and the one before`;
    throw new SecretError(`There are ${secrets.length} secrets in it: ${most}`);
  }
  for (const { length } of secrets) {
    if (length > MAX_SECRET) {
      throw new SecretError(`A secret in it has ${length} characters: ${MAX_SECRET} are the most`);
    }
  }
  return secrets;
}

/**
 * A secret stretched by Argon2id, 32 bytes: what the key exchange takes. Takes 0.1 s and more, in a
 * thread of its own.
 *
 * @throws {Error} when the thread fails: there are no 64 MiB for it
 */
export async function stretchSecret(secret: string): Promise<Uint8Array> {
  const worker = new Worker(new URL("./stretch_worker.ts", import.meta.url), { type: "module" });
  const stretched = Promise.withResolvers<Uint8Array>();
  worker.onmessage = ({ data }: MessageEvent<Uint8Array>) => stretched.resolve(data);
  worker.onerror = (event) => {
    event.preventDefault();
    stretched.reject(new Error(`The secret can't be stretched: ${event.message}`));
  };
  worker.postMessage(secret);
  try {
    return await stretched.promise;
  } finally {
    worker.terminate();
  }
}
