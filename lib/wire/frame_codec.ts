/**
 * Frames: each record preceded by its length, as ten ASCII characters: decimal, right-aligned,
 * padded with spaces (Python's `b'%10d' % len(record)`).
 *
 * @module
 */

import { LocalFault, RemoteFault } from "./errors.ts";
import { MAX_FRAME_BYTES } from "./limits.ts";

/** Length of a frame's header in bytes. */
export const FRAME_HEADER_BYTES = 10;

const SPACE = 0x20, ZERO = 0x30, NINE = 0x39;

/**
 * Takes the records that a {@linkcode FrameDecoder} finds: `bytes[start..end)`, valid only during
 * the call (they belong to the chunk or to the decoder).
 */
export type FrameSink = (bytes: Uint8Array, start: number, end: number) => void;

/**
 * Writes the header for a record of `length` bytes at `target[at..at+10)`. `length` must be below 10^10.
 */
export function writeFrameHeader(target: Uint8Array, at: number, length: number): void {
  let i = at + FRAME_HEADER_BYTES - 1;
  do {
    target[i--] = ZERO + length % 10;
    length = Math.floor(length / 10);
  } while (length > 0);
  while (i >= at) target[i--] = SPACE;
}

/**
 * A record with its header in front.
 *
 * @throws {LocalFault} when the record is over `limit` (default 1 MiB).
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { encodeFrame } from "./frame_codec.ts";
 * const frame = encodeFrame(new TextEncoder().encode("hello"));
 * assert(new TextDecoder().decode(frame) === "         5hello");
 * ```
 */
export function encodeFrame(record: Uint8Array, limit: number = MAX_FRAME_BYTES): Uint8Array {
  if (record.length > limit) {
    throw new LocalFault(`A record of ${record.length} bytes is over the limit of ${limit}`);
  }
  const frame = new Uint8Array(FRAME_HEADER_BYTES + record.length);
  writeFrameHeader(frame, 0, record.length);
  frame.set(record, FRAME_HEADER_BYTES);
  return frame;
}

/**
 * Cuts a stream of bytes into records. Linear in its input; the limit is checked on the header,
 * before anything of the body is kept, and memory grows with what has come, not with what is
 * announced.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { FrameDecoder } from "./frame_codec.ts";
 * const records: string[] = [];
 * new FrameDecoder().push(
 *   new TextEncoder().encode("         2hi         0"),
 *   (b, s, e) => void records.push(new TextDecoder().decode(b.subarray(s, e))),
 * );
 * assert(records.length === 2 && records[0] === "hi" && records[1] === "");
 * ```
 */
export class FrameDecoder {
  readonly #limit: number;
  #header: Uint8Array | undefined;
  #headerHas = 0;
  /** Length of the body that is under way, or -1 within a header. */
  #wanted = -1;
  #body: Uint8Array | undefined;
  #has = 0;
  #failed: RemoteFault | undefined;

  /** `limit` is the longest record in bytes. */
  constructor(limit: number = MAX_FRAME_BYTES) {
    this.#limit = limit;
  }

  /**
   * Gives every record that ends in `chunk` to `sink`, in order.
   *
   * @throws {RemoteFault} `bad-frame` for a header that is no length, `frame-too-long` for one over
   * the limit; what came before it has been given, and the decoder is of no further use.
   */
  push(chunk: Uint8Array, sink: FrameSink): void {
    if (this.#failed !== undefined) throw this.#failed;
    let i = 0;
    while (true) {
      if (this.#wanted < 0) {
        if (this.#headerHas === 0 && chunk.length - i >= FRAME_HEADER_BYTES) {
          this.#wanted = this.#length(chunk, i);
          i += FRAME_HEADER_BYTES;
        } else {
          const take = Math.min(FRAME_HEADER_BYTES - this.#headerHas, chunk.length - i);
          if (take === 0) return;
          this.#header ??= new Uint8Array(FRAME_HEADER_BYTES);
          this.#header.set(chunk.subarray(i, i + take), this.#headerHas);
          this.#headerHas += take;
          i += take;
          if (this.#headerHas < FRAME_HEADER_BYTES) return;
          this.#wanted = this.#length(this.#header, 0);
          this.#header = undefined;
          this.#headerHas = 0;
        }
      }
      const missing = this.#wanted - this.#has;
      const there = chunk.length - i;
      if (this.#has === 0 && there >= missing) {
        this.#wanted = -1;
        sink(chunk, i, i + missing);
        i += missing;
        continue;
      }
      const take = Math.min(missing, there);
      this.#keep(chunk, i, i + take);
      i += take;
      if (take < missing) return;
      const body = this.#body as Uint8Array, end = this.#wanted;
      this.#body = undefined;
      this.#has = 0;
      this.#wanted = -1;
      sink(body, 0, end);
    }
  }

  /** The stream has ended. Returns how many bytes of an unfinished frame were left (0: a clean end). */
  end(): number {
    return this.#headerHas + (this.#wanted < 0 ? 0 : FRAME_HEADER_BYTES + this.#has);
  }

  #keep(chunk: Uint8Array, from: number, to: number): void {
    const need = this.#has + to - from;
    if (this.#body === undefined || this.#body.length < need) {
      const larger = new Uint8Array(Math.min(this.#wanted, Math.max(need, 2 * this.#has, 256)));
      if (this.#body !== undefined) larger.set(this.#body.subarray(0, this.#has));
      this.#body = larger;
    }
    this.#body.set(chunk.subarray(from, to), this.#has);
    this.#has = need;
  }

  #length(bytes: Uint8Array, at: number): number {
    const end = at + FRAME_HEADER_BYTES;
    let i = at;
    while (i < end && bytes[i] === SPACE) i++;
    let length = 0;
    // Padding is of spaces: a zero stands first where it is the whole number.
    let ok = i < end && (bytes[i] !== ZERO || i === end - 1);
    for (; i < end; i++) {
      const digit = bytes[i] as number;
      if (digit < ZERO || digit > NINE) ok = false;
      length = length * 10 + digit - ZERO;
    }
    if (!ok) {
      const shown = Array.from(
        bytes.subarray(at, end),
        (b) => b >= SPACE && b < 0x7f ? String.fromCharCode(b) : "?",
      ).join("");
      throw this.#fail("bad-frame", `Frame header "${shown}" is not a length of ten characters`);
    }
    if (length > this.#limit) {
      throw this.#fail(
        "frame-too-long",
        `Frame of ${length} bytes is over the limit of ${this.#limit}`,
      );
    }
    return length;
  }

  #fail(code: string, message: string): RemoteFault {
    this.#wanted = -1;
    return this.#failed = new RemoteFault(code, message);
  }
}
