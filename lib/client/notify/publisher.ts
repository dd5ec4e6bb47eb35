/**
 * Publishing notifications, and asking who has acknowledged them. Pure: like the subscriber's.
 *
 * Each is sent until the server has confirmed it: after a lost connection those that were not confirmed
 * are sent again, so that one may be published twice, under two ids.
 *
 * @module
 */

import type { Outcome } from "../host.ts";
import { ANSWER_MS, Caller, type CallerHost, type CallerOptions, type Task } from "./caller.ts";
import { isId } from "./notification.ts";
import { type NeedAck, Receipts } from "./receipts.ts";

/** Notifications that are on their way: sent and not confirmed, or not acknowledged where that is needed. */
export const PUBLISH_WINDOW = 256;
/** Notifications that wait to be sent, at the most, before no more are taken in. */
const MAX_WAITING = 1024;
/** Longest time that the server waits for acknowledgements of all before it answers, in seconds. */
const WAIT_S = 30;
/** Who has acknowledged is not asked more often, in milliseconds. */
const POLL_MS = 1000;
/** How long the last word on acknowledgements may take after the time is up, in milliseconds. */
const LAST_WORD_MS = 5000;
/** How long the last word may take when the user leaves: a server asks the others for 2 s at the most. */
const STOP_WORD_MS = 3000;

/** A notification that is published. */
export interface Published {
  readonly id: string;
  readonly topic: string;
  readonly text: string;
  /** How many subscribers there were; undefined where the server does not say. */
  readonly subscribers: number | undefined;
}

/** What a {@linkcode Publisher} needs done. */
export interface PublisherHost extends CallerHost {
  /** A notification is published, and confirmed. */
  published(published: Published): void;
  /** All that there is to know of the acknowledgements of one, where they are asked for. */
  receipts(receipts: Receipts): void;
}

/** How it is published. */
export interface PublisherOptions extends CallerOptions {
  /** Wait for so many acknowledgements of each. @default none */
  readonly needAck?: NeedAck | undefined;
  /** Not done after so many milliseconds: it has timed out. */
  readonly timeoutMs?: number | undefined;
}

/** A notification on its way. */
interface Item {
  readonly topic: string;
  readonly text: string;
  id: string | undefined;
  /** How many subscribers there were; undefined where the server does not say. */
  subscribers?: number | undefined;
  /** A question about it is under way. */
  asking: boolean;
  /** When the next question is due. */
  askAt: number;
}

/**
 * A publisher.
 *
 * @example
 * ```ts ignore
 * const publisher = new Publisher({ target: ":8889", random: Math.random }, host);
 * publisher.start(now);
 * publisher.publish("hits", "three", now);
 * publisher.endInput(now);
 * ```
 */
export class Publisher {
  /** Its connection: what happens there goes in here. */
  readonly caller: Caller;
  readonly #options: PublisherOptions;
  readonly #host: PublisherHost;
  #waiting: Item[] = [];
  readonly #sent = new Set<Item>();
  /** Confirmed, and not acknowledged by as many as are needed. */
  readonly #watched = new Set<Item>();
  #deadline = Infinity;
  /** The time is up: only the last word on acknowledgements is waited for. */
  #isLate = false;
  /** When it ends at the latest, since the user leaves. */
  #stopsAt = Infinity;
  #confirmed = 0;
  #inputEnded = false;
  #failed = false;
  #missing = false;

  /** One that has not started. */
  constructor(options: PublisherOptions, host: PublisherHost) {
    this.#options = options;
    this.#host = host;
    const due = () => this.#due();
    const task: Task = {
      greeted: () => this.#begin(),
      lost: () => this.#lost(),
      event: ({ raw }) => host.log("info", "Something that nobody asked for", { raw }),
      tick: () => this.#tick(),
      get due() {
        return due();
      },
    };
    this.caller = new Caller(options, host, task);
  }

