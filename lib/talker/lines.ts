/**
 * Lines of speech on their way into the feeds and the history: those said here, those said on other
 * servers, and those that were remembered over a restart.
 *
 * @module
 */

import { Feed } from "./feed.ts";
import { Feeds } from "./feeds.ts";
import { FORMATS } from "./format.ts";
import { History, type Origin } from "./history.ts";
import type { Mesh } from "./mesh.ts";
import type { RemoteRecord } from "./observers/speech.ts";
import type { Session } from "./session.ts";

const NOTHING = new Uint8Array(0);

/** What is said, and remembered. */
export class Lines {
  /** What clients read. */
  readonly feeds = new Feeds();
  /** What was said lately. */
  readonly history = new History();
  /** What the ids of lines said here begin with. */
  readonly origin: Origin;
  /** Where lines are stored that only the history has. */
  readonly #past = new Feed(FORMATS[0]);
  readonly #mesh: Mesh | undefined;
  #sequence = 0;

  /** Numbers are given by `mesh`, if there is one. */
  constructor(origin: Origin, mesh: Mesh | undefined) {
    this.origin = origin;
    this.#mesh = mesh;
  }

  /**
   * A session says `prefix` (with its nick) and bytes[start..end), at `time` (ms since 1970). Returns
   * the number of the line.
   */
  say(
    session: Session,
    action: boolean,
    prefix: Uint8Array,
    bytes: Uint8Array,
    start: number,
    end: number,
    time: number,
  ): number {
    const { feeds, origin } = this;
    const sequence = this.#sequence = this.#mesh === undefined
      ? this.#sequence + 1
      : this.#mesh.said(action, prefix, bytes, start, end, time);
    const own = session.echo ? undefined : feeds.of(session.format);
    const before = own?.end ?? 0;
    const { canonical } = feeds;
    canonical.append(prefix, bytes, start, end);
    const { tail } = canonical;
    const to = tail.used - 2;
    const { nick } = session;
    this.history.add(
      origin,
      sequence,
      time,
      time,
      nick,
      action,
      tail,
      to - (end - start),
      to,
    );
    feeds.others(origin, sequence, time, action, nick, prefix, bytes, start, start, end);
    if (own !== undefined && session.hearsChat) session.outbox.skipLast(own.end - before);
    return sequence;
  }

  /** A line came that was said on another server. */
  remote(origin: Origin, sequence: number, time: number, line: RemoteRecord, now: number): void {
    this.#remember(this.feeds.canonical, origin, sequence, time, line, now);
    const { action, nick, bytes, start, text } = line;
    const { length } = bytes;
    this.feeds.others(
      origin,
      sequence,
      time,
      action,
      nick,
      NOTHING,
      bytes,
      start,
      text,
      length,
    );
  }

  /** A line for the history only, that came at `arrived` (ms since 1970). */
  recall(
    origin: Origin,
    sequence: number,
    time: number,
    line: RemoteRecord,
    arrived: number,
  ): void {
    this.#remember(this.#past, origin, sequence, time, line, arrived);
  }

  #remember(
    feed: Feed,
    origin: Origin,
    sequence: number,
    time: number,
    { action, nick, bytes, start, text, past }: RemoteRecord,
    arrived: number,
  ): void {
    feed.append(NOTHING, bytes, start);
    const { tail } = feed;
    const to = tail.used - 2;
    const from = to - (bytes.length - text);
    const add = past ? "recall" : "add";
    this.history[add](origin, sequence, time, arrived, nick, action, tail, from, to);
  }
}
