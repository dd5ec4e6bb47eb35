/**
 * `talker peer`: a node of the mesh without a port for clients. It relays, prints what it hears, and
 * says what it reads.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { commonFlags, LOG_LEVELS } from "../lib/cli/common_flags.ts";
import { EXIT, UsageError } from "../lib/cli/exit.ts";
import { defineCommand, type FlagValues, parseCommand } from "../lib/cli/flags.ts";
import type { Io } from "../lib/cli/io.ts";
import { startLog } from "../lib/cli/log.ts";
import { reason } from "../lib/cli/reason.ts";
import type { MeshDriver } from "../lib/mesh/driver.ts";
import { newNodeId } from "../lib/mesh/identity.ts";
import { parseTarget } from "../lib/net/address.ts";
import { anySignal } from "../lib/net/signals.ts";
import type { Endpoint, Listener } from "../lib/net/transport.ts";
import { MeshRoom } from "../lib/talker/mesh_room.ts";
import { Participant } from "../lib/talker/participant.ts";
import { MAX_LINE_BYTES } from "../lib/wire/limits.ts";
import { LineDecoder } from "../lib/wire/line_codec.ts";
import { decodeText } from "../lib/wire/text.ts";
import { beaconFlags } from "./beacon_flags.ts";
import { LINK_PORT, listenComplaint, meshComplaint, nameComplaint } from "./flag_checks.ts";
import {
  linkListener,
  listen,
  listenAddress,
  listenForLinks,
  listeningLine,
  newNode,
  nodeName,
  type NodeOptions,
  random,
  randomBits,
  stopped,
} from "./mesh_join.ts";
import { look } from "./peer_look.ts";
import { settled } from "./settled.ts";
import { Secrets, securityFor } from "./security.ts";
import { securityFlags } from "./security_flags.ts";
import { Surroundings } from "./surroundings.ts";
import { checkedAddress, resolveTarget } from "./target.ts";
import { TurnedDown } from "./turned_down.ts";

const command = defineCommand({
  name: "peer",
  summary: "Join the mesh without line clients: a relay, an observer, a voice.",
  usage: "talker peer [FLAGS] [TARGET…]",
  details: [
    "TARGET is a server that accepts links (--peer-listen): its name on the local network, or " +
    "host:port, [v6]:port, :port or a port (on this machine). The links are kept up for ever. A " +
    "TARGET, --listen or --mesh is needed. When nobody else can come, and every TARGET turns the " +
    "first link down because of encryption or the secret, it ends with exit code 5.",
    "What is heard goes to stdout. Each line of stdin is said, whatever it begins with, as soon as " +
    "the mesh is joined; the nick is the node's name, with - for what a nick can't have. With its " +
    "first line the node has a user, who is announced and in /who; before, it has none. The end of " +
    "stdin ends nothing: Ctrl-C or SIGTERM does.",
    "--map and --who join, print, and leave without a word to anybody. They exit with 1 when no " +
    "TARGET can be linked in time, with 5 when that is for encryption or the secret, with 3 when nobody " +
    "is found or the mesh goes on changing (and show what is known), " +
    "and --who with 4 when a server did not answer.",
  ],
  positionals: { min: 0, max: Infinity },
  flags: {
    listen: {
      kind: "string",
      placeholder: "[HOST:]PORT",
      defaultText: "none; with --mesh 0",
      help: "Accept links from other nodes here; 0 for any free port.",
      check: listenComplaint,
    },
    name: {
      kind: "string",
      placeholder: "NAME",
      defaultText: "the host name",
      help: "Name of this node.",
      check: nameComplaint,
    },
    mesh: {
      kind: "string",
      placeholder: "NAME",
      defaultText: "unnamed",
      help:
        "Join the mesh of this name (empty: the unnamed one): link to the nodes of it that are " +
        "found, and be found.",
      check: meshComplaint,
      mayBeEmpty: true,
    },
    autoPeer: {
      kind: "boolean",
      default: true,
      help: "Do not link to the nodes of the same --mesh that discovery finds.",
    },
    advertise: {
      kind: "boolean",
      default: true,
      help: "With --mesh: do not let others find this node.",
    },
    ...beaconFlags,
    ...securityFlags,
    map: { kind: "boolean", help: "Print who is linked to whom, and leave." },
    who: { kind: "boolean", help: "Print who is on which server, and leave." },
    echo: { kind: "boolean", default: true, help: "Do not print what this node says itself." },
    timeout: {
      kind: "seconds",
      defaultText: "no limit; with --map or --who 5",
      help: "Stop after S seconds, with exit code 3; with --map or --who the time to join in.",
    },
    ...commonFlags("info"),
    logLevel: {
      kind: "choice",
      choices: LOG_LEVELS,
      placeholder: "LEVEL",
      defaultText: "info; with --map or --who warning",
      help: `How much to log: ${LOG_LEVELS.join(", ")}.`,
    },
  },
  examples: [
    "talker peer --mesh club",
    "talker peer kitchen.local:7000 attic.local:7000",
    "talker peer --listen 7000 --name relay --json",
    "talker peer kitchen --map",
  ],
});

/** How long a name is looked up at each attempt to link to it, in milliseconds: less than an attempt may take. */
const LOOK_UP_MS = 1_500;
/** Where `--listen` listens unless it says so. */
const LISTEN_HOST = "0.0.0.0";
/** How long `--map` and `--who` take at the most until they know what they print, in seconds. */
const LOOK_TIMEOUT = 5;
/** A mesh that goes on changing keeps the lines of stdin no longer than this, in milliseconds. */
const MAX_JOINING_MS = 5_000;

