/**
 * What networkzero programs advertise, as far as it was heard. Pure.
 *
 * @module
 */

import { MAX_NETWORKZERO_NAMES } from "../wire/limits.ts";
import { decodeNetworkzero } from "../wire/networkzero_codec.ts";

/** A name that a networkzero program advertises. */
export interface NetworkzeroName {
  readonly name: string;
  /** Where it is. */
  readonly host: string;
  readonly port: number;
  /** The address that the advert came from. */
  readonly from: string;
  /** When it was heard last, on the clock of {@linkcode NetworkzeroTable.hear}. */
  readonly heardAt: number;
  /** When it expires, on the same clock; `Infinity` for never. */
  readonly expiresAt: number;
}

/** What has changed in a {@linkcode NetworkzeroTable}. */
export interface NetworkzeroChange {
  /**
   * `found`: a new name, or one at another place than before. `heard`: a known one was heard again.
   * `lost`: it expired, or was forgotten in favour of others.
   */
  readonly type: "found" | "heard" | "lost";
  readonly entry: NetworkzeroName;
}

/**
 * The names that were heard and have not expired. As in networkzero itself the last advert of a name
 * is the one that counts.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { encodeNetworkzero } from "../wire/networkzero_codec.ts";
 * import { NetworkzeroTable } from "./networkzero_table.ts";
 *
 * const table = new NetworkzeroTable();
 * const advert = encodeNetworkzero({ name: "hello", host: "10.0.0.2", port: 4567, ttl: 20 });
 * assertEquals(table.hear(advert, "10.0.0.2", 0)[0]?.type, "found");
 * assertEquals(table.get("hello")?.port, 4567);
 * assertEquals(table.expire(20_000).map(({ type }) => type), ["lost"]);
 * ```
 */
export class NetworkzeroTable {
  /** Datagrams that were no adverts. */
  malformed = 0;
  /** In the order in which they were heard last. */
  readonly #names = new Map<string, NetworkzeroName>();

  /** A datagram was heard, from that address, at `now` in milliseconds; tells what that changes. */
  hear(datagram: Uint8Array, from: string, now: number): NetworkzeroChange[] {
    const advert = decodeNetworkzero(datagram);
    // What only the sender can reach is nothing to those who hear it from elsewhere.
    if (advert === undefined || (isLoopback(advert.host) && !isLoopback(from))) {
      this.malformed++;
      return [];
    }
    const { name, host, port, ttl } = advert;
    const expiresAt = ttl === null ? Infinity : now + ttl * 1000;
    const entry = { name, host, port, from, heardAt: now, expiresAt };
    const before = this.#names.get(name);
    this.#names.delete(name);
    const changes: NetworkzeroChange[] = [];
    if (this.#names.size >= MAX_NETWORKZERO_NAMES) {
      const [oldest] = this.#names.values();
      if (oldest !== undefined && this.#names.delete(oldest.name)) {
        changes.push({ type: "lost", entry: oldest });
      }
    }
    this.#names.set(name, entry);
    const isSame = before?.host === host && before.port === port;
    return [...changes, { type: isSame ? "heard" : "found", entry }];
  }

  /** Forgets what has expired. */
  expire(now: number): NetworkzeroChange[] {
    const lost = [...this.#names.values()].filter(({ expiresAt }) => expiresAt <= now);
    for (const { name } of lost) this.#names.delete(name);
    return lost.map((entry) => ({ type: "lost", entry }));
  }

  /** When something expires next; `Infinity` when nothing will. */
  get due(): number {
    let due = Infinity;
    for (const { expiresAt } of this.#names.values()) due = Math.min(due, expiresAt);
    return due;
  }

  /** The last advert of that name. */
  get(name: string): NetworkzeroName | undefined {
    return this.#names.get(name);
  }

  /** All of them. */
  names(): NetworkzeroName[] {
    return [...this.#names.values()];
  }
}

function isLoopback(host: string): boolean {
  return host.startsWith("127.");
}
