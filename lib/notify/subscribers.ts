/**
 * The named subscribers of a board: PURE. Their records are written here when they subscribe here, and taken from
 * other servers when they subscribe there.
 *
 * @module
 */

import { MAX_NAMED_SUBSCRIBERS, MAX_NOTIFICATION_AGE_MS } from "../wire/limits.ts";
import type { BoardContext } from "./context.ts";
import type { Entry } from "./memory.ts";
import { foldNick, parseNick } from "../wire/nick.ts";
import { Named } from "./named.ts";
import {
  compareRecords,
  isSameLine,
  joinRecords,
  newWants,
  parseRecord,
  type SubscriberRecord,
} from "./record.ts";
import { type Clock, parseId } from "./stream.ts";
import { EVERYTHING } from "../wire/topic.ts";

/** What changed a little is saved after this, in milliseconds. */
const SAVE_AFTER_MS = 1_000;

/** Named subscribers, by their folded names. */
export class Subscribers implements Iterable<Named> {
  readonly #node: { readonly id: string; readonly name: string };
  readonly #context: BoardContext;
  readonly #all = new Map<string, Named>();
  /** Those that acknowledged something which has not arrived here. */
  readonly #early = new Set<Named>();
  readonly #unsaved = new Set<Named>();
  #saveDue = Infinity;

  /** None yet. */
  constructor(node: { readonly id: string; readonly name: string }, context: BoardContext) {
    this.#node = node;
    this.#context = context;
  }

  /** How many there are. */
  get size(): number {
    return this.#all.size;
  }

  /** The subscriber of a folded name. */
  get(key: string): Named | undefined {
    return this.#all.get(key);
  }

  [Symbol.iterator](): Iterator<Named> {
    return this.#all.values();
  }

  // ---------------------------------------------------------------- who there is

  /** The subscriber of a folded name, though nothing may be known of it yet; undefined when there are too many. */
  meet(key: string): Named | undefined {
    const known = this.#all.get(key);
    if (known !== undefined) return known;
    if (this.#all.size >= MAX_NAMED_SUBSCRIBERS && !this.#makeRoom()) return undefined;
    const named = new Named(key, this.#context);
    this.#all.set(key, named);
    return named;
  }

  // One who was away for so long that nothing can wait for it any more goes.
  #makeRoom(): boolean {
    let oldest: Named | undefined;
    for (const named of this) {
      if (named.session !== undefined || named.pending.size > 0) continue;
      if (oldest === undefined || named.activeAt < oldest.activeAt) oldest = named;
    }
    const { clock, store } = this.#context;
    if (oldest === undefined || clock.now() - oldest.activeAt < MAX_NOTIFICATION_AGE_MS) {
      return false;
    }
    oldest.dispose();
    this.#all.delete(oldest.key);
    this.#early.delete(oldest);
    this.#unsaved.delete(oldest);
    store?.forgetSubscriber(oldest.key);
    return true;
  }

  /** A record from the store. Gives the subscriber, or undefined where it makes no sense. */
  restore(key: string, text: string): Named | undefined {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return undefined;
    }
    const record = parseRecord(value);
    if (record === undefined || foldNick(record.name) !== key) return undefined;
    const named = this.meet(key);
    if (named === undefined) return undefined;
    named.setRecord(record, { restored: true });
    const { lost } = value as { lost?: unknown };
    if (typeof lost === "number" && lost > 0) named.lose(lost);
    return named;
  }

  // ---------------------------------------------------------------- records

  /**
   * A name subscribes here: its record is written anew when its topics change, or it was elsewhere. No topics:
   * those it had. `from`: a new name begins behind what is remembered with this index.
   */
  subscribe(named: Named, as: string, topics: readonly string[], from: number | undefined): void {
    const { record } = named;
    const isNew = record.version === 0;
    const asked = topics.length > 0 ? topics : isNew ? [EVERYTHING] : undefined;
    const { clock, memory } = this.#context;
    let { wants } = record;
    if (asked !== undefined) {
      const since = isNew && from !== undefined ? this.#clockAt(from) : memory.clock;
      wants = newWants(wants, asked, since);
    }
    const isSame = !isNew && record.by === this.#node.id && record.server === this.#node.name &&
      wants.length === record.wants.length && wants.every((want) => record.wants.includes(want));
    if (isSame) return;
    const created = isNew
      ? { time: Math.max(0, Math.floor(clock.wall())), by: this.#node.id }
      : record.created;
    this.#write(named, { ...record, name: parseNick(as) ?? record.name, created, wants });
  }

  /** What was dropped is told here. Each server counts that, and forgets it with a new record. */
  told(named: Named): void {
    named.lose(0);
    this.#write(named, named.record);
  }

  #write(named: Named, record: SubscriberRecord): void {
    const { id: by, name: server } = this.#node;
    named.setRecord({ ...record, version: record.version + 1, by, server });
    this.#context.outlet.subscribed?.(named.key, named.record);
  }

