/**
 * The beacon of a program: advertises services on the local network, finds and watches others. It
 * carries a {@linkcode BeaconMachine}, which decides everything, over UDP.
 *
 * @module
 */

import { getLogger } from "../log/mod.ts";
import {
  foldBeaconName,
  isBeaconName,
  isBeaconPattern,
  matchesBeaconName,
} from "../wire/beacon_name.ts";
import { BeaconDriver } from "./beacon_driver.ts";
import type {
  Advertised,
  BeaconOptions,
  BeaconStats,
  FindAllOptions,
  FindOptions,
  HeardBeacon,
  Sighting,
} from "./beacon_types.ts";
import { type Change, type Entry, keyOf } from "./directory.ts";
import type { BeaconMachine } from "./machine.ts";
import type { Holder } from "./machine_types.ts";
import { type AddressTemplate, fillIn, nearestFirst, parseTemplate } from "./nearest.ts";
import { firstReachable, type Reachable, reachableByTcp } from "./reachable.ts";
import {
  AdvertError,
  type AdvertOptions,
  NameTakenError,
  type Service,
  type ServiceEvent,
} from "./service.ts";
import { ServiceFeed } from "./service_feed.ts";
import { byName, noName, type Seen, toService } from "./service_view.ts";
import { FRESH_MS } from "./times.ts";
import { Bell, Deadline } from "./waiting.ts";

export type * from "./beacon_types.ts";

export { BEACON_GROUPS, BEACON_PORT } from "./beacon_driver.ts";

/** Addresses of which none accepted are tried again after this long, in milliseconds. */
const TRY_AGAIN_MS = 300;

const log = getLogger(["talker", "discovery"]);

interface Claim {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

interface Advertising {
  readonly templates: readonly AddressTemplate[];
  readonly lost: (holder: Service) => void;
}

/**
 * One for each program: advertises, finds and watches. A beacon that neither advertises nor looks for
 * anything doesn't keep the program alive.
 */
export class Beacon implements AsyncDisposable {
  readonly #driver: BeaconDriver;
  readonly #machine: BeaconMachine;
  readonly #reachable: Reachable;
  readonly #claims = new Map<string, Claim>();
  readonly #advertising = new Map<string, Advertising>();
  readonly #listeners = new Set<(sighting: Sighting) => void>();
  readonly #observers = new Set<(key: string, name: string) => void>();
  readonly #stopped = new AbortController();

