/**
 * What was heard of services: who advertises which name, from where, and until when that is believed.
 * Pure; times are milliseconds of a clock that never goes back.
 *
 * @module
 */

import { parseIp } from "../wire/beacon_address.ts";
import type { Advert } from "../wire/beacon_codec.ts";
import { foldBeaconName, matchesBeaconName } from "../wire/beacon_name.ts";
import {
  MAX_BEACON_ENTRIES,
  MAX_BEACON_ENTRIES_PER_SOURCE,
  MAX_BEACON_SOURCES,
  MAX_BEACON_TTL_MS,
} from "../wire/limits.ts";

/** For so long after a goodbye adverts that were sent before it are not believed, in milliseconds. */
const GONE_MS = 3_000;

/** Who told something, and from where. */
export interface Heard {
  /** The id of the beacon. */
  readonly id: string;
  /** The name of its machine, where it tells it; else empty. */
  readonly host: string;
  /** Which of its datagrams it was. */
  readonly sequence: number;
  /** Which edition of its adverts it was. */
  readonly revision: number;
  /** The address that it came from. */
  readonly source: string;
  /** The interface of this machine on whose network that is. */
  readonly interface: string | undefined;
  /** It came from this machine. */
  readonly local: boolean;
}

/** A service in the directory. */
export interface Entry extends Heard {
  readonly advert: Advert;
  /** When it was last heard. */
  readonly heardAt: number;
  /** Until when it is believed. */
  readonly expiresAt: number;
  /** It said goodbye, and is only remembered for that. */
  readonly gone: boolean;
  /** The address that it is counted under: where it was first heard from. */
  readonly countedAt: string;
  /** Where the very same was heard from, too: other addresses of its machine. */
  readonly alsoFrom: readonly string[];
}

/** What happened to an entry. */
export type Change = "found" | "changed" | "lost";

/** What became of an advert. */
export type Hearing =
  /** Believed. */
  | "heard"
  /** It is older than what is known. */
  | "old"
  /** It speaks for another beacon's service, from another machine. */
  | "foreign"
  /** No room. */
  | "crowded";

/** The directory of services. */
export class Directory {
  readonly #entries = new Map<string, Entry>();
  readonly #counts = new Map<string, number>();
  readonly #changed: (change: Change, entry: Entry) => void;
  #nextExpiry = Infinity;
  /** Adverts that were dropped for want of room. */
  crowdedOut = 0;
  /** Goodbyes and adverts that were dropped since another machine has the service. */
  foreign = 0;

  /** `changed` is told of each service that comes, changes and goes. */
  constructor(changed: (change: Change, entry: Entry) => void = () => {}) {
    this.#changed = changed;
  }