const log = getLogger(["talker", "peer"]);

type Flags = FlagValues<typeof command.flags>;

/** Runs `talker peer`. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const { flags, rest } = parseCommand(command, args, io.env);
  const name = nodeName(flags.name);
  const targets = rest.map(targetEndpoint);
  const joins = flags.mesh !== undefined && flags.autoPeer;
  const looks = flags.map || flags.who;
  const implied = joins && !looks ? "0" : undefined;
  const listenAt = listenAddress(flags.listen ?? implied, LISTEN_HOST);
  if (targets.length === 0 && listenAt === undefined && !joins) {
    throw new UsageError(
      "Nobody to link to: give a TARGET (a server's name, or host:port of its --peer-listen), " +
        "--mesh or --listen",
    );
  }
  const logLevel = flags.logLevel ?? (looks ? "warning" : "info");
  await using _log = await startLog({ ...flags, logLevel }, io.stderr);
  using secrets = await Secrets.open(flags, io);
  secrets?.follow();
  const listener = listenAt === undefined ? undefined : listen(listenAt, "--listen");
  const surroundings = Surroundings.open({
    interface: flags.interface,
    advertise: flags.advertise && joins && listener !== undefined && !looks,
    networkzero: false,
    looks: joins || targets.length > 0,
    warn: io.stderr,
    signal: io.signal,
  });
  const part = { flags, name, targets, listener, secrets, surroundings, joins, io };
  try {
    return looks ? await lookAround(part) : await takePart(part);
  } finally {
    await surroundings?.close();
  }
}

/** Where a TARGET is; a name has port 0, and is looked up whenever it is linked to. */
function targetEndpoint(text: string): Endpoint {
  const target = checkedAddress("", () => parseTarget(text, LINK_PORT));
  return target.kind === "name"
    ? { hostname: target.name, port: 0 }
    : { hostname: target.host, port: target.port };
}

interface Part {
  readonly flags: Flags;
  readonly name: string;
  readonly targets: readonly Endpoint[];
  readonly listener: Listener | undefined;
  readonly secrets: Secrets | undefined;
  readonly surroundings: Surroundings | undefined;
  /** The mesh is joined by itself. */
  readonly joins: boolean;
  readonly io: Io;
}

/** What the node is made from, but for its name. */
function nodeOptions({ flags, secrets, surroundings }: Part): Omit<NodeOptions, "name"> {
  const mesh = flags.mesh ?? "";
  const beacon = surroundings?.beacon;
  return {
    mesh,
    security: securityFor(secrets, "peer", mesh),
    lookUp: (name, signal) =>
      resolveTarget(name, { role: "peers", flags, wait: LOOK_UP_MS, beacon, signal }),
  };
}

