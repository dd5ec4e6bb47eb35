/**
 * Messages for everybody: publishing them, deciding what is new, remembering, delivering and
 * sending them on. Puts together what was seen, the log, the trees and the sync.
 */
import { type Batch, type BatchBuilder, encodeBatches, TYPE_REPLY } from "../wire/mesh_batch.ts";
import type {
  Announcement,
  Lack,
  StreamId,
  StreamRange,
  WantedRange,
} from "../wire/mesh_message.ts";
import type { Gap, MeshContext } from "./context.ts";
import type { NodeId } from "./identity.ts";
import { FETCH_BYTES, TELL_FORGOTTEN_EVERY } from "./limits.ts";
import type { Link } from "./links.ts";
import { Log } from "./log.ts";
import { Names } from "./names.ts";
import type { Observers } from "./observers.ts";
import { idOf, Plumtree } from "./plumtree.ts";
import { Seeks } from "./seeks.ts";
import { type AcceptedPart, Seen, type Stream } from "./seen.ts";
import type { MeshStore } from "./store.ts";
import { Sync } from "./sync.ts";

/** A frame that claims to be from us and isn't: the link that it came on is dropped. */
export class ForgedError extends Error {
  override name = "ForgedError";
}

/** What a publication was given. */
export interface Published {
  readonly incarnation: number;
  /** Sequence of the first message. */
  readonly first: number;
  readonly count: number;
}

/** What the flooding asks of the membership. */
export interface Members {
  /** Can the node be reached? */
  isPresent(id: NodeId): boolean;
  /** A message of `origin` is about to go on a link: sends what goes before it. */
  sendBefore(link: Link, origin: NodeId): void;
}

/** The flooding of one node. */
export class Broadcast {
  readonly seen: Seen;
  readonly log: Log;
  readonly tree: Plumtree;
  readonly sync: Sync;
  readonly seeks: Seeks;
  readonly names: Names;
  readonly #own: Stream;
  /** Origins that were forgotten and told of, which was the last, and when the next may be told. */
  #forgottenTold = 0;
  #lastForgotten: NodeId = "";
  #forgottenDue = -Infinity;

  constructor(
    private readonly context: MeshContext,
    private readonly observers: Observers,
    members: Members,
    private readonly store?: MeshStore,
  ) {
    const { self, limits } = context;
    this.tree = new Plumtree(context, (link, origin) => members.sendBefore(link, origin));
    this.seen = new Seen(self.id, limits, {
      isPresent: (id) => members.isPresent(id),
      closed: (stream) => {
        this.tree.forget(stream);
        this.sync.forget(stream);
      },
      forgotten: (origin) => {
        this.names.forget(origin.id);
        store?.forget(origin.id);
        this.#lastForgotten = origin.id;
        this.#tellForgotten();
      },
    });
    this.names = new Names(context, this.seen, store);
    this.seeks = new Seeks(context);
    this.log = new Log(limits, store && ((batch) => store.evict(batch)));
    this.sync = new Sync(context, this.seen, this.tree, {
      gap: (stream, to, isPast) => this.#declareGap(stream, to, isPast),
      release: (stream) => this.#skipTo(stream, stream.next),
    });
    if (store) this.#load(store);
    const own = this.seen.hear(self.id, self.incarnation, context.now);
    this.#own = this.seen.open(own, self.incarnation)!;
  }

