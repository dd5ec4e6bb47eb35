/**
 * Anti-entropy: what is missing is fetched from those who announced it. When a link comes up both
 * sides send a summary of all streams; later announcements and holes in what is pushed tell of the
 * rest. The receiver drives: it asks for ranges, gets at most `FETCH_BYTES` and an end that says
 * what could not be sent, and asks for more. So live traffic passes between the parts, and the
 * sender keeps no state.
 */
import type { Announcement, Holding, Lack, WantedRange } from "../wire/mesh_message.ts";
import type { MeshContext } from "./context.ts";
import {
  ASK_AGAIN_AFTER,
  FETCH_RANGES,
  FETCH_TIMEOUT,
  LIST_CHUNK,
  REPAIR_AFTER,
} from "./limits.ts";
import type { Link } from "./links.ts";
import { isAwaited, isFollowed, lags, mustWait } from "./lives.ts";
import { announcementOf, holds, idOf, type Plumtree } from "./plumtree.ts";
import { FIRST_TOKEN, Seeks } from "./seeks.ts";
import type { Origin, Seen, Stream } from "./seen.ts";

/** What the sync causes elsewhere. */
export interface SyncHooks {
  /** What is missing, up to `to`, is given up: of the past, or of the news. */
  gap(stream: Stream, to: number, isPast: boolean): void;
  /** Messages that waited for a former life need not wait any more. */
  release(stream: Stream): void;
}

/** Fetches what is missing. */
export class Sync {
  /** Streams of which something is missing. */
  readonly #behind = new Set<Stream>();
  #due = Infinity;
  #requests = 0;

  constructor(
    private readonly context: MeshContext,
    private readonly seen: Seen,
    private readonly tree: Plumtree,
    private readonly hooks: SyncHooks,
  ) {}

  /** When {@linkcode pump} is due. */
  get due(): number {
    return this.#due;
  }

  /** Streams of which something is missing. */
  get behind(): number {
    return this.#behind.size;
  }

  /** Tells a new peer everything that we know to exist. */
  sendSummary(link: Link): void {
    let entries: Announcement[] = [];
    let before: Origin | undefined;
    const { self, isLeaf } = this.context;
    for (const stream of this.seen.streams()) {
      if (stream.have < 1 || (isLeaf && stream.origin.id !== self.id)) continue;
      // All lives of an origin are in one list: so the first that is heard of it tells all its past.
      if (entries.length >= LIST_CHUNK && stream.origin !== before) {
        this.context.send(link, { type: "summary", entries });
        entries = [];
      }
      entries.push(announcementOf(stream));
      before = stream.origin;
    }
    if (entries.length > 0) this.context.send(link, { type: "summary", entries });
  }

  /**
   * A peer announced something. What the first list that names an origin tells of it is past: the other
   * peers are told before they get any of it. All that is told later is news.
   */
  announced(link: Link, entries: readonly Announcement[]): void {
    const { now, self, isLeaf } = this.context;
    const told: Announcement[] = [];
    const met = new Set<Origin>();
    for (const entry of entries) {
      if (entry.origin === self.id && entry.incarnation >= self.incarnation) continue;
      let origin = this.seen.origin(entry.origin);
      if (origin === undefined) {
        origin = this.seen.hear(entry.origin, entry.incarnation, now);
        met.add(origin);
      }
      const stream = this.seen.open(origin, entry.incarnation);
      if (stream === undefined) continue;
      const isMet = met.has(origin);
      if (isMet) origin.firstIncarnation = Math.max(origin.firstIncarnation, entry.incarnation);
      if ((isMet || this.seen.isFormerLife(stream)) && entry.head >= stream.next) {
        this.seen.markPast(stream, entry.head);
        told.push(announcementOf(stream));
      }
      this.#noteHolding(stream, link, entry);
    }
    if (told.length > 0 && !isLeaf) {
      for (const other of this.context.up.values()) {
        if (other !== link) this.context.send(other, { type: "summary", entries: told });
      }
    }
    this.pump();
  }

  /** The peer has the message `last` of the stream. */
  noteAhead(stream: Stream, link: Link, last: number): void {
    if (last < stream.missing) return;
    const known = stream.ahead.get(link);
    if (known !== undefined && known.head >= last) return;
    const { lackFrom, lackTo } = known ?? { lackFrom: 0, lackTo: 0 };
    this.#noteHolding(stream, link, { head: last, lackFrom, lackTo });
  }

  #noteHolding(stream: Stream, link: Link, holding: Holding): void {
    if (holding.head < stream.missing) return;
    const { head, lackFrom, lackTo } = holding;
    const isFirst = stream.ahead.size === 0;
    stream.ahead.set(link, { head, lackFrom, lackTo });
    if (!isFirst) return;
    if (!this.#behind.has(stream)) stream.origin.behind++;
    this.#behind.add(stream);
    const { now } = this.context;
    const { parent } = stream;
    stream.noticed = now;
    // Another parent may be about to push it. What a link announces it also has: no need to wait.
    stream.due = parent === null || parent === link ? now : now + REPAIR_AFTER;
    this.#due = Math.min(this.#due, stream.due);
  }

