/**
 * What a server remembers of what was published: PURE. In the order of arrival, bounded by number, bytes and
 * age. What waits for a named subscriber is kept though there are many newer ones, until it is too old
 * or all together are too many bytes.
 *
 * @module
 */

import {
  MAX_NOTIFICATION_AGE_MS,
  MAX_NOTIFICATION_BYTES,
  MAX_NOTIFICATION_STREAMS,
  MAX_NOTIFICATIONS,
} from "../wire/limits.ts";
import type { Notification } from "./notification.ts";
import { Queue } from "../wire/queue.ts";
import { type Clock, hashStamp, hashText, type Stamp } from "./stream.ts";

/** Bytes that an entry takes beside its texts, about: the engine's objects, and its places in tables. */
const ENTRY_BYTES = 512;

/** How a notification arrived: see {@linkcode Entry}. */
export interface Arrival {
  readonly bornAt: number;
  readonly isLate?: boolean;
  readonly isPast?: boolean;
}

/** A notification that arrived. */
export class Entry implements Stamp {
  /** Emptied when it is forgotten: someone may still hold the entry. */
  notification: Notification;
  readonly stream: string;
  readonly sequence: number;
  readonly topic: string;
  /** Tells it from others, for comparing memories. */
  readonly hash: number;
  /** Grows with each arrival. */
  readonly index: number;
  /** When it was published, by this server's monotonic clock, as far as is known. */
  readonly bornAt: number;
  /** It did not come as news: found at another server, or said before its server was known here. */
  readonly isLate: boolean;
  /** It came late, and nobody knows how old it is. */
  readonly isPast: boolean;
  readonly bytes: number;
  /** For how many it waits. */
  pins = 0;
  /** It is one of the newest. */
  isRecent = true;
  isForgotten = false;
  /** Named subscribers that acknowledged it. */
  acknowledgedBy: Set<object> | undefined;
  /** Subscribers that were never to get it, since too many waited. */
  droppedFor: Set<object> | undefined;

  constructor(
    notification: Notification,
    stamp: Stamp,
    options: Arrival & { hash: number; index: number },
  ) {
    const { topic, text, details = "" } = notification;
    this.notification = notification;
    this.stream = stamp.stream;
    this.sequence = stamp.sequence;
    this.topic = topic;
    this.hash = options.hash;
    this.index = options.index;
    this.bornAt = options.bornAt;
    this.isLate = options.isLate ?? false;
    this.isPast = options.isPast ?? false;
    this.bytes = ENTRY_BYTES + 2 * (text.length + details.length + topic.length);
  }
}

interface StreamState {
  readonly hash: number;
  /** The highest sequence that arrived. */
  seen: number;
  /** The highest sequence that was forgotten: what is not above it is not taken again. */
  forgotten: number;
  /** Entries remembered. */
  count: number;
  /** When something arrived last. */
  at: number;
}

/** How much is remembered; for tests smaller. */
export interface MemoryLimits {
  readonly count: number;
  readonly bytes: number;
  /** In ms. */
  readonly age: number;
  readonly streams: number;
}

const DEFAULTS: MemoryLimits = {
  count: MAX_NOTIFICATIONS,
  bytes: MAX_NOTIFICATION_BYTES,
  age: MAX_NOTIFICATION_AGE_MS,
  streams: MAX_NOTIFICATION_STREAMS,
};

const GONE: Notification = { id: "", topic: "", text: "", time: 0, nick: "", server: "" };

/** Notifications in the order of arrival. */
export class Memory {
  readonly #limits: MemoryLimits;
  readonly #forgotten: (entry: Entry) => void;
  readonly #byId = new Map<string, Entry>();
  #newest = "";
  /** The newest. */
  readonly #recent = new Queue<Entry>();
  /** Older ones that wait for somebody; all came before the newest. */
  readonly #kept = new Set<Entry>();
  readonly #streams = new Map<string, StreamState>();
  readonly #topics = new Map<string, number>();
  #arrivals = 0;
  #bytes = 0;
  #hash = 0;
  #clock: Clock | undefined;

  /** `forgotten` is told each entry that is forgotten. */
  constructor(forgotten: (entry: Entry) => void, limits: Partial<MemoryLimits> = {}) {
    this.#forgotten = forgotten;
    this.#limits = { ...DEFAULTS, ...limits };
  }

  /** Notifications remembered. */
  get size(): number {
    return this.#byId.size;
  }

  /** Bytes they take, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A number that is the same where the same is remembered. */
  get hash(): number {
    return this.#hash;
  }

  /** The index of the newest entry. */
  get last(): number {
    return this.#arrivals;
  }

  /** Id of the entry that came last, while it is remembered. */
  get newest(): string | undefined {
    return this.#byId.has(this.#newest) ? this.#newest : undefined;
  }

  /** How many are remembered of each topic. */
  get topics(): ReadonlyMap<string, number> {
    return this.#topics;
  }

  /** How far each stream has come here. The same object until something arrives. */
  get clock(): Clock {
    return this.#clock ??= new Map([...this.#streams].map(([name, { seen }]) => [name, seen]));
  }

  /** What was forgotten of each stream. */
  forgottenClock(): Clock {
    const found = new Map<string, number>();
    for (const [name, { forgotten }] of this.#streams) {
      if (forgotten > 0) found.set(name, forgotten);
    }
    return found;
  }

