/**
 * Acknowledgements on their way: of what was handled, until the server has confirmed them. Pure.
 *
 * @module
 */

/** Acknowledgements that are sent and not confirmed, at the most. */
export const ACK_WINDOW = 256;
/** While so many wait or are unconfirmed nothing more is handled. */
export const MAX_ACKS = 4096;

/** A queue with a window. After the loss of a connection what is unconfirmed waits again. */
export class Acknowledgements {
  readonly #sent = new Set<string>();
  /** In the order of handling. */
  #waiting = new Set<string>();

  /** Those that are not confirmed. */
  get size(): number {
    return this.#sent.size + this.#waiting.size;
  }

  /** There is room for more. */
  get hasRoom(): boolean {
    return this.size < MAX_ACKS;
  }

  /** Acknowledges, unless that is under way. */
  add(id: string): void {
    if (!this.#sent.has(id)) this.#waiting.add(id);
  }

  /** Those that are to be sent now. */
  send(): string[] {
    const ids: string[] = [];
    for (const id of this.#waiting) {
      if (this.#sent.size >= ACK_WINDOW) break;
      this.#waiting.delete(id);
      this.#sent.add(id);
      ids.push(id);
    }
    return ids;
  }

  /** The server has confirmed one that was sent, or never will. */
  settled(id: string): void {
    this.#sent.delete(id);
  }

  /** The connection is lost: what was sent is sent again on the next one. */
  lost(): void {
    this.#waiting = new Set([...this.#sent, ...this.#waiting]);
    this.#sent.clear();
  }
}
