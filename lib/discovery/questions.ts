/**
 * What this beacon asks, and when. Pure.
 *
 * @module
 */

import { ASK_AGAIN_MS, ASK_MS } from "./times.ts";

/** What is asked. */
export interface Question {
  /** Names: `*` stands for any characters. */
  readonly pattern: string;
  /** A kind, or empty for all. */
  readonly kind: string;
  /** Asks again and again, for who wants to be listed as asking; else some times only: who comes later says so. */
  readonly endless: boolean;
}

interface Asked {
  readonly question: Question;
  since: number;
  step: number;
  nextAt: number;
}

/** A question that is to be asked now. */
export interface DueQuestion extends Question {
  /** The answer shall go to all: those to the asker alone may not have come through. */
  readonly toAll: boolean;
}

/** The questions of one beacon. */
export class Questions {
  readonly #asked = new Map<number, Asked>();
  #next = 1;

  /** Begins to ask. Returns what ends it: see {@linkcode end}. */
  begin(question: Question, now: number): number {
    const id = this.#next++;
    this.#asked.set(id, { question, since: now, step: 0, nextAt: now });
    return id;
  }

  /** Ends a question. */
  end(id: number): void {
    this.#asked.delete(id);
  }

  /** Questions that haven't ended. */
  get size(): number {
    return this.#asked.size;
  }

  /** When there is something to ask. */
  get nextWake(): number {
    let next = Infinity;
    for (const { nextAt } of this.#asked.values()) next = Math.min(next, nextAt);
    return next;
  }

  /** What is to be asked now: each question once. */
  collect(now: number): DueQuestion[] {
    const due = new Map<string, DueQuestion>();
    for (const asked of this.#asked.values()) {
      if (asked.nextAt > now) continue;
      const { question, since } = asked;
      const toAll = asked.step >= 2;
      const key = `${question.pattern} ${question.kind}`;
      if (toAll || !due.has(key)) due.set(key, { ...question, toAll });
      const at = ASK_MS[++asked.step];
      // What a sleeping machine missed isn't made up for.
      if (at !== undefined) asked.nextAt = Math.max(since + at, now + 1);
      else asked.nextAt = question.endless ? now + ASK_AGAIN_MS : Infinity;
    }
    return [...due.values()];
  }

  /** Everything is to be asked again: the network changed. */
  again(now: number): void {
    for (const asked of this.#asked.values()) {
      asked.since = now;
      asked.step = 0;
      asked.nextAt = now;
    }
  }
}
