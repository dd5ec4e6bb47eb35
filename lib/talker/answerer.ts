/**
 * Whoever answers questions (`/ask`) on this server, and how many at a time.
 *
 * @module
 */

import {
  MAX_ANSWER_BYTES,
  MAX_ANSWER_MS,
  MAX_QUESTIONS_AT_ONCE,
  MAX_QUESTIONS_WAITING,
} from "../wire/limits.ts";
import { encodeText } from "../wire/text.ts";

/** A question. */
export interface AskedQuestion {
  /** Nick of the asker. */
  readonly nick: string;
  /** The asker's server. */
  readonly server: string;
  /** One line of text. */
  readonly text: string;
}

/** The answer (lines of text), or why there is none. */
export type Answer =
  | { readonly text: string }
  | { readonly error: "failed" | "timeout" | "busy" | "not-found"; readonly text: string };

/** Answers questions. Never rejects. */
export interface Answerer {
  /** The answer to one question. */
  answer(question: AskedQuestion): Promise<Answer>;
}

/** How an {@linkcode AnswerQueue} is made. */
export interface AnswerQueueOptions {
  /** Questions that are worked on at a time. Default {@linkcode MAX_QUESTIONS_AT_ONCE}. */
  readonly atOnce?: number;
  /** Questions that wait for their turn. Default {@linkcode MAX_QUESTIONS_WAITING}. */
  readonly waiting?: number;
  /** How long a question waits for its turn, in milliseconds. Default {@linkcode MAX_ANSWER_MS}. */
  readonly patience?: number;
}

/**
 * Answers some questions at a time; more wait, in their order, and when too many wait further ones are
 * refused: a burst of questions is no way to start any number of programs.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { AnswerQueue } from "./answerer.ts";
 * const queue = new AnswerQueue(({ text }) => Promise.resolve({ text: text.toUpperCase() }));
 * const answer = await queue.answer({ nick: "bob", server: "kitchen", text: "left" });
 * assert("text" in answer && answer.text === "LEFT");
 * ```
 */
export class AnswerQueue implements Answerer {
  readonly #run: (question: AskedQuestion) => Promise<Answer>;
  readonly #atOnce: number;
  readonly #most: number;
  readonly #patience: number;
  readonly #waiting = new Set<(itsTurn: boolean) => void>();
  #running = 0;

  /** `run` answers one question; what it rejects with is told to the asker as a failure. */
  constructor(
    run: (question: AskedQuestion) => Promise<Answer>,
    options: AnswerQueueOptions = {},
  ) {
    this.#run = run;
    this.#atOnce = options.atOnce ?? MAX_QUESTIONS_AT_ONCE;
    this.#most = options.waiting ?? MAX_QUESTIONS_WAITING;
    this.#patience = options.patience ?? MAX_ANSWER_MS;
  }

  /** Questions worked on, and waiting. */
  get pending(): number {
    return this.#running + this.#waiting.size;
  }

  async answer(question: AskedQuestion): Promise<Answer> {
    if (this.#running >= this.#atOnce) {
      if (this.#waiting.size >= this.#most) {
        return { error: "busy", text: `${this.pending} questions wait already: ask again later` };
      }
      if (!await this.#turn()) {
        return { error: "timeout", text: "Its turn did not come in time: too much is asked" };
      }
    } else this.#running++;
    try {
      const answer = await this.#run(question);
      if ("text" in answer && !("error" in answer)) return bounded(answer.text);
      return answer;
    } catch (error) {
      return { error: "failed", text: error instanceof Error ? error.message : String(error) };
    } finally {
      // The place goes to the next in line, or is free.
      const [next] = this.#waiting;
      if (next === undefined) this.#running--;
      else next(true);
    }
  }

  /** Waits for a place; false when none came free in time. */
  #turn(): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (itsTurn: boolean) => {
        clearTimeout(timer);
        this.#waiting.delete(settle);
        resolve(itsTurn);
      };
      const timer = setTimeout(() => settle(false), this.#patience);
      this.#waiting.add(settle);
    });
  }
}

function bounded(text: string): Answer {
  const { length } = encodeText(text);
  if (length <= MAX_ANSWER_BYTES) return { text };
  return {
    error: "failed",
    text: `The answer has ${length} bytes: at most ${MAX_ANSWER_BYTES} are sent`,
  };
}
