/**
 * Stretches one secret, in a thread of its own: that takes some tenths of a second of computing and
 * 64 MiB, which go with the thread.
 *
 * @module
 */

import { encodeText } from "../../wire/text.ts";
import { loadSodium } from "./sodium.ts";

/** The same salt for all: both sides must come to the same bytes before they can talk. */
const SALT = "talker secret v1";
/** Argon2id: 2 passes over 64 MiB, some tenths of a second on a small box, once. */
const PASSES = 2, MEMORY = 64 * 1024 * 1024;

/** What of a worker's global scope is used. */
interface Scope {
  postMessage(message: Uint8Array): void;
  onmessage: ((event: MessageEvent<string>) => void) | null;
}

const scope = globalThis as unknown as Scope;

scope.onmessage = async ({ data: secret }) => {
  const sodium = await loadSodium();
  scope.postMessage(sodium.crypto_pwhash(
    32,
    encodeText(secret),
    encodeText(SALT),
    PASSES,
    MEMORY,
    sodium.crypto_pwhash_ALG_ARGON2ID13,
  ));
};
