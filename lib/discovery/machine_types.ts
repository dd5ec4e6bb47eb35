/**
 * What goes into a {@linkcode BeaconMachine} and comes out of it.
 *
 * @module
 */

import type { Advert, CastMethod } from "../wire/beacon_codec.ts";
import type { Change, Entry, Heard } from "./directory.ts";

/** Where a datagram came from. */
export interface From {
  readonly hostname: string;
  readonly port: number;
  /** The interface of this machine on whose network that is; undefined where it is on none. */
  readonly interface: string | undefined;
  /** It came from this machine. */
  readonly local: boolean;
}

/** Who holds a name: its advert, and from where that was heard. */
export interface Holder {
  readonly advert: Advert;
  readonly heard: Heard;
}

/** What a beacon does. */
export interface BeaconEffects {
  /** Sends a datagram to everybody. */
  cast(datagram: Uint8Array): void;
  /** Sends a datagram to one. */
  send(datagram: Uint8Array, to: { hostname: string; port: number }): void;
  /** A name that was claimed is held now. */
  held(name: string): void;
  /** A name that was claimed belongs to somebody. */
  taken(name: string, holder: Holder): void;
  /** A name that was held belongs to somebody who claimed it before. It isn't advertised any more. */
  lost(name: string, holder: Holder): void;
  /** A service came, changed or went. */
  changed(change: Change, entry: Entry): void;
}

/** What was made of a datagram. */
export interface Received {
  readonly id: string;
  readonly method: CastMethod;
  /** It came back from this beacon itself. */
  readonly own: boolean;
}

/** Counters. */
export interface MachineStats {
  received: number;
  own: number;
  copies: number;
  malformed: number;
  otherVersion: number;
}

/** What a beacon advertises, as it is given. */
export type NewAdvert = Pick<Advert, "name" | "kind" | "addresses" | "properties">;

/** How a machine is made. */
export interface MachineOptions {
  /** This beacon's id: 16 hexadecimal digits, random. */
  readonly id: string;
  /** The name of this machine, told to others; may be empty. */
  readonly host: string;
  /** Random numbers from 0 to below 1. */
  readonly random: () => number;
  readonly effects: BeaconEffects;
}
