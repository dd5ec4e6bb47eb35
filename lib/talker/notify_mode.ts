/**
 * A session's notification mode: while it lasts the session gets notifications and no chat.
 *
 * @module
 */

import type { Notification } from "../notify/notification.ts";
import type {
  Notifications,
  SubscribeOptions,
  Subscriber,
  Subscription,
} from "../notify/notifications.ts";
import {
  MAX_FORMER_SUBSCRIPTIONS,
  MAX_QUEUED_PUSHES,
  MAX_QUEUED_PUSHES_BYTES,
} from "../wire/limits.ts";
import type { TalkerEvent } from "./event.ts";
import { encodeEvent, type Format } from "./format.ts";
import type { Session } from "./session.ts";
import type { Talker } from "./talker.ts";

/** The subscriber that a session is, from its first `/notify` on. */
export class NotifyMode implements Subscriber {
  readonly #talker: Talker;
  readonly #session: Session;
  /** The last one: acknowledgements go there also when the mode is over. */
  #subscription: Subscription | undefined;
  /** Those before it, the last one first: what they pushed may be acknowledged yet. */
  #former: readonly Subscription[] = [];
  #active = false;
  /** It was asked whether it takes more, and didn't. */
  #isFull = false;

  /** A session that is not in the mode. */
  constructor(talker: Talker, session: Session) {
    this.#talker = talker;
    this.#session = session;
  }

  /** Is the session in the mode? */
  get active(): boolean {
    return this.#active;
  }

  /** Is more to be pushed when the client has taken some? */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** The last one, also when the mode is over; undefined before the first. */
  get subscription(): Subscription | undefined {
    return this.#subscription;
  }

  /**
   * Begins the mode, or renews it with what is asked now. Nothing is pushed before {@linkcode resume}.
   *
   * @throws {Error} when there are too many subscribers; then all is as it was.
   */
  begin(notifications: Notifications, options: SubscribeOptions): Subscription {
    const subscription = notifications.subscribe(this, options);
    const before = this.#subscription;
    if (before !== undefined && before !== subscription) {
      const former = [before, ...this.#former];
      for (const one of former.splice(MAX_FORMER_SUBSCRIPTIONS)) one.abandon();
      this.#former = former;
    }
    this.#subscription = subscription;
    this.#active = true;
    this.#isFull = false;
    this.#talker.tune(this.#session);
    return subscription;
  }

  /** Pushes what waits. */
  resume(): void {
    if (this.#active) this.#subscription?.resume();
  }

  /** Leaves the mode, if the session is in it. */
  leave(): void {
    if (!this.#active) return;
    this.#active = false;
    this.#subscription?.leave();
    this.#talker.tune(this.#session);
  }

  /** The session is over: it leaves the mode, and acknowledges nothing any more. */
  close(): void {
    this.leave();
    this.#subscription?.abandon();
    for (const former of this.#former) former.abandon();
  }

  /** Acknowledges a notification; false when there is no such for this session. */
  acknowledge(id: string): boolean {
    if (this.#subscription === undefined) return false;
    const all = [this.#subscription, ...this.#former];
    // For each by which it came here. Where it came by none it may be late, or forgotten.
    const owing = all.filter((subscription) => subscription.awaits(id));
    for (const subscription of owing) subscription.acknowledge(id);
    return owing.length > 0 || all.some((subscription) => subscription.acknowledge(id));
  }

  /** The client took some of what is queued: more is pushed, if that was waited for. */
  took(): void {
    if (this.#isFull && this.takes) this.resume();
  }

  // The board's side.

  get nick(): string {
    return this.#session.nick;
  }

  get takes(): boolean {
    const { outbox } = this.#session;
    // Once full, it takes no more before half of that is gone: or each line read would be one pushed.
    const part = this.#isFull ? 2 : 1;
    this.#isFull = outbox.privateBytes >= MAX_QUEUED_PUSHES_BYTES / part ||
      outbox.pieces >= MAX_QUEUED_PUSHES / part;
    return !this.#isFull;
  }

  push(notification: Notification): void {
    this.#session.sendEncoded(encodePush(this.#session.format, notification));
  }

  dropped(count: number): void {
    const text = `${count} notifications were dropped: they were too many or too old`;
    this.#notice({ text, dropped: count });
  }

  ended(why: { type: "timeout"; seconds: number } | { type: "replaced"; name: string }): void {
    if (!this.#active) return;
    this.#active = false;
    const text = why.type === "timeout"
      ? `Notifications off after ${why.seconds} s: /notify goes on`
      : `Notifications off: ${why.name} came back on another connection`;
    const replaced = why.type === "replaced" ? { replaced: true as const } : {};
    this.#notice({ text, notifications: false, ...replaced });
    this.#talker.tune(this.#session);
  }

  #notice(notice: Omit<TalkerEvent & { type: "notice" }, "type" | "time">): void {
    this.#session.send({ type: "notice", time: this.#talker.wall, ...notice });
  }
}

// A notification goes to its subscribers one after the other: it is encoded once for each format.
let lastPushed: Notification | undefined;
const lastEncoded: (Uint8Array | undefined)[] = [];

function encodePush(format: Format, notification: Notification): Uint8Array {
  if (notification !== lastPushed) {
    lastPushed = notification;
    lastEncoded.length = 0;
  }
  return lastEncoded[format.index] ??= encodeEvent(format, eventOf(notification));
}

function eventOf({ id, topic, text, time, nick, server }: Notification): TalkerEvent {
  return { type: "notify", id, topic, text, time, nick, server };
}
