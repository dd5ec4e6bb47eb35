/**
 * What the doctor looks at: facts about this machine's network and who is heard on it. Types only.
 *
 * @module
 */

import type { HostPort } from "../net/address.ts";

/** What became of the datagrams that were sent on an interface. */
export type Echo =
  /** They came back: others on this network get them, too, and so does this program theirs. */
  | { readonly is: "returned" }
  /** They were sent, and did not come back. */
  | { readonly is: "lost" }
  /** They could not be sent. */
  | { readonly is: "failed"; readonly reason: string };

/** One address of this machine (IPv4, or link-local of IPv6), and what its network does. */
export interface InterfaceFacts {
  /** As the system calls it, such as `eth0`. */
  readonly name: string;
  readonly address: string;
  /** The length of its subnet's prefix, in bits. */
  readonly prefix: number;
  /** Only this machine is on it. */
  readonly isLoopback: boolean;
  /** Undefined where the interface is not used: another was asked for. */
  readonly multicast?: Echo;
  /** As `multicast`; undefined for IPv6 in any case. */
  readonly broadcast?: Echo;
}

/** A UDP port, as far as this program could have it. */
export interface PortFacts {
  readonly port: number;
  /** `ours`: it could be bound. `taken`: another program has it and doesn't share it. `refused`: the system didn't give it. */
  readonly state: "ours" | "taken" | "refused";
  /** Who has it, such as `python3, process 123`, where the system tells. */
  readonly holder?: string | undefined;
  /** Why it was refused. */
  readonly reason?: string;
}

/** One advert that was heard: of one name, from one program. */
export interface HeardFacts {
  readonly name: string;
  readonly kind: string;
  /** Which program it is of: two with one name and different ids are a clash. */
  readonly id: string;
  /** The addresses that it offers, the nearest first. */
  readonly addresses: readonly HostPort[];
  /** The address that it came from. */
  readonly from: string;
  /** It is from this machine. */
  readonly isLocal: boolean;
  /** Whether the program answered when it was asked; undefined for those who never do (networkzero's). */
  readonly answered?: boolean | undefined;
  /** How it was heard. */
  readonly via: "talker" | "networkzero";
}

/** What a connection to an address of the wanted name came to. */
export interface TryFacts {
  readonly address: HostPort;
  /** Undefined where it was accepted. */
  readonly refusal?: string | undefined;
}

/** All that the doctor looked at. */
export interface DoctorFacts {
  /** The name that is looked for. */
  readonly name?: string | undefined;
  /** How long was listened, in milliseconds. */
  readonly listenedMs: number;
  readonly interfaces: readonly InterfaceFacts[];
  /** The port of the beacons. */
  readonly port: PortFacts;
  /** The port of networkzero's beacons. */
  readonly networkzero: PortFacts;
  readonly heard: readonly HeardFacts[];
  /** What came of connecting to the wanted name's addresses. */
  readonly tries: readonly TryFacts[];
  /** Datagrams at the port that were none of a beacon. */
  readonly malformed: number;
}
