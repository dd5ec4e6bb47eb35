/**
 * A session in notification mode: PURE. What is to be pushed to it, in order, as fast as it takes it.
 *
 * @module
 */

import type { BoardContext, Listener } from "./context.ts";
import type { Entry } from "./memory.ts";
import type { Named } from "./named.ts";
import type { ReceiptState, Subscriber, Subscription } from "./notifications.ts";
import { Oldest, Queue } from "../wire/queue.ts";
import { matches } from "../wire/topic.ts";

/** What a session wants of the board. */
export interface SessionHost {
  /** It acknowledges. */
  acknowledge(session: Session, id: string): boolean;
  /** It left the mode, or was put out of it. */
  ended(session: Session): void;
}

/** {@linkcode Subscription} on a board. */
export class Session implements Subscription, Listener {
  topics: readonly string[] = [];
  unknownSince = false;
  pending = 0;
  /** When the mode ends by itself, in monotonic ms. */
  deadline = Infinity;
  /** Milliseconds that were asked for. */
  timeout = 0;
  /** It asked for its topics by name: they are not those that were known of it. */
  isExplicit = false;
  readonly #startedAt: number;
  // It asked for what was before: then also for that of it which comes late.
  #takesOld = false;
  #queue = new Queue<Entry>();
  #active = true;
  /** Nothing will be acknowledged any more. */
  #isGone = false;
  #resumed = false;
  #draining = false;
  /** Of a nameless one: so many were dropped, and it was not told yet. */
  #lost = 0;
  // A nameless one's receipts: the index up to which was pushed, and what of that was not acknowledged.
  #first: number;
  #pushed = 0;
  #end = Infinity;
  readonly #unacknowledged = new Oldest<Entry>();
  #unknownUpTo = 0;
  /** What it acknowledged and asked for again, by index. */
  #acknowledgedBefore: ReadonlySet<number> = new Set();
  // A named one's: what it asked for again although it does not wait, and what was dropped after it was pushed.
  #again = new Set<Entry>();
  readonly #overflow = new Set<number>();

  constructor(
    /** Tells sessions apart; never 0. */
    readonly number: number,
    readonly subscriber: Subscriber,
    readonly named: Named | undefined,
    private readonly context: BoardContext,
    private readonly host: SessionHost,
  ) {
    this.#startedAt = context.clock.now();
    this.#first = context.memory.last + 1;
  }

  get as(): string | undefined {
    return this.named?.record.name;
  }

  get active(): boolean {
    return this.#active;
  }

  /** Of a nameless one: how many were not pushed, or not acknowledged. */
  get unsettled(): number {
    return this.#queue.size + this.#unacknowledged.size;
  }

  /** Asked for, or asked for again: these topics, until then. Nothing is pushed before {@linkcode resume}. */
  renew(topics: readonly string[], timeout: number): void {
    const { index, clock } = this.context;
    this.timeout = timeout;
    this.deadline = clock.now() + timeout;
    this.#resumed = false;
    const before = this.topics;
    this.topics = topics;
    if (this.named !== undefined) return;
    const isNew = new Set(topics);
    for (const pattern of before) if (!isNew.has(pattern)) index.remove(pattern, this);
    for (const pattern of isNew) index.add(pattern, this);
    if (before.length > 0) {
      this.#queue = new Queue([...this.#queue].filter((entry) => this.#wants(entry)));
    }
    this.pending = this.#queue.size;
  }

