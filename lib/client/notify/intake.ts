/**
 * What was pushed and what became of it: each notification is handled once, in order, though it may
 * be pushed any number of times. Pure.
 *
 * @module
 */

import {
  MAX_NOTIFICATIONS_FAILED,
  MAX_NOTIFICATIONS_WAITING,
  MAX_NOTIFICATIONS_WAITING_CHARACTERS,
} from "../../wire/limits.ts";
import { RecentIds } from "../catch_up.ts";
import type { Notified } from "./notification.ts";

/** What {@linkcode Intake.push} finds. */
export type Pushed =
  /** It waits to be handled. */
  | "new"
  /** It waits already, or is being handled. */
  | "waiting"
  /** It was handled. */
  | "handled"
  /** Its handler failed, and it is not time to try again. */
  | "failed"
  /** Too much waits: it was not taken, and must be pushed again. */
  | "full";

/** A notification that waits. */
export interface Waiting {
  readonly notification: Notified;
  /** Its details; undefined while they are to be fetched, null where there are none. */
  details: string | null | undefined;
}

/** A queue of notifications, with a memory of those that were handled. */
export class Intake {
  #queue: Waiting[] = [];
  /** The queue begins here: what is taken from the front is cut off now and then. */
  #front = 0;
  #characters = 0;
  /** Ids of those that wait or are being handled. */
  readonly #taken = new Set<string>();
  readonly #handled = new RecentIds();
  /** Ids whose handler failed, with the turn in which it did; the oldest are forgotten. */
  readonly #failed = new Map<string, number>();
  #turn = 0;
  #resumeFrom: string | undefined;
  #missing = false;

  /** The id behind which the server is to go on, so that nothing is missed; undefined before the first. */
  get resumeFrom(): string | undefined {
    return this.#resumeFrom;
  }

  /** Something was not taken since {@linkcode entered}. */
  get isMissing(): boolean {
    return this.#missing;
  }

  /** Less than half of what may wait does. */
  get isRoomy(): boolean {
    return this.size <= MAX_NOTIFICATIONS_WAITING / 2 &&
      this.#characters <= MAX_NOTIFICATIONS_WAITING_CHARACTERS / 2;
  }

  /** How many wait. */
  get size(): number {
    return this.#queue.length - this.#front;
  }

  /** Those that wait. */
  get waiting(): readonly Waiting[] {
    return this.#queue.slice(this.#front);
  }

  /** The one to be handled next. */
  get first(): Waiting | undefined {
    return this.#queue[this.#front];
  }

  /** Nothing was pushed yet, but this is where to begin: the user's `since`, or the server's newest. */
  begin(id: string): void {
    this.#resumeFrom ??= id;
  }

  /** The server pushes, in this order, all that is behind {@linkcode resumeFrom}. */
  entered(): void {
    this.#missing = false;
  }

  /** From now on what failed may be tried again, once. */
  newTurn(): void {
    this.#turn++;
  }

  /** A notification was pushed. */
  push(notification: Notified): Pushed {
    const { id } = notification;
    const pushed = this.#find(id);
    if (pushed === "full") this.#missing = true;
    // Behind a gap the place to go on from stays in front of it.
    if (!this.#missing) this.#resumeFrom = id;
    if (pushed !== "new") return pushed;
    this.#failed.delete(id);
    this.#taken.add(id);
    this.#queue.push({ notification, details: undefined });
    this.#characters += sizeOf(notification);
    return "new";
  }

  /** Takes the first one out, to be handled. */
  take(): Waiting {
    const first = this.first;
    if (first === undefined) throw new RangeError("No notification waits");
    this.#front++;
    if (this.#front > 1024 && this.#front * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#front);
      this.#front = 0;
    }
    this.#characters -= sizeOf(first.notification);
    return first;
  }

  /** One that was taken is handled. */
  handled(id: string): void {
    this.#taken.delete(id);
    this.#handled.add(id);
  }

  /** One that was taken could not be handled. */
  failed(id: string): void {
    this.#taken.delete(id);
    this.#failed.set(id, this.#turn);
    if (this.#failed.size <= MAX_NOTIFICATIONS_FAILED) return;
    for (const oldest of this.#failed.keys()) {
      this.#failed.delete(oldest);
      return;
    }
  }

  #find(id: string): Pushed {
    if (this.#taken.has(id)) return "waiting";
    if (this.#handled.has(id)) return "handled";
    if (this.#failed.get(id) === this.#turn) return "failed";
    const isFull = this.size >= MAX_NOTIFICATIONS_WAITING ||
      this.#characters >= MAX_NOTIFICATIONS_WAITING_CHARACTERS;
    return isFull ? "full" : "new";
  }
}

/** About what it takes to keep it, in characters: it is there as an object and as text. */
function sizeOf({ topic, text }: Notified): number {
  return 2 * (topic.length + text.length) + 200;
}
