/**
 * What this beacon advertises: names being claimed, names held, and when each is to be told. Pure.
 *
 * @module
 */

import type { Advert } from "../wire/beacon_codec.ts";
import { foldBeaconName } from "../wire/beacon_name.ts";
import {
  BURST_MS,
  CLAIM_MS,
  CLAIM_WAIT_MS,
  DEFEND_GAP_MS,
  REFRESH_JITTER_MS,
  REFRESH_MS,
} from "./times.ts";

/** One of this beacon's adverts. While its name is claimed, `advert.claiming` is true. */
export interface Own {
  advert: Advert;
  /** When the name is held, if nobody objects; only while it is claimed. */
  readonly heldAt: number;
  /** When it is to be told, the next first. */
  due: number[];
  /** When it was last told to all. */
  castAt: number;
}

/** Who has a better right to a name, by what both sides know: who claimed first, else the lower id. */
export function hasBetterRight(
  a: { readonly since: number; readonly id: string },
  b: { readonly since: number; readonly id: string },
): boolean {
  return a.since < b.since || (a.since === b.since && a.id < b.id);
}

/** The adverts of one beacon, each under its name. */
export class OwnAdverts {
  readonly #all = new Map<string, Own>();
  readonly #random: () => number;
  #refreshAt = Infinity;
  #held = 0;
  /** Grows with each change of what is held. */
  revision = 0;

  /** `random` gives numbers from 0 to below 1. */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Adverts, those of claimed names included. */
  get size(): number {
    return this.#all.size;
  }

  /** Names held. */
  get held(): number {
    return this.#held;
  }

  /** When {@linkcode ripen} or {@linkcode collect} has something to do. */
  get nextWake(): number {
    let next = this.#refreshAt;
    for (const { advert, heldAt, due } of this.#all.values()) {
      next = Math.min(next, due[0] ?? Infinity, advert.claiming ? heldAt : Infinity);
    }
    return next;
  }

  /** The advert of that name. */
  get(name: string): Own | undefined {
    return this.#all.get(foldBeaconName(name));
  }

  /** All of them. */
  values(): Iterable<Own> {
    return this.#all.values();
  }

  /** Begins to claim the name of an advert, which isn't among them yet. */
  claim(advert: Advert, now: number): void {
    const due = CLAIM_MS.map((delay) => now + delay);
    this.#all.set(foldBeaconName(advert.name), {
      advert: { ...advert, claiming: true },
      heldAt: now + CLAIM_WAIT_MS,
      due,
      castAt: -Infinity,
    });
  }

  /** Names whose claim is over become held. Returns their adverts. */
  ripen(now: number): Own[] {
    const ripe = [...this.#all.values()].filter(({ advert, heldAt }) =>
      advert.claiming && heldAt <= now
    );
    for (const own of ripe) {
      own.advert = { ...own.advert, claiming: false };
      own.due = BURST_MS.map((delay) => now + delay);
      this.#held++;
      this.revision++;
    }
    if (this.#refreshAt === Infinity && this.#held > 0) this.#plan(now);
    return ripe;
  }

  /** Those that are to be told to all now. */
  collect(now: number): Own[] {
    const refresh = now >= this.#refreshAt;
    if (refresh) this.#plan(now);
    const due = [...this.#all.values()].filter((own) => {
      const isDue = (own.due[0] ?? Infinity) <= now;
      while ((own.due[0] ?? Infinity) <= now) own.due.shift();
      return isDue || (refresh && !own.advert.claiming);
    });
    for (const own of due) own.castAt = now;
    return due;
  }

  /** An advert tells something else from now on. */
  change(own: Own, advert: Advert, now: number): void {
    own.advert = { ...advert, claiming: own.advert.claiming };
    if (own.advert.claiming) return;
    this.revision++;
    own.due = BURST_MS.map((delay) => now + delay);
  }

  /** Somebody wants the name: it is told to all soon. */
  defend(own: Own, now: number): void {
    const at = Math.max(now, own.castAt + DEFEND_GAP_MS);
    if ((own.due[0] ?? Infinity) > at) own.due.unshift(at);
  }

  /** Forgets an advert. */
  remove(own: Own): void {
    if (!this.#all.delete(foldBeaconName(own.advert.name)) || own.advert.claiming) return;
    this.#held--;
    this.revision++;
    if (this.#held === 0) this.#refreshAt = Infinity;
  }

  /** Everything is to be told again: the network changed. */
  again(now: number): void {
    for (const own of this.#all.values()) {
      if (!own.advert.claiming) own.due = BURST_MS.map((delay) => now + delay);
    }
  }

  #plan(now: number): void {
    this.#refreshAt = now + REFRESH_MS + this.#random() * REFRESH_JITTER_MS;
  }
}
