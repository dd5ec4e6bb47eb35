/**
 * What a node of the mesh does with what discovery finds: it joins the mesh by itself (`--mesh`), and
 * tries the links of `--peer` as soon as the peer is heard.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { reason } from "../lib/cli/reason.ts";
import type { Service, ServiceEvent } from "../lib/discovery/service.ts";
import type { MeshDriver } from "../lib/mesh/driver.ts";
import { JoinerDriver } from "../lib/mesh/joiner_driver.ts";
import { parseListen } from "../lib/net/address.ts";
import type { Endpoint } from "../lib/net/transport.ts";
import { MAX_JOIN_ADDRESSES } from "../lib/wire/limits.ts";
import { random } from "./mesh_join.ts";

const log = getLogger(["talker", "mesh"]);

/** What finds the services. */
export interface Watched {
  /** What is there, and what comes, changes and goes, until the signal is aborted. */
  watch(options: { signal: AbortSignal }): AsyncIterable<ServiceEvent>;
}

/** How a mesh is joined. */
export interface JoinMeshOptions {
  /** Finds the others. */
  beacon: Watched;
  /** This node. Its mesh is the one that is joined. */
  driver: MeshDriver;
  /** Links are made to those of the same mesh; else only those of `--peer` are tried when heard. */
  join: boolean;
  /** Told of links to others of the mesh that could not be made. */
  failed?: ((name: string, reason: string) => void) | undefined;
  /** Ends it; the links stay. */
  signal: AbortSignal;
}

/** A node of a mesh, as an advert tells of it. */
export interface AdvertisedNode {
  readonly id: string;
  readonly mesh: string;
  /** Where it takes links, nearest first. */
  readonly addresses: readonly Endpoint[];
}

/**
 * The node of the mesh that a service is; undefined where it is none, or takes no links. Its port for
 * links is the property `peers`; without it, a `peer` takes them where its addresses say.
 */
export function advertisedNode(service: Service): AdvertisedNode | undefined {
  const { kind, properties: { node: id, mesh = "", peers } } = service;
  if (id === undefined || !/^[0-9a-f]{16}$/.test(id)) return undefined;
  if (peers === undefined ? kind !== "peer" : !isPort(peers)) return undefined;
  const addresses = new Map<string, Endpoint>();
  for (const address of service.addresses) {
    try {
      const { host: hostname, port } = parseListen(address, "");
      const endpoint = { hostname, port: peers === undefined ? port : Number(peers) };
      if (hostname !== "" && endpoint.port > 0) addresses.set(hostname, endpoint);
    } catch {
      // Whoever advertises that can't be linked there.
    }
  }
  return { id, mesh, addresses: [...addresses.values()] };
}

function isPort(text: string): boolean {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= 65_535;
}

/**
 * Follows what discovery finds until the signal is aborted: see {@linkcode JoinMeshOptions}. Never
 * rejects.
 *
 * @example
 * ```ts ignore
 * const stop = new AbortController();
 * void joinMesh({ beacon, driver, join: flags.mesh !== undefined, signal: stop.signal });
 * ```
 */
export async function joinMesh(options: JoinMeshOptions): Promise<void> {
  const { beacon, driver, join, failed, signal } = options;
  using joiner = join ? new JoinerDriver({ driver, random, failed }) : undefined;
  const sightings = new Sightings(driver, joiner);
  try {
    for await (const event of beacon.watch({ signal })) sightings.happened(event);
  } catch (error) {
    if (signal.aborted) return;
    log.warn("Servers are not looked for any more: {reason}", { reason: reason(error) });
  }
}

/** The nodes that are advertised, each by one service or several. */
class Sightings {
  readonly #driver: MeshDriver;
  readonly #joiner: JoinerDriver | undefined;
  /** For each node the services that tell of it, the latest last. */
  readonly #nodes = new Map<string, Map<string, Sighting>>();
  /** Which node a service was. */
  readonly #nodeOf = new Map<string, string>();

  constructor(driver: MeshDriver, joiner: JoinerDriver | undefined) {
    this.#driver = driver;
    this.#joiner = joiner;
  }

  happened({ type, service }: ServiceEvent): void {
    const key = `${service.id} ${service.name}`;
    const node = type === "lost" ? undefined : advertisedNode(service);
    const before = this.#nodeOf.get(key);
    if (before !== undefined && before !== node?.id) this.#forget(key, before);
    if (node === undefined || node.id === this.#driver.node.identity.id) return;
    this.#nodeOf.set(key, node.id);
    const told = this.#nodes.get(node.id) ?? new Map<string, Sighting>();
    this.#nodes.set(node.id, told);
    told.delete(key);
    told.set(key, { service, node });
    this.#tell(node.id, told);
    const { addresses: [first] } = node;
    if (first === undefined) return;
    // Who was given by its name is heard as well.
    const named = [service.name, `${service.name}.local`, service.host, `${service.host}.local`]
      .map((hostname) => ({ hostname, port: first.port }));
    const lookedUp = { hostname: service.name, port: 0 };
    this.#driver.retry([...node.addresses, ...named, lookedUp], node.id);
  }

  #forget(key: string, id: string): void {
    this.#nodeOf.delete(key);
    const told = this.#nodes.get(id);
    told?.delete(key);
    if (told === undefined || told.size === 0) {
      this.#nodes.delete(id);
      this.#joiner?.gone(id);
    } else this.#tell(id, told);
  }

  /** Where several services tell of a node, one of them may be wrong: each has its addresses tried. */
  #tell(id: string, told: ReadonlyMap<string, Sighting>): void {
    const sightings = [...told.values()].reverse();
    const [latest] = sightings;
    if (latest === undefined) return;
    const addresses: Endpoint[] = [];
    for (let i = 0; addresses.length < MAX_JOIN_ADDRESSES; i++) {
      const next = sightings.flatMap(({ node }) => node.addresses[i] ?? []);
      if (next.length === 0) break;
      for (const { hostname, port } of next) {
        const isThere = addresses.some((each) => each.hostname === hostname && each.port === port);
        if (!isThere) addresses.push({ hostname, port });
      }
    }
    const { service: { name, id: life }, node: { mesh } } = latest;
    this.#joiner?.seen({ id, name, mesh, addresses, life });
  }
}

interface Sighting {
  readonly service: Service;
  readonly node: AdvertisedNode;
}
