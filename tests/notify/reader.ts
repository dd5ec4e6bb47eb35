/** A session in notification mode, and a clock, as tests want them. */
import type { BoardClock } from "../../lib/notify/context.ts";
import type { Notification } from "../../lib/notify/notification.ts";
import type { SubscribeOptions, Subscriber, Subscription } from "../../lib/notify/notifications.ts";

/** A clock that stands until it is moved. */
export class HandClock implements BoardClock {
  mono = 0;
  time = 1_700_000_000_000;

  now(): number {
    return this.mono;
  }

  wall(): number {
    return this.time;
  }

  /** Lets time pass. */
  pass(ms: number): void {
    this.mono += ms;
    this.time += ms;
  }
}

/** What {@linkcode Reader} subscribes to. */
export interface Subscribes {
  subscribe(subscriber: Subscriber, options: SubscribeOptions): Subscription;
}

/** Someone who reads. */
export class Reader implements Subscriber {
  takes = true;
  readonly got: Notification[] = [];
  dropped_ = 0;
  why: Parameters<Subscriber["ended"]>[0] | undefined;
  subscription: Subscription | undefined;

  constructor(readonly nick = "bob") {}

  push(notification: Notification): void {
    this.got.push(notification);
  }

  dropped(count: number): void {
    this.dropped_ += count;
  }

  ended(why: Parameters<Subscriber["ended"]>[0]): void {
    this.why = why;
  }

  /** Subscribes and has what waits pushed. */
  enter(board: Subscribes, options: Partial<SubscribeOptions> = {}): this {
    this.subscription = board.subscribe(this, { topics: [], timeout: 60_000, ...options });
    this.subscription.resume();
    return this;
  }

  /** What it got, as texts. */
  get texts(): string[] {
    return this.got.map(({ text }) => text);
  }

  /** Acknowledges what it got with this text, or all. */
  ack(text?: string): boolean {
    return this.got.filter((one) => text === undefined || one.text === text)
      .map(({ id }) => this.subscription!.acknowledge(id)).every((done) => done);
  }

  /** Forgets what it got. */
  clear(): void {
    this.got.length = 0;
    this.dropped_ = 0;
  }
}
