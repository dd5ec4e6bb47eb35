/**
 * Rings of nodes: who is next to whom, so that all who see the same nodes come to the same answer
 * without a word between them. Each ring has the nodes in another random order: by a hash of their
 * ids.
 *
 * @module
 */

import type { NodeId } from "./identity.ts";

/** Places on a ring: 32 bits. */
const PLACES = 2 ** 32;

/**
 * The place of a node on a ring, 0 to 2³² − 1: FNV-1a over the ring and the id, with the last step
 * of MurmurHash3 to spread ids that are alike. (Both are in the public domain.) Who can choose its
 * id can choose its place; the members of a mesh trust each other.
 */
export function ringPlace(ring: number, id: NodeId): number {
  let hash = 0x811c9dc5 ^ ring;
  for (let i = 0; i < id.length; i++) {
    hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** A node with its places on the rings. */
export interface Placed {
  readonly id: NodeId;
  /** Its place on each ring. */
  readonly places: readonly number[];
}

/** A node on the first `rings` rings. */
export function placed(id: NodeId, rings: number): Placed {
  return { id, places: Array.from({ length: rings }, (_, ring) => ringPlace(ring, id)) };
}

/**
 * How far it is from one node on to another, in the one direction of the ring; from 0 (they have the
 * same place, and `to` the higher id) to 2³² (the same, the other way round).
 */
export function ringDistance(ring: number, from: Placed, to: Placed): number {
  const distance = (to.places[ring] as number) - (from.places[ring] as number);
  if (distance === 0) return to.id > from.id ? 0 : PLACES;
  return distance < 0 ? distance + PLACES : distance;
}

/**
 * The nodes before and after `self` on a ring: none, one (the same before and after) or two of
 * `others`, the one after it first. They are neighbours of each other: who is after `self` has it
 * before itself.
 *
 * @example
 * ```ts
 * import { assert, assertEquals } from "@std/assert";
 * import { placed, ringNeighbours } from "./joiner_ring.ts";
 *
 * const nodes = ["aa", "bb", "cc", "dd"].map((id) => placed(id, 1));
 * for (const node of nodes) {
 *   const neighbours = ringNeighbours(0, node, nodes.filter((other) => other !== node));
 *   assertEquals(neighbours.length, 2);
 *   for (const neighbour of neighbours) {
 *     const others = nodes.filter((other) => other !== neighbour);
 *     assert(ringNeighbours(0, neighbour, others).includes(node));
 *   }
 * }
 * ```
 */
export function ringNeighbours<T extends Placed>(
  ring: number,
  self: Placed,
  others: Iterable<T>,
): T[] {
  let after: T | undefined, before: T | undefined;
  let least = Infinity, most = -Infinity;
  for (const other of others) {
    const distance = ringDistance(ring, self, other);
    // Several at one place stand in the order of their ids.
    if (distance < least || (distance === least && other.id < after!.id)) {
      least = distance;
      after = other;
    }
    if (distance > most || (distance === most && other.id > before!.id)) {
      most = distance;
      before = other;
    }
  }
  if (after === undefined || before === undefined) return [];
  return after === before ? [after] : [after, before];
}
