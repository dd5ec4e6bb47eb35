/**
 * How much of what came waits for the program to look at it; while that is too much, nothing more is
 * read, and the other side waits.
 *
 * @module
 */

import type { FramedLink } from "../link/framed_link.ts";
import { MAX_INBOX_BYTES, MAX_INBOX_MESSAGES, MAX_SEND_QUEUED_BYTES } from "../wire/limits.ts";
import type { Conversation } from "./conversation.ts";

/** How much more is read on while an answer is waited for: it may stand behind what waits. */
const READ_ON = 8;

/** What one connection has taken in. */
export class Intake {
  readonly #link: FramedLink;
  readonly #conversation: Conversation;
  #messages = 0;
  #bytes = 0;
  #isDeaf = false;

  /** Of that connection. */
  constructor(link: FramedLink, conversation: Conversation) {
    this.#link = link;
    this.#conversation = conversation;
  }

  /** A message came that waits to be taken, or is being handled; it counts as `weight` messages. */
  came(size: number, weight = 1): void {
    this.#messages += weight;
    this.#bytes += size;
    this.judge();
  }

  /** One was taken, or dealt with. */
  taken(size: number, weight = 1): void {
    this.#messages -= weight;
    this.#bytes -= size;
    if (this.#isDeaf) this.judge();
  }

  /** Something of our own was sent, or taken by the other side: who doesn't read isn't read. */
  sent(): void {
    if (this.#isDeaf || this.#link.queued > MAX_SEND_QUEUED_BYTES) this.judge();
  }

  /** Stops reading, or goes on. */
  judge(): void {
    const factor = this.#conversation.asking > 0 ? READ_ON : 1;
    const isDeaf = this.#messages >= MAX_INBOX_MESSAGES * factor ||
      this.#bytes >= MAX_INBOX_BYTES * factor ||
      this.#link.queued > MAX_SEND_QUEUED_BYTES * factor;
    if (isDeaf === this.#isDeaf) return;
    this.#isDeaf = isDeaf;
    this.#conversation.deaf(isDeaf, performance.now());
    this.#link.pause(isDeaf);
  }
}
