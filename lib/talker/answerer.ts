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

/** How the waiting of a question ended: it is its turn, that did not come in time, or another took its place. */
type End = "turn" | "late" | "displaced";

interface Waiting {
  readonly asker: string;
  readonly settle: (end: End) => void;
}

/**
 * Answers some questions at a time; more wait, and when too many wait further ones are refused: a burst
 * of questions is no way to start any number of programs. Askers take turns, however many questions
 * each has, and one who has many makes room for one who has few.
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
  readonly #waiting = new Set<Waiting>();
  /** Askers whose questions are worked on. */
  readonly #running: string[] = [];

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
    return this.#running.length + this.#waiting.size;
  }

  async answer(question: AskedQuestion): Promise<Answer> {
    const asker = `${question.nick}@${question.server}`;
    if (this.#running.length >= this.#atOnce) {
      if (this.#waiting.size >= this.#most && !this.#makeRoom(asker)) return this.#busy();
      const end = await this.#turn(asker);
      if (end === "displaced") return this.#busy();
      if (end === "late") {
        return { error: "timeout", text: "Its turn did not come in time: too much is asked" };
      }
    } else this.#running.push(asker);
    try {
      const answer = await this.#run(question);
      if ("text" in answer && !("error" in answer)) return bounded(answer.text);
      return answer;
    } catch (error) {
      return { error: "failed", text: error instanceof Error ? error.message : String(error) };
    } finally {
      // The place goes to the next in line, or is free.
      this.#running.splice(this.#running.indexOf(asker), 1);
      this.#next()?.settle("turn");
    }
  }

  #busy(): Answer {
    return { error: "busy", text: `${this.pending} questions wait already: ask again later` };
  }

  /** Waits for a place. */
  #turn(asker: string): Promise<End> {
    return new Promise((resolve) => {
      const settle = (end: End) => {
        clearTimeout(timer);
        this.#waiting.delete(waiting);
        // At once: nobody who comes meanwhile finds the place free.
        if (end === "turn") this.#running.push(asker);
        resolve(end);
      };
      const waiting: Waiting = { asker, settle };
      const timer = setTimeout(() => settle("late"), this.#patience);
      this.#waiting.add(waiting);
    });
  }

  /** Whose turn it is: the longest waiting of those for whom least is worked on. */
  #next(): Waiting | undefined {
    let next: Waiting | undefined;
    let least = Infinity;
    for (const waiting of this.#waiting) {
      const running = this.#running.filter((asker) => asker === waiting.asker).length;
      if (running < least) [next, least] = [waiting, running];
    }
    return next;
  }

  /** Who has most questions waiting loses the last one, if that is more than `asker` would have. */
  #makeRoom(asker: string): boolean {
    const counts = new Map<string, number>();
    const last = new Map<string, Waiting>();
    for (const waiting of this.#waiting) {
      counts.set(waiting.asker, (counts.get(waiting.asker) ?? 0) + 1);
      last.set(waiting.asker, waiting);
    }
    let [most, count] = [asker, (counts.get(asker) ?? 0) + 1];
    for (const [other, waiting] of counts) if (waiting > count) [most, count] = [other, waiting];
    if (most === asker) return false;
    last.get(most)?.settle("displaced");
    return true;
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
