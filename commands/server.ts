/**
 * `talker server`: a chat server for line clients, and a node of the mesh.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { type FlagValues, parseCommand } from "../lib/cli/flags.ts";
import type { Io } from "../lib/cli/io.ts";
import { startLog } from "../lib/cli/log.ts";
import type { MeshDriver } from "../lib/mesh/driver.ts";
import { newNodeId } from "../lib/mesh/identity.ts";
import { isLoopback } from "../lib/net/address.ts";
import { addressOf, isFromThisMachine } from "../lib/net/tcp_server.ts";
import type { Listener } from "../lib/net/transport.ts";
import { NotifyRoom } from "../lib/notify/notify_room.ts";
import type { Store } from "../lib/store/store.ts";
import { LineServer } from "../lib/talker/line_server.ts";
import { MeshRoom } from "../lib/talker/mesh_room.ts";
import type { Talker } from "../lib/talker/talker.ts";
import { clientListener } from "./client_listener.ts";
import { peerAddress } from "./flag_checks.ts";
import {
  linkListener,
  listen,
  listenAddress,
  type ListenerFor,
  listenForLinks,
  listeningLine,
  newNode,
  nodeName,
  random,
  randomBits,
  stopped,
} from "./mesh_join.ts";
import { Secrets, securityFor } from "./security.ts";
import { serverCommand } from "./server_flags.ts";
import { Surroundings } from "./surroundings.ts";

/** How often the log tells how the server is doing, in milliseconds. */
const STATUS_MS = 60_000;

const log = getLogger(["talker", "server"]);

type Flags = FlagValues<typeof serverCommand.flags>;

/** Runs `talker server` until the signal to stop. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const { flags } = parseCommand(serverCommand, args, io.env);
  const wanted = nodeName(flags.name);
  const mesh = flags.mesh ?? "";
  const ports = new Ports(flags);
  const peers = flags.peer.map(peerAddress);
  await using _log = await startLog(flags, io.stderr);
  // What is told before there is a server is told to nobody.
  const made: { server?: LineServer } = {};
  using secrets = await Secrets.open(flags, io);
  secrets?.follow();
  await using store = flags.data === undefined
    ? undefined
    : await (await import("./keeping.ts")).openStore(flags.data, {
      onCongested: () => made.server?.release(),
      onFailed: (reason) => {
        made.server?.setTime();
        made.server?.talker.confirmations?.failed(reason?.message);
      },
    });

  // All the ports first: what is announced is all there.
  const { lines, frames, links } = ports.open();
  const id = store?.identity.id ?? newNodeId(random);
  const surroundings = Surroundings.open({
    // What listens on this machine only is to be found on it only.
    interface: isLoopback(lines.addr.hostname) ? ["lo"] : flags.interface,
    advertise: flags.advertise,
    networkzero: flags.networkzero,
    looks: peers.length > 0 || (flags.mesh !== undefined && flags.autoPeer),
    warn: io.stderr,
    signal: io.signal,
  });
  const name = await surroundings?.advertise({
    name: wanted,
    kind: "talker",
    at: lines.addr,
    properties: {
      mesh,
      node: id,
      ...(links === undefined ? {} : { peers: `${links.addr.port}` }),
      ...(frames === undefined ? {} : { framed: `${frames.addr.port}` }),
    },
  }) ?? wanted;

  const clientSecurity = securityFor(secrets, "client");
  const peerSecurity = securityFor(secrets, "peer", mesh);
  const starts = store?.identity.starts ?? 1;
  const driver = newNode({ name, mesh, id, starts, store: store?.mesh, security: peerSecurity });
  const room = new MeshRoom({
    driver,
    talker: (): Talker => server.talker,
    listen: (at) => listenForLinks(at, peerSecurity),
    encrypted: peerSecurity !== undefined,
    congested: () => store?.congested === true,
  });
  const notifications = new NotifyRoom({
    driver,
    ...(store === undefined ? {} : { store: store.notifications }),
    dueChanged: () => made.server?.dueChanged(),
  });
  const server: LineServer = new LineServer({
    name,
    mesh: room,
    notifications,
    ...(store === undefined ? {} : { durable: () => store.committed() }),
    echo: flags.echo,
    random: randomBits,
    maxClients: flags.maxClients,
    maxClientsPerAddress: flags.maxPerAddress,
    addressOf,
    isLocal: isFromThisMachine,
    isOperator: (local) => flags.admin === "any" || (flags.admin === "local" && local),
    pauseMesh: (paused) => driver.pause(paused),
  });
  made.server = server;
  const restored = room.restore();
  if (store !== undefined) log.info("{lines} lines are remembered", { lines: restored });
  const { stats } = server.talker;
  server.talker.stats = () => [...stats(), ...storeStats(store), memory()];
  if (flags.answer !== undefined) {
    const { commandAnswerer } = await import("./answering.ts");
    const timeoutMs = flags.answerTimeout * 1000;
    server.talker.answerer = commandAnswerer(flags.answer, { timeoutMs, signal: io.signal });
  }
  driver.watch({
    congested: () => server.release(),
    // The clock of the talker stands still while nothing happens here.
    event: () => server.setTime(),
  });
  // The others are to know who is here before the first client comes: then that is news to them.
  room.flush();

  const announce = (listener: Listener, whom: ListenerFor) =>
    io.stdout.write(listeningLine("server", listener, { name, whom, json: flags.json }));
  const { allowPlain } = flags;
  const takeClients = (listener: Listener, framed: boolean) => {
    server.listen(
      clientListener(listener, { framed, security: clientSecurity, allowPlain }),
      framed,
    );
    announce(listener, framed ? "framed" : "clients");
  };
  takeClients(lines, false);
  if (frames !== undefined) takeClients(frames, true);
  if (links !== undefined) {
    driver.listen(linkListener(links, peerSecurity));
    announce(links, "peers");
  }
  for (const peer of peers) driver.keep(peer);
  surroundings?.join(driver, flags.mesh !== undefined && flags.autoPeer);

  const status = setInterval(
    () => log.info("Status: {status}", { status: statusOf(server, driver) }),
    STATUS_MS,
  );
  await stopped(io.signal);
  clearInterval(status);
  log.info("Stopping: {clients} clients are told goodbye", { clients: server.size });
  // The other servers are told at once, and how many users there were: clients that take their time
  // don't hold that up.
  const gone = surroundings?.close();
  room.stop();
  const clients = server.stop();
  notifications.stop();
  await Promise.all([clients, driver.stop(), gone]);
  return 0;
}

/** The ports of a server. */
class Ports {
  readonly #flags: Flags;
  readonly #framed;
  readonly #peers;

