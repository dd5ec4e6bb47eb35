/**
 * What `talker server` and `talker peer` share: the name, the addresses and the links of a node.
 *
 * @module
 */

import { CommandError, UsageError } from "../lib/cli/exit.ts";
import { reason } from "../lib/cli/reason.ts";
import { MeshDriver } from "../lib/mesh/driver.ts";
import { newIncarnation, newNodeId } from "../lib/mesh/identity.ts";
import {
  AddressError,
  formatAddress,
  type HostPort,
  parseListen,
  parseTarget,
} from "../lib/net/address.ts";
import { connectTcp } from "../lib/net/tcp_client.ts";
import { listenTcp } from "../lib/net/tcp_server.ts";
import type { Connection, Endpoint, Listener } from "../lib/net/transport.ts";
import { MAX_SERVER_NAME } from "../lib/wire/limits.ts";
import { checkedAddress } from "./target.ts";

/** The name of a node: as given, or the host's. */
export function nodeName(given: string | undefined): string {
  const name = given ?? Deno.hostname();
  if (!/^[^\s\p{C}@]+$/u.test(name) || [...name].length > MAX_SERVER_NAME) {
    throw new UsageError(
      `"${name.slice(0, 80)}" is no name for a server: --name takes 1 to ${MAX_SERVER_NAME} ` +
        "characters without blanks or @",
    );
  }
  return name;
}

/** The address of a flag that says where to listen; undefined where it isn't given. */
export function listenAddress(
  flag: string,
  text: string | undefined,
  host: string,
): HostPort | undefined {
  return text === undefined
    ? undefined
    : checkedAddress(`${flag}: `, () => parseListen(text, host));
}

/** The address of `--peer`, which keeps no names. */
export function peerAddress(text: string): Endpoint {
  return checkedAddress("--peer: ", () => {
    const target = parseTarget(text);
    if (target.kind === "address") return { hostname: target.host, port: target.port };
    throw new AddressError(`"${target.name}" has no port; it must be host:port`);
  });
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

/** A node without links, new to everybody; `connected` is told of connections that it made. */
export function newNode(
  name: string,
  mesh: string,
  connected: (to: Endpoint) => void = () => {},
): MeshDriver {
  return new MeshDriver({
    identity: { id: newNodeId(random), incarnation: newIncarnation(1, random), name, mesh },
    random,
    async connect(to, signal) {
      const connection = await connect(to, signal);
      connected(to);
      return connection;
    },
  });
}

/** Makes a link's connection; what goes wrong is said in a few words. */
async function connect(to: Endpoint, signal: AbortSignal): Promise<Connection> {
  try {
    return await connectTcp({ host: to.hostname, port: to.port }, { signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new Error(reason(error), { cause: error });
  }
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
