/**
 * Lines out of a stream of bytes, however it is cut.
 *
 * `CRLF`, `LF` and `CR NUL` (RFC 854) end a line. Telnet commands (`IAC …`, RFC 854 and 855) are
 * swallowed; what only begins like one is text. A line over the limit is dropped whole, and its bytes
 * are never kept.
 *
 * The cost is linear in the input: each byte is looked at once, and copied at most once (amortised)
 * where a line is cut by the end of a chunk.
 *
 * @module
 */

import { MAX_LINE_BYTES, MAX_TELNET_SUBNEGOTIATION_BYTES } from "./limits.ts";

/** Takes the lines that a {@linkcode LineDecoder} finds. */
export interface LineSink {
  /**
   * A line: `bytes[start..end)`, without its end. The bytes belong to the chunk or to the decoder
   * and are valid only during the call. `plain` is true when all of them are printable ASCII.
   */
  line(bytes: Uint8Array, start: number, end: number, plain: boolean): void;
  /** A line went over the limit. Said once for each such line, as soon as it is known. */
  tooLong(): void;
}

// What a byte is to the decoder.
const PLAIN = 0, OTHER = 1, LF = 2, CR = 3, IAC = 4;
const KIND = new Uint8Array(256).fill(OTHER);
KIND.fill(PLAIN, 0x20, 0x7f);
KIND[0x0a] = LF;
KIND[0x0d] = CR;
// Where no telnet is spoken 255 is a byte like others.
const PLAIN_KIND = KIND.slice();
KIND[0xff] = IAC;

// Telnet command bytes.
const SE = 240, SB = 250, WILL = 251, DONT = 254;

/** How a {@linkcode LineDecoder} reads. */
export interface LineDecoderOptions {
  /** Telnet commands are swallowed. Without it the byte 255 is text. @default true */
  readonly telnet?: boolean;
}

/** Where the decoder is between two bytes. */
type State =
  | "text"
  | "after-cr"
  | "after-iac"
  | "option"
  | "subnegotiation"
  | "subnegotiation-iac";

/**
 * Cuts a stream of bytes into lines.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { LineDecoder } from "./line_codec.ts";
 * const lines: string[] = [];
 * const decoder = new LineDecoder();
 * const sink = {
 *   line: (b: Uint8Array, s: number, e: number) =>
 *     void lines.push(new TextDecoder().decode(b.subarray(s, e))),
 *   tooLong: () => {},
 * };
 * decoder.push(new TextEncoder().encode("one\r\ntw"), sink);
 * decoder.push(new TextEncoder().encode("o\n"), sink);
 * assert(lines.join() === "one,two");
 * ```
 */
export class LineDecoder {
  readonly #limit: number;
  readonly #kinds: Uint8Array;
  #state: State = "text";
  /** The byte behind the last IAC that asks for an option or turns one down. */
  #verb = 0;
  /** The beginning of a line whose end has not come yet; undefined when there is none (idle costs nothing). */
  #carry: Uint8Array | undefined;
  #carried = 0;
  #plain = true;
  /** The line has gone over the limit: its rest is passed over. */
  #skipping = false;
  #subnegotiated = 0;

  /** `limit` is the longest line in bytes, without its end. */
  constructor(limit: number = MAX_LINE_BYTES, { telnet = true }: LineDecoderOptions = {}) {
    this.#limit = limit;
    this.#kinds = telnet ? KIND : PLAIN_KIND;
  }

  /** Gives every line that ends in `chunk` to `sink`, in order. */
  push(chunk: Uint8Array, sink: LineSink): void {
    const length = chunk.length;
    const kinds = this.#kinds;
    // The text of the line under way that lies in this chunk is chunk[from..i).
    let from = 0;
    let i = 0;
    while (i < length) {
      if (this.#state !== "text") {
        i = this.#step(chunk, i, sink);
        from = i;
        continue;
      }
      let plain = this.#plain;
      let kind = PLAIN;
      while (i < length) {
        kind = kinds[chunk[i] as number] as number;
        if (kind === PLAIN) i++;
        else if (kind === OTHER) {
          plain = false;
          i++;
        } else break;
      }
      this.#plain = plain;
      if (i === length) break;
      if (kind === LF) {
        this.#endLine(chunk, from, i, sink);
        i++;
        from = i;
      } else if (kind === CR && i + 1 < length && (chunk[i + 1] === 0x0a || chunk[i + 1] === 0)) {
        this.#endLine(chunk, from, i, sink);
        i += 2;
        from = i;
      } else {
        // A CR at the end of the chunk or alone, or a telnet command: keep what there is, go on bytewise.
        this.#keep(chunk, from, i, sink);
        this.#state = kind === CR ? "after-cr" : "after-iac";
        i++;
        from = i;
      }
    }
    if (from < length) this.#keep(chunk, from, length, sink);
  }

