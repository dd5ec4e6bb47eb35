/**
 * Notifications of one server, as simple as they can be: for tests of what is around them.
 *
 * @module
 */

import type { Notification } from "../../lib/notify/notification.ts";
import type {
  Notifications,
  Receipts,
  SubscribeOptions,
  Subscriber,
  Subscription,
  TopicCount,
} from "../../lib/notify/notifications.ts";
import { matches } from "../../lib/wire/topic.ts";

/** A subscriber who is in the mode, or has a name. */
export class FakeSubscription implements Subscription {
  readonly topics: readonly string[];
  readonly as: string | undefined;
  readonly unknownSince: boolean;
  active = true;
  abandoned = false;
  queue: Notification[] = [];
  readonly pushed = new Map<string, Notification>();
  readonly acknowledged = new Set<string>();
  #resumed = false;

  constructor(
    readonly subscriber: Subscriber,
    options: SubscribeOptions,
    readonly due: number,
    readonly seconds: number,
    all: readonly Notification[],
  ) {
    this.topics = options.topics.length > 0 ? options.topics : ["**"];
    this.as = options.as;
    const { since } = options;
    const at = all.findIndex(({ id }) => id === since);
    this.unknownSince = since !== undefined && since !== "all" && at < 0;
    if (since !== undefined) { for (const one of all.slice(at + 1)) this.offer(one); }
  }

  get pending(): number {
    return this.queue.length;
  }

  offer(notification: Notification): boolean {
    const wanted = this.topics.some((topic) => matches(topic, notification.topic));
    if (wanted) this.queue.push(notification);
    if (this.#resumed) this.resume();
    return wanted;
  }

  resume(): void {
    this.#resumed = true;
    while (this.active && this.queue.length > 0 && this.subscriber.takes) {
      const next = this.queue.shift() as Notification;
      this.pushed.set(next.id, next);
      this.subscriber.push(next);
    }
  }

  acknowledge(id: string): boolean {
    if (!this.pushed.has(id)) return false;
    this.acknowledged.add(id);
    return true;
  }

  awaits(id: string): boolean {
    return this.pushed.has(id) && !this.acknowledged.has(id);
  }

  leave(): void {
    this.active = false;
  }

  abandon(): void {
    this.active = false;
    this.abandoned = true;
  }

  end(why: Parameters<Subscriber["ended"]>[0]): void {
    if (!this.active) return;
    this.active = false;
    this.subscriber.ended(why);
  }
}

/** What the talker needs of {@linkcode Notifications}; ids are `n.1`, `n.2`, …. */
export class FakeNotifications implements Notifications {
  readonly all: Notification[] = [];
  readonly subscriptions: FakeSubscription[] = [];
  /** What `receipts` gives. */
  receipt: Receipts | undefined;
  /** What `subscribe` throws. */
  refusal: string | undefined;
  #offers: Notification[] = [];
  #number = 0;
  readonly #now: () => number;
  readonly #wall: () => number;

  constructor(now: () => number, wall: () => number) {
    this.#now = now;
    this.#wall = wall;
  }

  hasSubscriber(name: string): boolean {
    return this.subscriptions.some(({ as }) => as === name);
  }

  publish(
    what: { topic: string; text: string; nick: string; details?: string | undefined },
  ): { id: string; subscribers: number } {
    const id = `n.${++this.#number}`;
    const one: Notification = { ...what, id, time: this.#wall(), server: "kitchen" };
    this.all.push(one);
    if (what.details !== undefined) this.#offers.push(one);
    let subscribers = 0;
    for (const subscription of this.subscriptions) {
      if (subscription.active && subscription.offer(one)) subscribers++;
    }
    return { id, subscribers };
  }

  subscribe(subscriber: Subscriber, options: SubscribeOptions): Subscription {
    if (this.refusal !== undefined) throw new Error(this.refusal);
    for (const old of this.subscriptions) {
      if (old.subscriber === subscriber) old.leave();
      else if (options.as !== undefined && old.as === options.as) {
        old.end({ type: "replaced", name: options.as });
      }
    }
    const due = this.#now() + options.timeout;
    const made = new FakeSubscription(subscriber, options, due, options.timeout / 1000, this.all);
    this.subscriptions.push(made);
    return made;
  }

  get last(): string | undefined {
    return this.all.at(-1)?.id;
  }

  topics(): TopicCount[] {
    const topics = [...new Set(this.all.map(({ topic }) => topic))].sort();
    return topics.map((topic) => ({
      topic,
      notifications: this.all.filter((one) => one.topic === topic).length,
      subscribers:
        this.subscriptions.filter(({ active, topics }) =>
          active && topics.some((pattern) => matches(pattern, topic))
        ).length,
    }));
  }

  receipts(_id: string, _wait: number): Promise<Receipts | undefined> {
    return Promise.resolve(this.receipt);
  }

  offers(): readonly Notification[] {
    return this.#offers;
  }

  withdraw(id: string): boolean {
    const before = this.#offers.length;
    this.#offers = this.#offers.filter((offer) => offer.id !== id);
    return this.#offers.length < before;
  }

  get due(): number {
    return Math.min(Infinity, ...this.subscriptions.map((one) => one.active ? one.due : Infinity));
  }

  tick(now: number): void {
    for (const one of this.subscriptions) {
      if (one.active && one.due <= now) one.end({ type: "timeout", seconds: one.seconds });
    }
  }

  stats(): string[] {
    return [`notifications: ${this.all.length}`];
  }
}
