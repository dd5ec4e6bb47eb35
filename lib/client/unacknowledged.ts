/**
 * Notifications that the user has been shown and has not acknowledged. Pure.
 *
 * @module
 */

/** Ids that are remembered: more than anybody acknowledges by hand. */
const MAX_IDS = 1000;

/** Their ids, the oldest first. */
export class Unacknowledged {
  readonly #ids = new Set<string>();

  /** The ids, the oldest first. */
  get ids(): string[] {
    return [...this.#ids];
  }

  /** One was pushed. */
  add(id: string): void {
    this.#ids.add(id);
    if (this.#ids.size <= MAX_IDS) return;
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest);
      break;
    }
  }

  /** One was acknowledged. */
  delete(id: string): void {
    this.#ids.delete(id);
  }
}
