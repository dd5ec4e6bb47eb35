/**
 * What goes to everybody: one append-only log of encoded records, shared by all its readers, each of
 * which is an offset into it. A record is encoded and stored once, whoever reads it.
 *
 * The log is a chain of segments. A segment is kept alive by the readers that stand in it or before
 * it (and by the history), and vanishes with the last of them: nothing is counted, nothing freed by hand.
 *
 * @module
 */

import { type Format, overhead, writeRecord } from "./format.ts";

/** Size of a segment in bytes, and so the most that one write takes from a feed. */
export const SEGMENT_BYTES = 256 * 1024;

const NOTHING = new Uint8Array(0);

/** A piece of the log. Records never cross its border. */
export class Segment {
  /** The records; valid up to `used`. */
  readonly bytes: Uint8Array;
  /** Position in the feed of the first byte. */
  readonly start: number;
  /** Records in the feed before this segment. */
  readonly recordsBefore: number;
  /** Bytes written. */
  used = 0;
  /** The segment behind this one. */
  next: Segment | undefined = undefined;

  /** A segment of `size` bytes at position `start`. */
  constructor(size: number, start: number, recordsBefore: number) {
    this.bytes = new Uint8Array(size);
    this.start = start;
    this.recordsBefore = recordsBefore;
  }
}

/**
 * The log for one format.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { Feed } from "./feed.ts";
 * import { FORMATS } from "./format.ts";
 * const feed = new Feed(FORMATS[0]);
 * feed.append(new TextEncoder().encode("bob: "), new TextEncoder().encode("hi"));
 * assert(new TextDecoder().decode(feed.tail.bytes.subarray(0, feed.tail.used)) === "bob: hi\r\n");
 * ```
 */
export class Feed {
  /** How its records are written. */
  readonly format: Format;
  /** The segment that is being written. */
  tail: Segment = new Segment(SEGMENT_BYTES, 0, 0);
  /** Records so far. */
  records = 0;
  /** Readers attached. A feed without readers needs no records (but for the canonical one). */
  readers = 0;

  #view: Uint8Array = NOTHING;
  #viewSegment: Segment | undefined;
  #viewFrom = 0;

  /** An empty feed. */
  constructor(format: Format) {
    this.format = format;
  }

  /** Position behind the last record: bytes so far. */
  get end(): number {
    return this.tail.start + this.tail.used;
  }

  /**
   * Appends one record: `prefix` and bytes[start..end). The record lies in the tail, and ends at
   * `tail.used`.
   */
  append(prefix: Uint8Array, bytes: Uint8Array, start = 0, end = bytes.length): void {
    const room = prefix.length + end - start + overhead(this.format);
    let tail = this.tail;
    if (tail.used + room > tail.bytes.length) tail = this.#grow(room);
    tail.used = writeRecord(this.format, tail.bytes, tail.used, prefix, bytes, start, end);
    this.records++;
  }

  /** Appends a record that is already encoded in this feed's format. */
  appendEncoded(record: Uint8Array): void {
    let tail = this.tail;
    if (tail.used + record.length > tail.bytes.length) tail = this.#grow(record.length);
    tail.bytes.set(record, tail.used);
    tail.used += record.length;
    this.records++;
  }

  /**
   * segment.bytes[from..to). The last view is handed out again when it is the same range, so that all
   * the readers that stand at the same place share one.
   */
  view(segment: Segment, from: number, to: number): Uint8Array {
    if (
      this.#viewSegment !== segment || this.#viewFrom !== from || this.#view.length !== to - from
    ) {
      this.#view = segment.bytes.subarray(from, to);
      this.#viewSegment = segment;
      this.#viewFrom = from;
    }
    return this.#view;
  }

  /** Records in segment.bytes[0..offset), which must end where a record ends. */
  recordsUntil(segment: Segment, offset: number): number {
    const { bytes } = segment;
    let records = 0;
    if (this.format.framed) {
      for (let i = 0; i < offset; records++) {
        i += 10 + Number(new TextDecoder().decode(bytes.subarray(i, i + 10)));
      }
    } else {
      for (let i = bytes.indexOf(10); i >= 0 && i < offset; i = bytes.indexOf(10, i + 1)) records++;
    }
    return records;
  }

  #grow(room: number): Segment {
    const next = new Segment(Math.max(SEGMENT_BYTES, room), this.end, this.records);
    this.tail.next = next;
    return this.tail = next;
  }
}
