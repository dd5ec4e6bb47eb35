/**
 * What happens over one connection between two programs: the greeting, questions and their answers,
 * messages, news. Events and the time go in, actions come out; it knows no socket, no timer and no
 * clock.
 *
 * @module
 */

import {
  HELLO_WITHIN_MS,
  MAX_BAD_MESSAGES,
  MAX_NEWS_SUBSCRIPTIONS,
  MAX_OPEN_ASKS,
  PULSE_MS,
  SILENT_MS,
} from "../wire/limits.ts";
import {
  type BodyFault,
  type Envelope,
  MESSAGING_VERSION,
  type Outgoing,
  type Role,
} from "./envelope.ts";
import type { JsonText } from "./json.ts";
import type { Action, Outcome } from "./action.ts";

/** Where a conversation stands. */
export type Phase =
  /** Nothing was said yet. */
  | "new"
  /** We said hello; the other side is to. */
  | "greeting"
  /** Both said hello. */
  | "open"
  /** It is over. */
  | "over";

/** What can happen. What the other side says is called as its kind. */
export type Happening = "begin" | "speak" | "tick" | "end" | Envelope["kind"];

const OPEN: { readonly [H in Happening]?: Phase } = {
  speak: "open",
  tick: "open",
  end: "over",
  ask: "open",
  answer: "open",
  refuse: "open",
  cancel: "open",
  tell: "open",
  subscribe: "open",
  unsubscribe: "open",
  news: "open",
  ping: "open",
  pong: "open",
  goodbye: "over",
};

/** Where each happening leads. What is not here may not happen there. */
export const TRANSITIONS: { readonly [P in Phase]: { readonly [H in Happening]?: Phase } } = {
  new: { begin: "greeting" },
  greeting: { hello: "open", refuse: "over", goodbye: "over", tick: "greeting", end: "over" },
  open: OPEN,
  over: {},
};

/** A tick that comes so late, in milliseconds, says that this program itself was held up. */
const LATE_MS = 1_000;

/** A conversation. Each method gives what is to be done, in that order. */
export class Conversation {
  readonly #role: Role;
  #phase: Phase = "new";
  #lastAsk = 0;
  /** Our questions: when each is given up. */
  readonly #ours = new Map<number, number>();
  /** Their questions that wait for our answer. */
  readonly #theirs = new Set<number>();
  /** Beginnings of topics that they want. */
  readonly #wanted = new Set<string>();
  #bad = 0;
  #began = 0;
  #heardAt = 0;
  #saidAt = 0;
  #deaf = false;
  /** At or before the first time that a question is to be given up. */
  #due = Infinity;

  /** A conversation at that end of a connection. */
  constructor(role: Role) {
    this.#role = role;
  }

  /** Where it stands. */
  get phase(): Phase {
    return this.#phase;
  }

  /** How many of our questions wait for their answer. */
  get asking(): number {
    return this.#ours.size;
  }

  /** How many of their questions wait for our answer. */
  get asked(): number {
    return this.#theirs.size;
  }

  /** The transition; an illegal one throws and changes nothing. */
  #go(happening: Happening): void {
    const next = TRANSITIONS[this.#phase][happening];
    if (next === undefined) {
      throw new Error(`"${happening}" may not happen in a conversation that is ${this.#phase}`);
    }
    this.#phase = next;
  }

  /** The connection is there. */
  begin(now: number): Action[] {
    this.#go("begin");
    this.#began = this.#heardAt = now;
    const versions = [MESSAGING_VERSION, MESSAGING_VERSION] as const;
    return [this.#send({ kind: "hello", versions, role: this.#role }, now)];
  }

  #send(envelope: Outgoing, now: number): Action {
    this.#saidAt = now;
    return { do: "send", envelope };
  }

  /** Bytes came: the other side lives. */
  heard(now: number): void {
    this.#heardAt = now;
  }

  /** We stop reading, or read again: meanwhile the other side's silence is of our own making. */
  deaf(deaf: boolean, now: number): void {
    this.#deaf = deaf;
    this.#heardAt = now;
  }

  // What we do.

