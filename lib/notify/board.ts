/**
 * The board: notifications, who wants them and who got them, on one server: PURE. Time is asked of a clock that
 * is passed in; what other servers are to hear goes out through an outlet. Alone it is a server
 * without a mesh; `NotifyRoom` (notify_room.ts) puts it into one.
 *
 * @module
 */

import {
  MAX_NAMED_SUBSCRIBERS,
  MAX_NOTIFICATION_AGE_MS,
  MAX_PATTERNS_IN_ALL,
  MAX_PENDING_NOTIFICATIONS,
} from "../wire/limits.ts";
import type { BoardOptions, BoardReceipt, Publication } from "./board_options.ts";
import type { BoardClock, BoardContext, BoardNode, Listener } from "./context.ts";
import { type Entry, Memory } from "./memory.ts";
import { foldNick } from "../wire/nick.ts";
import type { Named } from "./named.ts";
import { NoteBook, NOTES_KEY } from "./notes.ts";
import type { Notification } from "./notification.ts";
import type {
  Notifications,
  Receipts,
  ReceiptState,
  SubscribeOptions,
  Subscriber,
  TopicCount,
} from "./notifications.ts";
import { Offers } from "./offers.ts";
import { PatternIndex } from "./pattern_index.ts";
import { ReceiptDesk, sortReceipts } from "./receipt_desk.ts";
import type { Session } from "./session.ts";
import { Sessions } from "./sessions.ts";
import type { NotificationStore } from "./store.ts";
import { formatId, parseId, type Stamp } from "./stream.ts";
import { Subscribers } from "./subscribers.ts";
import { EVERYTHING, isTopic, OFFERS_TOPIC } from "../wire/topic.ts";

/** The memory is looked at no more often than this for what is too old, in milliseconds. */
const SWEEP_EVERY_MS = 60_000;

export type { BoardOptions, BoardReceipt, Publication } from "./board_options.ts";

/** How far a notification can have come, for one who was in the mode several times. */
const PROGRESS: readonly ReceiptState[] = ["expired", "queued", "delivered", "acknowledged"];

const ALONE = { id: "0".repeat(16), incarnation: 1, name: "server" };

/**
 * {@linkcode Notifications} of one server.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { Board } from "./board.ts";
 * let now = 0;
 * const board = new Board({ clock: { now: () => now, wall: () => 1_700_000_000_000 + now } });
 * const got: string[] = [];
 * const subscription = board.subscribe({
 *   nick: "bob",
 *   takes: true,
 *   push: ({ topic, text }) => got.push(`${topic} ${text}`),
 *   dropped: () => {},
 *   ended: () => {},
 * }, { topics: ["door/*"], timeout: 60_000 });
 * subscription.resume();
 * const { subscribers } = board.publish({ topic: "door/front", text: "open", nick: "eve" });
 * assertEquals([subscribers, got], [1, ["door/front open"]]);
 * now = 60_000;
 * board.tick(now);
 * assertEquals(subscription.active, false);
 * ```
 */
export class Board implements Notifications {
  /** What is remembered. */
  readonly memory: Memory;
  /** Those with a name. */
  readonly subscribers: Subscribers;
  /** Those in notification mode here. */
  readonly sessions: Sessions;
  /** The notice board. */
  readonly posted: Offers;
  readonly #node: BoardNode;
  readonly #elsewhere: (topic: string) => number;
  readonly #context: BoardContext;
  readonly #desk = new ReceiptDesk();
  readonly #notes: NoteBook;
  readonly #counters = { published: 0, taken: 0, acknowledged: 0 };
  #sequence = 0;
  #sweepDue = Infinity;