  /** There is room for more notifications. */
  get wantsInput(): boolean {
    return !this.#inputEnded && !this.#isStopping && !this.caller.isOver &&
      this.#waiting.length < MAX_WAITING;
  }

  /** Acknowledgements are missing that were needed. */
  get isMissing(): boolean {
    return this.#missing;
  }

  /** Begins. */
  start(now: number): void {
    this.#deadline = now + (this.#options.timeoutMs ?? Infinity);
    this.caller.start(now);
  }

  /** Publishes a text, without line ends, on a topic, without blanks. */
  publish(topic: string, text: string, now: number): void {
    this.caller.at(now);
    this.#waiting.push({ topic, text, id: undefined, asking: false, askAt: now });
    this.#flush();
  }

  /** There will be no more to publish. */
  endInput(now: number): void {
    this.caller.at(now);
    this.#inputEnded = true;
    this.#checkDone();
  }

  /** The user leaves: nothing more is sent, and how acknowledgements stand is asked once more. */
  stop(now: number): void {
    this.caller.at(now);
    if (this.#isStopping) return;
    this.#stopsAt = now + STOP_WORD_MS;
    if (this.#watched.size === 0 || !this.caller.isUp) return this.#stopped();
    for (const item of this.#watched) {
      // The question before may wait for acknowledgements.
      item.asking = false;
      this.#ask(item);
    }
  }

  get #isStopping(): boolean {
    return this.#stopsAt !== Infinity;
  }

  /** The user has left. Where there might have been more to publish, that is how it ends. */
  #stopped(): void {
    const unconfirmed = this.#sent.size + this.#waiting.length, unknown = this.#watched.size;
    if (unknown > 0) this.#missing = true;
    const told: string[] = [];
    if (unconfirmed > 0) told.push(`Notifications that were not confirmed: ${unconfirmed}`);
    if (unknown > 0) {
      told.push(`Notifications of which it is not known who acknowledged them: ${unknown}`);
    }
    const message = told.length === 0 ? {} : { message: told.join(". ") };
    this.caller.end({ is: this.#ending(unconfirmed), ...message });
  }

  #ending(unconfirmed: number): "done" | "partly" | "failed" {
    if (!this.#inputEnded) return "done";
    if (unconfirmed > 0 && this.#confirmed > 0) return "partly";
    return unconfirmed > 0 || this.#failed ? "failed" : "done";
  }

  #begin(): void {
    this.caller.go({ is: "publishing" });
    this.caller.ready();
    this.#flush();
    for (const item of this.#watched) this.#ask(item);
  }

  #lost(): void {
    this.#waiting = [...this.#sent, ...this.#waiting];
    this.#sent.clear();
    for (const item of this.#watched) item.asking = false;
    if (this.#isStopping) this.#stopped();
  }

  #flush(): void {
    if (!this.caller.isUp || this.#isStopping) return;
    const room = PUBLISH_WINDOW - this.#sent.size - this.#watched.size;
    for (const item of this.#waiting.splice(0, Math.max(0, room))) this.#send(item);
  }

  #send(item: Item): void {
    const { topic, text } = item;
    let id: unknown;
    let subscribers: number | undefined;
    this.#sent.add(item);
    this.caller.ask(`/publish ${topic} ${text}`, {
      reply: ({ raw }) => {
        id = raw.id;
        if (typeof raw.subscribers === "number") subscribers = raw.subscribers;
      },
      done: (answer) => {
        this.#sent.delete(item);
        if (answer.type === "error") this.#refused(answer);
        else {
          id = answer.id ?? id;
          if (isId(id)) this.#published(item, { id, topic, text, subscribers });
          else this.#fail(`Published, but the server gave no id for: ${text}`);
        }
        this.#flush();
        this.#checkDone();
      },
    });
  }

  #refused({ code, text }: { code: string; text: string }): void {
    const { target } = this.#options;
    if (code !== "unknown-command") return this.#fail(`Not published: ${text}`);
    const message = `${target} has no notifications: it does not know /publish`;
    this.caller.end({ is: "failed", message });
  }

  #published(item: Item, published: Published): void {
    this.#confirmed++;
    this.#host.log("info", `Published ${published.id}`);
    this.#host.published(published);
    if (this.#options.needAck === undefined) return;
    item.id = published.id;
    item.subscribers = published.subscribers;
    this.#watched.add(item);
    this.#ask(item);
  }

  /** Asks who has acknowledged; the server answers when all have, or when the time is up. */
  #ask(item: Item): void {
    const { id } = item;
    if (id === undefined || item.asking) return;
    item.asking = true;
    const { now } = this.caller;
    const left = this.#isStopping ? 0 : Math.floor((this.#deadline - now) / 100) / 10;
    const seconds = Math.max(0, Math.min(left, this.#options.needAck === "all" ? WAIT_S : 1));
    const isLast = now >= this.#deadline;
    const receipts = new Receipts(id, item.subscribers);
    this.caller.ask(`/receipts ${id}${seconds > 0 ? ` wait=${seconds}` : ""}`, {
      reply: (reply) => receipts.add(reply),
      done: (answer) => {
        // Another answer may have come before.
        if (!this.#watched.has(item)) return;
        item.asking = false;
        if (answer.type === "error") {
          this.#watched.delete(item);
          this.#missing = true;
          this.#host.status(`Nothing is known of ${id}: ${answer.text}`);
        } else this.#judge(item, receipts, isLast, now);
        this.#flush();
        this.#checkDone();
      },
    }, seconds * 1000 + ANSWER_MS);
  }

  #judge(item: Item, receipts: Receipts, isLast: boolean, askedAt: number): void {
    const { needAck = "all" } = this.#options;
    const { now } = this.caller;
    const isEnough = receipts.isEnough(needAck);
    const isOver = isLast || this.#isStopping || now >= this.#deadline;
    if (!isEnough && !isOver && !receipts.isHopeless(needAck)) {
      item.askAt = Math.min(Math.max(now, askedAt + POLL_MS), this.#deadline);
      if (item.askAt <= now) this.#ask(item);
      return;
    }
    this.#watched.delete(item);
    if (!isEnough) this.#missing = true;
    this.#host.receipts(receipts);
  }

  #due(): number {
    if (this.#isStopping) return this.#stopsAt;
    let due = this.#deadline + (this.#isLate ? LAST_WORD_MS : 0);
    if (!this.caller.isUp) return due;
    for (const { asking, askAt } of this.#watched) if (!asking) due = Math.min(due, askAt);
    return due;
  }

  #tick(): void {
    const { now } = this.caller;
    if (this.#isStopping) {
      if (now >= this.#stopsAt) this.#stopped();
      return;
    }
    if (now >= this.#deadline) {
      this.#isLate = true;
      const unconfirmed = this.#sent.size + this.#waiting.length;
      const late = now >= this.#deadline + LAST_WORD_MS;
      if (unconfirmed > 0 || !this.#inputEnded || late) return this.#timeOut(unconfirmed);
    }
    if (!this.caller.isUp) return;
    for (const item of this.#watched) if (!item.asking && item.askAt <= now) this.#ask(item);
  }

  #timeOut(unconfirmed: number): void {
    const seconds = (this.#options.timeoutMs ?? 0) / 1000;
    const what = unconfirmed > 0
      ? `: ${unconfirmed} notifications are not confirmed`
      : this.#watched.size > 0
      ? ": the server does not say who has acknowledged"
      : "";
    this.caller.end({ is: "timeout", message: `Timed out after ${seconds} s${what}` });
  }

  #fail(message: string): void {
    this.#failed = true;
    this.#host.status(message);
  }

  #checkDone(): void {
    if (this.#isStopping && this.#watched.size === 0) return this.#stopped();
    const left = this.#waiting.length + this.#sent.size + this.#watched.size;
    if (!this.#inputEnded || left > 0) return;
    const outcome: Outcome = { is: this.#failed ? "failed" : "done" };
    this.caller.end(outcome);
  }
}
