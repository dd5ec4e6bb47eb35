/**
 * Puts the datagrams of a beacon together: its adverts, its questions, its goodbyes. Pure.
 *
 * @module
 */

import { type BeaconRecord, encodeDatagram } from "../wire/beacon_codec.ts";
import { matchesBeaconName } from "../wire/beacon_name.ts";
import { MAX_BEACON_IDS } from "../wire/limits.ts";
import type { Directory } from "./directory.ts";
import type { Own, OwnAdverts } from "./own_adverts.ts";
import { packRecords } from "./pack.ts";
import type { Peers } from "./peers.ts";
import type { DueQuestion } from "./questions.ts";
import { FRESH_MS } from "./times.ts";

/** Datagrams, encoded. */
export type Datagrams = Uint8Array[];

/** What a {@linkcode Composer} draws on. */
export interface ComposerOptions {
  readonly id: string;
  /** The name of this machine; may be empty. */
  readonly host: string;
  readonly own: OwnAdverts;
  readonly peers: Peers;
  readonly directory: Directory;
}

/** Puts datagrams together, and numbers them. */
export class Composer {
  readonly #options: ComposerOptions;
  /** The number of the last datagram. */
  sequence = 0;

  /** The first datagram will have number 1. */
  constructor(options: ComposerOptions) {
    this.#options = options;
  }

  /** Tells of adverts. */
  adverts(adverts: readonly Own[], now: number): Datagrams {
    const { own: { revision, held }, host, peers } = this.#options;
    const records = adverts.map(({ advert }) => ({ type: "advert", advert }) as const);
    return this.#datagrams(packRecords(records, {
      head: [{ type: "beacon", revision, adverts: held, host }],
      first: [{ type: "heard", ...peers.askers(now) }],
    }));
  }

  /** Asks. */
  questions(questions: readonly DueQuestion[], now: number): Datagrams {
    const records = questions.map(({ pattern, kind, toAll }) =>
      ({ type: "query", pattern, kind, toAll }) as const
    );
    const beacons = this.#known(questions, now);
    const head: BeaconRecord[] = beacons.length > 0 ? [{ type: "known", beacons }] : [];
    return this.#datagrams(packRecords(records, { head }));
  }

  /** Says that names aren't advertised any more. */
  goodbyes(names: readonly string[]): Datagrams {
    return this.#datagrams(packRecords(names.map((name) => ({ type: "goodbye", name }) as const)));
  }

  /** Beacons that have what is asked for, and of which all adverts are known as they are now: they needn't answer. */
  #known(questions: readonly DueQuestion[], now: number): { id: string; revision: number }[] {
    const { directory, peers } = this.#options;
    const counts = new Map<string, number>();
    const asked = new Set<string>();
    for (const { id, revision, advert } of directory.find()) {
      if (revision !== peers.get(id)?.revision) continue;
      counts.set(id, (counts.get(id) ?? 0) + 1);
      if (questions.some(({ pattern }) => matchesBeaconName(pattern, advert.name))) asked.add(id);
    }
    const known: { id: string; revision: number }[] = [];
    for (const id of asked) {
      const peer = peers.get(id);
      if (peer === undefined || peer.adverts !== counts.get(id)) continue;
      // Whether it is alive is worth an answer.
      if (now - peer.heardAt > FRESH_MS) continue;
      known.push({ id, revision: peer.revision });
      if (known.length >= MAX_BEACON_IDS) break;
    }
    return known;
  }

  #datagrams(packed: readonly Uint8Array[][]): Datagrams {
    return packed.map((records) => {
      this.sequence = (this.sequence + 1) >>> 0;
      return encodeDatagram({ id: this.#options.id, sequence: this.sequence }, records);
    });
  }
}
