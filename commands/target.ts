/**
 * What a TARGET on the command line means: an address, or a name that is looked up by discovery.
 *
 * @module
 */

import { CommandError, EXIT, UsageError } from "../lib/cli/exit.ts";
import type { Beacon } from "../lib/discovery/beacon.ts";
import type { Service } from "../lib/discovery/service.ts";
import { FRESH_MS } from "../lib/discovery/times.ts";
import { AddressError, type HostPort, parseListen, parseTarget } from "../lib/net/address.ts";
import { foldBeaconName, isBeaconName } from "../lib/wire/beacon_name.ts";
import { visible } from "../lib/wire/text.ts";
import type { BeaconFlagValues } from "./beacon_flags.ts";

/** Which of a server's ports is meant: the one for line clients, for framed clients, for links of the mesh. */
export type TargetRole = "clients" | "framed" | "peers";

/** Nobody of that name, or no server at all, was found in time. */
export class NotFoundError extends CommandError {
  override readonly name = "NotFoundError";
}

/** How a name is looked up. */
export interface LookupOptions {
  readonly role: TargetRole;
  /** The flags of the command: on which interfaces to look. */
  readonly flags: BeaconFlagValues;
  /** How long to look, in milliseconds. @default 5000 */
  readonly wait?: number | undefined;
  /** A beacon that is open already; else one is opened for the time that it takes. */
  readonly beacon?: Beacon | undefined;
  /** Gives up; what is thrown then is the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A server that was found without its name being known. */
export interface FoundServer {
  readonly name: string;
  readonly address: HostPort;
}

/** How long a name is looked for, in milliseconds. */
export const WAIT_MS = 5_000;
/**
 * How long only beacons are asked, in milliseconds. They answer at once; networkzero's port, which its
 * programs can't share, is taken only when none of them does.
 */
const BEACONS_ONLY_MS = 1_000;
/** How long servers are looked for when there is no TARGET, in milliseconds. */
export const LOOK_MS = 1_000;
/** Names that an error lists at the most. */
const MAX_LISTED = 8;
/** The kind of service that servers advertise. */
const SERVER_KIND = "talker";
/** The kind of service that `talker peer` advertises; its address is that for links. */
const PEER_KIND = "peer";

/**
 * The address of a TARGET. A name is looked up: the address is the one for the role, on the machine
 * that was found.
 *
 * @throws {UsageError} when it is no TARGET
 * @throws {NotFoundError} when nobody of that name is found in time; what was heard instead is told
 * @throws {CommandError} when it has no port for that role
 */
export async function resolveTarget(text: string, options: LookupOptions): Promise<HostPort> {
  const target = checkedAddress("", () => parseTarget(text));
  if (target.kind === "address") return { host: target.host, port: target.port };
  const { name } = target;
  const { role, signal, wait = WAIT_MS } = options;
  return await withBeacon(options, async (beacon) => {
    const service = await find(beacon, name, { ...options, wait });
    signal?.throwIfAborted();
    if ("heard" in service) throw new NotFoundError(notFound(name, wait, service.heard));
    return addressFor(service, role);
  });
}

/**
 * Who has that name; where nobody has, who was heard instead. What a networkzero program advertises
 * counts where no beacon answers: it may be a server as well, and `talker discover` finds it.
 */
async function find(
  beacon: Beacon,
  name: string,
  { role, wait, signal = new AbortController().signal, flags, beacon: known }:
    & LookupOptions
    & { wait: number },
): Promise<Service | { heard: readonly Service[] }> {
  const others = role === "peers" ? 0 : Math.max(0, wait - BEACONS_ONLY_MS);
  // Who keeps looking with a beacon of its own hears them anyway.
  using _others = hearOthers(beacon, known === undefined ? wait : Infinity);
  // What nobody can advertise nobody has.
  const service = isBeaconName(name)
    ? await beacon.discover(name, { wait: wait - others, signal })
    : null;
  if (service !== null || others === 0 || signal.aborted) {
    return service ?? { heard: beacon.services() };
  }
  const { Networkzero } = await import("../lib/discovery/networkzero.ts");
  const { Finder } = await import("../lib/discovery/networkzero_finder.ts");
  using networkzero = Networkzero.open({ interfaces: flags.interface });
  const finder = new Finder(beacon, networkzero);
  const found = await finder.find(name, { wait: others, signal });
  return found?.service ?? { heard: finder.known().map(({ service }) => service) };
}

/**
 * Whoever looks for a name is told who was heard instead. Everybody speaks once in a while; who waits less
 * than that asks them all. Disposing of it ends the asking.
 */
export function hearOthers(beacon: Beacon, wait: number): Disposable {
  const end = wait < FRESH_MS ? beacon.ask() : () => {};
  return { [Symbol.dispose]: end };
}

/**
 * The one server on the local network, for a command without a TARGET.
 *
 * @throws {UsageError} when there are several: they are listed
 * @throws {NotFoundError} when there is none
 */
export async function findServer(options: LookupOptions): Promise<FoundServer> {
  const { role, signal, wait = LOOK_MS } = options;
  return await withBeacon(options, async (beacon) => {
    const servers = await beacon.discoverAll({ kind: SERVER_KIND, wait, signal });
    signal?.throwIfAborted();
    const [server] = servers;
    if (server === undefined) {
      throw new NotFoundError(
        `No TARGET given, and no server was found within ${wait / 1000} s; start one with ` +
          "talker server, or give a TARGET: a name, host:port or :port",
      );
    }
    if (servers.length === 1) return { name: server.name, address: addressFor(server, role) };
    const listed = servers.slice(0, MAX_LISTED).map(({ name, addresses }) =>
      `${visible(name)} (${addresses[0] ?? "no address"})`
    );
    const more = servers.length > MAX_LISTED ? ` and ${servers.length - MAX_LISTED} more` : "";
    throw new UsageError(
      `No TARGET given, and there are several servers: ${listed.join(", ")}${more}; ` +
        `name one: talker client ${visible(server.name)}`,
    );
  });
}

/** What is said when nobody of that name was found. `heard` are those who were heard instead. */
export function notFound(name: string, wait: number, heard: readonly Service[]): string {
  const wanted = foldBeaconName(name);
  const deaf = heard.find((service) => foldBeaconName(service.name) === wanted);
  if (deaf !== undefined) {
    const why = deaf.addresses.length === 0
      ? `offers no address that can be used from here (it is heard from ${deaf.source})`
      : `accepts no connection at ${deaf.addresses.join(", ")}`;
    return `"${visible(deaf.name)}" is there, but ${why} (talker discover --doctor ${
      visible(name)
    } says more)`;
  }
  const listed = heard.slice(0, MAX_LISTED).map(describeService);
  const more = heard.length > MAX_LISTED ? ` and ${heard.length - MAX_LISTED} more` : "";
  const instead = heard.length === 0 ? "nobody else was heard" : `heard were ${listed.join(", ")}`;
  return `"${visible(name)}" was not found within ${wait / 1000} s; ${instead}${more} ` +
    `(talker discover --doctor ${visible(name)} looks for the cause)`;
}

/** A service as a sentence lists it: `kitchen (talker, 10.0.0.2:8889)`. */
function describeService({ name, kind, addresses }: Service): string {
  return `${visible(name)} (${visible(kind)}, ${addresses[0] ?? "no address"})`;
}

/** What `parse` gives; where the text is no address that is wrong usage, and `where` stands before the reason. */
export function checkedAddress<T>(where: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new UsageError(where + error.message, { cause: error });
  }
}

