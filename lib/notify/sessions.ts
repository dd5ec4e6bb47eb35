/**
 * The sessions in notification mode on a board, and those that were lately: PURE.
 *
 * @module
 */

import type { BoardContext } from "./context.ts";
import type { Named } from "./named.ts";
import type { Subscriber } from "./notifications.ts";
import { Queue } from "../wire/queue.ts";
import { Session, type SessionHost } from "./session.ts";

/** Sessions are looked at no more often than this for those whose time is over, in milliseconds. */
const LOOK_EVERY_MS = 100;
/** Nameless sessions that ended stand in receipts while what they take is not more than this in all: 10,000 at the most. */
const MAX_FORMER_SIZE = 100_000;
/** What each takes, beside one for each notification that it has not acknowledged. */
const FORMER_SIZE = 10;

/** The sessions, each by its subscriber. */
export class Sessions implements Iterable<Session> {
  readonly #context: BoardContext;
  readonly #acknowledge: SessionHost["acknowledge"];
  readonly #all = new Map<Subscriber, Session>();
  readonly #former = new Queue<{ readonly session: Session; readonly size: number }>();
  #formerSize = 0;
  #numbers = 0;
  #due = Infinity;

  /** None yet. */
  constructor(context: BoardContext, acknowledge: SessionHost["acknowledge"]) {
    this.#context = context;
    this.#acknowledge = acknowledge;
  }

  /** Sessions in the mode. */
  get size(): number {
    return this.#all.size;
  }

  [Symbol.iterator](): Iterator<Session> {
    return this.#all.values();
  }

  /** The nameless ones that may have got a notification on `topic`, those included that ended lately. */
  *nameless(topic: string): Generator<Session> {
    for (const { session } of this.#former) yield session;
    for (const listener of this.#context.index.match(topic)) {
      if (listener instanceof Session) yield listener;
    }
  }

  /** The session in which `subscriber` goes on as `named`, or a new one; what it had otherwise ends. */
  enter(subscriber: Subscriber, named: Named | undefined): Session {
    const before = this.#all.get(subscriber);
    if (before !== undefined && before.named === named) return before;
    before?.leave();
    named?.session?.expel({ type: "replaced", name: named.record.name });
    const session = new Session(++this.#numbers, subscriber, named, this.#context, {
      acknowledge: this.#acknowledge,
      ended: (one) => this.#ended(one),
    });
    this.#all.set(subscriber, session);
    if (named !== undefined) named.session = session;
    return session;
  }

  #ended(session: Session): void {
    if (this.#all.get(session.subscriber) === session) this.#all.delete(session.subscriber);
    if (session.named !== undefined) return;
    const size = FORMER_SIZE + session.unsettled;
    this.#former.push({ session, size });
    this.#formerSize += size;
    while (this.#formerSize > MAX_FORMER_SIZE) this.#formerSize -= this.#former.shift()!.size;
    this.#context.outlet.listenersChanged?.();
  }

  /** When {@linkcode tick} is to be called, in monotonic ms. */
  get due(): number {
    return this.#due;
  }

  /** The mode of `session` ends at its deadline. */
  watch({ deadline }: Session): void {
    this.#due = Math.min(this.#due, deadline);
  }

  /** Ends the mode where its time is over. */
  tick(now: number): void {
    if (now < this.#due) return;
    let due = Infinity;
    for (const session of [...this.#all.values()]) {
      if (session.deadline > now) due = Math.min(due, session.deadline);
      else session.expel({ type: "timeout", seconds: session.timeout / 1_000 });
    }
    this.#due = due === Infinity ? Infinity : Math.max(due, now + LOOK_EVERY_MS);
  }
}