  /** At the addresses of the flags. */
  constructor(flags: Flags) {
    this.#flags = flags;
    this.#framed = listenAddress(flags.framed, flags.host);
    const implied = flags.mesh === undefined ? undefined : "0";
    this.#peers = listenAddress(flags.peerListen ?? implied, flags.host);
  }

  /** Listens at all of them. */
  open(): { lines: Listener; frames: Listener | undefined; links: Listener | undefined } {
    const { host, port } = this.#flags;
    return {
      lines: listen({ host, port }, "--port"),
      frames: this.#framed && listen(this.#framed, "--framed"),
      links: this.#peers && listen(this.#peers, "--peer-listen"),
    };
  }
}

/** How the server is doing, on one line for the log. */
function statusOf(server: LineServer, driver: MeshDriver): string {
  const { counters, history } = server.talker;
  const { links, reachable, delivered, duplicates, missed } = driver.node.stats();
  return `${server.size} clients (${counters.arrivals} since the start), ${counters.lines} lines, ` +
    `${counters.commands} commands, ${history.size} lines remembered, ${server.slowReaders} slow ` +
    `readers, ${server.queued} bytes waiting for clients, ${counters.dropped} lines dropped; ${links} links, ${reachable} servers reachable, ${delivered} messages, ` +
    `${duplicates} duplicates, ${missed} missed, ${driver.queued} bytes waiting; ${memory()}`;
}

function storeStats(store: Store | undefined): string[] {
  if (store === undefined) return [];
  const state = store.failed === undefined ? "writing" : `failing: ${store.failed.message}`;
  return [`store: ${state}, ${store.unwritten} bytes not on disk yet`];
}

function memory(): string {
  return `${Math.round(Deno.memoryUsage().rss / 1024 / 1024)} MiB of memory`;
}
