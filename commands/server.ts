/**
 * `talker server`: a chat server for line clients.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { commonFlags } from "../lib/cli/common_flags.ts";
import { CommandError, UsageError } from "../lib/cli/exit.ts";
import { defineCommand, parseCommand } from "../lib/cli/flags.ts";
import type { Io } from "../lib/cli/io.ts";
import { startLog } from "../lib/cli/log.ts";
import { reason } from "../lib/cli/reason.ts";
import {
  AddressError,
  formatAddress,
  type HostPort,
  parseListen,
  parseTarget,
} from "../lib/net/address.ts";
import { newIncarnation, newNodeId } from "../lib/mesh/identity.ts";
import { MeshDriver } from "../lib/mesh/driver.ts";
import { connectTcp } from "../lib/net/tcp_client.ts";
import { addressOf, isFromThisMachine, listenTcp } from "../lib/net/tcp_server.ts";
import type { Connection, Endpoint, Listener } from "../lib/net/transport.ts";
import { MeshRoom } from "../lib/talker/mesh_room.ts";
import type { Talker } from "../lib/talker/talker.ts";
import { LineServer } from "../lib/talker/line_server.ts";
import { MAX_CLIENTS, MAX_CLIENTS_PER_ADDRESS, MAX_SERVER_NAME } from "../lib/wire/limits.ts";

const ADMIN_CHOICES = ["local", "any", "none"] as const;

const command = defineCommand({
  name: "server",
  summary: "Run a chat server for line clients: nc, telnet, talker client.",
  usage: "talker server [FLAGS]",
  positionals: { min: 0, max: 0 },
  flags: {
    name: {
      kind: "string",
      placeholder: "NAME",
      defaultText: "the host name",
      help: "Name of this server.",
    },
    host: {
      kind: "string",
      placeholder: "HOST",
      default: "0.0.0.0",
      help: "Address to listen on; 127.0.0.1 for this machine only, :: for IPv6 as well.",
    },
    port: { kind: "port", default: 8889, help: "Port for line clients; 0 for any free one." },
    framed: {
      kind: "string",
      placeholder: "[HOST:]PORT",
      defaultText: "none",
      help: "Also serve framed clients here: each record behind its length in ten characters.",
    },
    echo: { kind: "boolean", default: true, help: "Do not send speakers their own lines." },
    maxClients: {
      kind: "integer",
      min: 1,
      default: MAX_CLIENTS,
      help: "Connections to take in all.",
    },
    maxPerAddress: {
      kind: "integer",
      min: 1,
      default: MAX_CLIENTS_PER_ADDRESS,
      help: "Connections to take from one address (this machine's own are not counted).",
    },
    admin: {
      kind: "choice",
      choices: ADMIN_CHOICES,
      placeholder: "WHO",
      default: "local",
      help:
        "From where /kill and other operator commands are accepted: local (this machine), any, none.",
    },
    peerListen: {
      kind: "string",
      placeholder: "[HOST:]PORT",
      defaultText: "none",
      help: "Accept links from other servers here; 0 for any free port.",
    },
    peer: {
      kind: "strings",
      placeholder: "HOST:PORT",
      help: "Keep a link to the server there up, for ever. May be repeated.",
    },
    mesh: {
      kind: "string",
      placeholder: "NAME",
      defaultText: "unnamed",
      help:
        "Name of the mesh: only servers of the same mesh link to each other. Implies --peer-listen 0.",
    },
    ...commonFlags("info"),
  },
  examples: [
    "talker server --name kitchen",
    "talker server --host 127.0.0.1 --port 0 --framed 0 --json",
  ],
});

/** How often the log tells how the server is doing, in milliseconds. */
const STATUS_MS = 60_000;

const log = getLogger(["talker", "server"]);

