/**
 * A named subscriber, as each server has it: PURE. What waits for it here, what it acknowledged, and its
 * session when it is in notification mode on this server.
 *
 * What waits is what is remembered, wanted, and neither acknowledged nor dropped. It is kept up to date with each
 * arrival and acknowledgement, and found anew only when the patterns change.
 *
 * @module
 */

import { MAX_EARLY_ACKNOWLEDGEMENTS } from "../wire/limits.ts";
import type { BoardContext, Listener } from "./context.ts";
import type { Entry } from "./memory.ts";
import type { ReceiptState } from "./notifications.ts";
import { Queue } from "../wire/queue.ts";
import { clocksOf, encodeRecord, isWanted, type SubscriberRecord, type Want } from "./record.ts";
import type { Session } from "./session.ts";
import { type Clock, covers, hashText } from "./stream.ts";
import { matches } from "../wire/topic.ts";

/** The name is known, and nothing else. */
const UNKNOWN = { version: 0, by: "0".repeat(16), server: "", wants: [] } as const;

/** One named subscriber. */
export class Named implements Listener {
  /** What is told of it from server to server. */
  record: SubscriberRecord;
  /** What waits, in order, with the number of the session to which it was pushed last; 0: to none. */
  readonly pending = new Map<Entry, number>();
  /** Acknowledged before they arrived here. */
  readonly early = new Set<string>();
  /** Its session, while it is in notification mode here. */
  session: Session | undefined;
  /** When something was heard of it, in monotonic ms. */
  activeAt: number;
  readonly #context: BoardContext;
  // The highest sequence of each stream that some pattern does not want any more.
  #since: Clock = new Map();
  #hash = 0;
  #lost = 0;
  // The oldest of what waits, or waited lately.
  #order = new Queue<Entry>();

  /** Without a record: something was heard of it, but not yet what it wants. */
  constructor(readonly key: string, context: BoardContext) {
    this.#context = context;
    this.activeAt = context.clock.now();
    const created = { time: 0, by: UNKNOWN.by };
    this.record = { name: key, ...UNKNOWN, created };
  }

  /** A number that is the same where the same is acknowledged. */
  get hash(): number {
    return this.#hash;
  }

  /** So many were dropped, and it was not told yet. */
  get lost(): number {
    return this.#lost;
  }

