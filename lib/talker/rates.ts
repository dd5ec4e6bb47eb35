/**
 * How much of the whole mesh's work, and of what all servers keep, the clients of one address may
 * ask for. Pure.
 *
 * @module
 */

import { RateLimiter } from "../link/rate_limiter.ts";
import { KEEPSAKES, PUBLICATIONS, QUESTIONS } from "../wire/limits.ts";
import type { Session } from "./session.ts";

/** What the servers of a mesh do for a command: answer a question, or deliver a notification. */
export type Work = "question" | "publication";

/**
 * Counts it by address. Work is done whenever it is asked for; who asked for too much then *rests*: its
 * next commands are read later, so that nothing is refused and nothing is lost. What is to be kept is
 * refused. Sessions without an address (this machine's own) are not counted.
 */
export class Rates {
  readonly #work: Record<Work, RateLimiter> = {
    question: new RateLimiter(QUESTIONS),
    publication: new RateLimiter(PUBLICATIONS),
  };
  readonly #keepsakes = new RateLimiter(KEEPSAKES);
  /** Who rests, and until when. */
  readonly #resting = new Map<Session, number>();
  #due = Infinity;

  /** When {@linkcode tick} is to be called, in monotonic ms. */
  get due(): number {
    return this.#due;
  }

  /** A session asked for some work. */
  worked(session: Session, work: Work, now: number): void {
    const { source } = session;
    if (source === undefined) return;
    const limiter = this.#work[work];
    limiter.use(source, now);
    const until = limiter.allowedAt(source, now);
    if (until <= now) return;
    session.rests = true;
    this.#resting.set(session, until);
    this.#due = Math.min(this.#due, until);
  }

  /** A session leaves something that all servers keep; false when it may not. */
  leaves({ source }: Session, now: number): boolean {
    if (source === undefined) return true;
    if (!this.#keepsakes.allows(source, now)) return false;
    this.#keepsakes.use(source, now);
    return true;
  }

  /** A session is over. */
  forget(session: Session): void {
    this.#resting.delete(session);
  }

  /** Has those go on who have rested enough. */
  tick(now: number): void {
    if (now < this.#due) return;
    this.#due = Infinity;
    for (const [session, until] of this.#resting) {
      if (until > now) {
        this.#due = Math.min(this.#due, until);
        continue;
      }
      this.#resting.delete(session);
      session.rests = false;
      session.wake();
    }
  }
}
