/**
 * How deep a JSON text is nested, before it is parsed. Parsing a text has no limit, but whoever walks
 * through the value that comes of it has (`JSON.stringify`, for one). Pure.
 *
 * @module
 */

const QUOTE = 0x22, BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b, CLOSE_LIST = 0x5d, OPEN_OBJECT = 0x7b, CLOSE_OBJECT = 0x7d;

/**
 * Whether lists and objects are nested deeper than `depth`. Of a text that is no JSON the answer means
 * nothing.
 *
 * @example
 * ```ts
 * import { isDeeperThan } from "./json_depth.ts";
 * import { assert } from "@std/assert";
 *
 * assert(isDeeperThan('{"hits":[[3]]}', 2));
 * assert(!isDeeperThan('{"hits":["[[["]}', 2));
 * ```
 */
export function isDeeperThan(json: string, depth: number): boolean {
  // Each level takes a character to open and one to close.
  if (json.length <= 2 * depth) return false;
  let level = 0;
  let isText = false;
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i);
    if (isText) {
      if (code === BACKSLASH) i++;
      else if (code === QUOTE) isText = false;
    } else if (code === QUOTE) isText = true;
    else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      if (++level > depth) return true;
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) level--;
  }
  return false;
}
