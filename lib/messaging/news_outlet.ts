/**
 * News to one reader: who reads too slowly misses some, and is told how many.
 *
 * @module
 */

import { getLogger } from "../log/mod.ts";
import type { FramedLink } from "../link/framed_link.ts";
import { MAX_SEND_QUEUED_BYTES } from "../wire/limits.ts";
import { encodeEnvelope, type Outgoing } from "./envelope.ts";
import { trace } from "./trace.ts";

const log = getLogger(["talker", "messaging"]);

/** The news that go out over one connection. */
export class NewsOutlet {
  readonly #link: FramedLink;
  readonly #remote: string;
  #missed = 0;

  /** Over that connection. */
  constructor(link: FramedLink, remote: string) {
    this.#link = link;
    this.#remote = remote;
  }

  /** Sends news that was encoded for all; where too much waits, it is left out: false. */
  send(news: Outgoing & { kind: "news" }, encoded: Uint8Array): boolean {
    if (this.#link.queued + encoded.length > MAX_SEND_QUEUED_BYTES) {
      if (this.#missed++ === 0) {
        log.warn("{remote} reads news too slowly, and misses some", { remote: this.#remote });
      }
      return false;
    }
    const missed = this.#missed;
    this.#missed = 0;
    const bytes = missed === 0 ? encoded : encodeEnvelope({ ...news, missed });
    trace(this.#remote, ">", bytes);
    this.#link.send(bytes);
    return true;
  }
}
