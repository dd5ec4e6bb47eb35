/**
 * Finding services among both: those of beacons, and what Python's networkzero advertises.
 *
 * @module
 */

import { anySignal } from "../net/signals.ts";
import { foldBeaconName, isBeaconName, matchesBeaconName } from "../wire/beacon_name.ts";
import type { Beacon } from "./beacon.ts";
import type { Networkzero } from "./networkzero.ts";
import type { NetworkzeroName } from "./networkzero_table.ts";
import type { Service } from "./service.ts";

/** The kind that is shown for what networkzero advertises: it tells none. */
export const NETWORKZERO_KIND = "networkzero";

/** A service, and how it was heard. */
export interface Found {
  readonly service: Service;
  readonly via: "talker" | "networkzero";
}

/** Something came, changed or went. */
export interface FoundEvent extends Found {
  readonly type: "found" | "changed" | "lost";
}

/** How a {@linkcode Finder} looks. */
export interface FinderOptions {
  /** In milliseconds. */
  readonly wait: number;
  readonly signal: AbortSignal;
}

/** Events that wait for who watches, at the most: beyond that the oldest are dropped. */
const MAX_EVENTS = 10_000;

/**
 * Looks for services with a beacon, and among the adverts of networkzero. A name that both have is told
 * once: what the beacon heard counts, since it tells more and knows who has gone.
 */
export class Finder {
  readonly #beacon: Beacon;
  readonly #networkzero: Networkzero;

  /** Neither is closed by it. */
  constructor(beacon: Beacon, networkzero: Networkzero) {
    this.#beacon = beacon;
    this.#networkzero = networkzero;
  }

  /** Whoever answers for the name first; null when nobody does in time. */
  async find(name: string, { wait, signal }: FinderOptions): Promise<Found | null> {
    const over = new AbortController();
    const options = { wait, signal: anySignal(signal, over.signal) };
    const beacon = async (): Promise<Found | null> => {
      // What no beacon can advertise it can't look for either: networkzero's names may have blanks.
      if (!isBeaconName(name)) return null;
      const service = await this.#beacon.discover(name, options);
      return service && { service, via: "talker" };
    };
    const networkzero = async (): Promise<Found | null> => {
      const heard = await this.#networkzero.discover(name, options);
      return heard && asFound(heard);
    };
    try {
      return await firstOf([beacon(), networkzero()]);
    } finally {
      over.abort();
    }
  }

  /** All that match the pattern, sorted by name; listens the whole time. */
  async findAll(pattern: string, { wait, signal }: FinderOptions): Promise<Found[]> {
    const services = await this.#beacon.discoverAll({
      pattern: beaconPattern(pattern),
      wait,
      signal,
    });
    const found: Found[] = services
      .filter(({ name }) => matchesBeaconName(pattern, name))
      .map((service) => ({ service, via: "talker" }));
    const names = new Set(services.map(({ name }) => foldBeaconName(name)));
    const others = this.#networkzero.names()
      .filter(({ name }) => !names.has(foldBeaconName(name)) && matchesBeaconName(pattern, name));
    return [...found, ...others.map(asFound)].sort(byName);
  }

  /** All that was heard until now, without asking. */
  known(): Found[] {
    const services = this.#beacon.services();
    const names = new Set(services.map(({ name }) => foldBeaconName(name)));
    const found: Found[] = services.map((service) => ({ service, via: "talker" }));
    const others = this.#networkzero.names().filter(({ name }) => !names.has(foldBeaconName(name)));
    return [...found, ...others.map(asFound)].sort(byName);
  }

  /** What is there, and what comes, changes and goes, until the signal is aborted. */
  async *watch(pattern: string, signal: AbortSignal): AsyncGenerator<FoundEvent> {
    const merge = new WatchMerge();
    let events: FoundEvent[] = [];
    let news = Promise.withResolvers<void>();
    const tell = (event: FoundEvent | undefined) => {
      if (event === undefined) return;
      if (events.length >= MAX_EVENTS) events.shift();
      events.push(event);
      news.resolve();
    };
    const wanted = (name: string) => matchesBeaconName(pattern, name);
    const off = this.#networkzero.on((change) => {
      if (wanted(change.entry.name)) tell(merge.networkzero(change.type, asFound(change.entry)));
    });
    let ended = false;
    const pump = async () => {
      for await (
        const { type, service } of this.#beacon.watch({ pattern: beaconPattern(pattern), signal })
      ) {
        if (!wanted(service.name)) continue;
        for (const event of merge.beacon(type, { service, via: "talker" })) tell(event);
      }
    };
    const pumping = pump().finally(() => {
      ended = true;
      news.resolve();
    });
    for (const entry of this.#networkzero.names()) {
      if (wanted(entry.name)) tell(merge.networkzero("found", asFound(entry)));
    }
    try {
      while (true) {
        const those = events;
        events = [];
        news = Promise.withResolvers();
        yield* those;
        if (events.length > 0) continue;
        if (ended) break;
        await news.promise;
      }
      await pumping;
    } finally {
      off();
    }
  }
}

/**
 * Puts the events of both sources together, so that each name is told once. Pure.
 *
 * networkzero has no goodbye: when a name that a beacon had is gone, what networkzero told of it before
 * is old news, until it is heard again.
 */
export class WatchMerge {
  readonly #beacon = new Map<string, Found>();
  readonly #shown = new Map<string, Found>();

  /** A beacon's event. */
  beacon(type: FoundEvent["type"], found: Found): FoundEvent[] {
    const key = foldBeaconName(found.service.name);
    if (type === "lost") {
      this.#beacon.delete(key);
      return [{ type, ...found }];
    }
    this.#beacon.set(key, found);
    const before = this.#shown.get(key);
    if (before === undefined) return [{ type, ...found }];
    this.#shown.delete(key);
    return [{ type: "changed", ...found }];
  }

  /** An event of networkzero: `heard` when an advert came again that is known. */
  networkzero(type: "found" | "heard" | "lost", found: Found): FoundEvent | undefined {
    const key = foldBeaconName(found.service.name);
    if (this.#beacon.has(key)) return undefined;
    const before = this.#shown.get(key);
    if (type === "lost") {
      return this.#shown.delete(key) ? { type, ...found } : undefined;
    }
    this.#shown.set(key, found);
    if (before === undefined) return { type: "found", ...found };
    return type === "found" ? { type: "changed", ...found } : undefined;
  }
}

function asFound(entry: NetworkzeroName): Found {
  return { service: asService(entry), via: "networkzero" };
}

/** What a networkzero program advertises, as a service. */
export function asService({ name, host, port, from, heardAt }: NetworkzeroName): Service {
  return {
    name,
    kind: NETWORKZERO_KIND,
    id: "",
    addresses: [`${host}:${port}`],
    properties: {},
    age: Math.max(0, Math.round(performance.now() - heardAt)),
    since: 0,
    source: from,
    interface: undefined,
    host: "",
  };
}

/** A beacon's names have no blanks: what is asked of it is wider, and sifted afterwards. */
function beaconPattern(pattern: string): string {
  return pattern.replace(/\s+.*$/s, "*");
}

function byName(a: Found, b: Found): number {
  return a.service.name < b.service.name ? -1 : a.service.name > b.service.name ? 1 : 0;
}

/** The first that is not null; null when none is. */
async function firstOf<T>(attempts: readonly Promise<T | null>[]): Promise<T | null> {
  return await new Promise((resolve, reject) => {
    let open = attempts.length;
    for (const attempt of attempts) {
      attempt.then((value) => {
        if (value !== null || --open === 0) resolve(value);
      }, reject);
    }
  });
}