async function withBeacon<T>(
  options: LookupOptions,
  use: (beacon: Beacon) => Promise<T>,
): Promise<T> {
  if (options.beacon !== undefined) return await use(options.beacon);
  // Most commands are given an address, and start the faster without a beacon's code.
  const { openBeacon } = await import("./beacon_open.ts");
  await using beacon = openBeacon(options.flags);
  return await use(beacon);
}

/** The address for that role. What a service tells about itself may be anything. */
function addressFor(service: Service, role: TargetRole): HostPort {
  const name = visible(service.name);
  const first = service.addresses[0];
  if (first === undefined) {
    throw new CommandError(`"${name}" was found, but it tells no address that can be used`);
  }
  const address = parseListen(first, "");
  if (service.kind === PEER_KIND && role !== "peers") {
    throw new CommandError(
      `"${name}" is a talker peer: it takes no clients; connect to one of its servers`,
    );
  }
  // Others than servers have one port, and it is what it is.
  if (role === "clients" || service.kind !== SERVER_KIND) return address;
  const port = Number(service.properties[role] ?? "");
  if (Number.isInteger(port) && port > 0 && port < 65_536) return { host: address.host, port };
  throw new CommandError(
    role === "peers"
      ? `"${name}" (${first}) takes no links from other servers: start it with --peer-listen PORT ` +
        "or --mesh NAME"
      : `"${name}" (${first}) takes no framed clients: start it with --framed PORT`,
    { exitCode: EXIT.failed },
  );
}