  /** A link is gone: what it was asked for is asked elsewhere. */
  linkDown(link: Link): void {
    this.#cancel(link);
    for (const stream of this.#behind) if (!mustWait(stream)) this.#goOn(stream);
    for (const stream of this.#behind) {
      stream.ahead.delete(link);
      stream.lacks.delete(link);
      if (stream.search?.link === link) stream.search = null;
      // Nobody has what waits any more, nor what it waits for. Who brings it again has that, too.
      if (stream.ahead.size === 0) this.seen.dropPending(stream);
    }
  }

  /** Something of a stream was delivered: if that was all, later lives need not wait any more. */
  progressed(stream: Stream): void {
    if (stream.origin.behind > 1 && !lags(stream)) this.#due = this.context.now;
  }

  // What waited for a former life alone is delivered.
  #goOn(stream: Stream): void {
    const waiting = this.seen.firstPending(stream);
    if (waiting !== undefined && waiting <= stream.next) this.hooks.release(stream);
  }

  /** A stream was forgotten. */
  forget(stream: Stream): void {
    this.#drop(stream);
    stream.asked?.fetch?.streams.delete(stream);
  }

  #drop(stream: Stream): void {
    if (this.#behind.delete(stream)) stream.origin.behind--;
  }

  #cancel(link: Link): void {
    for (const stream of link.fetch?.streams.keys() ?? []) stream.asked = null;
    link.fetch = null;
    this.#due = this.context.now;
  }

  /** A part of the answer to our fetch came. */
  replied(link: Link): void {
    if (link.fetch === null) return;
    link.fetch.heard = this.context.now;
    link.fetch.answered = true;
  }

  /** The answer to our fetch is complete. */
  ended(link: Link, request: number, lacks: readonly Lack[]): void {
    const { fetch } = link;
    if (fetch !== null && fetch.request === request) {
      link.fetch = null;
      // Nothing came, and nothing was said to lack: the peer announced what it hasn't.
      const isEmpty = !fetch.answered && lacks.length === 0;
      for (const [stream, missing] of fetch.streams) {
        stream.asked = null;
        if (isEmpty && stream.missing === missing) stream.ahead.delete(link);
      }
    }
    for (const lack of lacks) {
      const stream = this.seen.get(lack.origin, lack.incarnation);
      if (stream === undefined || !this.#behind.has(stream)) continue;
      if (lack.later) this.#askLater(stream, link, lack);
      else if (lack.from <= stream.missing) this.#lacks(stream, link, lack.to + 1);
    }
    this.pump();
  }

  #askLater(stream: Stream, link: Link, { from, to }: Lack): void {
    const theirs = stream.ahead.get(link);
    if (theirs === undefined || from > theirs.head) return;
    stream.ahead.set(link, {
      head: theirs.head,
      lackFrom: from,
      lackTo: Math.min(to, theirs.head),
    });
  }

  #lacks(stream: Stream, link: Link, below: number): void {
    if (stream.search?.link === link) stream.search = null;
    stream.lacks.set(link, Math.max(below, stream.lacks.get(link) ?? 0));
  }

  /** Asks for everything that is due, declares gaps, and gives up on peers that don't answer. */
  pump(): void {
    const { now } = this.context;
    this.#due = Infinity;
    for (const link of this.context.up.values()) this.#checkFetch(link);
    const wanted = new Map<Link, Stream[]>();
    const held: Stream[] = [];
    for (const stream of this.#behind) {
      if (mustWait(stream)) {
        stream.noticed = stream.due = now;
        held.push(stream);
        continue;
      }
      this.#goOn(stream);
      if (this.#settle(stream)) continue;
      if (stream.asked !== null) continue;
      if (stream.due > now) {
        this.#due = Math.min(this.#due, stream.due);
        continue;
      }
      const link = this.#choose(stream, wanted);
      if (link === undefined) continue;
      const list = wanted.get(link);
      if (list === undefined) wanted.set(link, [stream]);
      else list.push(stream);
    }
    for (const [link, streams] of wanted) this.#ask(link, streams);
    // What they waited for may have been given up.
    if (held.some((stream) => !mustWait(stream))) this.#due = now;
    // Looked at again in any case: what was pushed meanwhile is not missing any more.
    if (this.#behind.size > 0) this.#due = Math.min(this.#due, now + ASK_AGAIN_AFTER);
  }

  #checkFetch(link: Link): void {
    const { fetch } = link;
    if (fetch === null) return;
    const timeout = fetch.heard + FETCH_TIMEOUT;
    if (this.context.now < timeout) {
      this.#due = Math.min(this.#due, timeout);
      return;
    }
    for (const stream of fetch.streams.keys()) {
      stream.asked = null;
      this.#toTheEnd(stream, link);
    }
    link.fetch = null;
  }

  // Brings the stream's entry up to date; true when there is nothing to fetch.
  #settle(stream: Stream): boolean {
    const { now, limits } = this.context;
    for (;;) {
      const { missing } = stream;
      const { held, hoped } = this.#survey(stream);
      const isPast = missing !== stream.next;
      const waiting = isPast ? undefined : this.seen.firstPending(stream);
      const laterWaits = isAwaited(stream);
      const since = Math.max(stream.lastProgress, stream.noticed);
      if (stream.ahead.size === 0) {
        stream.lacks.clear();
        this.seen.dropPending(stream);
        this.#drop(stream);
        return true;
      }
      const expiry = since + limits.gapAfter;
      const isOver = now >= expiry;
      if (held === missing && !(isOver && (waiting !== undefined || laterWaits))) break;
      if (hoped === missing && !isOver) {
        this.#due = Math.min(this.#due, expiry);
        break;
      }
      // Nobody has it, or will have it in time.
      const next = Math.min(held > missing ? held : Infinity, waiting ?? Infinity);
      if (isPast) this.hooks.gap(stream, Math.min(next - 1, stream.pastEnd), true);
      else if (next !== Infinity) this.hooks.gap(stream, next - 1, false);
      else if (isFollowed(stream)) this.hooks.gap(stream, highest(stream), false);
      else stream.ahead.clear();
    }
    // Fed by its parent meanwhile: a slow branch, not a dead one.
    if (
      stream.missing === stream.next && stream.parent !== null && stream.due <= now &&
      stream.lastProgress > stream.noticed
    ) {
      stream.noticed = now;
      stream.due = now + REPAIR_AFTER;
    }
    return false;
  }

  // The lowest missing sequences that somebody has, and that somebody has or may still get.
  #survey(stream: Stream): { held: number; hoped: number } {
    let held = Infinity;
    let hoped = Infinity;
    for (const [link, theirs] of stream.ahead) {
      if (theirs.head < stream.missing) {
        stream.ahead.delete(link);
        continue;
      }
      const lowest = this.#lowest(stream, link, theirs);
      if (lowest === Infinity) continue;
      hoped = Math.min(hoped, lowest);
      const has = holds(theirs, lowest) ? lowest : theirs.lackTo + 1;
      if (has <= theirs.head) held = Math.min(held, has);
    }
    return { held, hoped };
  }

  // The lowest missing sequence that the link has or may still get.
  #lowest(stream: Stream, link: Link, { head }: Holding): number {
    const from = Math.max(stream.missing, stream.lacks.get(link) ?? 0);
    return from <= head ? from : Infinity;
  }

  // Who is asked: somebody who has it, the parent first; else, now and then, who may have got it.
  #choose(stream: Stream, wanted: Map<Link, Stream[]>): Link | undefined {
    const { missing, parent } = stream;
    let found: Link | undefined;
    let mayGet: Link | undefined;
    let isBusy = false;
    for (const [link, theirs] of stream.ahead) {
      if (this.#lowest(stream, link, theirs) > missing) continue;
      if (link.fetch !== null || (wanted.get(link)?.length ?? 0) >= FETCH_RANGES) isBusy = true;
      else if (!holds(theirs, missing)) mayGet ??= link;
      else if (found === undefined || link === parent) found = link;
    }
    if (found !== undefined || isBusy || mayGet === undefined) return found;
    stream.due = this.context.now + ASK_AGAIN_AFTER;
    this.#due = Math.min(this.#due, stream.due);
    this.#toTheEnd(stream, mayGet);
    return mayGet;
  }

  // So that the others have their turn.
  #toTheEnd(stream: Stream, link: Link): void {
    const theirs = stream.ahead.get(link);
    if (theirs === undefined) return;
    stream.ahead.delete(link);
    stream.ahead.set(link, theirs);
  }

  // One search for a hole in the news and the link that is asked, until that has answered for good.
  #searchFor(stream: Stream, link: Link): number {
    const { search, next } = stream;
    if (search?.from === next && search.link === link) return search.token;
    const token = Seeks.token(this.context.random);
    stream.search = { token, from: next, link };
    return token;
  }

  #ask(link: Link, streams: Stream[]): void {
    const { now } = this.context;
    const grafts = streams.filter((stream) =>
      stream.missing === stream.next && stream.parent !== link
    );
    if (grafts.length > 0) this.tree.graft(grafts, link);
    const ranges: WantedRange[] = [];
    const asked = new Map<Stream, number>();
    for (const stream of streams) {
      const from = stream.missing;
      stream.asked = link;
      asked.set(stream, from);
      const to = from === stream.next
        ? Math.min(stream.ahead.get(link)!.head, (this.seen.firstPending(stream) ?? Infinity) - 1)
        : Math.min(stream.ahead.get(link)!.head, stream.pastEnd);
      ranges.push({
        ...idOf(stream),
        from,
        to: Math.max(from, to),
        token: from === stream.next ? this.#searchFor(stream, link) : 0,
      });
    }
    const request = this.#requests = this.#requests % (FIRST_TOKEN - 1) + 1;
    link.fetch = { request, streams: asked, heard: now, answered: false };
    this.#due = Math.min(this.#due, now + FETCH_TIMEOUT);
    this.context.send(link, { type: "want", request, ranges });
  }
}

// The highest sequence that anybody announced.
function highest({ ahead }: Stream): number {
  return Math.max(...[...ahead.values()].map(({ head }) => head));
}
