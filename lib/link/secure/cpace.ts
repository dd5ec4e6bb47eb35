/**
 * CPace with ristretto255 and SHA-512: two sides that know the same password come to the same key, and
 * whoever listens, or guesses wrongly in the middle, learns nothing with which guesses could be tested
 * without asking again. After draft-irtf-cfrg-cpace (initiator and responder); the test vectors are the
 * draft's. All arithmetic is libsodium's.
 *
 * @module
 */

import { encodeText } from "../../wire/text.ts";
import { concat, lengthPrefixed } from "./bytes.ts";
import type { Sodium } from "./sodium.ts";

const DSI = encodeText("CPaceRistretto255");
const DSI_ISK = encodeText("CPaceRistretto255_ISK");
/** Input block of SHA-512, in bytes. */
const HASH_BLOCK = 128;

/** What both sides must agree in. */
export interface CpaceInput {
  /** The password, or what was derived from it. */
  readonly password: Uint8Array;
  /** What the connection is for: with another channel identifier there is no common key. */
  readonly channel: Uint8Array;
  /** Fresh bytes for this exchange. */
  readonly session: Uint8Array;
}

/** The group element that belongs to a password. */
export function generator(sodium: typeof Sodium, input: CpaceInput): Uint8Array {
  const { password, channel, session } = input;
  const used = lengthPrefixed(password).length + lengthPrefixed(DSI).length;
  const padding = new Uint8Array(Math.max(0, HASH_BLOCK - 1 - used));
  const string = lengthPrefixed(DSI, password, padding, channel, session);
  return sodium.crypto_core_ristretto255_from_hash(sodium.crypto_hash_sha512(string));
}

/** The element that is sent: the generator times a secret scalar. */
export function share(
  sodium: typeof Sodium,
  scalar: Uint8Array,
  input: CpaceInput,
): Uint8Array {
  return sodium.crypto_scalarmult_ristretto255(scalar, generator(sodium, input));
}

/** Both elements that were sent, each with what was sent with it. */
export interface CpaceTranscript {
  readonly initiator: Uint8Array;
  readonly initiatorData: Uint8Array;
  readonly responder: Uint8Array;
  readonly responderData: Uint8Array;
}

/**
 * The common key (64 bytes), from one's own scalar and the other's element; undefined when that is no
 * element of the group, or the neutral one.
 */
export function commonKey(
  sodium: typeof Sodium,
  own: { readonly scalar: Uint8Array; readonly received: Uint8Array; readonly session: Uint8Array },
  transcript: CpaceTranscript,
): Uint8Array | undefined {
  let point: Uint8Array;
  try {
    if (!sodium.crypto_core_ristretto255_is_valid_point(own.received)) return undefined;
    point = sodium.crypto_scalarmult_ristretto255(own.scalar, own.received);
  } catch {
    return undefined;
  }
  if (sodium.is_zero(point)) return undefined;
  const { initiator, initiatorData, responder, responderData } = transcript;
  return sodium.crypto_hash_sha512(concat(
    lengthPrefixed(DSI_ISK, own.session, point),
    lengthPrefixed(initiator, initiatorData),
    lengthPrefixed(responder, responderData),
  ));
}
