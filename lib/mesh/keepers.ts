/**
 * The addresses to which a node keeps links up for ever (`--peer`).
 *
 * @module
 */

import { getLogger } from "../log/mod.ts";
import { type Distance, distanceOf } from "../link/backoff.ts";
import { Alarm, keepUp } from "../link/keep_up.ts";
import { formatAddress } from "../net/address.ts";
import type { Endpoint } from "../net/transport.ts";
import type { Identity, NodeId } from "./identity.ts";

/** A link that was up for less, in milliseconds, was refused just after both sides said who they are. */
const LASTING_MS = 5_000;

const log = getLogger(["talker", "mesh"]);

/** A link: where it was made to, if it was made here, and who is there, once it is up. */
export interface KeptLink {
  readonly to: string | undefined;
  readonly peer: { readonly id: NodeId } | undefined;
}

/** What keepers need of the node. */
export interface KeepersOptions {
  /** Random numbers from 0 to below 1. */
  random: () => number;
  /** The links there are. */
  links: () => Iterable<KeptLink>;
  /** Makes a link, once; resolves with nothing, or the reason why not. Given up when the signal is aborted. */
  connect: (to: Endpoint, signal: AbortSignal) => Promise<string | undefined>;
  /** An attempt at one failed, for another reason than the one before. True: that is told already, and not logged. */
  failed?: ((to: Endpoint, reason: string) => boolean) | undefined;
}

interface Keeper {
  readonly stop: AbortController;
  readonly alarm: Alarm;
  /** Which node answered there. */
  peer: Identity | undefined;
}

/** Keeps links up. Addresses are known by their {@linkcode keyOf}. */
export class Keepers {
  readonly #options: KeepersOptions;
  readonly #keepers = new Map<string, Keeper>();

  /** Keepers of nothing yet. */
  constructor(options: KeepersOptions) {
    this.#options = options;
  }

  /** Keeps a link to `to` up for ever. */
  keep(to: Endpoint): void {
    const key = keyOf(to);
    if (this.#keepers.has(key)) return;
    const keeper: Keeper = { stop: new AbortController(), alarm: new Alarm(), peer: undefined };
    this.#keepers.set(key, keeper);
    void keepUp({
      distance: distanceTo(to),
      random: this.#options.random,
      signal: keeper.stop.signal,
      alarm: keeper.alarm,
      lasting: LASTING_MS,
      isUp: () => this.#isLinked(key, keeper),
      attempt: () => this.#options.connect(to, keeper.stop.signal),
      failed: (reason) => {
        if (this.#options.failed?.(to, reason) === true) return;
        log.warn("Cannot link to {key}: {reason}; trying on", { key, reason });
      },
    });
  }

  /** Tries now what waits: those at one of these addresses, or where the node `id` answered before. */
  retry(addresses: readonly Endpoint[], id?: NodeId): void {
    const keys = new Set(addresses.map(keyOf));
    for (const [key, { alarm, peer }] of this.#keepers) {
      if (!keys.has(key) && (id === undefined || peer?.id !== id)) continue;
      if (alarm.ring(performance.now())) log.debug("{key} is heard: trying now", { key });
    }
  }

  /** Whether the link to that node, made to that address, is kept up. */
  keeps({ to, peer }: KeptLink): boolean {
    if (to !== undefined && this.#keepers.has(to)) return true;
    if (peer === undefined) return false;
    return [...this.#keepers.values()].some((each) => each.peer?.id === peer.id);
  }

  /** Who answered where: the link that stays to it may be the one that it made. */
  answered({ to }: KeptLink, peer: Identity): void {
    const keeper = to === undefined ? undefined : this.#keepers.get(to);
    if (keeper !== undefined) keeper.peer = peer;
  }

  /**
   * Stops keeping up links to that address, and to where a node of that name or one of `nodes` answered.
   * Returns the addresses.
   */
  unkeep(which: string | Endpoint, nodes: ReadonlySet<NodeId>): Set<string> {
    const key = typeof which === "string" ? which : keyOf(which);
    const unkept = new Set<string>();
    for (const [kept, { stop, peer }] of [...this.#keepers]) {
      const isMeant = kept === key ||
        (peer !== undefined && (peer.name === which || nodes.has(peer.id)));
      if (!isMeant) continue;
      stop.abort();
      this.#keepers.delete(kept);
      unkept.add(kept);
    }
    return unkept;
  }

  /** Stops keeping anything up. */
  stop(): void {
    for (const { stop } of this.#keepers.values()) stop.abort();
    this.#keepers.clear();
  }

  /** Is there a link to that address, or to the peer that was reached there before? */
  #isLinked(key: string, keeper: Keeper): boolean {
    for (const { to, peer } of this.#options.links()) {
      if (to === key) return true;
      if (peer !== undefined && keeper.peer?.id === peer.id) return true;
    }
    return false;
  }
}

/** An address as the name of a keeper, and as people write it; of port 0 is what is looked up by name. */
export function keyOf({ hostname, port }: Endpoint): string {
  return port === 0 ? hostname : formatAddress({ host: hostname, port });
}

/** How far away it is. What is looked up by name (port 0) is on the local network. */
export function distanceTo({ hostname, port }: Endpoint): Distance {
  return port === 0 ? "lan" : distanceOf(hostname);
}