  /** How far the streams had come when what is remembered with this index arrived. */
  #clockAt(index: number): Clock {
    const { memory } = this.#context;
    const clock = new Map(memory.forgottenClock());
    if (index === 0) return clock;
    for (const { index: at, stream, sequence } of memory.after(0)) {
      if (at <= index) clock.set(stream, Math.max(sequence, clock.get(stream) ?? 0));
    }
    return clock;
  }

  /**
   * Another server wrote this record: what it makes of the one known here holds from now on. False when it is
   * no news, or there are too many names.
   */
  receive(record: SubscriberRecord): boolean {
    const named = this.meet(foldNick(record.name));
    if (named === undefined) return false;
    const { record: before, session } = named;
    const joined = joinRecords(before, record);
    if (compareRecords(joined, before) === 0 && isSameLine(joined, before)) return false;
    if (joined.version > before.version) named.lose(0);
    named.setRecord(joined);
    if (session === undefined || joined.by === before.by && joined.version === before.version) {
      return true;
    }
    if (isSameLine(before, record) && joined.by !== this.#node.id) {
      // Whoever wrote it knew that the name was here.
      session.expel({ type: "replaced", name: joined.name });
      return true;
    }
    // The name was used on two servers that did not know of each other; here it is in use.
    const asked = session.isExplicit ? session.topics : joined.wants.map(({ pattern }) => pattern);
    const wants = newWants(joined.wants, asked, this.#context.memory.clock);
    this.#write(named, { ...joined, wants });
    session.topics = asked;
    return true;
  }

  // ---------------------------------------------------------------- acknowledgements

  /** A subscriber acknowledged, here or elsewhere. False when that was known. */
  acknowledged(named: Named, id: string): boolean {
    const { memory } = this.#context;
    const entry = memory.get(id);
    if (entry !== undefined) return named.acknowledge(entry);
    const stamp = parseId(id);
    if (stamp === undefined || memory.isForgotten(stamp)) return false;
    this.#early.add(named);
    return named.acknowledgeEarly(id);
  }

  /** Something arrived: was it acknowledged before by a name of which nothing else is known yet? */
  arrived(entry: Entry): void {
    if (this.#early.size === 0) return;
    const { id } = entry.notification;
    for (const named of this.#early) {
      if (named.early.has(id)) named.offer(entry);
      if (named.early.size === 0) this.#early.delete(named);
    }
  }

  /** The memory forgets something. */
  forgotten(entry: Entry): void {
    if (entry.pins > 0) {
      for (const named of this) named.forgotten(entry);
    } else if (entry.acknowledgedBy !== undefined) {
      for (const named of entry.acknowledgedBy) (named as Named).forgotten(entry);
    }
  }

  // ---------------------------------------------------------------- time

  /** Something of a subscriber is to be saved, not at once. */
  saveSoon(named: Named): void {
    this.#unsaved.add(named);
    if (this.#saveDue < Infinity) return;
    this.#saveDue = this.#context.clock.now() + SAVE_AFTER_MS;
    this.#context.outlet.dueChanged?.();
  }

  /** When {@linkcode tick} is to be called, in monotonic ms. */
  get due(): number {
    return this.#saveDue;
  }

  /** Saves what is to be saved. */
  tick(now: number): void {
    if (now < this.#saveDue) return;
    this.#saveDue = Infinity;
    for (const named of this.#unsaved) named.save();
    this.#unsaved.clear();
  }

  /** What can never arrive any more needn't be known as acknowledged. */
  sweep(now: number): void {
    for (const named of [...this.#early]) {
      if (now - named.activeAt < MAX_NOTIFICATION_AGE_MS) continue;
      named.clearEarly();
      this.#early.delete(named);
    }
  }
}
