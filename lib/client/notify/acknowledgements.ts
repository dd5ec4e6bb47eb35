/**
 * Acknowledgements on their way: of what was handled, until the server has confirmed them. Pure.
 *
 * @module
 */

import { RecentIds } from "../catch_up.ts";

/** Acknowledgements that are sent and not confirmed, at the most. */
const ACK_WINDOW = 256;
/** While so many wait or are unconfirmed nothing more is handled. */
export const MAX_ACKS = 4096;

/** A queue with a window. After the loss of a connection what is unconfirmed waits again. */
export class Acknowledgements {
  readonly #sent = new Set<string>();
  /** In the order of handling. */
  #waiting = new Set<string>();

  /** Those that the server refused; so many are told as missing at the most. */
  readonly #refused = new Set<string>();
  /** What was pushed on this connection. */
  #pushed = new RecentIds();

  /** Those that are not confirmed. */
  get size(): number {
    return this.#sent.size + this.#waiting.size;
  }

  /** Those that are not confirmed, and those that the server refused. */
  get missing(): number {
    return this.size + this.#refused.size;
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

  /** The server has confirmed one that was sent, or has no need of it. */
  settled(id: string): void {
    this.#sent.delete(id);
    this.#refused.delete(id);
  }

  /** The server has refused one that was sent. */
  refused(id: string): void {
    this.#sent.delete(id);
    if (this.#refused.size < MAX_ACKS) this.#refused.add(id);
  }

  /** The server has pushed this on this connection. */
  pushed(id: string): void {
    this.#pushed.add(id);
  }

  /** Whether it is on this connection that the server pushed this, as far as is remembered. */
  isOfThisConnection(id: string): boolean {
    return this.#pushed.has(id);
  }

  /** The connection is lost: what was sent is sent again on the next one. */
  lost(): void {
    this.#waiting = new Set([...this.#sent, ...this.#waiting]);
    this.#sent.clear();
    this.#pushed = new RecentIds();
  }
}