  private constructor(options: BeaconOptions) {
    this.#reachable = options.reachable ?? reachableByTcp;
    this.#driver = new BeaconDriver(options, {
      held: (name) => this.#settle(name, (claim) => claim.resolve()),
      taken: (name, holder) => this.#taken(name, holder),
      lost: (name, holder) => this.#lost(name, holder),
      changed: (change, entry) => this.#changed(change, entry),
      interfacesChanged: (now) => this.#fillInAgain(now),
      sighted: (sighting) => this.#listeners.forEach((listener) => listener(sighting)),
    });
    this.#machine = this.#driver.machine;
  }

  /** Opens a beacon. Never fails for want of a network: it is used as soon as there is one. */
  static open(options: BeaconOptions = {}): Beacon {
    return new Beacon(options);
  }

  /** This beacon's id: 16 hexadecimal digits. */
  get id(): string {
    return this.#machine.id;
  }

  /**
   * Advertises a service until it is withdrawn, after asking whether its name is free (0.2 s).
   *
   * @throws {NameTakenError} when somebody holds the name
   * @throws {AdvertError} when the advert is none that can be sent
   */
  async advertise(
    { name, kind, addresses, properties = {} }: AdvertOptions,
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): Promise<Advertised> {
    signal?.throwIfAborted();
    if (this.#stopped.signal.aborted) {
      throw new AdvertError("Cannot advertise: the beacon is closed");
    }
    if (!isBeaconName(name)) throw noName(name);
    const mine = this.#machine.directory.get(name, this.id);
    if (mine !== undefined) throw new NameTakenError(name, this.#service(mine));
    const templates = addresses.map(parseTemplate);
    const filled = fillIn(templates, this.#driver.udp.interfaces);
    const key = foldBeaconName(name);
    const advert = { name, kind, addresses: filled, properties };
    this.#do((now) => this.#machine.advertise(advert, { now, time: Date.now() }));
    const { promise: lost, resolve } = Promise.withResolvers<Service>();
    const advertising = { templates, lost: resolve };
    this.#advertising.set(key, advertising);
    await this.#claim(key, signal);
    return this.#advertised(name, { advertising, lost });
  }

  async #claim(key: string, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#claims.set(key, { resolve, reject });
    const onAbort = () => {
      this.#do((now) => this.#machine.withdraw(key, now));
      this.#settle(key, (claim) => claim.reject(signal?.reason));
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await promise;
    } catch (error) {
      this.#advertising.delete(key);
      throw error;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  #advertised(
    name: string,
    { advertising, lost }: { advertising: Advertising; lost: Promise<Service> },
  ): Advertised {
    const withdraw = async () => {
      const key = foldBeaconName(name);
      // It may have been lost, and the name be advertised again meanwhile.
      if (this.#advertising.get(key) !== advertising) return;
      this.#advertising.delete(key);
      this.#do((now) => this.#machine.withdraw(name, now));
      await this.#driver.goodbyesSaid();
    };
    const machine = this.#machine;
    return {
      name,
      get addresses() {
        const from = { source: "", interface: undefined, local: true };
        return nearestFirst(machine.advert(name)?.addresses ?? [], from, []);
      },
      lost,
      update: (properties) => {
        if (this.#advertising.get(foldBeaconName(name)) !== advertising) return;
        this.#do((now) => machine.update(name, { properties }, now));
      },
      withdraw,
      [Symbol.asyncDispose]: withdraw,
    };
  }

  /**
   * Finds the service of that name; a name that many have, none. Where it has several addresses, the
   * first in `addresses` accepted a connection. Resolves with null when it isn't there in time.
   *
   * @throws {AdvertError} when it can't be a name
   */
  async discover(name: string, options: FindOptions = {}): Promise<Service | null> {
    if (!isBeaconName(name)) throw noName(name);
    const { wait = 5_000, kind, signal } = options;
    using end = new Deadline(wait, [signal, this.#stopped.signal]);
    using _question = this.#question({ pattern: name, kind, endless: false });
    using news = this.#newsOf(name);
    while (!end.signal.aborted) {
      const found = await this.#reach(name, kind, end.signal);
      if (found !== undefined) return found;
      // Without news the addresses are tried again: a service may open its port after its advert.
      await news.bell.next(end.signal, TRY_AGAIN_MS);
    }
    return null;
  }

  /** The first service of a name that can be reached, those heard last first. */
  async #reach(name: string, kind = "", signal: AbortSignal): Promise<Service | undefined> {
    const now = performance.now();
    const entries = this.#machine.directory.find(name, kind)
      .filter((entry) => now - entry.heardAt < FRESH_MS || entry.id === this.id)
      .sort((a, b) => b.heardAt - a.heardAt);
    for (const entry of entries) {
      const service = this.#service(entry);
      const { addresses } = service;
      if (addresses.length === 1) return service;
      const options = { kind: service.kind, reachable: this.#reachable, signal };
      const first = await firstReachable(addresses, options);
      if (first === undefined) continue;
      return { ...service, addresses: [first, ...addresses.filter((other) => other !== first)] };
    }
    return undefined;
  }

  /** All services heard of, sorted by name; waits for answers the whole time. */
  async discoverAll(options: FindAllOptions = {}): Promise<Service[]> {
    const { pattern = "*", wait = 1_000, kind, signal } = options;
    if (!isBeaconPattern(pattern)) throw noName(pattern);
    using _question = this.#question({ pattern, kind, endless: false });
    using end = new Deadline(wait, [signal, this.#stopped.signal]);
    await end.over;
    return this.services(options);
  }

  /** What is there, and what comes, changes and goes, until the signal is aborted or the beacon closed. */
  async *watch(options: FindAllOptions = {}): AsyncGenerator<ServiceEvent, void, void> {
    const { pattern = "*", kind = "", signal } = options;
    if (!isBeaconPattern(pattern)) throw noName(pattern);
    const feed = new ServiceFeed((key) => {
      const [id = "", name = ""] = key.split(" ");
      const entry = this.#machine.directory.get(name, id);
      if (entry === undefined || (kind !== "" && entry.advert.kind !== kind)) return undefined;
      return this.#service(entry);
    });
    const observe = (key: string, name: string) => {
      if (matchesBeaconName(pattern, name)) feed.note(key);
    };
    const end = () => feed.end();
    if (signal?.aborted || this.#stopped.signal.aborted) return;
    using _question = this.#question({ pattern, kind, endless: false });
    this.#observers.add(observe);
    signal?.addEventListener("abort", end, { once: true });
    this.#stopped.signal.addEventListener("abort", end, { once: true });
    try {
      for (const { advert, id } of this.#machine.directory.find(pattern)) {
        feed.note(keyOf(advert.name, id));
      }
      for (let event = await feed.next(); event !== undefined; event = await feed.next()) {
        yield event;
      }
    } finally {
      this.#observers.delete(observe);
      signal?.removeEventListener("abort", end);
      this.#stopped.signal.removeEventListener("abort", end);
    }
  }

  /** The services known now, sorted by name, without asking. */
  services({ pattern = "*", kind = "" }: FindAllOptions = {}): Service[] {
    this.#machine.directory.expire(performance.now());
    return this.#machine.directory.find(pattern, kind).map((entry) => this.#service(entry))
      .sort(byName);
  }

  /** Every beacon heard lately, for diagnostics. */
  heard(): HeardBeacon[] {
    const now = performance.now();
    this.#machine.peers.expire(now);
    const services = this.services();
    return [...this.#machine.peers.all()].map(({ id, host, heardAt, hearsUs, sources }) => ({
      id,
      host,
      hearsUs,
      age: now - heardAt,
      sources: sources.map(({ address, interface: name }) => ({ address, interface: name })),
      services: services.filter((service) => service.id === id),
    }));
  }

  /** Has `listener` told of every datagram that comes in, own ones and copies included. Returns what ends that. */
  on(listener: (sighting: Sighting) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Asks everybody now and each second, until the returned function is called: for diagnostics. */
  ask(pattern = "*"): () => void {
    const question = this.#question({ pattern, kind: "", endless: true });
    return () => question[Symbol.dispose]();
  }

  /** Counters. */
  stats(): BeaconStats {
    const { stats, directory, suppressed } = this.#machine;
    return {
      ...stats,
      sent: this.#driver.udp.stats.sent,
      sendErrors: this.#driver.udp.stats.sendErrors,
      suppressed,
      crowdedOut: directory.crowdedOut,
      foreign: directory.foreign,
      services: directory.size,
      portBlocked: this.#driver.udp.blocked,
    };
  }

  /** Says goodbye for all that is advertised (0.1 s), and stops. What waits for something gets nothing. */
  async close(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    this.#stopped.abort();
    for (const { reject } of this.#claims.values()) {
      reject(new AdvertError("Cannot advertise: the beacon is closed"));
    }
    this.#claims.clear();
    this.#advertising.clear();
    await this.#driver.close();
  }

  /** Says goodbye for all that is advertised, at once: the program ends. Nothing can be waited for. */
  sayGoodbye(): void {
    this.#do((now) => this.#machine.leave(now));
  }

  /** Whether what is advertised and asked keeps the program alive. It does until this is called. */
  keepAlive(alive: boolean): void {
    this.#driver.keepAlive(alive);
  }

  /** The same as {@linkcode close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // The machine's side.

  #do<T>(action: (now: number) => T): T {
    return this.#driver.do((_machine, now) => action(now));
  }

  /** The addresses of this machine are told as the interfaces are now. */
  #fillInAgain(now: number): void {
    for (const [name, { templates }] of this.#advertising) {
      this.#machine.update(
        name,
        { addresses: fillIn(templates, this.#driver.udp.interfaces) },
        now,
      );
    }
  }

  #settle(name: string, how: (claim: Claim) => void): void {
    const key = foldBeaconName(name);
    const claim = this.#claims.get(key);
    this.#claims.delete(key);
    if (claim !== undefined) how(claim);
  }

  #taken(name: string, holder: Holder): void {
    this.#settle(name, ({ reject }) => reject(new NameTakenError(name, this.#holder(holder))));
  }

  #lost(name: string, holder: Holder): void {
    const key = foldBeaconName(name);
    const service = this.#holder(holder);
    const [where] = service.addresses;
    log.info('The name "{name}" was lost to {where}, which had it before', { name, where });
    this.#advertising.get(key)?.lost(service);
    this.#advertising.delete(key);
  }

  #changed(_change: Change, { advert, id }: Entry): void {
    const key = keyOf(advert.name, id);
    for (const observe of this.#observers) observe(key, advert.name);
  }

  // What is shown.

  #service(entry: Seen): Service {
    return toService(entry, { self: this.id, interfaces: this.#driver.udp.interfaces });
  }

  #holder({ advert, heard }: Holder): Service {
    return this.#service({ ...heard, advert, heardAt: performance.now() });
  }

  // Waiting.

  #question(
    { pattern, kind = "", endless }: {
      pattern: string;
      kind: string | undefined;
      endless: boolean;
    },
  ): Disposable {
    const id = this.#do((now) => this.#machine.ask({ pattern, kind, endless }, now));
    return { [Symbol.dispose]: () => this.#do(() => this.#machine.unask(id)) };
  }

  /** Rings when there is news of a name. */
  #newsOf(wanted: string): Disposable & { readonly bell: Bell } {
    const folded = foldBeaconName(wanted);
    const bell = new Bell();
    const observe = (_key: string, name: string) => {
      if (foldBeaconName(name) === folded) bell.ring();
    };
    this.#observers.add(observe);
    return { bell, [Symbol.dispose]: () => void this.#observers.delete(observe) };
  }
}
