/**
 * What a node has to do with the local network beside its links: it is found, and finds others.
 *
 * @module
 */

import type { Output } from "../lib/cli/output.ts";
import type { Beacon } from "../lib/discovery/beacon.ts";
import type { Networkzero } from "../lib/discovery/networkzero.ts";
import type { MeshDriver } from "../lib/mesh/driver.ts";
import { formatAddress } from "../lib/net/address.ts";
import {
  advertiseNode,
  freeName,
  type NodeAdvert,
  type NodeAdvertised,
  type OtherNames,
} from "./advertising.ts";
import { joinMesh, type JoinMeshOptions } from "./auto_peer.ts";
import { openBeacon } from "./beacon_open.ts";

/** How {@linkcode Surroundings} are opened. */
export interface SurroundingsOptions {
  /** Interfaces to use; none: all. */
  readonly interface: readonly string[];
  readonly advertise: boolean;
  readonly networkzero: boolean;
  /** Is there anybody to look for? */
  readonly looks: boolean;
  /** Where wrong interfaces are told, and that networkzero can't be heard. */
  readonly warn: Output;
  /** Ends the start. */
  readonly signal: AbortSignal;
}

/** A node's beacon, as its flags want it. */
export class Surroundings {
  /** Finds and is found. */
  readonly beacon: Beacon;
  readonly #options: SurroundingsOptions;
  readonly #stop = new AbortController();
  #networkzero: Networkzero | undefined;
  #advertised: NodeAdvertised | undefined;

  private constructor(options: SurroundingsOptions) {
    this.#options = options;
    this.beacon = openBeacon({ interface: options.interface }, { warn: options.warn });
  }

  /** Opens a beacon, unless there is nothing for it to do. */
  static open(options: SurroundingsOptions): Surroundings | undefined {
    if (!options.advertise && !options.looks && !options.networkzero) return undefined;
    return new Surroundings(options);
  }

  /** Advertises, if that is wanted. Gives the name that the node has got. */
  async advertise(advert: NodeAdvert): Promise<string> {
    const { at } = advert;
    const address = formatAddress({ host: at.hostname, port: at.port });
    const networkzero = this.#options.networkzero ? await this.#hearNetworkzero() : undefined;
    const others: OtherNames = {
      holder: (name) => {
        const entry = networkzero?.holder(name);
        return entry && `${entry.host}:${entry.port}`;
      },
      renamed: (renamed) => {
        networkzero?.unadvertise(name);
        networkzero?.advertise(name = renamed, [address]);
      },
    };
    let name: string;
    if (this.#options.advertise) {
      this.#advertised = await advertiseNode(this.beacon, advert, others);
      ({ name } = this.#advertised);
    } else name = freeName(advert.name, others);
    networkzero?.advertise(name, [address]);
    return name;
  }

  /** Begins to listen, until it is known who has which name. */
  async #hearNetworkzero(): Promise<Networkzero> {
    const { Networkzero } = await import("../lib/discovery/networkzero.ts");
    const networkzero = Networkzero.open({ interfaces: this.#options.interface });
    this.#networkzero = networkzero;
    const { blocked } = networkzero;
    if (blocked !== undefined) this.#options.warn.write(`talker: ${blocked}\n`);
    await networkzero.round(this.#options.signal);
    return networkzero;
  }

  /** Links to the others of the mesh that are found, if `join`; tries those of `--peer` when they are heard. */
  join(driver: MeshDriver, join: boolean, failed?: JoinMeshOptions["failed"]): void {
    if (!this.#options.looks) return;
    void joinMesh({ beacon: this.beacon, driver, join, failed, signal: this.#stop.signal });
  }

  /** Says goodbye. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#networkzero?.close();
    await this.#advertised?.withdraw();
    await this.beacon.close();
  }
}
