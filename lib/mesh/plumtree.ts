/**
 * Who a message is pushed to. Epidemic broadcast trees (Leitão, Pereira, Rodrigues: "Epidemic
 * Broadcast Trees", SRDS 2007), with one tree for each stream: a message is pushed on the eager
 * links and only announced on the lazy ones. All links begin eager; who receives a message a second
 * time prunes that link, so what remains is the tree of first arrivals. When a branch dies, the
 * announcements tell what is missing, and a graft makes the announcing link eager again.
 *
 * Differences from the paper: the messages of a stream are numbered, so an announcement is one
 * number for many messages, sent on a tick; a node never prunes the link that feeds it (its
 * parent), so two messages that overtake each other can't cut it off.
 */
import type { Batch } from "../wire/mesh_batch.ts";
import type { Announcement, Holding, StreamId } from "../wire/mesh_message.ts";
import type { MeshContext } from "./context.ts";
import type { NodeId } from "./identity.ts";
import { ACTIVE_STREAM, ANNOUNCE_EVERY, LIST_CHUNK } from "./limits.ts";
import type { Link } from "./links.ts";
import type { Stream } from "./seen.ts";

/** Ms before a peer that still pushes is told again to prune. */
const PRUNE_AGAIN = 200;

/** The trees of all streams, as one node sees them. */
export class Plumtree {
  /** Streams with messages that the lazy links have not been told of. */
  readonly #fresh = new Set<Stream>();
  #announceDue = Infinity;

  /** `before` sends what goes before a message of that origin on a link. */
  constructor(
    private readonly context: MeshContext,
    private readonly before: (link: Link, origin: NodeId) => void,
  ) {}

  /** When {@linkcode announce} is due: Infinity when there is nothing to announce. */
  get due(): number {
    return this.#announceDue;
  }

  /** Sends messages on to everybody but the link they came from. */
  push(stream: Stream, batch: Batch, source: Link | null): void {
    this.announceFormer(stream);
    const { lazy, ahead } = stream;
    const { body, first, last } = batch;
    for (const link of this.context.up.values()) {
      if (link === source || lazy.has(link)) continue;
      const theirs = ahead.get(link);
      if (theirs !== undefined && holds(theirs, first) && holds(theirs, last)) continue;
      this.before(link, batch.origin);
      this.context.sendBatch(link, batch, body);
    }
    if (lazy.size > 0) this.#markFresh(stream);
  }

  #markFresh(stream: Stream): void {
    this.#fresh.add(stream);
    if (this.#announceDue === Infinity) this.#announceDue = this.context.now + ANNOUNCE_EVERY;
  }

  /** A push brought something new. */
  fed(stream: Stream, link: Link): void {
    stream.lastFrom = link;
    stream.parent ??= link;
  }

  /** A push brought nothing new: unless it is our only feed, the link is pruned. */
  duplicate(stream: Stream, link: Link): void {
    const { parent, lastFrom } = stream;
    if (parent === null) return;
    if (parent === link) {
      // Another link is faster than the parent, and will go on: it takes its place.
      if (lastFrom === null || lastFrom === link || stream.lazy.has(lastFrom)) return;
      stream.parent = lastFrom;
    }
    this.prune(stream, link);
  }

  /** Makes a link lazy, in both directions. */
  prune(stream: Stream, link: Link): void {
    const { now } = this.context;
    const told = stream.lazy.get(link);
    if (told !== undefined && now - told < PRUNE_AGAIN) return;
    stream.lazy.set(link, now);
    this.context.send(link, { type: "prune", streams: [idOf(stream)] });
  }

  /** The peer does not want the stream pushed: it has it from elsewhere. */
  pruned(stream: Stream, link: Link): void {
    if (!stream.lazy.has(link)) stream.lazy.set(link, -Infinity);
    if (stream.parent === link) stream.parent = null;
    if (stream.lastFrom === link) stream.lastFrom = null;
  }

  /** The peer wants the stream pushed, and is told how far it goes. */
  grafted(stream: Stream, link: Link): Announcement {
    stream.lazy.delete(link);
    return announcementOf(stream);
  }

  /** Makes `link` the feed of these streams. */
  graft(streams: readonly Stream[], link: Link): void {
    for (const stream of streams) {
      stream.parent = link;
      stream.lazy.delete(link);
    }
    this.#sendGraft(streams, link);
  }

  // A graft tells what we have, too: the link is not lazy any more, so nothing else would tell.
  #sendGraft(streams: readonly Stream[], link: Link): void {
    for (let at = 0; at < streams.length; at += LIST_CHUNK) {
      const entries = streams.slice(at, at + LIST_CHUNK).map(announcementOf);
      this.context.send(link, { type: "graft", entries });
    }
  }

  /**
   * A link is gone. Where it was the feed of a stream that is alive, every other link is asked to
   * feed it: the first to do so becomes the parent, the others are pruned again.
   */
  linkDown(link: Link, streams: Iterable<Stream>): void {
    const orphans: Stream[] = [];
    for (const stream of streams) {
      stream.lazy.delete(link);
      if (stream.lastFrom === link) stream.lastFrom = null;
      if (stream.parent !== link) continue;
      stream.parent = null;
      if (this.context.now - stream.lastProgress < ACTIVE_STREAM) orphans.push(stream);
    }
    if (orphans.length === 0) return;
    for (const other of this.context.up.values()) {
      const lazy = orphans.filter((stream) => stream.lazy.delete(other));
      if (lazy.length > 0) this.#sendGraft(lazy, other);
    }
  }

  /** A stream was forgotten. */
  forget(stream: Stream): void {
    this.#fresh.delete(stream);
  }

  /** Messages of a stream are about to be sent: who gets them is told before what there is of former lives. */
  announceFormer({ origin, incarnation }: Stream): void {
    if (origin.streams.size === 1 || this.#fresh.size === 0) return;
    for (const stream of origin.streams.values()) {
      if (stream.incarnation < incarnation && this.#fresh.has(stream)) return this.announce();
    }
  }

  /** Announces on the lazy links what was accepted since the last time. */
  announce(): void {
    this.#announceDue = Infinity;
    const lists = new Map<Link, Announcement[]>();
    for (const stream of this.#fresh) {
      const entry = announcementOf(stream);
      if (entry.head === 0) continue;
      for (const link of stream.lazy.keys()) {
        const list = lists.get(link);
        if (list === undefined) lists.set(link, [entry]);
        else list.push(entry);
      }
    }
    this.#fresh.clear();
    for (const [link, entries] of lists) {
      for (let at = 0; at < entries.length; at += LIST_CHUNK) {
        this.context.send(link, { type: "iHave", entries: entries.slice(at, at + LIST_CHUNK) });
      }
    }
  }
}

/** Whether a node has a message, by what it announced. */
export function holds({ head, lackFrom, lackTo }: Holding, sequence: number): boolean {
  return sequence <= head && (sequence < lackFrom || sequence > lackTo);
}

/** What is announced of a stream. */
export function announcementOf(stream: Stream): Announcement {
  return { ...idOf(stream), ...stream.holding };
}

/** The id of a stream. */
export function idOf(stream: Stream): StreamId {
  return { origin: stream.origin.id, incarnation: stream.incarnation };
}