/** Takes links at the listener, and says so. */
function openListener(driver: MeshDriver, part: Part, name: string, node: NodeOptions): void {
  const { listener, flags, io } = part;
  if (listener === undefined) return;
  driver.listen(linkListener(listener, node.security));
  io.stdout.write(listeningLine("peer", listener, { name, whom: "peers", json: flags.json }));
}

/** `--map` and `--who`. */
function lookAround(part: Part): Promise<number> {
  const { flags, name, targets, surroundings, joins, io } = part;
  const { map, who, json, timeout = LOOK_TIMEOUT } = flags;
  const node = { ...nodeOptions(part), name };
  const joining = joins || part.listener !== undefined
    ? (driver: MeshDriver, failed: (name: string, reason: string) => void) => {
      openListener(driver, part, name, node);
      surroundings?.join(driver, joins, failed);
    }
    : undefined;
  return look({ node, targets, joining, map, who, json, timeout, io });
}

/** Hears, speaks and relays until it is told to stop. */
async function takePart(part: Part): Promise<number> {
  const { flags, targets, surroundings, io } = part;
  const id = newNodeId(random);
  const options = { ...nodeOptions(part), id };
  const { mesh } = options;
  const name = part.listener === undefined ? part.name : await surroundings?.advertise({
    name: part.name,
    kind: "peer",
    at: part.listener.addr,
    properties: { mesh, node: id, peers: `${part.listener.addr.port}` },
  }) ?? part.name;
  const node = { ...options, name };
  const stop = new AbortController();
  // When nobody comes from elsewhere, to try on is of no use.
  const isAlone = !part.joins && part.listener === undefined;
  const turnedDown = new TurnedDown(isAlone ? targets : [], () => stop.abort());
  const driver = newNode({ ...node, failed: turnedDown.failed });
  turnedDown.watch(driver);
  const room = new MeshRoom({
    driver,
    talker: () => participant.talker,
    listen: (at) => listenForLinks(at, node.security),
    encrypted: node.security !== undefined,
  });
  const participant: Participant = new Participant({
    name,
    mesh: room,
    json: flags.json,
    echo: flags.echo,
    random: randomBits,
    ears: io.stdout,
  });
  // The others are to know who is here before the first line: then that is news to them.
  participant.flush();
  openListener(driver, part, name, node);
  for (const target of targets) driver.keep(target);
  surroundings?.join(driver, part.joins);

  const timer = flags.timeout === undefined
    ? undefined
    : setTimeout(() => stop.abort(), flags.timeout * 1000);
  const signal = anySignal(io.signal, stop.signal);
  void speak(driver, participant, io, signal);
  await stopped(signal);
  clearTimeout(timer);
  participant.close();
  await driver.stop();
  if (io.signal.aborted) return EXIT.ok;
  if (turnedDown.isEverywhere) throw turnedDown.error;
  return EXIT.timeout;
}

/** Says the lines of stdin. */
async function speak(
  driver: MeshDriver,
  participant: Participant,
  io: Io,
  signal: AbortSignal,
): Promise<void> {
  // What is said before the others know of this node is past to them: nobody would hear it.
  while (!signal.aborted && !await settled(driver, { within: MAX_JOINING_MS, signal })) {
    if (driver.node.reachable().length > 1) break;
  }
  let room = Promise.withResolvers<void>();
  driver.watch({
    congested(congested) {
      if (congested) return;
      room.resolve();
      room = Promise.withResolvers();
    },
  });
  const lines = new LineDecoder(MAX_LINE_BYTES, { telnet: false });
  const sink = {
    line: (bytes: Uint8Array, start: number, end: number) =>
      participant.say(decodeText(bytes, start, end)),
    tooLong: () =>
      log.warn("A line of stdin was dropped: it has more than {most} bytes", {
        most: MAX_LINE_BYTES,
      }),
  };
  try {
    for await (const chunk of io.stdin.chunks()) {
      lines.push(chunk, sink);
      participant.flush();
      // A link that can't keep up slows the speaker down.
      while (driver.congested && !signal.aborted) await room.promise;
      if (signal.aborted) return;
    }
    // The last line may lack its end.
    lines.push(new Uint8Array([0x0a]), sink);
    participant.flush();
  } catch (error) {
    log.warn("Cannot read stdin: {reason}; going on without it", { reason: reason(error) });
  }
}