  /** A board as the store remembers it. */
  constructor(options: BoardOptions) {
    const { node = ALONE, clock, store, outlet = {}, limits = {} } = options;
    this.#node = node;
    this.#elsewhere = options.elsewhere ?? (() => 0);
    this.memory = new Memory((entry) => this.#forgotten(entry), limits);
    this.posted = new Offers(store);
    this.#notes = new NoteBook(clock, this.memory, this.posted, store);
    const receiptChanged = (entry: Entry) => {
      outlet.receiptChanged?.(entry);
      this.#desk.changed(entry.notification.id, true);
    };
    this.#context = {
      clock,
      memory: this.memory,
      index: new PatternIndex<Listener>(),
      store,
      outlet: { ...outlet, receiptChanged },
      maxPending: limits.pending ?? MAX_PENDING_NOTIFICATIONS,
      unsaved: (named) => this.subscribers.saveSoon(named),
      told: (named) => this.subscribers.told(named),
    };
    this.subscribers = new Subscribers(node, this.#context);
    this.sessions = new Sessions(this.#context, (one, id) => this.#acknowledge(one, id));
    if (store !== undefined) this.#load(store);
  }

  /** How the board keeps time. */
  get clock(): BoardClock {
    return this.#context.clock;
  }

  #load(store: NotificationStore): void {
    const { notifications, subscribers, offers } = store.load();
    const settled = new Map<string, Named[]>();
    for (const { name, record, settled: ids } of subscribers) {
      if (name === NOTES_KEY) this.#notes.restore(record);
      const named = name === NOTES_KEY ? undefined : this.subscribers.restore(name, record);
      if (named === undefined) continue;
      for (const id of ids) {
        const others = settled.get(id);
        if (others === undefined) settled.set(id, [named]);
        else others.push(named);
      }
    }
    const now = this.clock.now();
    const ageOf = this.#notes.ageTeller();
    for (const notification of notifications) {
      const { id } = notification;
      const stamp = parseId(id);
      const age = ageOf(id);
      if (stamp === undefined || age >= MAX_NOTIFICATION_AGE_MS) {
        store.forget(id);
        continue;
      }
      const entry = this.memory.add(notification, stamp, { bornAt: now - age, now });
      for (const named of settled.get(id) ?? []) named.restoreSettled(entry);
      this.#offer(entry);
    }
    this.#notes.restored();
    this.#sequence = this.memory.clock.get(this.#stream) ?? 0;
    for (const offer of offers) this.posted.add(offer, { restored: true });
    if (this.memory.size > 0) this.#sweepDue = now;
  }

  // ---------------------------------------------------------------- what is published

  publish(what: Publication): { id: string; subscribers: number } {
    return this.published(this.write(what), { stream: this.#stream, sequence: ++this.#sequence });
  }

  get #stream(): string {
    return `${this.#node.id}.${this.#node.incarnation}`;
  }

  /** A notification that is published here now; it has no id yet. */
  write({ topic, text, nick, details }: Publication): Omit<Notification, "id"> {
    const time = Math.max(0, Math.floor(this.clock.wall()));
    return { topic, text, time, nick, server: this.#node.name, details };
  }

  /** It was published here, at that place. */
  published(what: Omit<Notification, "id">, stamp: Stamp): { id: string; subscribers: number } {
    const id = formatId(stamp);
    this.#counters.published++;
    const subscribers = this.countSubscribers(what.topic);
    this.take({ id, ...what }, stamp);
    return { id, subscribers };
  }

  /** Subscribers of a topic, mesh-wide. */
  countSubscribers(topic: string): number {
    return this.#context.index.match(topic).length + this.#elsewhere(topic);
  }

  /**
   * A notification arrived, from here or another server. `age`: for how long it was there, in ms; `isLate`: it is
   * no news; `isPast`: and nobody knows how old. False when it was known, or is too old.
   */
  take(
    notification: Notification,
    stamp: Stamp,
    { age = 0, isLate = false, isPast = false } = {},
  ): boolean {
    const { memory } = this;
    const { store, outlet } = this.#context;
    const { id, topic, details } = notification;
    if (topic === OFFERS_TOPIC && details !== undefined) this.posted.add(notification);
    if (memory.get(id) !== undefined || memory.isForgotten(stamp)) return false;
    if (age >= MAX_NOTIFICATION_AGE_MS) return false;
    const now = this.clock.now();
    const arrival = { bornAt: now - age, now, isLate: isLate || isPast, isPast };
    const entry = memory.add(notification, stamp, arrival);
    this.#counters.taken++;
    store?.notification(notification);
    this.#notes.arrived(id, now);
    this.#offer(entry);
    if (this.#sweepDue === Infinity) {
      this.#sweepDue = now + SWEEP_EVERY_MS;
      outlet.dueChanged?.();
    }
    return true;
  }

  #offer(entry: Entry): void {
    for (const listener of this.#context.index.match(entry.topic)) listener.offer(entry);
    this.subscribers.arrived(entry);
    this.memory.trim();
  }

  #forgotten(entry: Entry): void {
    this.#context.store?.forget(entry.notification.id);
    this.subscribers.forgotten(entry);
    this.#context.outlet.receiptChanged?.(entry);
  }

  // ---------------------------------------------------------------- subscribing

  subscribe(subscriber: Subscriber, options: SubscribeOptions): Session {
    const { topics, as, since, timeout } = options;
    const { index, outlet } = this.#context;
    if (index.size + topics.length > MAX_PATTERNS_IN_ALL) {
      throw new Error(
        `Cannot subscribe: there are ${MAX_PATTERNS_IN_ALL} subscriptions already; try again later`,
      );
    }
    const named = as === undefined ? undefined : this.subscribers.meet(foldNick(as));
    if (as !== undefined && named === undefined) {
      throw new Error(
        `Cannot subscribe as ${as}: there are ${MAX_NAMED_SUBSCRIBERS} named subscribers already`,
      );
    }
    const known = since === undefined ? undefined : this.memory.get(since)?.index;
    const from = since === undefined ? undefined : known ?? 0;
    const session = this.sessions.enter(subscriber, named);
    session.isExplicit = topics.length > 0;
    if (named !== undefined) this.subscribers.subscribe(named, as!, topics, from);
    const patterns = named?.record.wants.map(({ pattern }) => pattern) ??
      (topics.length > 0 ? [...new Set(topics)] : [EVERYTHING]);
    session.renew(patterns, timeout);
    session.unknownSince = since !== undefined && since !== "all" && known === undefined;
    if (from !== undefined) session.replay(from);
    else if (named !== undefined) session.requeue();
    this.sessions.watch(session);
    if (named === undefined) outlet.listenersChanged?.();
    outlet.dueChanged?.();
    return session;
  }

  hasSubscriber(name: string): boolean {
    return this.subscribers.get(foldNick(name)) !== undefined;
  }

  #acknowledge(session: Session, id: string): boolean {
    const { named } = session;
    const entry = this.memory.get(id);
    if (named === undefined) return entry !== undefined && session.acknowledgeHere(entry);
    if (entry !== undefined) {
      if (!named.isRecipient(entry)) return false;
      if (!this.acknowledged(named, id)) return true;
    } else {
      // Forgotten here, it may still wait for the name elsewhere.
      const stamp = parseId(id);
      if (stamp === undefined || !this.memory.isForgotten(stamp)) return false;
    }
    this.#context.outlet.acknowledged?.(named.key, id);
    return true;
  }

  /** A named subscriber acknowledged, here or elsewhere. False when that was known. */
  acknowledged(named: Named, id: string): boolean {
    const isNews = this.subscribers.acknowledged(named, id);
    if (isNews) this.#counters.acknowledged++;
    return isNews;
  }

  // ---------------------------------------------------------------- queries

  get last(): string | undefined {
    return this.memory.newest;
  }

  topics(): TopicCount[] {
    const counts = new Map<string, number>(this.memory.topics);
    for (const patterns of this.#patterns()) {
      for (const pattern of patterns) {
        if (isTopic(pattern) && !counts.has(pattern)) counts.set(pattern, 0);
      }
    }
    return [...counts].sort(([a], [b]) => a < b ? -1 : 1).map(([topic, notifications]) => (
      { topic, notifications, subscribers: this.countSubscribers(topic) }
    ));
  }

  *#patterns(): Generator<readonly string[]> {
    for (const { topics } of this.sessions) yield topics;
    for (const { record } of this.subscribers) yield record.wants.map(({ pattern }) => pattern);
  }

