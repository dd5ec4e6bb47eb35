/**
 * The log of messages: each one sent and received, at level debug.
 *
 * @module
 */

import { getLogger } from "../log/mod.ts";
import { visible } from "../wire/text.ts";

const log = getLogger(["talker", "messaging"]);

/** How much of a message is shown, in bytes. */
const SHOWN_BYTES = 200;

/** Logs a frame that was sent to (`>`) or came from (`<`) the other side. */
export function trace(remote: string, direction: "<" | ">", bytes: Uint8Array): void {
  if (!log.isEnabledFor("debug")) return;
  const text = new TextDecoder().decode(bytes.subarray(0, SHOWN_BYTES));
  const more = bytes.length > SHOWN_BYTES ? "…" : "";
  log.debug("{remote} {direction} {text}", { remote, direction, text: visible(text) + more });
}
