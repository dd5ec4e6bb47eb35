/**
 * Links to ports for line clients: who gave `--peer` the wrong port is told, on both sides.
 *
 * @module
 */

import { FirstLook } from "../link/first_look.ts";
import type { Connection } from "../net/transport.ts";
import { RemoteFault } from "../wire/errors.ts";
import { FRAME_HEADER_BYTES } from "../wire/frame_codec.ts";
import { TYPE } from "../wire/mesh_message.ts";
import { decodeText } from "../wire/text.ts";

/**
 * Does a connection that begins with these bytes want to be a link? They are a frame that says I-AM.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { encodeText } from "../wire/text.ts";
 * import { beginsLink } from "./wrong_port.ts";
 * assert(beginsLink(encodeText("        48\x01\x01")));
 * assert(!beginsLink(encodeText("        48 bottles")));
 * ```
 */
export function beginsLink(first: Uint8Array): boolean {
  const header = decodeText(first, 0, Math.min(first.length, FRAME_HEADER_BYTES));
  return first[FRAME_HEADER_BYTES] === TYPE.iAm && /^ +[0-9]+$/.test(header);
}

/** A connection that is to be a link, and breaks with a reason where line clients are greeted. */
export function notForClients(connection: Connection): Connection {
  return new FirstLook(connection, (first) => {
    // As a line, or in a frame.
    const start = decodeText(first, 0, Math.min(first.length, 32));
    if (!/^( *[0-9]+)?Welcome, /.test(start)) return true;
    throw new RemoteFault(
      "greeting",
      "That is a port for line clients: a link needs the port of --peer-listen",
    );
  });
}