  /** Receipts as far as they are known here; undefined when there is no such notification. */
  receiptsHere(id: string): BoardReceipt[] | undefined {
    const entry = this.memory.get(id);
    if (entry === undefined) return undefined;
    const receipts: BoardReceipt[] = [];
    for (const named of this.subscribers) {
      const state = named.stateOf(entry);
      const { record: { name: recipient, server }, key } = named;
      if (state !== undefined) receipts.push({ recipient, server, state, key });
    }
    const server = this.#node.name;
    for (const [{ nick: recipient }, state] of this.#namelessStates(entry)) {
      receipts.push({ recipient, server, state });
    }
    return sortReceipts(receipts);
  }

  /** How far it has come for each nameless one: who was in the mode several times counts once. */
  #namelessStates(entry: Entry): Map<Subscriber, ReceiptState> {
    const states = new Map<Subscriber, ReceiptState>();
    for (const session of this.sessions.nameless(entry.topic)) {
      const { subscriber } = session, state = session.stateOf(entry);
      const before = states.get(subscriber);
      if (state === undefined) continue;
      if (before === undefined || PROGRESS.indexOf(state) > PROGRESS.indexOf(before)) {
        states.set(subscriber, state);
      }
    }
    return states;
  }

  async receipts(id: string, wait: number): Promise<Receipts | undefined> {
    let receipts = this.receiptsHere(id);
    if (receipts === undefined) return undefined;
    return await this.waitForReceipts(id, wait, () => {
      receipts = this.receiptsHere(id) ?? receipts!;
      return { receipts, silent: [] };
    });
  }

  /** Resolves when all that `collect` gives is acknowledged or expired, or after `wait` ms. */
  waitForReceipts(id: string, wait: number, collect: () => Receipts): Promise<Receipts> {
    if (wait <= 0) return Promise.resolve(collect());
    const result = this.#desk.wait(id, this.clock.now() + wait, collect);
    this.#context.outlet.dueChanged?.();
    return result;
  }

  /** Receipts for this id came from elsewhere. */
  receiptsChanged(id: string): void {
    this.#desk.changed(id);
  }

  offers(): readonly Notification[] {
    return this.posted.list();
  }

  withdraw(id: string): boolean {
    if (this.posted.get(id) === undefined) return false;
    this.withdrawn(id);
    this.#context.outlet.withdrawn?.(id);
    return true;
  }

  /** An offer was withdrawn, here or elsewhere. False when that was known. */
  withdrawn(id: string): boolean {
    if (!this.posted.withdraw(id)) return false;
    this.#notes.save();
    return true;
  }

  stats(): string[] {
    const { published, taken, acknowledged } = this.#counters;
    const { size, bytes } = this.memory;
    let waiting = 0;
    for (const { pending } of this.subscribers) waiting += pending.size;
    return [
      `notifications: ${published} published here, ${taken} arrived, ${acknowledged} acknowledged, ` +
      `${size} remembered in ${bytes} bytes`,
      `subscribers: ${this.sessions.size} in notification mode, ${this.subscribers.size} named, ` +
      `for whom ${waiting} wait; ${this.posted.list().length} offers`,
    ];
  }

  // ---------------------------------------------------------------- time

  get due(): number {
    return Math.min(this.sessions.due, this.subscribers.due, this.#desk.due, this.#sweepDue);
  }

  tick(now: number): void {
    this.sessions.tick(now);
    this.subscribers.tick(now);
    this.#desk.tick(now);
    if (now < this.#sweepDue) return;
    this.subscribers.sweep(now);
    const next = this.memory.sweep(now);
    this.#sweepDue = next === Infinity ? Infinity : Math.max(next, now + SWEEP_EVERY_MS);
  }
}