  /** So many more were dropped; 0: it was told. */
  lose(count: number): void {
    const lost = count === 0 ? 0 : this.#lost + count;
    if (lost === this.#lost) return;
    this.#lost = lost;
    this.#context.unsaved(this);
  }

  // ---------------------------------------------------------------- the record

  /** Another record holds from now on. `restored`: it comes from the store, before what is remembered. */
  setRecord(record: SubscriberRecord, { restored = false } = {}): void {
    const { index, clock } = this.#context;
    const before = this.record;
    this.record = record;
    this.activeAt = clock.now();
    const wanted = new Set(record.wants.map(({ pattern }) => pattern));
    for (const { pattern } of before.wants) {
      if (!wanted.has(pattern)) index.remove(pattern, this);
    }
    for (const pattern of wanted) index.add(pattern, this);
    this.#since = latest(clocksOf(record));
    if (restored) return;
    this.save();
    const isSame = before.wants.length === record.wants.length &&
      record.wants.every(({ pattern, since }, i) =>
        before.wants[i]!.pattern === pattern && before.wants[i]!.since === since
      );
    if (!isSame) this.#review();
  }

  /** Writes the record down. */
  save(): void {
    const value = { ...encodeRecord(this.record), lost: this.lost };
    this.#context.store?.subscriber(this.key, JSON.stringify(value));
  }

  // The patterns changed: what waits is found anew.
  #review(): void {
    const { memory } = this.#context;
    for (const entry of [...this.pending.keys()]) {
      if (isWanted(this.record, entry.topic, entry)) continue;
      this.pending.delete(entry);
      memory.unpin(entry);
    }
    // What is wanted from now on only, as nearly always, needs no looking.
    if (this.record.wants.every(({ since }) => memory.isCoveredBy(since))) return;
    const found: Entry[] = [];
    const wants = new Map<string, readonly Want[]>();
    for (const entry of memory.after(0)) {
      const { topic } = entry;
      let some = wants.get(topic);
      if (some === undefined) {
        some = this.record.wants.filter(({ pattern }) => matches(pattern, topic));
        wants.set(topic, some);
      }
      const isFound = this.pending.has(entry) ||
        (some.some(({ since }) => !covers(since, entry)) && this.#isOpen(entry));
      if (isFound) found.push(entry);
    }
    const isNew = found.filter((entry) => !this.pending.has(entry));
    if (isNew.length === 0) return;
    const marks = found.map((entry) => [entry, this.pending.get(entry) ?? 0] as const);
    for (const entry of isNew) memory.pin(entry);
    this.pending.clear();
    this.#order = new Queue();
    for (const [entry, mark] of marks) this.pending.set(entry, mark);
    while (this.pending.size > this.#context.maxPending) this.#dropOldest();
    this.session?.requeue();
  }

  #isOpen(entry: Entry): boolean {
    return entry.acknowledgedBy?.has(this) !== true && entry.droppedFor?.has(this) !== true;
  }

  // ---------------------------------------------------------------- arrivals

  offer(entry: Entry): void {
    const id = entry.notification.id;
    if (this.early.size > 0 && this.early.delete(id)) {
      this.#hash ^= hashText(id);
      this.#settle(entry);
      return;
    }
    const { stream, sequence } = entry;
    if ((this.#since.get(stream) ?? 0) >= sequence) {
      if (!isWanted(this.record, entry.topic, entry)) return;
    }
    if (!this.#isOpen(entry)) return;
    this.#context.memory.pin(entry);
    const before = entry.isLate ? this.#successor(entry) : undefined;
    if (before === undefined) this.pending.set(entry, 0);
    else this.#insert(entry, before);
    if (this.pending.size > this.#context.maxPending) this.#dropOldest();
    if (this.pending.has(entry)) this.session?.enqueue(entry, before);
  }

  /** It came late: what its publisher published later, and was not pushed yet, comes after it. */
  #successor({ stream, sequence }: Entry): Entry | undefined {
    for (const [other, pushed] of this.pending) {
      if (pushed !== 0 && pushed === this.session?.number) continue;
      if (other.stream === stream && other.sequence > sequence) return other;
    }
    return undefined;
  }

  #insert(entry: Entry, before: Entry): void {
    const all = [...this.pending];
    this.pending.clear();
    this.#order = new Queue();
    for (const [other, pushed] of all) {
      if (other === before) this.pending.set(entry, 0);
      this.pending.set(other, pushed);
    }
  }

  #dropOldest(): void {
    const { store, memory, outlet } = this.#context;
    const entry = this.#oldest();
    const pushed = this.pending.get(entry);
    this.pending.delete(entry);
    (entry.droppedFor ??= new Set()).add(this);
    store?.settled(this.key, entry.notification.id);
    // What it has got, but not acknowledged, is lost only when its session ends so.
    const { session } = this;
    if (session !== undefined && pushed === session.number) session.overflowed(entry);
    else this.lose(1);
    outlet.receiptChanged?.(entry);
    memory.unpin(entry);
  }

  // The oldest of what waits, of which there is something. A Map's first key takes long to find after many deletions.
  #oldest(): Entry {
    let entry: Entry | undefined;
    do {
      if (this.#order.size === 0) this.#order = new Queue([...this.pending.keys()].slice(0, 256));
      entry = this.#order.shift()!;
    } while (!this.pending.has(entry));
    return entry;
  }

  /** The memory forgot something, too old or for want of space. */
  forgotten(entry: Entry): void {
    if (entry.acknowledgedBy?.has(this)) this.#hash ^= entry.hash;
    const pushed = this.pending.get(entry);
    if (pushed === undefined) return;
    this.pending.delete(entry);
    if (pushed === 0 || pushed !== this.session?.number) this.lose(1);
  }

  // ---------------------------------------------------------------- acknowledgements

  /** It acknowledged something that is remembered. False when it had done so before. */
  acknowledge(entry: Entry): boolean {
    this.activeAt = this.#context.clock.now();
    if (entry.acknowledgedBy?.has(this)) return false;
    this.#settle(entry);
    if (entry.droppedFor?.delete(this)) this.session?.recovered(entry);
    if (!this.pending.delete(entry)) return true;
    this.#context.outlet.receiptChanged?.(entry);
    this.#context.memory.unpin(entry);
    return true;
  }

  #settle(entry: Entry): void {
    (entry.acknowledgedBy ??= new Set()).add(this);
    this.#hash ^= entry.hash;
    this.#context.store?.settled(this.key, entry.notification.id);
  }

  /** It acknowledged something that has not arrived here. False when it had done so before. */
  acknowledgeEarly(id: string): boolean {
    this.activeAt = this.#context.clock.now();
    if (this.early.has(id)) return false;
    this.early.add(id);
    this.#hash ^= hashText(id);
    if (this.early.size > MAX_EARLY_ACKNOWLEDGEMENTS) {
      const [oldest] = this.early as Iterable<string> as [string];
      this.early.delete(oldest);
      this.#hash ^= hashText(oldest);
    }
    return true;
  }

  /** What has not arrived can't arrive any more. */
  clearEarly(): void {
    for (const id of this.early) this.#hash ^= hashText(id);
    this.early.clear();
  }

  /** The store says that it settled this, which was just remembered again. */
  restoreSettled(entry: Entry): void {
    (entry.acknowledgedBy ??= new Set()).add(this);
    this.#hash ^= entry.hash;
  }

  /** Can it ever have been meant for it? */
  isRecipient(entry: Entry): boolean {
    return this.stateOf(entry) !== undefined ||
      this.record.wants.some(({ pattern }) => matches(pattern, entry.topic));
  }

  /** What became of a notification, as far as is known here; undefined when it is none of its. */
  stateOf(entry: Entry): ReceiptState | undefined {
    const pushed = this.pending.get(entry);
    if (pushed !== undefined) return pushed > 0 ? "delivered" : "queued";
    if (entry.acknowledgedBy?.has(this)) return "acknowledged";
    return entry.droppedFor?.has(this) ? "expired" : undefined;
  }

  /** It is forgotten: nothing waits for it any more. */
  dispose(): void {
    const { index, memory } = this.#context;
    for (const { pattern } of this.record.wants) index.remove(pattern, this);
    const entries = [...this.pending.keys()];
    this.pending.clear();
    for (const entry of entries) memory.unpin(entry);
  }
}

function latest(clocks: readonly Clock[]): Clock {
  const [first, ...others] = clocks;
  if (first === undefined || others.length === 0) return first ?? new Map();
  const highest = new Map(first);
  for (const clock of others) {
    for (const [stream, sequence] of clock) {
      highest.set(stream, Math.max(sequence, highest.get(stream) ?? 0));
    }
  }
  return highest;
}
