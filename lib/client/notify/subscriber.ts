/**
 * Waiting for notifications, without sockets, clock and handlers: records and time go in, what is to
 * be sent and handled comes out through a {@linkcode SubscriberHost}. Pure.
 *
 * It enters notification mode, leaves and re-enters it a little before the server would end it, comes
 * back after a lost connection and goes on where it was, hands out each notification once, and
 * acknowledges what was handled until the server has confirmed that.
 *
 * @module
 */

import { MAX_DETAILS_CHARACTERS } from "../../wire/limits.ts";
import { EVERYTHING, matches, OFFERS_TOPIC, parsePattern } from "../../wire/topic.ts";
import type { Outcome } from "../host.ts";
import { harmless } from "../harmless.ts";
import type { Failure, Notice, Ok, ServerEvent } from "../record.ts";
import { Acknowledgements } from "./acknowledgements.ts";
import { Caller, type CallerHost, type CallerOptions, type Task } from "./caller.ts";
import { Intake, type Waiting } from "./intake.ts";
import {
  DEFAULT_MODE_S,
  endsTooEarly,
  modeCommand,
  type ModeOptions,
  patternsIn,
  renewalAt,
  secondsIn,
} from "./mode.ts";
import { isId, type Notified } from "./notification.ts";

/** How long acknowledgements may still take to be confirmed at the end, in milliseconds. */
export const ENDING_MS = 2000;
/** Offers whose details are asked for in one go. */
const FETCHED_AT_ONCE = 100;

/** What a {@linkcode Subscriber} needs done. */
export interface SubscriberHost extends CallerHost {
  /**
   * Handle a notification; {@linkcode Subscriber.handled} tells how it went. Only then the next one
   * comes.
   */
  handle(notification: Notified): void;
}

/** What is waited for, and how. */
export interface SubscriberOptions extends CallerOptions, ModeOptions {
  /** Done after so many were handled. */
  readonly count?: number | undefined;
  /** Not done after so many milliseconds: it has timed out. */
  readonly timeoutMs?: number | undefined;
  /** Fetch the details of offers before they are handled. @default false */
  readonly details?: boolean | undefined;
}

/**
 * A subscriber.
 *
 * @example
 * ```ts ignore
 * const subscriber = new Subscriber({ target: ":8889", topics: ["hits"], random: Math.random }, host);
 * subscriber.start(now); // host.connect()
 * subscriber.caller.connected(now); // host.send("/service"), …
 * subscriber.caller.received('{"type":"notify","id":"a.1.2","topic":"hits","text":"3"}', now); // host.handle(…)
 * subscriber.handled(true, now); // host.send("@n4 /ack a.1.2")
 * ```
 */
export class Subscriber {
  /** Its connection: what happens there goes in here. */
  readonly caller: Caller;
  readonly #options: SubscriberOptions;
  readonly #host: SubscriberHost;
  readonly #intake = new Intake();
  readonly #acks = new Acknowledgements();
  #handling: Notified | undefined;
  #count = 0;
  #deadline = Infinity;
  /** The server was asked for the mode, and it isn't known to have ended: what it pushes otherwise nobody asked for. */
  #wantsPushes = false;
  /** The patterns that are waited for. */
  #patterns: readonly string[];
  /** The user's `since` has reached the server. */
  #begun = false;
  /** The user leaves: whatever is not confirmed then, that is no failure. */
  #isStopped = false;
  /** What is to come of it when all is confirmed. */
  #outcome: Outcome = { is: "done" };

  /** One that has not started. */
  constructor(options: SubscriberOptions, host: SubscriberHost) {
    this.#options = options;
    this.#host = host;
    const { topics } = options;
    this.#patterns = topics.length === 0
      ? [EVERYTHING]
      : topics.map((one) => parsePattern(one) ?? one);
    const due = () => this.#due();
    const task: Task = {
      greeted: () => this.#enter("entering"),
      lost: () => this.#lost(),
      event: (event) => this.#event(event),
      tick: () => this.#tick(),
      get due() {
        return due();
      },
    };
    this.caller = new Caller(options, host, task);
    const { since } = options;
    if (since !== undefined && since !== "all") this.#intake.begin(since);
  }

  /** Notifications that were handled. */
  get count(): number {
    return this.#count;
  }

  /** Acknowledgements that are not confirmed. */
  get unconfirmed(): number {
    return this.#acks.size;
  }

  /** Begins. */
  start(now: number): void {
    this.#deadline = now + (this.#options.timeoutMs ?? Infinity);
    this.caller.start(now);
  }

