/**
 * A board in a mesh: what is published on one server reaches the subscribers on all of them, and what one server
 * knows of named subscribers, acknowledgements and offers all of them know.
 *
 * @module
 */

import type { Delivery, StateChange } from "../mesh/observers.ts";
import { endOfTurn } from "../net/turn.ts";
import { decodeText } from "../wire/text.ts";
import { Board, type BoardOptions, type Publication } from "./board.ts";
import type { BoardClock } from "./context.ts";
import type { Entry } from "./memory.ts";
import { NOTIFY_KIND } from "./kinds.ts";
import { encodeListeners, Listeners } from "./listeners.ts";
import { MeshReceipts } from "./mesh_receipts.ts";
import {
  type Changes,
  decodeJson,
  decodeNotification,
  encodeNotification,
  parseChanges,
} from "./messages.ts";
import type { Notification } from "./notification.ts";
import type {
  Notifications,
  Receipts,
  SubscribeOptions,
  Subscriber,
  Subscription,
  TopicCount,
} from "./notifications.ts";
import { Outbound } from "./outbound.ts";
import { Parking } from "./parking.ts";
import type { After, NotifyMesh } from "./room_mesh.ts";
import { formatId } from "./stream.ts";
import { Sync } from "./sync.ts";

/** The others are told who listens here no more often than this, in milliseconds. */
const LISTENERS_EVERY_MS = 50;

const SYSTEM_CLOCK: BoardClock = { now: () => performance.now(), wall: () => Date.now() };

/** How a room is made. */
export interface NotifyRoomOptions extends Pick<BoardOptions, "store" | "limits"> {
  readonly driver: NotifyMesh;
  /** @default the system's clocks */
  readonly clock?: BoardClock;
  /** Is told when {@linkcode NotifyRoom.due} came nearer, also by something that came from the mesh. */
  readonly dueChanged?: () => void;
  /** Calls something at the end of the turn. @default `endOfTurn` */
  readonly later?: (action: () => void) => void;
  /** Calls something after some ms. @default setTimeout */
  readonly after?: After;
}

/** {@linkcode Notifications} over a mesh. */
export class NotifyRoom implements Notifications {
  /** What this server knows. */
  readonly board: Board;
  readonly #driver: NotifyMesh;
  readonly #later: (action: () => void) => void;
  readonly #after: After;
  readonly #timers = new Set<() => void>();
  readonly #outbound = new Outbound();
  readonly #listeners = new Listeners();
  readonly #receipts: MeshReceipts;
  readonly #parking: Parking;
  readonly #sync: Sync;
  #flushing = false;
  #listenersDue = false;
  #told = "";
  #stopped = false;
  #garbage = 0;