  #wants({ topic }: Entry): boolean {
    return this.topics.some((pattern) => matches(pattern, topic));
  }

  /** What is pushed next is what waits for the name, but for what this session has got already. */
  requeue(): void {
    const { pending } = this.named!;
    const waiting = [...pending].filter(([, pushed]) => pushed !== this.number);
    this.#queue = new Queue(waiting.map(([entry]) => entry));
    this.#again.clear();
    this.pending = this.#queue.size;
  }

  /** What is pushed next is all that is remembered and matches, from behind `index` on. */
  replay(index: number): void {
    const { named } = this;
    const found: Entry[] = [];
    const again = new Set<Entry>();
    const wanted = new Map<string, boolean>();
    for (const entry of this.context.memory.after(index)) {
      let isWanted = wanted.get(entry.topic);
      if (isWanted === undefined) wanted.set(entry.topic, isWanted = this.#wants(entry));
      if (!isWanted || entry.acknowledgedBy?.has(named!)) continue;
      found.push(entry);
      if (named !== undefined && !named.pending.has(entry)) again.add(entry);
    }
    const { maxPending } = this.context;
    const dropped = found.splice(0, Math.max(0, found.length - maxPending));
    for (const entry of dropped) again.delete(entry);
    this.#queue = new Queue(found);
    this.#again = again;
    const isCounted = (entry: Entry) =>
      named !== undefined && entry.droppedFor?.has(named) === true;
    this.#lost += dropped.filter((entry) => !isCounted(entry)).length;
    if (named === undefined) {
      const acknowledged = found.filter((entry) => this.stateOf(entry) === "acknowledged");
      this.#acknowledgedBefore = new Set(acknowledged.map(({ index }) => index));
      this.#takesOld = true;
      this.#first = Math.min(this.#first, found[0]?.index ?? Infinity);
      for (const entry of dropped) (entry.droppedFor ??= new Set()).add(this);
    }
    this.pending = found.length;
  }

  // ---------------------------------------------------------------- pushing

  /** Something arrived that a nameless session wants. */
  offer(entry: Entry): void {
    if (this.#isBefore(entry)) return;
    this.#queue.push(entry);
    if (this.#queue.size > this.context.maxPending) {
      const oldest = this.#queue.shift()!;
      (oldest.droppedFor ??= new Set()).add(this);
      this.#lost++;
    }
    this.drain();
  }

  // It came late, and was published before this session was there.
  #isBefore({ isLate, isPast, bornAt }: Entry): boolean {
    return isLate && !this.#takesOld && (isPast || bornAt < this.#startedAt);
  }

  /** Something waits for the named subscriber; `before`: not behind everything, but before that. */
  enqueue(entry: Entry, before: Entry | undefined): void {
    if (before === undefined) this.#queue.push(entry);
    else {
      const all = [...this.#queue];
      const at = all.indexOf(before);
      all.splice(at < 0 ? all.length : at, 0, entry);
      this.#queue = new Queue(all);
    }
    if (this.#queue.size > 2 * this.context.maxPending) {
      // A slow reader: what was dropped meanwhile needn't be held.
      const { pending } = this.named!;
      const left = [...this.#queue].filter((item) => pending.has(item) || this.#again.has(item));
      this.#queue = new Queue(left);
    }
    this.drain();
  }

  resume(): void {
    if (!this.#active) return;
    this.#resumed = true;
    this.drain();
  }

  /** Pushes what it takes. */
  drain(): void {
    if (!this.#resumed || this.#draining) return;
    this.#draining = true;
    const { subscriber, named } = this;
    try {
      while (this.#active && subscriber.takes) {
        this.#tellLost();
        const entry = this.#queue.shift();
        if (entry === undefined) return;
        this.#push(entry, named);
      }
    } finally {
      this.#draining = false;
    }
  }

  #push(entry: Entry, named: Named | undefined): void {
    if (named === undefined) {
      if (entry.isForgotten) {
        this.#lost++;
        return;
      }
      this.#pushed = entry.index;
      this.#unacknowledged.add(entry);
      if (this.#unacknowledged.size > this.context.maxPending) {
        this.#unknownUpTo = this.#unacknowledged.shift()!.index;
      }
    } else if (named.pending.has(entry)) named.pending.set(entry, this.number);
    else if (!this.#again.delete(entry) || entry.isForgotten) return;
    this.subscriber.push(entry.notification);
    this.context.outlet.receiptChanged?.(entry);
  }

  #tellLost(): void {
    const lost = this.#lost + (this.named?.lost ?? 0);
    if (lost === 0) return;
    this.#lost = 0;
    if (this.named !== undefined && this.named.lost > 0) this.context.told(this.named);
    this.subscriber.dropped(lost);
  }

  /** Dropped since too many wait, but pushed to it before. */
  overflowed({ index }: Entry): void {
    if (this.#overflow.size >= 10 * this.context.maxPending) this.named!.lose(1);
    else this.#overflow.add(index);
  }

  /** Such a one was acknowledged after all. */
  recovered({ index }: Entry): void {
    this.#overflow.delete(index);
  }

  // ---------------------------------------------------------------- the end

  acknowledge(id: string): boolean {
    return this.host.acknowledge(this, id);
  }

  awaits(id: string): boolean {
    const { named } = this, entry = this.context.memory.get(id);
    if (entry === undefined) return false;
    if (named === undefined) return this.#unacknowledged.has(entry);
    return named.pending.get(entry) === this.number;
  }

  /** A nameless session acknowledges. False when it is none of its. */
  acknowledgeHere(entry: Entry): boolean {
    if (this.#unacknowledged.delete(entry)) {
      this.context.outlet.receiptChanged?.(entry);
      return true;
    }
    const state = this.stateOf(entry);
    return state !== undefined && state !== "expired";
  }

  leave(): void {
    this.#finish();
  }

  abandon(): void {
    this.#finish();
    if (this.#isGone || this.named !== undefined) return;
    this.#isGone = true;
    const { outlet } = this.context;
    for (const entry of this.#unacknowledged) outlet.receiptChanged?.(entry);
    for (const entry of this.#queue) outlet.receiptChanged?.(entry);
    this.#queue = new Queue();
  }

  /** The mode ends, not by its own wish. */
  expel(why: Parameters<Subscriber["ended"]>[0]): void {
    if (!this.#active) return;
    this.#finish();
    this.subscriber.ended(why);
  }

  #finish(): void {
    if (!this.#active) return;
    this.#active = false;
    const { named, context } = this;
    if (named === undefined) {
      for (const pattern of this.topics) context.index.remove(pattern, this);
      this.#end = context.memory.last;
    } else {
      if (named.session === this) named.session = undefined;
      if (this.#overflow.size > 0) {
        named.lose(this.#overflow.size);
        named.save();
      }
      this.#overflow.clear();
      this.#again.clear();
      this.#queue = new Queue();
    }
    this.host.ended(this);
  }

  /** What became of a notification for a nameless session; undefined when it is none of its. */
  stateOf(entry: Entry): ReceiptState | undefined {
    const { index } = entry;
    if (index < this.#first || index > this.#end || !this.#wants(entry)) return undefined;
    if (this.#isBefore(entry)) return undefined;
    if (entry.droppedFor?.has(this)) return "expired";
    if (this.#acknowledgedBefore.has(index)) return "acknowledged";
    // Who only left the mode can ask for it with `since`.
    if (index > this.#pushed) return this.#isGone ? "expired" : "queued";
    if (!this.#unacknowledged.has(entry) && index > this.#unknownUpTo) return "acknowledged";
    return this.#isGone ? "expired" : "delivered";
  }
}
