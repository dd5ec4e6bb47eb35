/**
 * The ports for clients: encrypted, or plain, or both.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import type { Look } from "../lib/link/first_look.ts";
import { plainListener, SecureListener } from "../lib/link/secure/secure_listener.ts";
import type { Security } from "../lib/link/secure/security.ts";
import { beginsLink } from "../lib/mesh/wrong_port.ts";
import { isFromThisMachine } from "../lib/net/tcp_server.ts";
import type { Listener } from "../lib/net/transport.ts";
import { encodeFrame } from "../lib/wire/frame_codec.ts";
import { encodeText } from "../lib/wire/text.ts";
import { CLIENTS_REFUSED, LINKS_REFUSED, refusals } from "./refusals.ts";
import { ENCRYPTED_ONLY } from "./security_flags.ts";

const log = getLogger(["talker", "server"]);

/** How clients are taken. */
export interface ClientListenerOptions {
  /** Each record is a frame. */
  readonly framed: boolean;
  /** Undefined: nothing is encrypted. */
  readonly security: Security | undefined;
  /** Plain clients are taken from anywhere, not from this machine only. */
  readonly allowPlain: boolean;
}

/** Takes clients at a listener. Whoever doesn't fit is told, and logged. */
export function clientListener(
  listener: Listener,
  { framed, security, allowPlain }: ClientListenerOptions,
): Listener {
  const tell = (from: string, why: string) =>
    log.warn("Refused a client from {from}: {why}", { from, why });
  const refused = refusals(CLIENTS_REFUSED, tell);
  const refusedLink = refusals(LINKS_REFUSED, tell);
  const look: Look = (first, { remoteAddr }) => {
    if (!beginsLink(first)) return true;
    refusedLink(
      remoteAddr,
      "It is a server that wants a link: its --peer must name the port of --peer-listen",
    );
    return false;
  };
  if (security === undefined) return plainListener(listener, refused, look);
  const line = encodeText(ENCRYPTED_ONLY);
  return new SecureListener(listener, {
    ...security,
    allowsPlain: (connection) => allowPlain || isFromThisMachine(connection),
    exempt: isFromThisMachine,
    look,
    plainRefusal: framed ? encodeFrame(line) : encodeText(`${ENCRYPTED_ONLY}\r\n`),
    refused,
  });
}
