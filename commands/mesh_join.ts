/**
 * What `talker server` and `talker peer` share: the name, the addresses and the links of a node.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { CommandError, UsageError } from "../lib/cli/exit.ts";
import { reason } from "../lib/cli/reason.ts";
import { MeshDriver } from "../lib/mesh/driver.ts";
import { newIncarnation, newNodeId } from "../lib/mesh/identity.ts";
import { formatAddress, type HostPort, parseListen } from "../lib/net/address.ts";
import { plainListener, SecureListener } from "../lib/link/secure/secure_listener.ts";
import { connectSecurely, type Security, SecurityError } from "../lib/link/secure/security.ts";
import type { MeshStore } from "../lib/mesh/store.ts";
import { connectTcp } from "../lib/net/tcp_client.ts";
import { isFromThisMachine, listenTcp } from "../lib/net/tcp_server.ts";
import type { Connection, Endpoint, Listener } from "../lib/net/transport.ts";
import { encodeFrame } from "../lib/wire/frame_codec.ts";
import { encodeMeshMessage } from "../lib/wire/mesh_message.ts";
import { visible } from "../lib/wire/text.ts";
import { nameComplaint } from "./flag_checks.ts";
import { LINKS_REFUSED, refusals } from "./refusals.ts";

const log = getLogger(["talker", "mesh"]);

/** The name of a node: as given, or the host's. */
export function nodeName(given: string | undefined): string {
  const name = given ?? Deno.hostname();
  const complaint = nameComplaint(name);
  if (complaint === undefined) return name;
  throw new UsageError(
    `The host name "${
      visible(name).slice(0, 80)
    }" is no name for a server: ${complaint}; give a --name`,
  );
}

/** The address of a flag that says where to listen, and was checked; undefined where it isn't given. */
export function listenAddress(text: string | undefined, host: string): HostPort | undefined {
  return text === undefined ? undefined : parseListen(text, host);
}

/** Random bits for `/random`, 32 of them. */
export function randomBits(): number {
  return crypto.getRandomValues(bits)[0] as number;
}
const bits = new Uint32Array(1);

/** Random numbers from 0 to below 1. */
export function random(): number {
  return randomBits() / 2 ** 32;
}

/** How a node is made. */
export interface NodeOptions {
  readonly name: string;
  readonly mesh: string;
  /** Its id; default: a new one. */
  readonly id?: string;
  /** Which start of that id it is. @default 1 */
  readonly starts?: number;
  /** What it remembers over its restarts. */
  readonly store?: MeshStore | undefined;
  /** Encryption of its links. Default: none. */
  readonly security?: Security | undefined;
  /** Whether it passes nothing on: it only has a look. @default false */
  readonly isLeaf?: boolean;
  /** Looks up a name that stands where an address would (port 0). */
  readonly lookUp?: (name: string, signal: AbortSignal) => Promise<HostPort>;
  /** Told whom it reached; they may still refuse the link. */
  readonly reached?: (to: Endpoint) => void;
  /** Told why a link that is kept up could not be made; true: don't log it. */
  readonly failed?: (to: Endpoint, reason: string) => boolean;
}

/** A node without links. */
export function newNode(options: NodeOptions): MeshDriver {
  const { name, mesh, id = newNodeId(random), starts = 1, store, isLeaf, failed } = options;
  return new MeshDriver({
    identity: { id, incarnation: newIncarnation(starts, random), name, mesh },
    random,
    store,
    isLeaf,
    failed,
    connect: (to, signal) => connect(to, signal, options),
  });
}

/** What a reason begins with when a link can't be encrypted as both sides want it. */
const NOT_AUTHORISED = "not authorised";
/** Why a link without encryption is refused. */
const ENCRYPTED_HERE = "links are encrypted here (--encrypted or --secret-file)";

/** Is this why a link failed: one side encrypts and the other doesn't, or their secrets differ? */
export function isNotAuthorised(why: string): boolean {
  return why.startsWith(NOT_AUTHORISED) || why.includes(ENCRYPTED_HERE);
}

