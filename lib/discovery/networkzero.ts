/**
 * Hearing and sending the adverts of Python's networkzero (see `networkzero_codec.ts`).
 *
 * @module
 */

import { getLogger } from "../log/mod.ts";
import { foldBeaconName } from "../wire/beacon_name.ts";
import { LocalFault } from "../wire/errors.ts";
import {
  encodeNetworkzero,
  NETWORKZERO_INTERVAL_S,
  NETWORKZERO_PORT,
  NETWORKZERO_TTL_S,
} from "../wire/networkzero_codec.ts";
import { interfacesFromEnvironment } from "../net/interfaces.ts";
import { BroadcastPort } from "../net/broadcast_udp.ts";
import { MAX_NETWORKZERO_BYTES } from "../wire/limits.ts";
import {
  type NetworkzeroChange,
  type NetworkzeroName,
  NetworkzeroTable,
} from "./networkzero_table.ts";

/** How {@linkcode Networkzero.open} opens. */
export interface NetworkzeroOptions {
  /** Names or addresses of the interfaces to send on, as for the beacon. Default: as for the beacon. */
  readonly interfaces?: readonly string[] | undefined;
}

/** How a name is looked for. */
export interface NetworkzeroFindOptions {
  /** In milliseconds. */
  readonly wait: number;
  readonly signal?: AbortSignal;
}

/**
 * Who advertises is heard within this time, in milliseconds: in networkzero every 2 s, give or take a
 * little; unless its datagram is lost.
 */
const ROUND_MS = NETWORKZERO_INTERVAL_S * 1000 + 500;

/** What expires is told so late at the most, in milliseconds. */
const EXPIRY_MS = 1_000;

const log = getLogger(["talker", "networkzero"]);

/**
 * Hears what networkzero programs on the local network advertise, and advertises to them, as one of
 * them would: by datagrams to port 9999 and nothing else, every 2 s for each name.
 *
 * Its port is held from {@linkcode Networkzero.open} until it is closed. Talkers on one machine share
 * it; networkzero can't share it with anybody: while a program here holds it, nothing is heard
 * ({@linkcode Networkzero.blocked} says so; sending goes on), and it is tried again every 2 s.
 */
export class Networkzero implements Disposable {
  readonly #port: BroadcastPort;
  readonly #table = new NetworkzeroTable();
  readonly #listeners = new Set<(change: NetworkzeroChange) => void>();
  /** By name: the addresses, as they were given. */
  readonly #adverts = new Map<string, readonly (string | number)[]>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #expiry: ReturnType<typeof setTimeout> | undefined;
  #wasBlocked = false;

