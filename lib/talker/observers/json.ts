/**
 * JSON between servers, where it is only taken apart and checked.
 *
 * @module
 */

import { decodeText } from "../../wire/text.ts";

/** The object that a payload is; undefined where it is none. Its members are anything yet. */
export function parseObject(payload: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(decodeText(payload));
    return typeof value === "object" && value !== null
      ? value as Record<string, unknown>
      : undefined;
  } catch {
    return undefined;
  }
}