/** Makes a link's connection; what goes wrong is said in a few words. */
async function connect(
  to: Endpoint,
  signal: AbortSignal,
  { security, lookUp, reached }: NodeOptions,
): Promise<Connection> {
  let host = to.hostname;
  try {
    const address = to.port === 0 && lookUp !== undefined
      ? await lookUp(to.hostname, signal)
      : { host: to.hostname, port: to.port };
    host = address.host;
    if (security !== undefined) {
      if (security.guesses?.allows(host, performance.now()) === false) {
        throw new Error("too many secrets were wrong there: trying again later");
      }
    }
    const connect = async () => {
      const connection = await connectTcp(address, { signal });
      reached?.(to);
      return connection;
    };
    return security === undefined
      ? await connect()
      : await connectSecurely(connect, security, { signal });
  } catch (error) {
    if (signal.aborted) throw error;
    // Whoever serves something else there refuses nobody.
    const isRefused = error instanceof SecurityError && error.code !== "purpose";
    // Whoever answers there could be testing guesses of its own.
    if (isRefused && error.code === "refused") {
      security?.guesses?.use(host, performance.now());
    }
    const why = isRefused ? `${NOT_AUTHORISED}: ${error.message}` : reason(error);
    throw new Error(why, { cause: error });
  }
}

/** What somebody is sent who opens a link without encryption where that is wanted. */
const ENCRYPTED_LINKS_ONLY = encodeFrame(encodeMeshMessage({
  type: "refuse",
  code: "encryption",
  reason: ENCRYPTED_HERE,
}));

/** Takes links at a listener, encrypted if `security` says so. Whoever doesn't fit is told, and logged. */
export function linkListener(listener: Listener, security: Security | undefined): Listener {
  const refused = refusals(
    LINKS_REFUSED,
    (from, why) => log.warn("Refused a link from {from}: {why}", { from, why }),
  );
  if (security === undefined) return plainListener(listener, refused);
  return new SecureListener(listener, {
    ...security,
    allowsPlain: () => false,
    exempt: isFromThisMachine,
    plainRefusal: ENCRYPTED_LINKS_ONLY,
    refused,
  });
}

/** Takes links where an operator says (`/peer-listen`). What goes wrong is said in a few words. */
export function listenForLinks(at: Endpoint, security: Security | undefined): Listener {
  let listener: Listener;
  try {
    listener = listenTcp(at);
  } catch (error) {
    throw new Error(reason(error), { cause: error });
  }
  return linkListener(listener, security);
}

/**
 * Listens where a flag says.
 *
 * @throws {CommandError} when it can't, with what to do
 */
export function listen(address: HostPort, flag: string): Listener {
  try {
    return listenTcp({ hostname: address.host, port: address.port });
  } catch (error) {
    const advice = error instanceof Deno.errors.AddrInUse
      ? `stop what uses it, or choose another ${flag}`
      : error instanceof Deno.errors.PermissionDenied
      ? `ports below 1024 are for root; choose another ${flag}`
      : flag === "--listen"
      ? `check ${flag}`
      : `check --host and ${flag}`;
    throw new CommandError(
      `Cannot listen on ${formatAddress(address)}: ${reason(error)}; ${advice}`,
      { cause: error },
    );
  }
}

/** Whom a listener is for. */
export type ListenerFor = "clients" | "framed" | "peers";

/** The line on stdout that says that a listener is ready. */
export function listeningLine(
  what: "server" | "peer",
  listener: Listener,
  options: { name: string; whom: ListenerFor; json: boolean },
): string {
  const { name, whom, json } = options;
  const { hostname: host, port } = listener.addr;
  if (json) return `${JSON.stringify({ type: "listening", name, host, port, for: whom })}\n`;
  const to = { clients: "", framed: " for framed clients", peers: " for peers" }[whom];
  return `talker ${what} ${name} listening${to} on ${formatAddress({ host, port })}\n`;
}

/** Resolves when the signal is aborted. */
export function stopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}