  /** As {@linkcode forgottenClock} said before a restart. */
  restoreForgotten(clock: Clock): void {
    for (const [name, sequence] of clock) {
      const stream = this.#stream(name, 0);
      stream.forgotten = Math.max(stream.forgotten, sequence);
      stream.seen = Math.max(stream.seen, sequence);
    }
    this.#clock = undefined;
  }

  /** The entry of an id, if it is remembered. */
  get(id: string): Entry | undefined {
    return this.#byId.get(id);
  }

  /** Has something of this stream arrived before? */
  knows(stream: string): boolean {
    return this.#streams.has(stream);
  }

  /** Was this remembered once, and isn't any more? */
  isForgotten({ stream, sequence }: Stamp): boolean {
    const state = this.#streams.get(stream);
    return state !== undefined && sequence <= state.forgotten;
  }

  /** Those that arrived after the one with this index, in order. */
  *after(index: number): Generator<Entry> {
    for (const entry of this.#kept) if (entry.index > index) yield entry;
    for (const entry of this.#recent) if (entry.index > index && !entry.isForgotten) yield entry;
  }

  /** Does `clock` cover all that is remembered? */
  isCoveredBy(clock: Clock): boolean {
    for (const [name, { count, seen }] of this.#streams) {
      if (count > 0 && (clock.get(name) ?? 0) < seen) return false;
    }
    return true;
  }

  /** Something arrived, which is neither remembered nor forgotten. Call {@linkcode trim} when it is told to all. */
  add(
    notification: Notification,
    stamp: Stamp,
    arrival: Arrival & { now: number },
  ): Entry {
    const { now } = arrival;
    const stream = this.#stream(stamp.stream, now);
    const hash = hashStamp(stream.hash, stamp.sequence);
    const index = ++this.#arrivals;
    const entry = new Entry(notification, stamp, { ...arrival, hash, index });
    stream.at = now;
    stream.count++;
    stream.seen = Math.max(stream.seen, stamp.sequence);
    this.#byId.set(notification.id, entry);
    this.#newest = notification.id;
    this.#recent.push(entry);
    this.#topics.set(entry.topic, (this.#topics.get(entry.topic) ?? 0) + 1);
    this.#bytes += entry.bytes;
    this.#hash ^= hash;
    this.#clock = undefined;
    return entry;
  }

  #stream(name: string, now: number): StreamState {
    let stream = this.#streams.get(name);
    if (stream === undefined) {
      stream = { hash: hashText(name), seen: 0, forgotten: 0, count: 0, at: now };
      this.#streams.set(name, stream);
      if (this.#streams.size > this.#limits.streams) this.#dropStream(name);
    }
    return stream;
  }

  // Of those with nothing remembered the one that was silent for longest, else that of all.
  #dropStream(but: string): void {
    let oldest: string | undefined, at = Infinity, empty = false;
    for (const [name, stream] of this.#streams) {
      if (name === but || (empty && stream.count > 0)) continue;
      if (stream.at < at || (!empty && stream.count === 0)) {
        oldest = name;
        at = stream.at;
        empty = stream.count === 0;
      }
    }
    if (oldest !== undefined) this.#streams.delete(oldest);
  }

  /** It waits for one more. */
  pin(entry: Entry): void {
    entry.pins++;
  }

  /** It waits for one less. */
  unpin(entry: Entry): void {
    entry.pins--;
    if (entry.pins === 0 && !entry.isRecent) this.#forget(entry);
  }

  /** Forgets what is too much. */
  trim(): void {
    while (this.#recent.size > this.#limits.count) this.#retire();
    while (this.#bytes > this.#limits.bytes) {
      const [oldest] = this.#kept;
      if (oldest !== undefined) this.#forget(oldest);
      else if (this.#recent.size > 1) this.#retire(true);
      else return;
    }
  }

  /** Forgets what is too old at `now`. Returns when the next one will be. Looks at everything. */
  sweep(now: number): number {
    const born = now - this.#limits.age;
    let oldest = Infinity;
    for (const entry of [...this.after(0)]) {
      if (entry.bornAt <= born) this.#forget(entry);
      else oldest = Math.min(oldest, entry.bornAt);
    }
    while (this.#recent.first?.isForgotten) this.#recent.shift();
    for (const [name, { count, at }] of this.#streams) {
      if (count === 0 && at <= born) this.#streams.delete(name);
    }
    this.#clock = undefined;
    return oldest + this.#limits.age;
  }

  // The oldest of the newest is one of them no longer.
  #retire(forget = false): void {
    const entry = this.#recent.shift();
    if (entry === undefined || entry.isForgotten) return;
    entry.isRecent = false;
    if (entry.pins === 0 || forget) this.#forget(entry);
    else this.#kept.add(entry);
  }

  #forget(entry: Entry): void {
    if (entry.isForgotten) return;
    entry.isForgotten = true;
    entry.isRecent = false;
    this.#kept.delete(entry);
    this.#byId.delete(entry.notification.id);
    const stream = this.#streams.get(entry.stream);
    if (stream !== undefined) {
      stream.count--;
      stream.forgotten = Math.max(stream.forgotten, entry.sequence);
    }
    const left = (this.#topics.get(entry.topic) ?? 1) - 1;
    if (left > 0) this.#topics.set(entry.topic, left);
    else this.#topics.delete(entry.topic);
    this.#bytes -= entry.bytes;
    this.#hash ^= entry.hash;
    this.#forgotten(entry);
    entry.notification = GONE;
    entry.acknowledgedBy = undefined;
    entry.droppedFor = undefined;
  }
}
