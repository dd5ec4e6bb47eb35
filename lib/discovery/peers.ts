/**
 * The other beacons that were heard lately: where from, which of their datagrams, who of them asked,
 * and whether they hear us. Pure.
 *
 * @module
 */

import { MAX_BEACON_IDS, MAX_BEACON_PEERS, MAX_BEACON_SOURCES } from "../wire/limits.ts";
import { isNewer } from "./directory.ts";

/** A beacon that wasn't heard for so long is forgotten, in milliseconds. */
const FORGET_MS = 10_000;
/** Who asked in this time is listed as heard, in milliseconds. */
const LISTED_MS = 4_000;
/** A beacon that hears us lists us so long after our first question, in milliseconds: it sends each 1.4 s at the latest. */
const LISTS_US_MS = 2_000;

/** Where a beacon was heard from. */
export interface PeerSource {
  readonly address: string;
  readonly interface: string | undefined;
  /** When it was last heard from there. */
  at: number;
  /** The latest of its datagrams from there. */
  highest: number;
  /** Bit n: the datagram `highest - n` came. */
  seen: number;
}

/** A beacon that was heard. */
export interface Peer {
  readonly id: string;
  host: string;
  /** The edition of its adverts that was last heard of, and how many they are. */
  revision: number;
  adverts: number;
  heardAt: number;
  /** When it last asked for something. */
  askedAt: number;
  hearsUs: boolean | undefined;
  /** The latest first. */
  sources: PeerSource[];
}

/** The table of beacons. The one that was silent longest makes room for a new one. */
export class Peers {
  /** In the order in which they were last heard. */
  readonly #peers = new Map<string, Peer>();

  /** Beacons in it. */
  get size(): number {
    return this.#peers.size;
  }

  /** A datagram of beacon `id` came: gives the beacon, and whether it is a copy of one that came from there already. */
  note(
    id: string,
    { sequence, address, interface: name }: {
      readonly sequence: number;
      readonly address: string;
      readonly interface: string | undefined;
    },
    now: number,
  ): { peer: Peer; copy: boolean } {
    let peer = this.#peers.get(id);
    if (peer === undefined) {
      peer = {
        id,
        host: "",
        revision: -1,
        adverts: 0,
        heardAt: now,
        askedAt: -Infinity,
        hearsUs: undefined,
        sources: [],
      };
      if (this.#peers.size >= MAX_BEACON_PEERS) {
        for (const oldest of this.#peers.keys()) {
          this.#peers.delete(oldest);
          break;
        }
      }
    } else this.#peers.delete(id);
    this.#peers.set(id, peer);
    peer.heardAt = now;
    const before = peer.sources.find((source) => source.address === address);
    const source = before ??
      { address, interface: name, at: now, highest: (sequence - 1) >>> 0, seen: 0 };
    source.at = now;
    if (peer.sources[0] !== source) {
      peer.sources = [source, ...peer.sources.filter((other) => other !== source)]
        .slice(0, MAX_BEACON_SOURCES);
    }
    return { peer, copy: isCopy(source, sequence) };
  }

  /** The beacon of that id. */
  get(id: string): Peer | undefined {
    return this.#peers.get(id);
  }

  /** All beacons, the longest silent first. */
  all(): Iterable<Peer> {
    return this.#peers.values();
  }

  /** Forgets who was silent for long. */
  expire(now: number): void {
    for (const [id, { heardAt }] of this.#peers) {
      if (now - heardAt < FORGET_MS) return;
      this.#peers.delete(id);
    }
  }

  /** Who asked lately, the latest first; `complete`: all of them. */
  askers(now: number): { ids: string[]; complete: boolean } {
    const asked = [...this.#peers.values()].filter(({ askedAt }) => now - askedAt < LISTED_MS)
      .sort((a, b) => b.askedAt - a.askedAt);
    // Half of the list: datagrams are sent often, and who asks is seldom many.
    const ids = asked.slice(0, MAX_BEACON_IDS / 2).map(({ id }) => id);
    return { ids, complete: ids.length === asked.length };
  }

  /** A beacon told whom it hears. `asking`: since when this one asks; undefined when it doesn't. */
  told(
    peer: Peer,
    { lists, complete, asking }: { lists: boolean; complete: boolean; asking: number | undefined },
    now: number,
  ): void {
    if (lists) peer.hearsUs = true;
    else if (complete && asking !== undefined && now - asking >= LISTS_US_MS) peer.hearsUs = false;
  }
}

/** Whether that datagram came before, or is so late that it can't be told; notes it. */
function isCopy(source: PeerSource, sequence: number): boolean {
  if (isNewer(sequence, source.highest)) {
    const ahead = (sequence - source.highest) >>> 0;
    source.seen = ahead > 31 ? 1 : (source.seen << ahead) | 1;
    source.highest = sequence;
    return false;
  }
  const behind = (source.highest - sequence) >>> 0;
  if (behind > 31) return true;
  const bit = 1 << behind;
  if ((source.seen & bit) !== 0) return true;
  source.seen |= bit;
  return false;
}
