/**
 * The four forms in which a client can be served: text or JSON, as lines or as frames.
 *
 * @module
 */

import { FRAME_HEADER_BYTES, writeFrameHeader } from "../wire/frame_codec.ts";
import { eventJson, eventText, type TalkerEvent } from "./event.ts";

const encoder = new TextEncoder();
const CR = 0x0d, LF = 0x0a;

/** How one kind of client is served. There are four, all made here: {@linkcode FORMATS}. */
export interface Format {
  /** Index in {@linkcode FORMATS}. */
  readonly index: number;
  /** One JSON object a record, instead of text. */
  readonly json: boolean;
  /** Records with a length in front, instead of lines. */
  readonly framed: boolean;
}

/** All formats; the first, text in lines, is the canonical one. */
export const FORMATS: readonly [Format, Format, Format, Format] = [
  { index: 0, json: false, framed: false },
  { index: 1, json: true, framed: false },
  { index: 2, json: false, framed: true },
  { index: 3, json: true, framed: true },
];

/** The format with these properties. */
export function formatOf(json: boolean, framed: boolean): Format {
  return FORMATS[(json ? 1 : 0) + (framed ? 2 : 0)] as Format;
}

/** One record in bytes as it goes out: with its line end, or behind its frame header. */
export function encodeRecord(format: Format, text: string): Uint8Array {
  if (!format.framed) return encoder.encode(text + "\r\n");
  const record = encoder.encode(text);
  const frame = new Uint8Array(FRAME_HEADER_BYTES + record.length);
  writeFrameHeader(frame, 0, record.length);
  frame.set(record, FRAME_HEADER_BYTES);
  return frame;
}

/**
 * An event in bytes, as a client of this format gets it.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { encodeEvent, FORMATS } from "./format.ts";
 * const bytes = encodeEvent(FORMATS[0], { type: "reply", text: "pong" });
 * assert(new TextDecoder().decode(bytes) === "pong\r\n");
 * ```
 */
export function encodeEvent(format: Format, event: TalkerEvent): Uint8Array {
  return encodeRecord(format, format.json ? eventJson(event) : eventText(event));
}

/** Bytes that a record needs beside its content. */
export function overhead(format: Format): number {
  return format.framed ? FRAME_HEADER_BYTES : 2;
}

/**
 * Writes one record, `prefix` and bytes[start..end), at target[at…]; there must be room. Returns the
 * index behind it. This is the inner loop of fan-out, hence without an allocation: a loop is faster
 * than `set` of a `subarray` for lines of usual length.
 */
export function writeRecord(
  format: Format,
  target: Uint8Array,
  at: number,
  prefix: Uint8Array,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const prefixed = prefix.length;
  if (format.framed) {
    writeFrameHeader(target, at, prefixed + end - start);
    at += FRAME_HEADER_BYTES;
  }
  for (let i = 0; i < prefixed; i++) target[at++] = prefix[i] as number;
  if (end - start > 200) {
    target.set(bytes.subarray(start, end), at);
    at += end - start;
  } else {
    for (let i = start; i < end; i++) target[at++] = bytes[i] as number;
  }
  if (!format.framed) {
    target[at++] = CR;
    target[at++] = LF;
  }
  return at;
}
