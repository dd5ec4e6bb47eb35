/**
 * Text as others may see it: UTF-8 in, nothing that could steer a terminal out.
 *
 * @module
 */

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * Bytes to text. What is not UTF-8 becomes U+FFFD.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { decodeText } from "./text.ts";
 * assert(decodeText(new Uint8Array([104, 105, 255])) === "hi\u{FFFD}");
 * ```
 */
export function decodeText(bytes: Uint8Array, start = 0, end = bytes.length): string {
  return decoder.decode(bytes.subarray(start, end));
}

/** Text to UTF-8 bytes; lone surrogates become U+FFFD. */
export function encodeText(text: string): Uint8Array {
  return encoder.encode(text);
}

/** True where every byte is printable ASCII (0x20–0x7E), so that bytes and text are the same. */
export function isPlain(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte < 0x20 || byte > 0x7e) return false;
  }
  return true;
}

// deno-lint-ignore no-control-regex
const CONTROLS = /[\x00-\x08\x0a-\x1f\x7f-\x9f]+/g;

/** True for the control characters that nobody may send to another's terminal: C0 without tab, DEL, C1. */
function isControl(code: number): boolean {
  return (code < 0x20 && code !== 0x09) || (code >= 0x7f && code <= 0x9f);
}

/**
 * The text without control characters (C0 except tab, DEL, C1).
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { visible } from "./text.ts";
 * assert(visible("red \u001b[31malert\u0007") === "red [31malert");
 * ```
 */
export function visible(text: string): string {
  let i = 0;
  while (i < text.length && !isControl(text.charCodeAt(i))) i++;
  return i === text.length ? text : text.replace(CONTROLS, "");
}
