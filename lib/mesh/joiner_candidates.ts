/**
 * The servers that a joiner could link to: who is seen, and what is under way with each.
 *
 * @module
 */

import type { Endpoint } from "../net/transport.ts";
import { MAX_JOIN_ADDRESSES, MAX_JOIN_CANDIDATES } from "../wire/limits.ts";
import type { NodeId, Random } from "./identity.ts";
import { type Placed, placed } from "./joiner_ring.ts";
import { MS } from "./joiner_times.ts";

/** Rings: the first two are the mesh, the others fill up where these share edges. */
export const RINGS = 5;

/** A server that is seen on the network. */
export interface Candidate {
  readonly id: NodeId;
  /** For people. */
  readonly name: string;
  /** The mesh that it belongs to. */
  readonly mesh: string;
  /** Where it takes links, nearest first. */
  readonly addresses: readonly Endpoint[];
  /** Something that is another after each of its starts. */
  readonly life?: string | undefined;
}

/** How an attempt failed: nobody was there, or somebody who refused the link. */
export type JoinFailure = "unreachable" | "refused";

/** What is under way with a candidate. */
export type Attempt =
  /** Nothing. */
  | { readonly name: "idle" }
  /** To be tried at that time; `address` is the next in the list. */
  | { readonly name: "planned"; readonly at: number; readonly address: number }
  /** An attempt is under way. */
  | { readonly name: "trying"; readonly since: number; readonly address: number }
  /** It failed: passed over until then. */
  | { readonly name: "resting"; readonly until: number };

/** No attempt. */
export const IDLE: Attempt = { name: "idle" };

/** A candidate, its places on the rings, and what is under way. */
export interface Entry extends Placed {
  candidate: Candidate;
  /** Whether it is seen now. */
  seen: boolean;
  attempt: Attempt;
  /** Failures in a row, all its addresses being one. */
  failures: number;
  /** Whether one of the addresses refused, in the attempt under way. */
  refused: boolean;
}

/** Who is linked, and who can be reached. */
export interface Known {
  readonly links: ReadonlyMap<NodeId, unknown>;
  readonly reachable: ReadonlySet<NodeId>;
}

/** The candidates of one node. */
export class Candidates {
  readonly #entries = new Map<NodeId, Entry>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** How many there are. */
  get size(): number {
    return this.#entries.size;
  }

  /** How many are being tried. */
  get trying(): number {
    let count = 0;
    for (const { attempt } of this.#entries.values()) if (attempt.name === "trying") count++;
    return count;
  }

  /**
   * One is seen. If it was gone, or was started again, or its addresses are others, then it rests no
   * longer. Returns whether that is news.
   */
  seen(candidate: Candidate): boolean {
    const { id } = candidate;
    const addresses = candidate.addresses.slice(0, MAX_JOIN_ADDRESSES);
    const now: Candidate = { ...candidate, addresses };
    const entry = this.#entries.get(id);
    if (entry === undefined) {
      if (this.#entries.size >= MAX_JOIN_CANDIDATES && !this.#makeRoom()) return false;
      const state = { seen: true, attempt: IDLE, failures: 0, refused: false };
      this.#entries.set(id, { ...placed(id, RINGS), candidate: now, ...state });
      return true;
    }
    const isNews = !entry.seen || !isSame(entry.candidate, now);
    entry.candidate = now;
    entry.seen = true;
    if (!isNews) return false;
    entry.failures = 0;
    if (entry.attempt.name === "resting") entry.attempt = IDLE;
    return true;
  }

  /** One isn't seen any more. Returns whether it was. */
  gone(id: NodeId): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined || !entry.seen) return false;
    entry.seen = false;
    return true;
  }

  /** The attempt went well. */
  connected(id: NodeId): void {
    const entry = this.#entries.get(id);
    if (entry?.attempt.name === "trying") rested(entry);
  }

  /** The attempt failed: the next address is to be tried now, or else the candidate rests. */
  failed(id: NodeId, failure: JoinFailure, now: number): void {
    const entry = this.#entries.get(id);
    if (entry?.attempt.name !== "trying") return;
    entry.refused ||= failure === "refused";
    const address = entry.attempt.address + 1;
    if (address < entry.candidate.addresses.length) {
      entry.attempt = { name: "planned", at: now, address };
      return;
    }
    entry.attempt = { name: "resting", until: now + this.#rest(entry) };
    entry.failures++;
    entry.refused = false;
  }

  /** It rests for as long as one that refused often. */
  killed(id: NodeId, now: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.attempt.name === "trying") return;
    entry.attempt = { name: "resting", until: now + MS.longestRestRefused };
  }

  // As all delays it is random, so that those who failed together don't come back together.
  #rest({ failures, refused }: Entry): number {
    const first = refused ? MS.restRefused : MS.restFailed;
    const longest = refused ? MS.longestRestRefused : MS.longestRestFailed;
    const rest = Math.min(longest, first * 2 ** Math.min(failures, 20));
    return rest / 2 + this.#random() * rest / 2;
  }

  /** One that rests makes room for a new one: that which failed most often. */
  #makeRoom(): boolean {
    let worst: Entry | undefined;
    for (const entry of this.#entries.values()) {
      if (entry.attempt.name !== "resting") continue;
      if (worst === undefined || entry.failures > worst.failures) worst = entry;
    }
    return worst !== undefined && this.#entries.delete(worst.id);
  }

  /**
   * Forgets those that are gone and can't be reached, and gives those that are linked or can be
   * tried; `wakeAt` is told when that will be others.
   */
  usable(now: number, { links, reachable }: Known, wakeAt: (at: number) => void): Entry[] {
    const usable: Entry[] = [];
    for (const entry of this.#entries.values()) {
      const { id } = entry;
      if (links.has(id)) {
        // What is being tried comes to an end by itself.
        if (entry.attempt.name !== "trying") rested(entry);
        usable.push(entry);
        continue;
      }
      const { attempt } = entry;
      if (attempt.name === "trying") {
        const slow = attempt.since + MS.slow;
        if (now >= slow) continue;
        wakeAt(slow);
      } else if (!entry.seen && !reachable.has(id)) {
        this.#entries.delete(id);
        continue;
      } else if (attempt.name === "resting") {
        if (now < attempt.until) {
          wakeAt(attempt.until);
          continue;
        }
        entry.attempt = IDLE;
      }
      usable.push(entry);
    }
    return usable;
  }
}

function rested(entry: Entry): void {
  entry.attempt = IDLE;
  entry.failures = 0;
  entry.refused = false;
}

/** Whether nothing has changed but the order of the addresses. */
function isSame(a: Candidate, b: Candidate): boolean {
  const text = ({ addresses }: Candidate) =>
    addresses.map(({ hostname, port }) => `${hostname} ${port}`).sort().join();
  return a.life === b.life && text(a) === text(b);
}