/** Runs `talker server` until the signal to stop. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const { flags } = parseCommand(command, args, io.env);
  const name = serverName(flags.name);
  const framedAt = listenAddress("--framed", flags.framed, flags.host);
  const mesh = flags.mesh ?? "";
  const peersAt = listenAddress(
    "--peer-listen",
    flags.peerListen ?? (flags.mesh === undefined ? undefined : "0"),
    flags.host,
  );
  const peers = flags.peer.map(peerAddress);
  await using _log = await startLog(flags, io.stderr);

  const bits = new Uint32Array(1);
  const randomBits = () => crypto.getRandomValues(bits)[0] as number;
  const random = () => randomBits() / 2 ** 32;
  const driver = new MeshDriver({
    identity: { id: newNodeId(random), incarnation: newIncarnation(1, random), name, mesh },
    random,
    connect,
  });
  const room = new MeshRoom({ driver, talker: (): Talker => server.talker, listen: listenTcp });
  const server: LineServer = new LineServer({
    name,
    mesh: room,
    echo: flags.echo,
    random: randomBits,
    maxClients: flags.maxClients,
    maxClientsPerAddress: flags.maxPerAddress,
    addressOf,
    isLocal: isFromThisMachine,
    isOperator: (local) => flags.admin === "any" || (flags.admin === "local" && local),
    pauseMesh: (paused) => driver.pause(paused),
  });
  driver.watch({ congested: () => server.release() });

  // All the ports first: what is announced is all there.
  const lines = listen({ host: flags.host, port: flags.port }, "--port");
  const frames = framedAt === undefined ? undefined : listen(framedAt, "--framed");
  const links = peersAt === undefined ? undefined : listen(peersAt, "--peer-listen");
  const announce = (listener: Listener, whom: "clients" | "framed" | "peers") => {
    const { hostname: host, port } = listener.addr;
    const to = { clients: "", framed: " for framed clients", peers: " for peers" }[whom];
    const text = `talker server ${name} listening${to} on ${formatAddress({ host, port })}`;
    const record = { type: "listening", name, host, port, for: whom };
    io.stdout.write(`${flags.json ? JSON.stringify(record) : text}\n`);
  };
  server.listen(lines, false);
  announce(lines, "clients");
  if (frames !== undefined) {
    server.listen(frames, true);
    announce(frames, "framed");
  }
  if (links !== undefined) {
    driver.listen(links);
    announce(links, "peers");
  }
  for (const peer of peers) driver.keep(peer);

  const status = setInterval(
    () => log.info("Status: {status}", { status: statusOf(server) }),
    STATUS_MS,
  );
  await stopped(io.signal);
  clearInterval(status);
  log.info("Stopping: {clients} clients are told goodbye", { clients: server.size });
  await server.stop();
  await driver.stop();
  return 0;
}

function serverName(given: string | undefined): string {
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
function listenAddress(flag: string, text: string | undefined, host: string): HostPort | undefined {
  return text === undefined ? undefined : checked(flag, () => parseListen(text, host));
}

function peerAddress(text: string): Endpoint {
  return checked("--peer", () => {
    const target = parseTarget(text);
    if (target.kind === "address") return { hostname: target.host, port: target.port };
    throw new AddressError(`"${target.name}" has no port; it must be host:port`);
  });
}

function checked<T>(flag: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof AddressError) throw new UsageError(`${flag}: ${error.message}`);
    throw error;
  }
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

function listen(address: HostPort, flag: string): Listener {
  try {
    return listenTcp({ hostname: address.host, port: address.port });
  } catch (error) {
    const advice = error instanceof Deno.errors.AddrInUse
      ? `stop what uses it, or choose another ${flag}`
      : error instanceof Deno.errors.PermissionDenied
      ? `ports below 1024 are for root; choose another ${flag}`
      : `check --host and ${flag}`;
    throw new CommandError(
      `Cannot listen on ${formatAddress(address)}: ${reason(error)}; ${advice}`,
      { cause: error },
    );
  }
}

function statusOf(server: LineServer): string {
  const { counters, history } = server.talker;
  const { rss } = Deno.memoryUsage();
  return `${server.size} clients (${counters.arrivals} since the start), ${counters.lines} lines, ` +
    `${counters.commands} commands, ${history.size} lines remembered, ${server.slowReaders} slow ` +
    `readers, ${Math.round(rss / 1024 / 1024)} MiB`;
}

function stopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}
