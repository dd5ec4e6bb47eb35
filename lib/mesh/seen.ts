/**
 * What a node has seen of each origin: for each of its lives (a stream) a high-water mark below
 * which everything was delivered. A mark never expires, so a message is recognised as a repeat
 * after a day as after a second; memory is bounded by the number of origins.
 *
 * A stream has two cursors. `next` is the lowest sequence that has not been delivered as news.
 * What was said before this node first heard of the origin, in whichever life, is *past*: the range
 * `pastNext` to `pastEnd`, fetched beside the news and delivered to the history only.
 */
import type { Batch } from "../wire/mesh_batch.ts";
import type { NodeId } from "../wire/mesh_bytes.ts";
import type { Holding } from "../wire/mesh_message.ts";
import type { Link } from "./links.ts";
import type { MeshLimits } from "./limits.ts";
import { mustWait } from "./lives.ts";
import { SegmentList } from "./log.ts";

/** One origin, with its lives. */
export interface Origin {
  readonly id: NodeId;
  /** The life in which it was first heard of: all of the lives before are past. */
  firstIncarnation: number;
  /** When something of it was last heard, to about a minute. */
  lastHeard: number;
  /** Lives below this one are too old to be told apart, and count as seen. */
  floor: number;
  readonly streams: Map<number, Stream>;
  /** How many of its lives lack something: those that the sync looks after. */
  behind: number;
}

/** What is known of one life of one origin. */
export class Stream {
  /** Lowest sequence that has not been delivered as news. */
  next = 1;
  /** Lowest sequence of the past that has not been delivered. */
  pastNext = 1;
  /** Highest sequence of the past; below `pastNext` when nothing of it is missing. */
  pastEnd = 0;
  /** Retained messages. */
  readonly segments = new SegmentList();
  /** Messages that wait for an earlier one, or for a former life, in order, possibly overlapping. */
  pending: Batch[] = [];
  /** Where the stream comes from along the tree. */
  parent: Link | null = null;
  /** Where the last push that was new came from. */
  lastFrom: Link | null = null;
  /** Links on which it is announced instead of pushed, and when the peer was last told to prune. */
  readonly lazy = new Map<Link, number>();
  /** Links that announced something that is missing here, and what they have. */
  readonly ahead = new Map<Link, Holding>();
  /** Links that said they have nothing below this sequence (and above our cursor). */
  readonly lacks = new Map<Link, number>();
  /** The link that is being asked. */
  asked: Link | null = null;
  /** Not to be fetched before this time. */
  due = 0;
  /** The search for what is missing: from which sequence on, and by way of whom. */
  search: { readonly token: number; readonly from: number; readonly link: Link } | null = null;
  /** When it was noticed that something is missing. */
  noticed = 0;
  /** When something was last delivered. */
  lastProgress = -Infinity;

  constructor(readonly origin: Origin, readonly incarnation: number) {}

  /** The lowest sequence that is missing, past or news. */
  get missing(): number {
    return this.pastNext <= this.pastEnd ? this.pastNext : this.next;
  }

  /** The highest sequence up to which news was delivered. */
  get have(): number {
    return this.next - 1;
  }

  /** What this node has, as it is announced. */
  get holding(): Holding {
    const isWhole = this.pastNext > this.pastEnd;
    return {
      head: this.next - 1,
      lackFrom: isWhole ? 0 : this.pastNext,
      lackTo: isWhole ? 0 : this.pastEnd,
    };
  }
}

/** What became of a batch: new parts in order, a repeat, or waiting for earlier ones. */
export type Acceptance =
  | { readonly type: "accepted"; readonly parts: readonly AcceptedPart[] }
  | { readonly type: "duplicate" }
  | { readonly type: "waiting" };

/** Messages that are now to be delivered, in their order. */
export interface AcceptedPart {
  readonly batch: Batch;
  readonly past: boolean;
  /** It came before, and waited: whoever sent what is accepted now need not have it. */
  readonly waited: boolean;
}

const DUPLICATE: Acceptance = { type: "duplicate" };
const WAITING: Acceptance = { type: "waiting" };

/** What {@linkcode Seen} asks and tells when there are too many origins, or lives of one. */
export interface SeenHooks {
  /** Whether the origin is reachable: it is not forgotten then. */
  readonly isPresent: (id: NodeId) => boolean;
  /** The stream is known no more: for itself, or with its origin. */
  readonly closed: (stream: Stream) => void;
  /** The origin was forgotten. */
  readonly forgotten: (origin: Origin) => void;
}

/** The streams of all origins. */
export class Seen {
  readonly #origins = new Map<NodeId, Origin>();
  #pendingBytes = 0;
  /** Origins that were forgotten because there were too many. */
  forgotten = 0;

  constructor(
    private readonly self: NodeId,
    private readonly limits: MeshLimits,
    private readonly hooks: SeenHooks,
  ) {}

  /** Origins known. */
  get size(): number {
    return this.#origins.size;
  }

  /** Bytes of messages that wait for earlier ones. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** All streams, origin by origin, each origin's lives in their order. */
  *streams(): Generator<Stream> {
    for (const origin of this.#origins.values()) {
      if (origin.streams.size < 2) yield* origin.streams.values();
      else yield* [...origin.streams.values()].sort((a, b) => a.incarnation - b.incarnation);
    }
  }

  /** The origin, if it is known. */
  origin(id: NodeId): Origin | undefined {
    return this.#origins.get(id);
  }

  /** The stream, if it is known. */
  get(id: NodeId, incarnation: number): Stream | undefined {
    return this.#origins.get(id)?.streams.get(incarnation);
  }