  /** Registers with the mesh; the board comes back as the store remembers it. */
  constructor(options: NotifyRoomOptions) {
    const { driver, clock = SYSTEM_CLOCK, store, limits, dueChanged } = options;
    this.#driver = driver;
    const later = options.later ?? ((action) => void endOfTurn(action));
    this.#later = (action) => later(() => this.#stopped || action());
    this.#after = options.after ?? timeout;
    this.board = new Board({
      node: driver.node.identity,
      clock,
      store,
      ...(limits === undefined ? {} : { limits }),
      elsewhere: (topic) => this.#listeners.count(topic),
      outlet: {
        acknowledged: (key, id) => this.#tell(() => this.#outbound.acknowledged(key, id)),
        subscribed: (key, record) => this.#tell(() => this.#outbound.subscribed(key, record)),
        withdrawn: (id) => this.#tell(() => this.#outbound.withdrawn(id)),
        listenersChanged: () => this.#listenersChanged(),
        receiptChanged: (entry: Entry) => this.#receipts?.changed(entry.notification.id),
        ...(dueChanged === undefined ? {} : { dueChanged }),
      },
    });
    const { board } = this;
    const after: After = (ms, action) => this.#timer(ms, action);
    this.#receipts = new MeshReceipts({ mesh: driver, board, after, later: this.#later });
    this.#parking = new Parking(board, after);
    this.#sync = new Sync({
      mesh: driver,
      board,
      after,
      // What is remembered elsewhere of subscribers comes first, then what waits for them.
      settled: () => this.#parking.release(),
      learned: (changes) => this.#apply(changes),
      garbage: () => void this.#garbage++,
    });
    this.#parking.isHeld = () => this.#sync.isBusy;
    this.#restore();
    const { node } = driver;
    node.observe(NOTIFY_KIND.notification, { delivered: (delivery) => this.#published(delivery) });
    node.observe(NOTIFY_KIND.changes, { delivered: (delivery) => this.#changed(delivery) });
    node.observe(NOTIFY_KIND.listeners, { stateChanged: (change) => this.#listening(change) });
    driver.watch({
      reachable: (id) => {
        this.#sync.reachable(id);
        this.#receipts.reachable(id);
      },
      unreachable: (id) => {
        this.#listeners.delete(id);
        this.#sync.unreachable(id);
        this.#receipts.unreachable();
      },
      gap: () => this.#sync.missed(),
    });
    // Also where nobody listens: so the others know that there is a board.
    this.#listenersChanged();
  }

  /** Ends what it waits for. */
  stop(): void {
    this.#flush();
    this.#stopped = true;
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  #timer(ms: number, action: () => void): () => void {
    const cancel = this.#after(ms, () => {
      this.#timers.delete(cancel);
      if (!this.#stopped) action();
    });
    this.#timers.add(cancel);
    return () => {
      this.#timers.delete(cancel);
      cancel();
    };
  }

  // ---------------------------------------------------------------- to the others

  // What a turn brings goes out at its end, in one message.
  #tell(collect: () => void): void {
    if (this.#outbound.isFull) this.#flush();
    collect();
    if (this.#flushing) return;
    this.#flushing = true;
    this.#later(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = false;
    if (this.#stopped || this.#outbound.isEmpty) return;
    this.#driver.publish(NOTIFY_KIND.changes, this.#outbound.take(), this.board.clock.wall());
  }

  #listenersChanged(): void {
    if (this.#listenersDue) return;
    this.#listenersDue = true;
    this.#later(() => this.#tellListeners());
  }

  #tellListeners(): void {
    if (this.#stopped) return;
    const patterns: (readonly string[])[] = [];
    for (const { named, topics } of this.board.sessions) {
      if (named === undefined) patterns.push(topics);
    }
    const payload = encodeListeners(patterns);
    const told = decodeText(payload);
    if (told === this.#told) {
      this.#listenersDue = false;
      return;
    }
    this.#told = told;
    this.#driver.now((node, now) => node.setState(NOTIFY_KIND.listeners, payload, now));
    // What changes from now on is told together, a little later.
    this.#timer(LISTENERS_EVERY_MS, () => this.#tellListeners());
  }

  // ---------------------------------------------------------------- from the others

  // What the mesh had brought and the board did not have yet when this server ended: it was parked, and the
  // mesh does not bring it again.
  #restore(): void {
    this.#driver.now((node, now) => {
      for (const { batch, age } of node.retained(NOTIFY_KIND.notification, now)) {
        const { origin, incarnation, time } = batch;
        const stream = `${origin}.${incarnation}`;
        batch.forEach((payload, sequence) => {
          const stamp = { stream, sequence };
          const notification = decodeNotification(payload, stamp, time);
          if (notification !== undefined) {
            this.board.take(notification, stamp, { age, isLate: true });
          }
        });
      }
    });
  }

  #published({ batch, past, local }: Delivery): void {
    if (local) return;
    const { origin, incarnation, time } = batch;
    const stream = `${origin}.${incarnation}`;
    batch.forEach((payload, sequence) => {
      const stamp = { stream, sequence };
      const notification = decodeNotification(payload, stamp, time);
      if (notification === undefined) this.#garbage++;
      else if (this.#parking.holds(stamp, past)) this.#parking.park(notification, stamp, past);
      else this.board.take(notification, stamp);
      if (notification !== undefined) this.#receipts.changed(notification.id);
    });
  }

  #changed({ batch, local }: Delivery): void {
    if (local) return;
    batch.forEach((payload) => {
      const changes = parseChanges(decodeJson(payload));
      this.#garbage += changes?.refused ?? 1;
      if (changes !== undefined) this.#apply(changes);
    });
  }

  /** Takes over what changed elsewhere. True when something of it was news. */
  #apply({ subscribers, acknowledged, withdrawn }: Changes): boolean {
    const { board } = this;
    let isNews = false;
    for (const record of subscribers) isNews = board.subscribers.receive(record) || isNews;
    for (const [key, stamps] of acknowledged) {
      const named = board.subscribers.meet(key);
      if (named === undefined) continue;
      for (const stamp of stamps) isNews = board.acknowledged(named, formatId(stamp)) || isNews;
    }
    for (const id of withdrawn) isNews = board.withdrawn(id) || isNews;
    return isNews;
  }

  #listening({ origin, payload }: StateChange): void {
    if (origin === this.#driver.node.identity.id) return;
    this.#sync.hasBoard(origin);
    if (!this.#listeners.set(origin, payload)) this.#garbage++;
  }

  // ---------------------------------------------------------------- the talker's side

  publish(what: Publication): { id: string; subscribers: number } {
    const { board } = this;
    const written = board.write(what);
    const { id, incarnation } = this.#driver.node.identity;
    const payload = encodeNotification(written);
    const { first } = this.#driver.publish(NOTIFY_KIND.notification, [payload], written.time);
    const stamp = { stream: `${id}.${incarnation}`, sequence: first };
    this.#receipts.published(formatId(stamp), this.#listeners.servers(what.topic));
    return board.published(written, stamp);
  }

  hasSubscriber(name: string): boolean {
    return this.board.hasSubscriber(name);
  }

  subscribe(subscriber: Subscriber, options: SubscribeOptions): Subscription {
    return this.board.subscribe(subscriber, options);
  }

  get last(): string | undefined {
    return this.board.last;
  }

  topics(): TopicCount[] {
    return this.board.topics();
  }

  receipts(id: string, wait: number): Promise<Receipts | undefined> {
    return this.#receipts.ask(id, wait);
  }

  offers(): readonly Notification[] {
    return this.board.offers();
  }

  withdraw(id: string): boolean {
    return this.board.withdraw(id);
  }

  get due(): number {
    return this.board.due;
  }

  tick(now: number): void {
    this.board.tick(now);
  }

  stats(): string[] {
    return [...this.board.stats(), `notifications from servers: ${this.#garbage} refused`];
  }
}

function timeout(ms: number, action: () => void): () => void {
  const timer = setTimeout(action, ms);
  return () => clearTimeout(timer);
}