  /**
   * Asks; the question is given up at `deadline`.
   *
   * @throws {Error} when the conversation isn't open, or too many questions wait
   */
  ask(type: string, body: JsonText, at: { now: number; deadline: number }): [number, Action[]] {
    if (this.#ours.size >= MAX_OPEN_ASKS) {
      throw new Error(`More than ${MAX_OPEN_ASKS} questions wait for their answers`);
    }
    this.#go("speak");
    const id = ++this.#lastAsk;
    this.#ours.set(id, at.deadline);
    this.#due = Math.min(this.#due, at.deadline);
    return [id, [this.#send({ kind: "ask", id, type, body }, at.now)]];
  }

  /** Gives up a question of ours. Nothing happens when it has ended already. */
  cancel(id: number, now: number): Action[] {
    if (!this.#ours.delete(id)) return [];
    return [this.#send({ kind: "cancel", id }, now), {
      do: "settle",
      id,
      outcome: { how: "cancelled" },
    }];
  }

  /** Answers their question. Nothing happens when nobody waits for it any more. */
  answer(id: number, body: JsonText, now: number): Action[] {
    if (!this.#theirs.delete(id)) return [];
    this.#go("speak");
    return [this.#send({ kind: "answer", id, body }, now)];
  }

  /** Refuses their question, or (without a number) something else that came. */
  refuse(id: number | undefined, code: string, options: { reason: string; now: number }): Action[] {
    if (id !== undefined && !this.#theirs.delete(id)) return [];
    this.#go("speak");
    return [this.#send({ kind: "refuse", id, code, reason: options.reason }, options.now)];
  }

  /** Says something that has no answer: a message, or what one wants to hear. */
  say(
    envelope: Outgoing & { readonly kind: "tell" | "subscribe" | "unsubscribe" },
    now: number,
  ): Action[] {
    this.#go("speak");
    return [this.#send(envelope, now)];
  }

  /** Do they want news of that topic? News without a topic is for all who want any. */
  wants(topic: string | undefined): boolean {
    if (this.#wanted.size === 0) return false;
    if (topic === undefined) return true;
    for (const prefix of this.#wanted) if (topic.startsWith(prefix)) return true;
    return false;
  }

  /** News was sent to them. */
  said(now: number): void {
    this.#saidAt = now;
  }

  /** Ends it from this side, with a reason that the other side is told. */
  leave(reason: string, now: number): Action[] {
    if (this.#phase === "over") return [];
    const goodbye = this.#send({ kind: "goodbye", reason }, now);
    return [goodbye, ...this.#over(reason, "us")];
  }

  /** The connection has ended, or failed. */
  lost(reason: string): Action[] {
    return this.#phase === "over" ? [] : this.#over(reason, "them");
  }

  #over(reason: string, by: "us" | "them", code?: string): Action[] {
    if (this.#phase !== "over") this.#go("end");
    const actions: Action[] = [];
    for (const id of this.#ours.keys()) {
      actions.push({ do: "settle", id, outcome: { how: "lost", reason } });
    }
    for (const id of this.#theirs) actions.push({ do: "withdraw", id, reason });
    this.#ours.clear();
    this.#theirs.clear();
    this.#wanted.clear();
    actions.push({ do: "end", reason, by, ...(code === undefined ? {} : { code }) });
    return actions;
  }

  // What comes.

  /** Something was said. */
  received(envelope: Envelope, now: number): Action[] {
    this.#heardAt = now;
    if (this.#phase === "over") return [];
    const { kind } = envelope;
    if (TRANSITIONS[this.#phase][kind] === undefined) {
      const reason = `"${kind}" may not be said in a conversation that is ${this.#phase}`;
      return this.#phase === "open"
        ? this.bad("bad-message", reason, now)
        : this.leave(reason, now);
    }
    switch (envelope.kind) {
      case "hello":
        return this.#greeted(envelope, now);
      case "goodbye":
        return this.#over(envelope.reason || "the other side said goodbye", "them");
      case "ask":
        return this.#asked(envelope, now);
      case "answer":
        return this.#settle(envelope.id, { how: "answered", body: envelope.body }, now);
      case "refuse": {
        const { id, code, reason } = envelope;
        if (this.#phase === "greeting") return this.#over(reason, "them", code);
        if (id === undefined) return [{ do: "refused", code, reason }];
        return this.#settle(id, { how: "refused", code, reason }, now);
      }
      case "cancel":
        if (!this.#theirs.delete(envelope.id)) return [];
        return [{ do: "withdraw", id: envelope.id, reason: "the other side gave up the question" }];
      case "tell":
        return [{ do: "deliver", id: undefined, type: envelope.type, body: envelope.body }];
      case "subscribe":
        return this.#subscribed(envelope.prefix, now);
      case "unsubscribe":
        this.#wanted.delete(envelope.prefix);
        return [];
      case "news": {
        const { topic, body, missed } = envelope;
        return [{ do: "news", topic, body, missed }];
      }
      case "ping":
        return [this.#send({ kind: "pong" }, now)];
      case "pong":
        return [];
    }
  }

  /** What came is no message. The other side is told; after some of them the conversation ends. */
  bad(code: string, reason: string, now: number): Action[] {
    if (this.#phase === "over") return [];
    if (this.#phase !== "open") return this.leave(reason, now);
    const ignored: Action = { do: "ignore", reason };
    if (++this.#bad >= MAX_BAD_MESSAGES) {
      return [ignored, ...this.leave(`${this.#bad} messages made no sense; last: ${reason}`, now)];
    }
    return [ignored, this.#refusal(undefined, { code, reason }, now)];
  }

  /** A question or an answer came whose body can't be taken: it ends that question alone. */
  unfit({ kind, id, code, message }: BodyFault, now: number): Action[] {
    if (this.#phase !== "open") return this.bad(code, message, now);
    if (kind === "answer") {
      return this.#settle(id, { how: "refused", code: "invalid-answer", reason: message }, now);
    }
    if (this.#theirs.has(id)) return this.bad(code, message, now);
    return [{ do: "ignore", reason: message }, this.#refusal(id, { code, reason: message }, now)];
  }

  #refusal(
    id: number | undefined,
    { code, reason }: { code: string; reason: string },
    now: number,
  ): Action {
    return this.#send({ kind: "refuse", id, code, reason }, now);
  }

  #greeted({ versions, role }: Envelope & { kind: "hello" }, now: number): Action[] {
    const [low, high] = versions;
    if (low > MESSAGING_VERSION || high < MESSAGING_VERSION) {
      return this.leave(
        `no version in common: ${MESSAGING_VERSION} here, ${low} to ${high} there`,
        now,
      );
    }
    if (role === this.#role) {
      return this.leave(`both sides say that they are the one that ${role}: is it an echo?`, now);
    }
    this.#go("hello");
    return [{ do: "open" }];
  }

  #asked({ id, type, body }: Envelope & { kind: "ask" }, now: number): Action[] {
    if (this.#theirs.has(id)) {
      return this.bad("bad-message", `The number ${id} is that of another question`, now);
    }
    if (this.#theirs.size >= MAX_OPEN_ASKS) {
      const reason = `More than ${MAX_OPEN_ASKS} questions wait for their answers`;
      return [this.#refusal(id, { code: "busy", reason }, now)];
    }
    this.#theirs.add(id);
    return [{ do: "deliver", id, type, body }];
  }

  #settle(id: number, outcome: Outcome, now: number): Action[] {
    if (this.#ours.delete(id)) return [{ do: "settle", id, outcome }];
    // The answer may have crossed our giving up.
    if (id <= this.#lastAsk && id > 0) {
      return [{ do: "ignore", reason: `An answer to question ${id}, which has ended` }];
    }
    return this.bad("bad-message", `An answer to question ${id}, which nobody asked`, now);
  }

  #subscribed(prefix: string, now: number): Action[] {
    if (!this.#wanted.has(prefix) && this.#wanted.size >= MAX_NEWS_SUBSCRIPTIONS) {
      const reason = `More than ${MAX_NEWS_SUBSCRIPTIONS} subscriptions`;
      return [this.#refusal(undefined, { code: "busy", reason }, now)];
    }
    this.#wanted.add(prefix);
    return [];
  }

  // Time.

  /** When {@linkcode tick} is to be called next. */
  nextWake(): number {
    switch (this.#phase) {
      case "greeting":
        return this.#began + HELLO_WITHIN_MS;
      case "open": {
        const silent = this.#deaf ? Infinity : this.#heardAt + SILENT_MS;
        return Math.min(this.#due, this.#saidAt + PULSE_MS, silent);
      }
      default:
        return Infinity;
    }
  }

  /** Time has passed: questions are given up, signs of life sent, silence noticed. */
  tick(now: number): Action[] {
    if (this.#phase === "new" || this.#phase === "over") return [];
    if (now > this.nextWake() + LATE_MS) {
      // This program was held up, and what came meanwhile was not read yet.
      this.#heardAt = Math.max(this.#heardAt, now - SILENT_MS + LATE_MS);
    }
    if (this.#phase === "greeting") {
      if (now < this.#began + HELLO_WITHIN_MS) return [];
      return this.leave(`no hello within ${HELLO_WITHIN_MS / 1000} s`, now);
    }
    if (!this.#deaf && now >= this.#heardAt + SILENT_MS) {
      const goodbye = this.#send({ kind: "goodbye", reason: "nothing was heard of you" }, now);
      const reason = `nothing was heard for ${((now - this.#heardAt) / 1000).toFixed(1)} s`;
      return [goodbye, ...this.#over(reason, "them")];
    }
    const actions: Action[] = [];
    if (now >= this.#due) {
      this.#due = Infinity;
      for (const [id, deadline] of this.#ours) {
        if (deadline > now) this.#due = Math.min(this.#due, deadline);
        else {
          this.#ours.delete(id);
          actions.push(this.#send({ kind: "cancel", id }, now), {
            do: "settle",
            id,
            outcome: { how: "timed-out" },
          });
        }
      }
    }
    if (now >= this.#saidAt + PULSE_MS) actions.push(this.#send({ kind: "ping" }, now));
    return actions;
  }
}
