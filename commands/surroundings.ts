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
import { advertiseNode, type NodeAdvert, type NodeAdvertised } from "./advertising.ts";
import { joinMesh } from "./auto_peer.ts";
import { openBeacon } from "./beacon_open.ts";

/** How {@linkcode Surroundings} are opened. */
export interface SurroundingsOptions {
  /** Interfaces to use; none: all. */
  readonly interface: readonly string[];
  readonly advertise: boolean;
  readonly networkzero: boolean;
  /** Is there anybody to look for? */
  readonly looks: boolean;
  /** Where wrong interfaces are told. */
  readonly warn: Output;
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
    let { name } = advert;
    if (this.#options.advertise) {
      this.#advertised = await advertiseNode(this.beacon, advert);
      name = this.#advertised.name;
    }
    if (this.#options.networkzero) {
      const { Networkzero } = await import("../lib/discovery/networkzero.ts");
      this.#networkzero = Networkzero.open({ interfaces: this.#options.interface });
      const { at } = advert;
      this.#networkzero.advertise(name, [formatAddress({ host: at.hostname, port: at.port })]);
    }
    return name;
  }

  /** Links to the others of the mesh that are found, if `join`; tries those of `--peer` when they are heard. */
  join(driver: MeshDriver, join: boolean): void {
    if (!this.#options.looks) return;
    void joinMesh({ beacon: this.beacon, driver, join, signal: this.#stop.signal });
  }

  /** Says goodbye. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#networkzero?.close();
    await this.#advertised?.withdraw();
    await this.beacon.close();
  }
}
