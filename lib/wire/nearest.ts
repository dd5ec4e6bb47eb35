/**
 * The nearest of some names to one that was mistyped. Pure.
 *
 * @module
 */

/** Names longer than this are compared by their beginning: the cost stays bounded. In UTF-16 units. */
const COMPARED_LENGTH = 64;

/**
 * The Damerau–Levenshtein distance of two strings: how many insertions, deletions, substitutions
 * and swaps of two neighbours turn one into the other. Counted in UTF-16 units.
 *
 * It is the true distance (a metric), not the "optimal string alignment" one: F. J. Damerau, "A
 * technique for computer detection and correction of spelling errors", 1964; R. Lowrance and
 * R. A. Wagner, "An extension of the string-to-string correction problem", 1975.
 *
 * @example
 * ```ts
 * import { editDistance } from "./nearest.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(editDistance("prot", "port"), 1);
 * assertEquals(editDistance("kitten", "sitting"), 3);
 * ```
 */
export function editDistance(a: string, b: string): number {
  const far = a.length + b.length;
  const width = b.length + 2;
  // One row and one column more than usual, on the low side: they hold `far`.
  const cost = new Uint32Array((a.length + 2) * width);
  cost[0] = far;
  for (let i = 0; i <= a.length; i++) {
    cost[(i + 1) * width] = far;
    cost[(i + 1) * width + 1] = i;
  }
  for (let j = 0; j <= b.length; j++) {
    cost[j + 1] = far;
    cost[width + j + 1] = j;
  }
  const at = (i: number, j: number) => cost[i * width + j] ?? far;
  const lastRow = new Map<string, number>();
  for (let i = 1; i <= a.length; i++) {
    const left = a.charAt(i - 1);
    let lastColumn = 0;
    for (let j = 1; j <= b.length; j++) {
      const right = b.charAt(j - 1);
      const row = lastRow.get(right) ?? 0;
      const column = lastColumn;
      const same = left === right;
      if (same) lastColumn = j;
      cost[(i + 1) * width + j + 1] = Math.min(
        at(i, j) + (same ? 0 : 1),
        at(i + 1, j) + 1,
        at(i, j + 1) + 1,
        at(row, column) + (i - row - 1) + 1 + (j - column - 1),
      );
    }
    lastRow.set(left, i);
  }
  return at(a.length + 1, b.length + 1);
}

/**
 * The candidate nearest to `name`: one that begins with it if there is one, else the one at the
 * least {@linkcode editDistance}, case ignored; among equals the first. There is always an answer
 * as long as there is a candidate.
 *
 * @example
 * ```ts
 * import { nearest } from "./nearest.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(nearest("prot", ["name", "port"]), "port");
 * assertEquals(nearest("time", ["name", "timeout"]), "timeout");
 * assertEquals(nearest("x", []), undefined);
 * ```
 */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = name.slice(0, COMPARED_LENGTH).toLowerCase();
  let best: string | undefined;
  let least = Infinity;
  for (const candidate of candidates) {
    const other = candidate.slice(0, COMPARED_LENGTH).toLowerCase();
    const begins = wanted.length > 1 && other.startsWith(wanted);
    // Longer completions rank behind shorter ones, and all of them before any correction.
    const distance = begins
      ? (other.length - wanted.length) / (COMPARED_LENGTH + 1)
      : editDistance(wanted, other);
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}