  /**
   * The notification that was given out is handled, or could not be. Then it is not acknowledged: for a
   * name the server pushes it again when the mode is entered again.
   */
  handled(ok: boolean, now: number): void {
    const handling = this.#handling;
    if (handling === undefined) return;
    this.#handling = undefined;
    this.caller.at(now);
    if (this.caller.state.is === "ended") return;
    const { id } = handling;
    if (ok) {
      this.#intake.handled(id);
      this.#acks.add(id);
      this.#count++;
      if (this.#isFull()) return this.#finish({ is: "done" });
    } else this.#intake.failed(id);
    this.#work();
  }

  /** The user leaves. What is handled has a moment to be confirmed. */
  stop(now: number): void {
    this.caller.at(now);
    this.#isStopped = true;
    this.#finish({ is: "done" });
  }

  /** Asks for the mode. */
  #enter(state: "entering" | "reentering"): void {
    const entering = this.caller.go({ is: state });
    this.#wantsPushes = true;
    const { as, since, modeSeconds = DEFAULT_MODE_S } = this.#options;
    // A name begins where the server knows it to be, unless the user wants it otherwise.
    const wanted = as !== undefined && this.#begun ? undefined : since;
    const from = as === undefined ? this.#intake.resumeFrom ?? wanted : wanted;
    let seconds = modeSeconds;
    let replied = false;
    const answered = () => {
      // From here on the pushes are those of this turn in the mode.
      if (!replied) this.#intake.entered();
      replied = true;
    };
    this.caller.ask(modeCommand(this.#options, from), {
      reply: (reply) => {
        answered();
        // A name without topics has those that it had.
        if (this.#options.topics.length === 0) this.#patterns = patternsIn(reply);
        seconds = secondsIn(reply) ?? seconds;
        if (as === undefined && from === undefined && isId(reply.raw.last)) {
          this.#intake.begin(reply.raw.last);
        }
        if (reply.raw.unknown !== undefined) this.#host.status(reply.text);
      },
      done: (answer) => {
        if (this.caller.state !== entering) return;
        if (answer.type === "error") return this.#refused(answer, state);
        answered();
        this.#listen(seconds);
      },
    });
  }

  #listen(seconds: number): void {
    this.#begun = true;
    const { now } = this.caller;
    this.caller.go({ is: "listening", since: now, renewAt: renewalAt(now, seconds) });
    this.caller.ready();
    const { topics } = this.#options;
    const what = topics.length === 0 ? "" : ` on ${topics.join(" ")}`;
    this.#host.log("info", `Waiting for notifications${what}, for ${seconds} s at a time`);
    this.#work();
  }

