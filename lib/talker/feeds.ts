/**
 * The logs that clients read, one for each format. The canonical one, text in lines, is always
 * written; the others when somebody reads them.
 *
 * @module
 */

import { decodeText, encodeText } from "../wire/text.ts";
import { eventJson, type TalkerEvent } from "./event.ts";
import { Feed } from "./feed.ts";
import { encodeEvent, type Format, FORMATS } from "./format.ts";
import type { Origin } from "./history.ts";

const NOTHING = new Uint8Array(0);

/**
 * A feed for each format.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { Feeds } from "./feeds.ts";
 * import { FORMATS } from "./format.ts";
 * import { Outbox } from "./outbox.ts";
 * const feeds = new Feeds();
 * const outbox = new Outbox(feeds.of(FORMATS[0]));
 * feeds.event({ type: "notice", time: 0, text: "attic is back" });
 * const out = outbox.take({ lossNotice: () => new Uint8Array(0) });
 * assert(new TextDecoder().decode(out) === "attic is back\r\n");
 * ```
 */
export class Feeds {
  readonly #feeds = FORMATS.map((format) => new Feed(format)) as [Feed, Feed, Feed, Feed];

  /** Text in lines. */
  get canonical(): Feed {
    return this.#feeds[0];
  }

  /** What clients of this format read. */
  of(format: Format): Feed {
    return this.#feeds[format.index] as Feed;
  }

  /** Writes an event to the feeds that somebody reads. */
  event(event: TalkerEvent): void {
    for (const feed of this.#feeds) {
      if (feed.readers > 0) feed.appendEncoded(encodeEvent(feed.format, event));
    }
  }

  /** Writes a line to the feeds other than the canonical one. The record is `prefix` and bytes[start..end), its text bytes[text..end). */
  others(
    origin: Origin,
    sequence: number,
    time: number,
    action: boolean,
    nick: string,
    prefix: Uint8Array,
    bytes: Uint8Array,
    start: number,
    text: number,
    end: number,
  ): void {
    const [, json, framed, framedJson] = this.#feeds;
    if (framed.readers > 0) framed.append(prefix, bytes, start, end);
    if (json.readers === 0 && framedJson.readers === 0) return;
    const record = encodeText(eventJson({
      type: action ? "action" : "speech",
      id: origin.prefix + sequence,
      time,
      nick,
      server: origin.server,
      text: decodeText(bytes, text, end),
    }));
    if (json.readers > 0) json.append(NOTHING, record);
    if (framedJson.readers > 0) framedJson.append(NOTHING, record);
  }
}
