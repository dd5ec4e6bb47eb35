/**
 * `talker server`: a chat server for line clients.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { commonFlags } from "../lib/cli/common_flags.ts";
import { defineCommand, parseCommand } from "../lib/cli/flags.ts";
import type { Io } from "../lib/cli/io.ts";
import { startLog } from "../lib/cli/log.ts";
import { addressOf, isFromThisMachine, listenTcp } from "../lib/net/tcp_server.ts";
import type { Listener } from "../lib/net/transport.ts";
import type { MeshDriver } from "../lib/mesh/driver.ts";
import { MeshRoom } from "../lib/talker/mesh_room.ts";
import type { Talker } from "../lib/talker/talker.ts";
import { LineServer } from "../lib/talker/line_server.ts";
import { MAX_CLIENTS, MAX_CLIENTS_PER_ADDRESS } from "../lib/wire/limits.ts";
import {
  listen,
  listenAddress,
  type ListenerFor,
  listeningLine,
  newNode,
  nodeName,
  peerAddress,
  randomBits,
  stopped,
} from "./mesh_join.ts";

const ADMIN_CHOICES = ["local", "any", "none"] as const;

const command = defineCommand({
  name: "server",
  summary: "Run a chat server for line clients (nc, telnet, talker client), alone or in a mesh.",
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
    "talker server --name attic --peer kitchen.local:7000 --peer-listen 7000",
    "talker server --host 127.0.0.1 --port 0 --framed 0 --json",
  ],
});

/** How often the log tells how the server is doing, in milliseconds. */
const STATUS_MS = 60_000;

const log = getLogger(["talker", "server"]);

/** Runs `talker server` until the signal to stop. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const { flags } = parseCommand(command, args, io.env);
  const name = nodeName(flags.name);
  const framedAt = listenAddress("--framed", flags.framed, flags.host);
  const mesh = flags.mesh ?? "";
  const peersAt = listenAddress(
    "--peer-listen",
    flags.peerListen ?? (flags.mesh === undefined ? undefined : "0"),
    flags.host,
  );
  const peers = flags.peer.map(peerAddress);
  await using _log = await startLog(flags, io.stderr);

  const driver = newNode(name, mesh);
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
  const { stats } = server.talker;
  server.talker.stats = () => [...stats(), memory()];
  driver.watch({ congested: () => server.release() });

  // All the ports first: what is announced is all there.
  const lines = listen({ host: flags.host, port: flags.port }, "--port");
  const frames = framedAt === undefined ? undefined : listen(framedAt, "--framed");
  const links = peersAt === undefined ? undefined : listen(peersAt, "--peer-listen");
  const announce = (listener: Listener, whom: ListenerFor) =>
    io.stdout.write(listeningLine("server", listener, { name, whom, json: flags.json }));
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
    () => log.info("Status: {status}", { status: statusOf(server, driver) }),
    STATUS_MS,
  );
  await stopped(io.signal);
  clearInterval(status);
  log.info("Stopping: {clients} clients are told goodbye", { clients: server.size });
  // The other servers are told at once: clients that take their time don't hold that up.
  const clients = server.stop();
  room.flush();
  await Promise.all([clients, driver.stop()]);
  return 0;
}

/** How the server is doing, on one line for the log. */
function statusOf(server: LineServer, driver: MeshDriver): string {
  const { counters, history } = server.talker;
  const { links, reachable, delivered, duplicates, missed } = driver.node.stats();
  return `${server.size} clients (${counters.arrivals} since the start), ${counters.lines} lines, ` +
    `${counters.commands} commands, ${history.size} lines remembered, ${server.slowReaders} slow ` +
    `readers; ${links} links, ${reachable} servers reachable, ${delivered} messages, ` +
    `${duplicates} duplicates, ${missed} missed, ${driver.queued} bytes waiting; ${memory()}`;
}

function memory(): string {
  return `${Math.round(Deno.memoryUsage().rss / 1024 / 1024)} MiB of memory`;
}