  #refused({ code, text }: Failure, state: "entering" | "reentering"): void {
    const { target } = this.#options;
    if (code === "unknown-command") {
      const message = `${target} has no notifications: it does not know /notify`;
      return this.caller.end({ is: "failed", message });
    }
    if (!this.#begun && state === "entering") {
      return this.caller.end({ is: "failed", message: text });
    }
    this.caller.drop(`it refuses notifications: ${text}`);
  }

  /** Asks for normal mode. Where nothing would tell the server from where to go on the mode is renewed without. */
  #leave(to: "renew" | "fetch"): void {
    if (to === "renew") this.#intake.newTurn();
    if (this.#options.as === undefined && this.#intake.resumeFrom === undefined) {
      this.#host.log("info", "Renewing the mode");
      return this.#enter("reentering");
    }
    const why = to === "fetch" ? "to fetch details" : "before the server ends it";
    this.#host.log("info", `Leaving the mode ${why}`);
    const leaving = this.caller.go({ is: "leaving", to });
    this.caller.ask("/normal", {
      done: () => {
        if (this.caller.state !== leaving) return;
        this.#wantsPushes = false;
        if (to === "fetch") this.#fetch();
        else this.#reenter();
      },
    });
  }

  #reenter(): void {
    this.#host.log("info", "Entering the mode again");
    this.#enter("reentering");
  }

  /** Asks for the details of all offers that wait. */
  #fetch(): void {
    const fetching = this.caller.go({ is: "fetching" });
    const wanting = this.#intake.waiting.filter((one) => this.#wantsDetails(one))
      .slice(0, FETCHED_AT_ONCE);
    let left = wanting.length;
    if (left === 0) return this.#reenter();
    for (const one of wanting) {
      const { id } = one.notification;
      let details: string | null = null;
      this.#host.log("info", `Fetching the details of ${id}`);
      this.caller.ask(`/offer ${id}`, {
        reply: ({ raw }) => {
          if (typeof raw.details !== "string") return;
          details = harmless(raw.details.slice(0, MAX_DETAILS_CHARACTERS));
        },
        done: (answer) => {
          if (this.caller.state !== fetching) return;
          one.details = details;
          if (answer.type === "error") this.#host.status(`No details of ${id}: ${answer.text}`);
          if (--left === 0) this.#reenter();
        },
      });
    }
  }

  #lost(): void {
    this.#wantsPushes = false;
    this.#acks.lost();
    this.#intake.newTurn();
    if (this.caller.state.is === "ending") this.#end();
  }

  #event(event: ServerEvent): void {
    if (event.type === "notice") return this.#notice(event);
    if (event.type === "notify" && this.#isWanted(event.notification)) {
      this.#pushed(event.notification);
    } else this.#host.log("info", "Something that nobody asked for", { raw: event.raw });
  }

  #isWanted({ topic }: Notified): boolean {
    return this.#wantsPushes && this.#patterns.some((pattern) => matches(pattern, topic));
  }

  #pushed(notification: Notified): void {
    if (this.caller.state.is === "ending") return;
    const { id, topic } = notification;
    this.#acks.pushed(id);
    switch (this.#intake.push(notification)) {
      case "new":
        this.#host.log("info", `Notified on ${topic}: ${id}`);
        break;
      case "handled":
        // The server does not know yet: perhaps its answer was lost.
        this.#acks.add(id);
        break;
      case "full":
        this.#host.log("debug", `Too many wait: ${id} is left for later`);
        break;
      case "waiting":
      case "failed":
        break;
    }
    this.#work();
  }

  #notice({ raw, text }: Notice): void {
    if (typeof raw.dropped === "number") this.#host.status(text);
    if (raw.notifications !== false) return;
    this.#wantsPushes = false;
    // Who takes it back would be put out in turn.
    if (raw.replaced === true) {
      return this.caller.end({ is: "failed", message: text });
    }
    const { state, now } = this.caller;
    if (state.is !== "listening") return;
    this.#host.log("info", `The server ended the mode: ${text}`);
    if (endsTooEarly(state, now)) {
      return this.caller.drop("the server does not stay in notification mode");
    }
    this.#intake.newTurn();
    this.#reenter();
  }

  /** Does what can be done. */
  #work(): void {
    const { caller } = this;
    if (!caller.isUp || caller.state.is === "entering") return;
    for (const id of this.#acks.send()) this.#acknowledge(id);
    if (caller.state.is === "ending") {
      if (this.#handling === undefined && this.#acks.size === 0) this.#end();
      return;
    }
    this.#handleNext();
    if (caller.state.is !== "listening") return;
    if (this.#intake.isMissing && this.#intake.isRoomy) this.#leave("renew");
  }

  #handleNext(): void {
    const { first } = this.#intake;
    if (first === undefined || this.#handling !== undefined || !this.#acks.hasRoom) return;
    if (this.#wantsDetails(first)) {
      if (this.caller.state.is === "listening") this.#leave("fetch");
      return;
    }
    const { notification, details } = this.#intake.take();
    this.#handling = { ...notification, details: details ?? undefined };
    this.#host.log("info", `Handling ${notification.id}`);
    this.#host.handle(this.#handling);
  }

  #acknowledge(id: string): void {
    this.caller.ask(`/ack ${id}`, {
      done: (answer) => {
        this.#acknowledged(id, answer);
        this.#work();
      },
    });
  }

  #acknowledged(id: string, answer: Ok | Failure): void {
    if (answer.type === "ok") {
      this.#acks.settled(id);
      this.#host.log("info", `Acknowledged ${id}`);
    } else if (answer.code === "not-found" && !this.#acks.isOfThisConnection(id)) {
      // A new session without a name is not asked for what the former one was sent.
      this.#acks.settled(id);
      this.#host.log("debug", answer.text);
    } else {
      // It will be pushed, and acknowledged, again.
      this.#acks.refused(id);
      this.#host.status(`Cannot acknowledge ${id}: ${answer.text}`);
    }
  }

  #wantsDetails({ notification, details }: Waiting): boolean {
    return this.#options.details === true && details === undefined &&
      notification.topic === OFFERS_TOPIC;
  }

  #isFull(): boolean {
    return this.#count >= (this.#options.count ?? Infinity);
  }

  #due(): number {
    const { state } = this.caller;
    if (state.is === "ending") return Math.min(state.until, this.#deadline);
    return Math.min(state.is === "listening" ? state.renewAt : Infinity, this.#deadline);
  }

  #tick(): void {
    const { state, now } = this.caller;
    if (now >= this.#deadline && state.is !== "ending") {
      const seconds = (this.#options.timeoutMs ?? 0) / 1000;
      return this.#finish({ is: "timeout", message: `Timed out after ${seconds} s` });
    }
    if (state.is === "ending" && now >= this.#due()) this.#end();
    if (state.is === "listening" && now >= state.renewAt) this.#leave("renew");
  }

  /** Nothing more is taken; what is under way has a moment. */
  #finish(outcome: Outcome): void {
    const { caller } = this;
    if (caller.state.is === "ending" || caller.state.is === "ended") return;
    this.#outcome = outcome;
    if (!caller.isUp) return this.#end();
    this.#deadline = Infinity;
    caller.go({ is: "ending", until: caller.now + ENDING_MS });
    this.#work();
  }

  #end(): void {
    const { missing } = this.#acks;
    if (missing > 0) {
      this.#host.status(`Acknowledgements that were not confirmed: ${missing}`);
    }
    const isPartly = missing > 0 && this.#outcome.is === "done" && !this.#isStopped;
    this.caller.end(isPartly ? { is: "partly" } : this.#outcome);
  }
}
