/**
 * The records of an encrypted connection: each is two bytes with the length of what follows, highest
 * first, and a message of libsodium's secretstream (XChaCha20-Poly1305). The stream counts its messages
 * and ends with one that says so: what is repeated, left out, moved, altered or cut off is noticed.
 * Pure but for the random header that libsodium draws.
 *
 * @module
 */

import { RemoteFault } from "../../wire/errors.ts";
import type { Sodium } from "./sodium.ts";

/** Most bytes of plain text in one record. */
export const MAX_PLAIN_BYTES = 32 * 1024;
/** Bytes of the header with which each direction begins. */
export const STREAM_HEADER_BYTES = 24;
/** After so many bytes a direction takes a new key: far below what one key is good for. */
const REKEY_BYTES = 1024 * 1024 * 1024;
/** After so many records, too: the library's counter has 32 bits. */
const REKEY_RECORDS = 2 ** 24;

type PushState = ReturnType<
  typeof Sodium.crypto_secretstream_xchacha20poly1305_init_push
>["state"];
type PullState = ReturnType<typeof Sodium.crypto_secretstream_xchacha20poly1305_init_pull>;

/** A stream's state lies in the memory of libsodium, which doesn't know when nobody needs it any more. */
function free(sodium: typeof Sodium, state: PushState | PullState): void {
  const { libsodium } = sodium as unknown as { libsodium: { _free(at: unknown): void } };
  libsodium._free(state);
}

/** Seals what is sent. */
export class RecordSealer {
  /** What goes out first. */
  readonly header: Uint8Array;
  readonly #sodium: typeof Sodium;
  #state: PushState | undefined;
  readonly #rekeyBytes: number;
  #bytes = 0;
  #records = 0;
  #ended = false;

  /** A stream with this key, which is taken over and forgotten; `rekeyBytes` is for tests. */
  constructor(sodium: typeof Sodium, key: Uint8Array, { rekeyBytes = REKEY_BYTES } = {}) {
    this.#sodium = sodium;
    const { state, header } = sodium.crypto_secretstream_xchacha20poly1305_init_push(key);
    // From here on the state alone knows the key, and it changes with each new one.
    sodium.memzero(key);
    this.#state = state;
    this.header = header;
    this.#rekeyBytes = rekeyBytes;
  }

  /** Seals at most {@linkcode MAX_PLAIN_BYTES} into a record. */
  seal(plain: Uint8Array): Uint8Array {
    this.#bytes += plain.length;
    const rekeys = this.#bytes >= this.#rekeyBytes || ++this.#records >= REKEY_RECORDS;
    if (rekeys) this.#bytes = this.#records = 0;
    const { crypto_secretstream_xchacha20poly1305_TAG_REKEY: rekey } = this.#sodium;
    return this.#push(plain, rekeys ? rekey : 0);
  }

  /** The record that ends the stream. */
  end(): Uint8Array {
    const record = this.#push(
      new Uint8Array(0),
      this.#sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL,
    );
    this.#ended = true;
    return record;
  }

  /** Nothing more is sealed. */
  free(): void {
    if (this.#state !== undefined) free(this.#sodium, this.#state);
    this.#state = undefined;
  }

  #push(plain: Uint8Array, tag: number): Uint8Array {
    if (this.#state === undefined || this.#ended || plain.length > MAX_PLAIN_BYTES) {
      throw new Error(`Cannot seal ${plain.length} bytes: too many, or the stream has ended`);
    }
    const sealed = this.#sodium.crypto_secretstream_xchacha20poly1305_push(
      this.#state,
      plain,
      null,
      tag,
    );
    const record = new Uint8Array(2 + sealed.length);
    record[0] = sealed.length >> 8;
    record[1] = sealed.length & 0xff;
    record.set(sealed, 2);
    return record;
  }
}

/** Opens what comes. */
export class RecordOpener {
  readonly #sodium: typeof Sodium;
  readonly #key: Uint8Array;
  #state: PullState | undefined;
  #buffer = new Uint8Array(256);
  #used = 0;
  #ended = false;

  /** A stream with this key, which is taken over and forgotten. */
  constructor(sodium: typeof Sodium, key: Uint8Array) {
    this.#sodium = sodium;
    this.#key = key;
  }

  /** True once the other side has ended its stream: nothing more may come. */
  get ended(): boolean {
    return this.#ended;
  }

  /** True while a record has begun to come, and its rest has not. */
  get isAmid(): boolean {
    return this.#used > 0;
  }

  /**
   * Takes what came, and gives the plain text of each record that is complete to `sink`. The bytes are
   * its own, and not kept.
   *
   * @throws {RemoteFault} when a record is not the next one of this stream
   */
  push(chunk: Uint8Array, sink: (plain: Uint8Array) => void): void {
    if (this.#ended && chunk.length > 0) throw altered();
    this.#append(chunk);
    let at = 0;
    if (this.#state === undefined) {
      if (this.#used < STREAM_HEADER_BYTES) return;
      this.#state = this.#sodium.crypto_secretstream_xchacha20poly1305_init_pull(
        this.#buffer.slice(0, STREAM_HEADER_BYTES),
        this.#key,
      );
      this.#sodium.memzero(this.#key);
      at = STREAM_HEADER_BYTES;
    }
    while (this.#used - at >= 2) {
      const length = (this.#buffer[at] as number) << 8 | (this.#buffer[at + 1] as number);
      // Checked before it is waited for.
      if (length < 17 || length > 17 + MAX_PLAIN_BYTES) throw altered();
      if (this.#used - at < 2 + length) break;
      if (this.#ended) throw altered();
      const opened = this.#sodium.crypto_secretstream_xchacha20poly1305_pull(
        this.#state,
        this.#buffer.subarray(at + 2, at + 2 + length),
        null,
      );
      if (opened === false) throw altered();
      at += 2 + length;
      if (opened.tag === this.#sodium.crypto_secretstream_xchacha20poly1305_TAG_FINAL) {
        this.#ended = true;
      }
      if (opened.message.length > 0) sink(opened.message);
    }
    if (this.#ended && at < this.#used) throw altered();
    this.#buffer.copyWithin(0, at, this.#used);
    this.#used -= at;
    // A quiet connection keeps little.
    if (this.#used === 0 && this.#buffer.length > 4096) this.#buffer = new Uint8Array(256);
  }

  /** Nothing more is opened. */
  free(): void {
    this.#ended = true;
    if (this.#state !== undefined) free(this.#sodium, this.#state);
    this.#state = undefined;
  }

  #append(chunk: Uint8Array): void {
    if (this.#used + chunk.length > this.#buffer.length) {
      const bigger = new Uint8Array(Math.max(this.#used + chunk.length, 2 * this.#buffer.length));
      bigger.set(this.#buffer.subarray(0, this.#used));
      this.#buffer = bigger;
    }
    this.#buffer.set(chunk, this.#used);
    this.#used += chunk.length;
  }
}

function altered(): RemoteFault {
  return new RemoteFault(
    "bad-record",
    "An encrypted record was altered, repeated, left out or cut",
  );
}
