/**
 * Requests that wait for their answers, matched by tags: however many are on their way, and whatever
 * else comes in between, each is settled at most once. Pure.
 *
 * @module
 */

import { RecentIds } from "../catch_up.ts";
import type { Failure, Ok, Reply } from "../record.ts";

/** Whoever waits for an answer. */
export interface Asked {
  /** A line of the answer. */
  reply?(reply: Reply): void;
  /** The end of the answer, for good or for bad; called once at the most. */
  done?(answer: Ok | Failure): void;
}

/** What an answer turned out to be. */
export type Matched = "taken" | "second" | "unknown";

interface Request extends Asked {
  readonly command: string;
  readonly deadline: number;
}

/** A table of requests. */
export class Requests {
  readonly #waiting = new Map<string, Request>();
  /** Tags of requests that are settled. */
  readonly #settled = new RecentIds();
  #tags = 0;
  /** No request is overdue before; perhaps none is at it. */
  #due = Infinity;

  /** Requests without an answer. */
  get size(): number {
    return this.#waiting.size;
  }

  /** When {@linkcode overdue} is to be asked, on the clock of the deadlines; Infinity where it needn't. */
  get due(): number {
    return this.#due;
  }

  /** A new request: gives the record to send. Its answer must be there at `deadline`. */
  ask(command: string, deadline: number, asked: Asked): string {
    const tag = "n" + (++this.#tags).toString(36);
    this.#waiting.set(tag, { ...asked, command, deadline });
    this.#due = Math.min(this.#due, deadline);
    return `@${tag} ${command}`;
  }

  /** A line that belongs to an answer. */
  answer(event: Reply | Ok | Failure): Matched {
    const tag = event.tag ?? "";
    const request = this.#waiting.get(tag);
    if (request === undefined) return this.#settled.has(tag) ? "second" : "unknown";
    if (event.type === "reply") {
      request.reply?.(event);
      return "taken";
    }
    // It is settled before anybody hears of it: what they do may lead back here.
    this.#waiting.delete(tag);
    this.#settled.add(tag);
    request.done?.(event);
    return "taken";
  }

  /** The command of a request whose answer is overdue. */
  overdue(now: number): string | undefined {
    this.#due = Infinity;
    for (const { command, deadline } of this.#waiting.values()) {
      if (deadline <= now) return command;
      this.#due = Math.min(this.#due, deadline);
    }
    return undefined;
  }

  /** The connection is gone: no answers will come, and none that comes counts. */
  forget(): void {
    for (const tag of this.#waiting.keys()) this.#settled.add(tag);
    this.#waiting.clear();
    this.#due = Infinity;
  }
}