  /**
   * The stream has ended. Returns how many bytes of a line without an end were left (0 when the
   * stream ended cleanly); they are dropped, since a line that was cut off is not what was meant.
   */
  end(): number {
    const left = this.#carried;
    this.#reset();
    this.#state = "text";
    return left;
  }

  /** One byte in a state other than "text". Returns the index of the next byte to look at. */
  #step(chunk: Uint8Array, i: number, sink: LineSink): number {
    const byte = chunk[i] as number;
    switch (this.#state) {
      case "after-cr":
        this.#state = "text";
        if (byte === 0x0a || byte === 0) {
          this.#endLine(chunk, i, i, sink);
          return i + 1;
        }
        return i; // A lone CR is a control character: it vanishes.
      case "after-iac":
        if (byte === SB) {
          this.#state = "subnegotiation";
          this.#subnegotiated = 0;
        } else if (byte >= WILL && byte <= DONT) {
          this.#state = "option";
          this.#verb = byte;
        } else {
          this.#state = "text";
          if (byte === 255) this.#keepOther(sink, 255);
          else if (byte < SE) {
            // No command: IAC was a stray byte, and this one is what it is.
            this.#keepOther(sink, 255);
            return i;
          }
        }
        return i + 1;
      case "option":
        this.#state = "text";
        // Nobody negotiates the options of these numbers, but a line that ends in stray bytes must end.
        if (byte === 0x0a || byte === 0x0d) {
          this.#keepOther(sink, 255, this.#verb);
          return i;
        }
        return i + 1;
      case "subnegotiation":
        if (byte === 255) this.#state = "subnegotiation-iac";
        else if (++this.#subnegotiated > MAX_TELNET_SUBNEGOTIATION_BYTES) this.#state = "text";
        return i + 1;
      case "subnegotiation-iac":
        this.#state = byte === SE ? "text" : "subnegotiation";
        return i + 1;
      case "text":
        return i;
    }
  }

  /** The line under way ends; chunk[from..to) is its last piece. */
  #endLine(chunk: Uint8Array, from: number, to: number, sink: LineSink): void {
    const plain = this.#plain;
    if (this.#carry === undefined && !this.#skipping) {
      this.#plain = true;
      if (to - from > this.#limit) sink.tooLong();
      else sink.line(chunk, from, to, plain);
      return;
    }
    this.#keep(chunk, from, to, sink);
    const line = this.#carry, end = this.#carried, skipped = this.#skipping;
    this.#reset();
    if (!skipped) sink.line(line ?? chunk, 0, end, plain);
  }

  /** Keeps bytes that are not printable ASCII, and may have been in an earlier chunk. */
  #keepOther(sink: LineSink, ...bytes: readonly number[]): void {
    this.#keep(Uint8Array.from(bytes), 0, bytes.length, sink);
    this.#plain = false;
  }

  /** Copies chunk[from..to) behind what is carried, or begins to skip where that is too much. */
  #keep(chunk: Uint8Array, from: number, to: number, sink: LineSink): void {
    if (this.#skipping || from === to) return;
    const need = this.#carried + to - from;
    if (need > this.#limit) {
      this.#skipping = true;
      this.#carry = undefined;
      this.#carried = 0;
      sink.tooLong();
      return;
    }
    if (this.#carry === undefined || this.#carry.length < need) {
      const larger = new Uint8Array(Math.min(this.#limit, Math.max(need, 2 * this.#carried, 64)));
      if (this.#carry !== undefined) larger.set(this.#carry.subarray(0, this.#carried));
      this.#carry = larger;
    }
    this.#carry.set(chunk.subarray(from, to), this.#carried);
    this.#carried = need;
  }

  #reset(): void {
    this.#carry = undefined;
    this.#carried = 0;
    this.#plain = true;
    this.#skipping = false;
  }
}