  #load(store: MeshStore): void {
    const { now } = this.context;
    const { marks, batches, names } = store.load();
    for (const { origin, name } of names) this.names.restore(origin, name);
    for (const mark of marks) {
      const origin = this.seen.hear(mark.origin, mark.incarnation, now);
      // The first thing that was heard of it left a mark.
      origin.firstIncarnation = Math.min(origin.firstIncarnation, mark.incarnation);
      const stream = this.seen.open(origin, mark.incarnation);
      if (stream === undefined) continue;
      stream.next = mark.next;
      stream.pastNext = mark.pastNext;
      stream.pastEnd = mark.pastEnd;
    }
    for (const { batch, age } of batches) {
      const stream = this.seen.get(batch.origin, batch.incarnation);
      if (stream !== undefined) this.log.append(stream.segments, batch, now - age);
    }
  }

  /** Something of an origin was heard, if no message: from now on, also after a restart, what it says is news. */
  hear(id: NodeId, incarnation: number): void {
    const isNew = this.seen.origin(id) === undefined;
    const origin = this.seen.hear(id, incarnation, this.context.now);
    if (!isNew || this.store === undefined) return;
    const stream = this.seen.open(origin, incarnation);
    if (stream !== undefined) this.#mark(stream);
  }

  // The first at once, then how many in each minute: it may be thousands.
  #tellForgotten(): void {
    const { now, effects } = this.context;
    const count = this.seen.forgotten - this.#forgottenTold;
    if (count === 0 || now < this.#forgottenDue) return;
    this.#forgottenTold += count;
    this.#forgottenDue = now + TELL_FORGOTTEN_EVERY;
    const which = `${count} origins (the last was ${this.#lastForgotten})`;
    effects.note?.("warning", `Forgot ${which}: too many are known`);
  }

  /** The sequence of the next message that is published here. */
  get nextSequence(): number {
    return this.#own.next;
  }

  /** Publishes messages of one kind, said at `time` (ms since 1970). Each payload is copied. */
  publish(kind: number, payloads: readonly Uint8Array[], time: number): Published {
    const { self } = this.context;
    const first = this.#own.next;
    const head = { origin: self.id, incarnation: self.incarnation, first, kind, time };
    for (const batch of encodeBatches(head, payloads)) this.#say(batch);
    return { incarnation: self.incarnation, first, count: payloads.length };
  }

  /** Publishes what was collected, if anything. */
  publishBatch(kind: number, builder: BatchBuilder, time: number): void {
    if (builder.count === 0) return;
    const { self } = this.context;
    const first = this.#own.next;
    this.#say(
      builder.finish({ origin: self.id, incarnation: self.incarnation, first, kind, time }),
    );
  }

  #say(batch: Batch): void {
    const stream = this.#own;
    stream.next = batch.last + 1;
    stream.lastProgress = this.context.now;
    this.#keep(stream, batch, false);
    this.tree.push(stream, batch, null);
    this.context.counters.published += batch.count;
  }

  /**
   * Messages came on a link, pushed or as the answer to a fetch.
   *
   * @throws {ForgedError} when they claim to be ours and we never said them.
   */
  received(link: Link, batch: Batch, isReply: boolean): void {
    const { self, now, counters } = this.context;
    if (batch.origin === self.id && batch.incarnation >= self.incarnation) {
      if (batch.incarnation > self.incarnation || batch.last >= this.#own.next) {
        throw new ForgedError(`Messages ${batch.first} to ${batch.last} claim to be ours`);
      }
      counters.duplicates += batch.count;
      if (!isReply) this.tree.prune(this.#own, link);
      return;
    }
    const isNew = this.seen.origin(batch.origin) === undefined;
    const origin = this.seen.hear(batch.origin, batch.incarnation, now);
    const stream = this.seen.open(origin, batch.incarnation);
    if (stream === undefined) {
      counters.duplicates += batch.count;
      return;
    }
    if (this.seen.isFormerLife(stream) || (isNew && isReply)) {
      this.seen.markPast(stream, batch.last);
    } else if (isNew) this.seen.markPast(stream, batch.first - 1);
    const result = this.seen.accept(stream, batch, now);
    if (isReply) {
      this.sync.replied(link);
      if (this.seeks.size > 0) this.seeks.received(batch, link);
    }
    switch (result.type) {
      case "accepted":
        if (!isReply) this.tree.fed(stream, link);
        this.#accepted(stream, result.parts, batch, link);
        this.sync.noteAhead(stream, link, batch.last);
        this.sync.progressed(stream);
        break;
      case "waiting":
        this.sync.noteAhead(stream, link, batch.last);
        break;
      case "duplicate":
        counters.duplicates += batch.count;
        if (!isReply) this.tree.duplicate(stream, link);
        break;
    }
  }

  #accepted(
    stream: Stream,
    parts: readonly AcceptedPart[],
    received: Batch | null,
    source: Link | null,
  ): void {
    for (const part of parts) {
      const batch = part.batch === received ? received.owned() : part.batch;
      this.#keep(stream, batch, part.past);
      this.context.counters.relayed++;
      if (!this.context.isLeaf) this.tree.push(stream, batch, part.waited ? null : source);
    }
  }

  // Remembers a batch and delivers it.
  #keep(stream: Stream, batch: Batch, past: boolean): void {
    const { counters, now } = this.context;
    this.log.append(stream.segments, batch, now);
    if (this.store !== undefined) {
      this.store.append(batch);
      this.#mark(stream);
    }
    counters.delivered += batch.count;
    if (!this.observers.has(batch.kind)) return;
    const local = stream === this.#own;
    this.context.tell(() =>
      this.observers.tell(batch.kind, (observer) => observer.delivered?.({ batch, past, local }))
    );
  }

  #mark(stream: Stream): void {
    const { next, pastNext, pastEnd } = stream;
    this.store?.mark({ ...idOf(stream), next, pastNext, pastEnd });
  }

  #declareGap(stream: Stream, to: number, past: boolean): void {
    const gap: Gap = { ...idOf(stream), from: stream.missing, to, past };
    this.context.tell(() => this.context.effects.gap?.(gap));
    if (past) {
      stream.pastNext = to + 1;
      if (this.store !== undefined) this.#mark(stream);
      return;
    }
    this.context.counters.missed += to - stream.next + 1;
    this.#skipTo(stream, to + 1);
  }

  // Goes on at `next`, with what waits there.
  #skipTo(stream: Stream, next: number): void {
    const parts = this.seen.skipTo(stream, next, this.context.now);
    if (this.store !== undefined) this.#mark(stream);
    this.#accepted(stream, parts, null, null);
  }

  /** The peer asks for messages: sends what fits into one answer, and says what is not there. */
  serve(link: Link, request: number, ranges: readonly WantedRange[]): void {
    const lacks: Lack[] = [];
    let budget = FETCH_BYTES;
    for (const range of ranges) {
      if (budget <= 0) break;
      budget -= range.token === 0
        ? this.#serveRange(link, range, budget, lacks)
        : this.#serveSearch(link, range, budget, lacks);
    }
    this.context.send(link, { type: "end", request, lacks });
  }

  // As a part of a search: what we don't have is asked of all others, once.
  #serveSearch(link: Link, range: WantedRange, budget: number, lacks: Lack[]): number {
    const { token, origin, incarnation, from, to } = range;
    const isOurs = this.seen.get(origin, incarnation)?.search?.token === token;
    const role = isOurs ? "crossing" : this.seeks.role(link, token);
    if (role === "crossing") {
      lacks.push({ origin, incarnation, from, to, later: false });
      return 0;
    }
    const missing: Lack[] = [];
    const sent = this.#serveRange(link, range, budget, missing);
    const [hole] = missing;
    if (hole === undefined) return sent;
    const isSought = role === "first" ? this.seeks.goOn(token, hole) : this.seeks.isOpen(token);
    lacks.push(...missing.map((lack) => lack === hole ? { ...lack, later: isSought } : lack));
    return sent;
  }

  /** The answer to what was asked of the peer is complete. */
  ended(link: Link, request: number, lacks: readonly Lack[]): void {
    if (this.seeks.has(request)) this.seeks.ended(link, request, lacks);
    else this.sync.ended(link, request, lacks);
  }

  #serveRange(link: Link, range: StreamRange, budget: number, lacks: Lack[]): number {
    const { origin, incarnation, from, to } = range;
    const stream = this.seen.get(origin, incarnation);
    if (stream !== undefined) this.tree.announceFormer(stream);
    let sent = 0;
    let at = from;
    for (const batch of stream?.segments.range(from, to) ?? []) {
      if (sent >= budget) return sent;
      if (batch.first > at) lacks.push(...this.#lack(stream, range, at, batch.first - 1));
      this.context.sendBatch(link, batch, batch.bodyAs(TYPE_REPLY));
      sent += batch.body.length;
      at = batch.last + 1;
    }
    if (at <= to) lacks.push(...this.#lack(stream, range, at, to));
    return sent;
  }

  // What of a range that isn't in the log is gone, and what is still to come.
  #lack(stream: Stream | undefined, { origin, incarnation }: StreamId, from: number, to: number) {
    const lacks: Lack[] = [];
    const add = (start: number, end: number, later: boolean) => {
      const lack = { origin, incarnation, from: Math.max(from, start), to: Math.min(to, end) };
      if (lack.from <= lack.to) lacks.push({ ...lack, later });
    };
    if (stream === undefined) add(from, to, false);
    else {
      add(1, stream.pastNext - 1, false);
      add(stream.pastNext, stream.pastEnd, true);
      add(Math.max(stream.pastNext, stream.pastEnd + 1), stream.have, false);
      add(stream.next, Infinity, stream.ahead.size > 0);
    }
    return lacks;
  }

  /** The peer wants these streams pushed; it is told how far they go. */
  grafted(link: Link, grafts: readonly Announcement[]): void {
    const entries: Announcement[] = [];
    for (const { origin, incarnation } of grafts) {
      const stream = this.seen.get(origin, incarnation);
      if (stream === undefined) continue;
      const entry = this.tree.grafted(stream, link);
      if (entry.head > 0) entries.push(entry);
    }
    if (entries.length > 0) this.context.send(link, { type: "iHave", entries });
    this.sync.announced(link, grafts);
  }

  /** The peer does not want these streams pushed. */
  pruned(link: Link, streams: readonly StreamId[]): void {
    for (const { origin, incarnation } of streams) {
      const stream = this.seen.get(origin, incarnation);
      if (stream !== undefined) this.tree.pruned(stream, link);
    }
  }

  /** A link that was up is gone. */
  linkDown(link: Link): void {
    this.seeks.linkDown(link);
    this.sync.linkDown(link);
    this.tree.linkDown(link, this.seen.streams());
  }

  /** When {@linkcode tick} is due. */
  get due(): number {
    const hasForgotten = this.seen.forgotten > this.#forgottenTold;
    const due = Math.min(this.tree.due, this.sync.due, this.seeks.due);
    return hasForgotten ? Math.min(due, this.#forgottenDue) : due;
  }

  /** Does what is due. */
  tick(): void {
    const { now } = this.context;
    if (now >= this.tree.due) this.tree.announce();
    if (now >= this.sync.due) this.sync.pump();
    this.seeks.tick();
    this.#tellForgotten();
  }
}