  /** Something of the origin was heard: makes it known, and remembers when. */
  hear(id: NodeId, incarnation: number, now: number): Origin {
    let origin = this.#origins.get(id);
    if (origin === undefined) {
      if (this.#origins.size >= this.limits.origins) this.#forgetOldest();
      origin = {
        id,
        firstIncarnation: incarnation,
        lastHeard: now,
        floor: 0,
        streams: new Map(),
        behind: 0,
      };
      this.#origins.set(id, origin);
    } else if (now - origin.lastHeard > 60_000) {
      // The map's order is the order of last hearing, so the first one is absent longest.
      this.#origins.delete(id);
      this.#origins.set(id, origin);
      origin.lastHeard = now;
    }
    return origin;
  }

  /** The stream; made when it is new, and undefined when its life is too old to be told apart. */
  open(origin: Origin, incarnation: number): Stream | undefined {
    let stream = origin.streams.get(incarnation);
    if (stream !== undefined) return stream;
    if (incarnation < origin.floor) return undefined;
    stream = new Stream(origin, incarnation);
    origin.streams.set(incarnation, stream);
    if (origin.streams.size > this.limits.incarnations) {
      const oldest = Math.min(...origin.streams.keys());
      this.#close(origin.streams.get(oldest)!);
      origin.streams.delete(oldest);
      origin.floor = oldest + 1;
      if (oldest === incarnation) return undefined;
    }
    return stream;
  }

  /** Whether everything of this stream was said before this node met its origin. */
  isFormerLife(stream: Stream): boolean {
    const { origin } = stream;
    return origin.id === this.self || stream.incarnation < origin.firstIncarnation;
  }

  /** Everything up to `head` is past. */
  markPast(stream: Stream, head: number): void {
    if (head < stream.next) return;
    // What was delivered before is not fetched again.
    if (stream.pastNext > stream.pastEnd) stream.pastNext = stream.next;
    stream.pastEnd = head;
    stream.next = head + 1;
    this.#trimPending(stream);
  }

  /**
   * Decides on received messages: what of them is new and in order is to be delivered (with what
   * waited for it), what is early waits. A message is past or news, never both, and never twice.
   */
  accept(stream: Stream, batch: Batch, now: number): Acceptance {
    const { last } = batch;
    const parts: AcceptedPart[] = [];
    if (batch.first <= stream.pastEnd && last >= stream.pastNext) {
      if (batch.first > stream.pastNext) {
        if (last < stream.next) return WAITING; // The past is fetched in order: not kept.
      } else {
        const end = Math.min(last, stream.pastEnd);
        parts.push({ batch: batch.slice(stream.pastNext, end), past: true, waited: false });
        stream.pastNext = end + 1;
      }
    }
    if (last >= stream.next) {
      if (batch.first > stream.next || mustWait(stream)) {
        this.#wait(stream, batch);
        if (parts.length === 0) return WAITING;
      } else {
        parts.push({ batch: batch.slice(stream.next, last), past: false, waited: false });
        stream.next = last + 1;
        this.#drain(stream, parts);
      }
    }
    if (parts.length === 0) return DUPLICATE;
    stream.lastProgress = now;
    return { type: "accepted", parts };
  }

  /** Gives up what is missing before `next`, if anything; what waited behind it is to be delivered. */
  skipTo(stream: Stream, next: number, now: number): AcceptedPart[] {
    const parts: AcceptedPart[] = [];
    if (next > stream.next) stream.next = next;
    this.#drain(stream, parts);
    stream.lastProgress = now;
    return parts;
  }

  /** The first sequence that waits for an earlier one, if any does. */
  firstPending(stream: Stream): number | undefined {
    return stream.pending[0]?.first;
  }

  /** Drops what waits: it is fetched again. */
  dropPending(stream: Stream): void {
    for (const batch of stream.pending) this.#pendingBytes -= batch.body.length;
    stream.pending = [];
  }

  #wait(stream: Stream, batch: Batch): void {
    const { pending } = stream;
    let at = pending.length;
    while (at > 0 && pending[at - 1]!.first > batch.first) at--;
    const before = pending[at - 1];
    if (before !== undefined && before.last >= batch.last) return;
    if (this.#pendingBytes + batch.body.length > this.limits.pendingBytes) return;
    pending.splice(at, 0, batch.owned());
    this.#pendingBytes += batch.body.length;
  }

  #drain(stream: Stream, parts: AcceptedPart[]): void {
    const { pending } = stream;
    let taken = 0;
    while (taken < pending.length && pending[taken]!.first <= stream.next) {
      const batch = pending[taken++]!;
      this.#pendingBytes -= batch.body.length;
      if (batch.last < stream.next) continue;
      parts.push({ batch: batch.slice(stream.next, batch.last), past: false, waited: true });
      stream.next = batch.last + 1;
    }
    if (taken > 0) pending.splice(0, taken);
  }

  #trimPending(stream: Stream): void {
    stream.pending = stream.pending.filter((batch) => {
      if (batch.last >= stream.next) return true;
      this.#pendingBytes -= batch.body.length;
      return false;
    });
  }

  #close(stream: Stream): void {
    this.dropPending(stream);
    this.hooks.closed(stream);
  }

  #forgetOldest(): void {
    for (const origin of this.#origins.values()) {
      if (origin.id === this.self || this.hooks.isPresent(origin.id)) continue;
      for (const stream of origin.streams.values()) this.#close(stream);
      this.#origins.delete(origin.id);
      this.forgotten++;
      this.hooks.forgotten(origin);
      return;
    }
  }
}
