/**
 * How a beacon is opened, how it is asked, and what it tells of others.
 *
 * @module
 */

import type { Endpoint } from "../net/transport.ts";
import type { CastMethod } from "../wire/beacon_codec.ts";
import type { Reachable } from "./reachable.ts";
import type { Service } from "./service.ts";

export type { CastMethod } from "../wire/beacon_codec.ts";
export type { Endpoint } from "../net/transport.ts";
export type { Reachable } from "./reachable.ts";

/** How a {@linkcode Beacon} is opened. */
export interface BeaconOptions {
  /**
   * Names or addresses of the interfaces to use; `lo` keeps everything on this machine. Default: those
   * in the environment's `TALKER_INTERFACE` (separated by commas), else all.
   */
  readonly interfaces?: readonly string[] | undefined;
  /** The UDP port of all beacons; only tests use another. @default 28889 */
  readonly port?: number | undefined;
  /** The name of this machine, told to others; empty for none. Default: the host name. */
  readonly host?: string | undefined;
  /** Whether something accepts connections there. Default: connects by TCP. */
  readonly reachable?: Reachable | undefined;
}

/** How something is looked for. */
export interface FindOptions {
  /** How long to wait, in milliseconds. @default 5000 (one name), 1000 (all) */
  readonly wait?: number | undefined;
  /** Only services of this kind. Default: any. */
  readonly kind?: string | undefined;
  /** Gives up when aborted: what was found until then is returned. */
  readonly signal?: AbortSignal | undefined;
}

/** What is looked for, and how. */
export interface FindAllOptions extends FindOptions {
  /** Names to find: `*` stands for any characters. @default "*" */
  readonly pattern?: string | undefined;
}

/** A datagram of the beacon protocol came in. */
export interface Sighting {
  /** Whose. */
  readonly id: string;
  /** This beacon's own came back. */
  readonly own: boolean;
  /** How it was sent, as its sender says. */
  readonly method: CastMethod;
  /** From where: address and port. */
  readonly source: Endpoint;
  /** The interface of this machine on whose subnet the source is, where there is one. */
  readonly interface: string | undefined;
  /** When, by `performance.now()`. */
  readonly at: number;
}

/** What is known of another beacon (a program). */
export interface HeardBeacon {
  /** Its id: 16 hexadecimal digits, new with each start of a program. */
  readonly id: string;
  /** The name of its machine, where it tells it; else empty. */
  readonly host: string;
  /** Where it was heard from, the latest first. */
  readonly sources: readonly { readonly address: string; readonly interface: string | undefined }[];
  /** Milliseconds since it was last heard. */
  readonly age: number;
  /** Whether it hears us: undefined while nothing tells (see PROTOCOL.md: it lists who asked lately). */
  readonly hearsUs: boolean | undefined;
  /** What it advertises. */
  readonly services: readonly Service[];
}

/** Counters since the beacon was opened. */
export interface BeaconStats {
  /** Datagrams heard, copies and own ones included. */
  readonly received: number;
  /** Datagrams sent: each copy on each interface counts. */
  readonly sent: number;
  /** Sends that failed. */
  readonly sendErrors: number;
  /** Datagrams of this protocol that came back from this beacon itself. */
  readonly own: number;
  /** Copies of a datagram that was heard already. */
  readonly copies: number;
  /** Datagrams dropped: they break the format. */
  readonly malformed: number;
  /** Datagrams dropped: a version of the protocol that isn't known here. */
  readonly otherVersion: number;
  /** Adverts dropped: the table was full, or their source had its share. */
  readonly crowdedOut: number;
  /** Adverts and goodbyes dropped: another machine has the service. */
  readonly foreign: number;
  /** Answers that were not sent: the asker knew already, all had just been told, or too much was asked. */
  readonly suppressed: number;
  /** Services in the table. */
  readonly services: number;
  /** Why the port can't be listened at (another program holds it without sharing); undefined when all is well. */
  readonly portBlocked: string | undefined;
}

/** A service that this beacon advertises. Disposing of it withdraws it. */
export interface Advertised extends AsyncDisposable {
  /** The name, as it was given. */
  readonly name: string;
  /** The addresses that are told now. */
  readonly addresses: readonly string[];
  /** Resolves with the holder when the name is lost to somebody who held it longer (two networks were joined); stays pending else. */
  readonly lost: Promise<Service>;
  /** Tells other properties from now on. */
  update(properties: Readonly<Record<string, string>>): void;
  /** Says goodbye. Resolves when that has been sent. */
  withdraw(): Promise<void>;
}
