/**
 * What was said lately, so that it isn't said again and again.
 *
 * @module
 */

/** The same is said again after this long, in milliseconds. */
const SAY_AGAIN_MS = 60_000;
/** So many things are remembered. */
const MAX_SAID = 1_000;

/**
 * Remembers what was said within the last minute.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { Said } from "./said.ts";
 * const said = new Said();
 * assert(!said.lately("192.0.2.7 refuses", 0));
 * assert(said.lately("192.0.2.7 refuses", 1_000));
 * assert(!said.lately("192.0.2.7 refuses", 61_000));
 * ```
 */
export class Said {
  readonly #when = new Map<string, number>();

  /** Was this said within a minute before `now` (in milliseconds)? If it wasn't, it is now. */
  lately(what: string, now: number): boolean {
    const before = this.#when.get(what);
    if (before !== undefined && now - before < SAY_AGAIN_MS) return true;
    this.#when.delete(what);
    this.#when.set(what, now);
    const [oldest] = this.#when.keys();
    if (this.#when.size > MAX_SAID && oldest !== undefined) this.#when.delete(oldest);
    return false;
  }
}