  /** Services in it. */
  get size(): number {
    let size = 0;
    for (const { gone } of this.#entries.values()) if (!gone) size++;
    return size;
  }

  /** When {@linkcode expire} has something to do. It may be earlier than needed, never later. */
  get nextExpiry(): number {
    return this.#nextExpiry;
  }

  /** An advert was heard. */
  hear(advert: Advert, heard: Heard, now: number): Hearing {
    const key = keyOf(advert.name, heard.id);
    const before = this.#entries.get(key);
    if (before === undefined) {
      if (!this.#hasRoom(heard.source)) {
        this.crowdedOut++;
        return "crowded";
      }
    } else {
      if (!isNewer(heard.sequence, before.sequence)) {
        this.#noteCopy(key, before, { advert, heard });
        return "old";
      }
      if (!isSameMachine(before, heard)) {
        this.foreign++;
        return "foreign";
      }
    }
    const expiresAt = now + Math.min(advert.ttl, MAX_BEACON_TTL_MS);
    const countedAt = before?.countedAt ?? heard.source;
    const alsoFrom = before?.alsoFrom ?? [];
    const entry = { ...heard, advert, heardAt: now, expiresAt, gone: false, countedAt, alsoFrom };
    this.#put(key, entry);
    if (before === undefined || before.gone) this.#changed("found", entry);
    else if (!isSame(before, entry)) this.#changed("changed", entry);
    return "heard";
  }

  /** A service that this program advertises itself: it stays until {@linkcode remove}. */
  own(advert: Advert, heard: Heard, now: number): void {
    const key = keyOf(advert.name, heard.id);
    const before = this.#entries.get(key);
    const rest = { expiresAt: Infinity, gone: false, countedAt: "", alsoFrom: [] };
    const entry = { ...heard, advert, heardAt: now, ...rest };
    this.#put(key, entry);
    if (before === undefined) this.#changed("found", entry);
    else if (!isSame(before, entry)) this.#changed("changed", entry);
  }

  /** A goodbye was heard. True when it is believed: it comes from the machine that has the service. */
  goodbye(name: string, heard: Heard, now: number): boolean {
    const key = keyOf(name, heard.id);
    const before = this.#entries.get(key);
    if (before === undefined || before.gone) return false;
    if (!isNewer(heard.sequence, before.sequence)) return false;
    if (!isSameMachine(before, heard)) {
      this.foreign++;
      return false;
    }
    this.#put(key, {
      ...before,
      sequence: heard.sequence,
      gone: true,
      expiresAt: now + GONE_MS,
    });
    this.#changed("lost", before);
    return true;
  }

  /** Forgets a service of this program's own. */
  remove(name: string, id: string): void {
    const key = keyOf(name, id);
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#delete(key, entry);
  }

  /** Forgets what is over. */
  expire(now: number): void {
    if (now < this.#nextExpiry) return;
    this.#nextExpiry = Infinity;
    for (const [key, entry] of [...this.#entries]) {
      if (entry.expiresAt <= now) this.#delete(key, entry);
      else this.#nextExpiry = Math.min(this.#nextExpiry, entry.expiresAt);
    }
  }

  /** The service that this beacon advertises under that name. */
  get(name: string, id: string): Entry | undefined {
    const entry = this.#entries.get(keyOf(name, id));
    return entry?.gone ? undefined : entry;
  }

  /** The services whose names a pattern means, of a kind (all kinds where it is left out or empty). */
  find(pattern = "*", kind = ""): Entry[] {
    const found: Entry[] = [];
    for (const entry of this.#entries.values()) {
      if (entry.gone || (kind !== "" && entry.advert.kind !== kind)) continue;
      if (pattern === "*" || matchesBeaconName(pattern, entry.advert.name)) found.push(entry);
    }
    return found;
  }

  /** A copy of what was heard last, by another way (IPv6, say): that is an address of its machine, too. */
  #noteCopy(key: string, before: Entry, { advert, heard }: { advert: Advert; heard: Heard }): void {
    if (heard.sequence !== before.sequence || isSameMachine(before, heard)) return;
    if (toText(advert) !== toText(before.advert) || before.alsoFrom.length >= MAX_BEACON_SOURCES) {
      return;
    }
    this.#entries.set(key, { ...before, alsoFrom: [...before.alsoFrom, heard.source] });
  }

  #hasRoom(source: string): boolean {
    return this.#entries.size < MAX_BEACON_ENTRIES &&
      (this.#counts.get(source) ?? 0) < MAX_BEACON_ENTRIES_PER_SOURCE;
  }

  #put(key: string, entry: Entry): void {
    if (!this.#entries.has(key)) {
      this.#counts.set(entry.countedAt, (this.#counts.get(entry.countedAt) ?? 0) + 1);
    }
    this.#entries.set(key, entry);
    this.#nextExpiry = Math.min(this.#nextExpiry, entry.expiresAt);
  }

  #delete(key: string, entry: Entry): void {
    this.#entries.delete(key);
    const count = (this.#counts.get(entry.countedAt) ?? 1) - 1;
    if (count > 0) this.#counts.set(entry.countedAt, count);
    else this.#counts.delete(entry.countedAt);
    if (!entry.gone) this.#changed("lost", entry);
  }
}

/** An entry's key: no name has a blank in it. */
export function keyOf(name: string, id: string): string {
  return `${id} ${foldBeaconName(name)}`;
}

/** Whether the sequence number `a` comes after `b`: 32 bits, round and round. */
export function isNewer(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

/**
 * Whoever knows a beacon's id could speak for it. So only the machine that was first heard with it
 * is believed: by its address, another of those that it told or from which the very same came, or as
 * this very machine.
 */
function isSameMachine(entry: Entry, { source, local }: Heard): boolean {
  if (source === entry.source || source === entry.countedAt) return true;
  if ((local && entry.local) || entry.alsoFrom.includes(source)) return true;
  const bytes = parseIp(source)?.join();
  return entry.advert.addresses.some(({ ip }) => parseIp(ip)?.join() === bytes);
}

function isSame(a: Entry, b: Entry): boolean {
  return a.host === b.host && toText(a.advert) === toText(b.advert);
}

function toText({ name, kind, addresses, properties, since }: Advert): string {
  return JSON.stringify([name, kind, since, addresses, Object.entries(properties).sort()]);
}
