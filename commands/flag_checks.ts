/**
 * What is wrong with the values of flags, so that the flag, or its variable, is named with them. Pure.
 *
 * @module
 */

import { AddressError, parseListen, parseTarget } from "../lib/net/address.ts";
import type { Endpoint } from "../lib/net/transport.ts";
import { isText } from "../lib/wire/beacon_message.ts";
import { MAX_LINE_BYTES, MAX_SERVER_NAME } from "../lib/wire/limits.ts";
import { MAX_NAME_BYTES } from "../lib/wire/mesh_limits.ts";
import { parseNick } from "../lib/wire/nick.ts";
import { encodeText } from "../lib/wire/text.ts";

/** What a hint gives as the port of an address for links that has none. */
export const LINK_PORT = "PORT, PORT being that of its --peer-listen";

/** What stands before the text of `--ask` in its line, in bytes at the most. */
const BEFORE_ASK_BYTES = "@ask /ask ".length;

/** For a nick, or the name of a subscription. */
export function nickComplaint(text: string): string | undefined {
  return parseNick(text) === undefined
    ? "it must be 1 to 32 letters, digits, - and _, without blanks"
    : undefined;
}

/** For the name of a server. */
export function nameComplaint(text: string): string | undefined {
  return /^[^\s\p{C}@*]+$/u.test(text) && [...text].length <= MAX_SERVER_NAME
    ? bytesComplaint(text)
    : `it must be 1 to ${MAX_SERVER_NAME} characters without blanks, @ or *`;
}

/** For the name of a mesh: what an advert can't tell, discovery would not join. */
export function meshComplaint(text: string): string | undefined {
  return isText(text) ? bytesComplaint(text) : "it must have no control characters";
}

// What is longer could be told to no other node.
function bytesComplaint(name: string): string | undefined {
  const { length } = encodeText(name);
  return length <= MAX_NAME_BYTES
    ? undefined
    : `it has ${length} bytes of UTF-8: ${MAX_NAME_BYTES} are the most`;
}

/** For an address to listen at. */
export function listenComplaint(text: string): string | undefined {
  return complaintOf(() => parseListen(text, ""));
}

/** For the address of a server that must not be a name. */
export function peerComplaint(text: string): string | undefined {
  return complaintOf(() => peerAddress(text));
}

/**
 * The address of a server that must not be a name.
 *
 * @throws {AddressError} for what is none
 */
export function peerAddress(text: string): Endpoint {
  const target = parseTarget(text, LINK_PORT);
  if (target.kind === "address") return { hostname: target.host, port: target.port };
  const { name } = target;
  throw new AddressError(`"${name}" has no port`, `it has no port; write ${name}:${LINK_PORT}`);
}

/** For the address of what is advertised. */
export function advertComplaint(text: string): string | undefined {
  return complaintOf(() => {
    const { port } = parseListen(text, "");
    if (port === 0) throw new AddressError("", "nobody can be reached at port 0");
  });
}

/** For the text of a question. */
export function askComplaint(text: string): string | undefined {
  if (text.trim() === "") return "that is empty: it must be what to ask";
  if (/[\r\n]/.test(text)) return "that has several lines: it must be one";
  const most = MAX_LINE_BYTES - BEFORE_ASK_BYTES, { length } = encodeText(text);
  return length > most ? `that has ${length} bytes: ${most} are the most` : undefined;
}

function complaintOf(parse: () => void): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    return `that is no address: ${error.why}`;
  }
}
