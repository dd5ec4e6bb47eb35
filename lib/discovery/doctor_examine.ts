/**
 * Gathers what the doctor judges: asks and listens for some seconds with a beacon.
 *
 * @module
 */

import { formatAddress, type HostPort } from "../net/address.ts";
import { whyNoBroadcast } from "../net/broadcast_udp.ts";
import { isOwnAddress, type NetworkInterface, networkInterfaces } from "../net/interfaces.ts";
import { foldBeaconName } from "../wire/beacon_name.ts";
import { NETWORKZERO_PORT } from "../wire/networkzero_codec.ts";
import { type Beacon, BEACON_PORT, type Sighting } from "./beacon.ts";
import type { DoctorFacts, Echo, HeardFacts, InterfaceFacts, PortFacts } from "./doctor_facts.ts";
import type { Networkzero } from "./networkzero.ts";
import { NETWORKZERO_KIND } from "./networkzero_finder.ts";
import { endpointOf } from "./reachable.ts";

/** What is examined, and with what. */
export interface ExamineOptions {
  readonly beacon: Beacon;
  readonly networkzero: Networkzero;
  /** The interfaces that the beacon uses. Default: all. */
  readonly interfaces?: readonly string[] | undefined;
  /** The name that is looked for. */
  readonly name?: string | undefined;
  /** How long to listen, in milliseconds: less than 3,500 and one-way links may not be told. */
  readonly wait: number;
  readonly signal: AbortSignal;
  /** Tries to connect; gives the reason when that fails. */
  readonly connect: (to: HostPort, kind: string) => Promise<string | undefined>;
  /** Who has a UDP port, where that can be told. */
  readonly holder: (port: number) => Promise<string | undefined>;
}

/** Addresses of the wanted name that are tried at the most. */
const MAX_TRIED = 8;

/** Looks, listens and asks; gives what it found, also when `signal` ends it earlier. */
export async function examine(options: ExamineOptions): Promise<DoctorFacts> {
  const { beacon, networkzero, wait, signal, name } = options;
  const began = performance.now();
  const echoes = new Set<string>();
  const off = beacon.on((sighting) => {
    if (sighting.own) echoes.add(echoKey(sighting));
  });
  const unask = beacon.ask();
  await passed(wait, signal);
  unask();
  off();
  const listenedMs = performance.now() - began;
  const all = networkInterfaces();
  const heard = [...heardBeacons(beacon, all), ...heardOfNetworkzero(networkzero, all)];
  const { portBlocked, malformed, otherVersion } = beacon.stats();
  return {
    name,
    listenedMs,
    interfaces: await interfaceFacts(all, echoes, options),
    port: await portFacts(BEACON_PORT, portBlocked, options),
    networkzero: await portFacts(NETWORKZERO_PORT, networkzero.refusal, options),
    heard,
    tries: await tries(heard, options),
    malformed: malformed + otherVersion,
  };
}

/** An own datagram that came back: from which of our addresses it was, and how it went. */
function echoKey({ source, method }: Sighting): string {
  return `${source.hostname.replace(/%.*/, "")} ${method}`;
}

async function interfaceFacts(
  all: readonly NetworkInterface[],
  echoes: ReadonlySet<string>,
  { interfaces }: ExamineOptions,
): Promise<InterfaceFacts[]> {
  const used = new Set(
    (interfaces === undefined ? all : networkInterfaces(interfaces))
      .flatMap(({ addresses }) => addresses.map(({ ip }) => ip)),
  );
  const facts: InterfaceFacts[] = [];
  for (const { name, loopback, addresses } of all) {
    for (const { ip, prefix, family, broadcast } of addresses) {
      const isLinkLocal = ip.startsWith("fe80:");
      // Of IPv6 the addresses that lead no farther than the next router are used, and no other.
      if (family === 6 && !isLinkLocal) continue;
      const place = { name, address: ip, prefix, isLoopback: loopback };
      if (!used.has(ip)) {
        facts.push(place);
        continue;
      }
      const echo = (method: string): Echo | undefined =>
        echoes.has(`${ip} ${method}`) ? { is: "returned" } : undefined;
      if (family === 6) {
        facts.push({ ...place, multicast: echo("multicast6") ?? { is: "lost" } });
        continue;
      }
      const multicast = echo("multicast");
      const casted = echo("broadcast");
      const why = multicast === undefined && casted === undefined
        ? await whyNoBroadcast(ip, broadcast)
        : undefined;
      const otherwise: Echo = why === undefined ? { is: "lost" } : { is: "failed", reason: why };
      facts.push({ ...place, multicast: multicast ?? otherwise, broadcast: casted ?? otherwise });
    }
  }
  return facts;
}

async function portFacts(
  port: number,
  refusal: string | undefined,
  { holder }: ExamineOptions,
): Promise<PortFacts> {
  if (refusal === undefined) return { port, state: "ours" };
  const reason = refusal.replace(/ \(os error \d+\)/, "").replace(
    /^[A-Z](?=[a-z])/,
    (letter) => letter.toLowerCase(),
  );
  if (!/in use/i.test(refusal)) return { port, state: "refused", reason };
  return { port, state: "taken", reason, holder: await holder(port) };
}

function heardBeacons(beacon: Beacon, all: readonly NetworkInterface[]): HeardFacts[] {
  return beacon.heard().flatMap(({ id, sources, hearsUs, services }) => {
    const from = sources[0]?.address ?? "";
    return services.map(({ name, kind, addresses }): HeardFacts => ({
      name,
      kind,
      id,
      addresses: addresses.flatMap(hostPort),
      from,
      isLocal: isOwnAddress(from, all),
      answered: hearsUs,
      via: "talker",
    }));
  });
}

function heardOfNetworkzero(
  networkzero: Networkzero,
  all: readonly NetworkInterface[],
): HeardFacts[] {
  return networkzero.names().map(({ name, host, port, from }) => ({
    name,
    kind: NETWORKZERO_KIND,
    id: from,
    addresses: [{ host, port }],
    from,
    isLocal: isOwnAddress(from, all),
    answered: undefined,
    via: "networkzero",
  }));
}

function hostPort(address: string): HostPort[] {
  const endpoint = endpointOf(address);
  return endpoint === undefined ? [] : [{ host: endpoint.hostname, port: endpoint.port }];
}

async function tries(heard: readonly HeardFacts[], options: ExamineOptions) {
  const { name, connect } = options;
  if (name === undefined) return [];
  const wanted = foldBeaconName(name);
  const places = new Map(
    heard.filter((one) => foldBeaconName(one.name) === wanted).flatMap(({ addresses, kind }) =>
      addresses.map((address) => [formatAddress(address), { address, kind }])
    ),
  );
  return await Promise.all(
    [...places.values()].slice(0, MAX_TRIED).map(async ({ address, kind }) => ({
      address,
      refusal: await connect(address, kind),
    })),
  );
}

/** Resolves after a time, or when the signal is aborted. */
async function passed(milliseconds: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  const stop = () => resolve();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) resolve();
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", stop);
}
