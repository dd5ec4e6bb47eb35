/**
 * Refusing connections.
 *
 * @module
 */

import { closeQuietly } from "../net/close.ts";
import type { Connection } from "../net/transport.ts";
import { encodeEvent, formatOf } from "./format.ts";

/** Tells a connection that it isn't taken, and closes it. */
export function refuse(connection: Connection, text: string, framed: boolean): void {
  const bytes = encodeEvent(formatOf(false, framed), { type: "error", code: "full", text });
  const close = () => closeQuietly(connection);
  connection.write(bytes).then(close, close);
}