  private constructor(options: NetworkzeroOptions) {
    const { interfaces = [] } = options;
    const only = interfaces.length === 0 ? interfacesFromEnvironment() : interfaces;
    this.#port = new BroadcastPort({
      port: NETWORKZERO_PORT,
      only,
      maxBytes: MAX_NETWORKZERO_BYTES,
      received: (datagram, from) => this.#hear(datagram, from),
    });
    this.#timer = setInterval(() => this.#beat(), NETWORKZERO_INTERVAL_S * 1000);
    this.#beat();
  }

  /** Begins to listen. Never fails for want of the port. */
  static open(options: NetworkzeroOptions = {}): Networkzero {
    return new Networkzero(options);
  }

  /** Why the port can't be had, as the system says it; undefined when it is ours. */
  get refusal(): string | undefined {
    const { refusal } = this.#port;
    return refusal === undefined || refusal instanceof Error ? refusal?.message : String(refusal);
  }

  /** Why nothing can be heard, in one sentence; undefined when all is well. */
  get blocked(): string | undefined {
    const { refusal } = this;
    if (refusal === undefined) return undefined;
    return `The adverts of Python's networkzero can't be heard: UDP port ${NETWORKZERO_PORT} can't ` +
      `be had (${
        withoutNumber(refusal)
      }); most likely a networkzero program on this machine holds it`;
  }

  /** Datagrams that were no adverts. */
  get malformed(): number {
    return this.#table.malformed;
  }

  /**
   * Advertises a name until {@linkcode Networkzero.unadvertise}. An address is `ip:port`, or a port (or
   * `0.0.0.0:port`): then on each interface its own address is told. IPv6 addresses are left out, since
   * networkzero knows none. Without any other nothing is sent.
   *
   * @throws {LocalFault} when the name makes no advert that networkzero could read
   */
  advertise(name: string, addresses: readonly (string | number)[]): void {
    // With the longest address it must fit, too.
    encodeNetworkzero({ name, host: "192.168.100.100", port: 65_535, ttl: NETWORKZERO_TTL_S });
    this.#adverts.set(name, addresses);
    void this.#send(name, addresses);
  }

  /** Ends an advert: networkzero has no goodbye, so others forget it after 20 s. */
  unadvertise(name: string): void {
    this.#adverts.delete(name);
  }

  /** What is advertised by others, and not expired. */
  names(): NetworkzeroName[] {
    this.#expire();
    return this.#table.names().filter(({ name }) => !this.#adverts.has(name));
  }

  /** Listens until all who advertise now have been heard (2.5 s); not at all while the port can't be had. */
  async round(signal?: AbortSignal): Promise<void> {
    if (this.blocked !== undefined || signal?.aborted) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ROUND_MS);
      signal?.addEventListener("abort", done, { once: true });
    });
  }

  /** Who else has that name, whatever its case: its last advert has not expired. */
  holder(name: string): NetworkzeroName | undefined {
    const wanted = foldBeaconName(name);
    return this.names().find((entry) => foldBeaconName(entry.name) === wanted);
  }

  /** Has `listener` told of what is heard and what expires. Returns what ends that. */
  on(listener: (change: NetworkzeroChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Waits for a name, whatever its case; null when nobody advertises it in time. */
  async discover(
    name: string,
    { wait, signal }: NetworkzeroFindOptions,
  ): Promise<NetworkzeroName | null> {
    const wanted = foldBeaconName(name);
    const known = this.holder(name);
    if (known !== undefined) return known;
    const { promise, resolve } = Promise.withResolvers<NetworkzeroName | null>();
    const off = this.on(({ type, entry }) => {
      if (type !== "lost" && foldBeaconName(entry.name) === wanted) resolve(entry);
    });
    const giveUp = () => resolve(null);
    const timer = setTimeout(giveUp, wait);
    signal?.addEventListener("abort", giveUp, { once: true });
    if (signal?.aborted) giveUp();
    try {
      return await promise;
    } finally {
      off();
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
    }
  }

  /** Gives the port back, and sends no more. */
  close(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#expiry);
    this.#timer = undefined;
    this.#listeners.clear();
    this.#adverts.clear();
    this.#port.close();
  }

  /** The same as {@linkcode close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  #beat(): void {
    this.#port.listen();
    const { blocked } = this;
    if (blocked !== undefined && !this.#wasBlocked) log.debug(blocked);
    this.#wasBlocked = blocked !== undefined;
    for (const [name, addresses] of this.#adverts) void this.#send(name, addresses);
  }

  async #send(name: string, addresses: readonly (string | number)[]): Promise<void> {
    await this.#port.send((own) => {
      // In networkzero a name has one address, the last that was heard: the first that we have.
      for (const address of addresses) {
        const place = placeOf(address, own);
        if (place === undefined) continue;
        try {
          return encodeNetworkzero({ name, ...place, ttl: NETWORKZERO_TTL_S });
        } catch (error) {
          if (!(error instanceof LocalFault)) throw error;
        }
      }
      return undefined;
    });
  }

  #hear(datagram: Uint8Array, from: string): void {
    for (const change of this.#table.hear(datagram, from, performance.now())) this.#tell(change);
    this.#setExpiry();
  }

  #expire(): void {
    for (const change of this.#table.expire(performance.now())) this.#tell(change);
  }

  #setExpiry(): void {
    if (this.#timer === undefined || this.#expiry !== undefined) return;
    const { due } = this.#table;
    if (due === Infinity) return;
    const delay = Math.max(0, due - performance.now());
    this.#expiry = setTimeout(() => {
      this.#expiry = undefined;
      this.#expire();
      this.#setExpiry();
    }, Math.min(delay + 1, EXPIRY_MS));
  }

  #tell(change: NetworkzeroChange): void {
    // Our own adverts come back.
    if (this.#adverts.has(change.entry.name)) return;
    for (const listener of this.#listeners) listener(change);
  }
}

/** Where an advert says it is, on the interface with the address `own`. */
function placeOf(
  address: string | number,
  own: string,
): { host: string; port: number } | undefined {
  const [, host = "", port = ""] = /^(?:([\d.]+):)?(\d+)$/.exec(`${address}`) ?? [];
  if (port === "") return undefined;
  return { host: host === "" || host === "0.0.0.0" ? own : host, port: Number(port) };
}

/** Without the number that systems put behind it. */
function withoutNumber(message: string): string {
  return message.replace(/ \(os error \d+\)/, "");
}
