/**
 * How long a joiner waits for what.
 *
 * @module
 */

/** Times, in milliseconds. */
export const MS = {
  /** Candidates are collected before the first attempt: the answers to our first question. */
  first: 250,
  /** Changes are collected before they are looked at. */
  collect: 50,
  /** The lower id of a pair connects within this. */
  lowerWithin: 100,
  /** The higher one waits for it, at least. */
  higherAfter: 400,
  /** And at the most so much longer. */
  higherSpread: 200,
  /** Links beyond the two rings are made when these have been complete for so long. */
  fillAfter: 1_500,
  /** And at the most so much later. */
  fillSpread: 1_000,
  /** What can't be reached through the mesh is linked after this: most likely the rings do it. */
  islandAfter: 1_500,
  /** Each doubling of the distance waits so much longer; twice as long with each failure. */
  islandSlot: 700,
  /** And at the most so much longer still. */
  islandSpread: 400,
  /** Who hasn't answered within this is passed over on the rings. */
  slow: 500,
  /** Rest after the first failure; doubled with each. */
  restFailed: 1_000,
  /** Longest rest of those that don't answer. */
  longestRestFailed: 15_000,
  /** Rest of those that refuse the link: another secret or version isn't mended in a second. */
  restRefused: 10_000,
  /** Longest rest of those that refuse. */
  longestRestRefused: 120_000,
  /** A link that isn't wanted is kept for so long. */
  keepUnwanted: 1_500,
  /** And at the most so much longer. */
  keepSpread: 1_500,
  /** Between drops of links. */
  betweenDrops: 500,
  /** Between looks whether one can be dropped, when none could. */
  betweenLooks: 2_000,
} as const;
