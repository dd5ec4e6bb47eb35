/**
 * Who a node is, and the decisions on who may be linked: pure functions of what both sides know,
 * so that both decide alike.
 */
import type { NodeId } from "../wire/mesh_bytes.ts";
import { type IAm, PROTOCOL_VERSIONS, type RefusalCode } from "../wire/mesh_message.ts";

export type { NodeId } from "../wire/mesh_bytes.ts";

/** A source of random numbers: at least 0 and below 1. */
export type Random = () => number;

/** A node as it presents itself. */
export interface Identity {
  /** Lasts as long as the node's data. */
  readonly id: NodeId;
  /** Which start of the node: higher with each, see {@linkcode newIncarnation}. */
  readonly incarnation: number;
  /** For people. Need not be unique. */
  readonly name: string;
  /** Only nodes of the same mesh are linked. */
  readonly mesh: string;
}

const TWO_32 = 2 ** 32;

/** A whole number from 0 to 2³² − 1. */
function random32(random: Random): number {
  return Math.floor(random() * TWO_32);
}

/** A new random node id. */
export function newNodeId(random: Random): NodeId {
  const half = () => (random32(random) + TWO_32).toString(16).slice(1);
  return half() + half();
}

/**
 * The incarnation of the start number `counter` (1 for the first; at most 2²¹ − 1): the counter
 * above 32 random bits. So it grows with each start, and two machines that run with copies of the
 * same data differ.
 *
 * @throws {RangeError} when the counter is outside.
 */
export function newIncarnation(counter: number, random: Random): number {
  if (!Number.isInteger(counter) || counter < 1 || counter >= 2 ** 21) {
    throw new RangeError(
      `Cannot start for the ${counter}th time: 1 to ${2 ** 21 - 1} are possible`,
    );
  }
  return counter * TWO_32 + random32(random);
}

/** The counter that {@linkcode newIncarnation} was given. */
export function startCounter(incarnation: number): number {
  return Math.floor(incarnation / TWO_32);
}

/** A random number for one connection: 48 bits. */
export function newNonce(random: Random): number {
  return random32(random) * 2 ** 16 + Math.floor(random() * 2 ** 16);
}

/** The answer to an I-AM. */
export type HelloDecision =
  | { readonly type: "accept"; readonly version: number }
  | { readonly type: "refuse"; readonly code: RefusalCode; readonly reason: string };

/** What decides beside the two identities. */
export interface HelloContext {
  /** The incarnation in which a node of the peer's id is reachable now, if it is. */
  readonly alive?: number | undefined;
}

/**
 * Whether a link to this peer is taken. The reason is for people, on both sides.
 *
 * @example
 * ```ts
 * import { decideHello } from "./identity.ts";
 * const self = { id: "00000000000000aa", incarnation: 1, name: "attic", mesh: "club" };
 * const peer = { ...self, id: "00000000000000bb", mesh: "school" };
 * const hello = { type: "iAm", minVersion: 1, maxVersion: 1, nonce: 7, ...peer } as const;
 * if (decideHello(self, hello, {}).type !== "refuse") throw new Error();
 * ```
 */
export function decideHello(self: Identity, peer: IAm, context: HelloContext): HelloDecision {
  const { min, max } = PROTOCOL_VERSIONS;
  if (peer.minVersion > max || peer.maxVersion < min) {
    const theirs = peer.minVersion === peer.maxVersion
      ? `${peer.minVersion}`
      : `${peer.minVersion} to ${peer.maxVersion}`;
    const ours = `${min}` === `${max}` ? `${min}` : `${min} to ${max}`;
    return refuse(
      "version",
      `${peer.name} speaks version ${theirs} of the protocol and ${self.name} version ${ours}: ` +
        "use the same release of talker on both",
    );
  }
  if (peer.mesh !== self.mesh) {
    return refuse(
      "mesh",
      `${peer.name} belongs to ${meshName(peer.mesh)} and ${self.name} to ${meshName(self.mesh)}`,
    );
  }
  if (peer.id === self.id && peer.incarnation === self.incarnation) {
    return refuse("self", `${self.name} would be linked to itself`);
  }
  const other = peer.id === self.id ? self.incarnation : context.alive;
  if (other !== undefined && other !== peer.incarnation) {
    return refuse(
      "clone",
      `The node ${peer.id} of ${peer.name} is already alive elsewhere: was its data copied from ` +
        "another machine? Start one of the two with other data",
    );
  }
  return { type: "accept", version: Math.min(max, peer.maxVersion) };
}

function refuse(code: RefusalCode, reason: string): HelloDecision {
  return { type: "refuse", code, reason };
}

function meshName(mesh: string): string {
  return mesh === "" ? "the unnamed mesh" : `the mesh "${mesh}"`;
}

/** What both sides know of a connection, the same on both. */
export interface LinkKey {
  /** Who made the connection. */
  readonly initiator: NodeId;
  readonly initiatorNonce: number;
  readonly acceptorNonce: number;
}

/**
 * Which of two links between the same pair stays: the one that the lower id made, else the lower
 * numbers. Negative when `a` stays, positive when `b` does; both sides come to the same.
 */
export function compareLinks(a: LinkKey, b: LinkKey): number {
  if (a.initiator !== b.initiator) return a.initiator < b.initiator ? -1 : 1;
  return a.initiatorNonce - b.initiatorNonce || a.acceptorNonce - b.acceptorNonce;
}
