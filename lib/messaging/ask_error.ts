/**
 * Why a question has no answer.
 *
 * @module
 */

import type { Outcome } from "./action.ts";
import { shown } from "./json.ts";

/**
 * A question was not answered. What {@linkcode AskError.code} says:
 *
 * - `timed-out`: nobody answered in time; the connection can be used on
 * - `lost`: the connection ended first
 * - `invalid-answer`: the answer is not as the type of message says
 * - `unregistered`, `invalid`: the other side doesn't know such messages, or not with such a body
 * - `refused`, `failed`, `busy`, and whatever other programs say: the other side's own reasons
 */
export class AskError extends Error {
  /** What kind of error it is. */
  override readonly name = "AskError";
  /** For programs. */
  readonly code: string;

  /** `message` says what was asked of whom, and what came of it. */
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Thrown in a handler, it tells the other side why its question is refused. Of any other error the
 * other side is told only that there was one.
 *
 * @example
 * ```ts
 * import { Refusal } from "./ask_error.ts";
 * import { assertThrows } from "@std/assert";
 *
 * function turn(by: number): number {
 *   if (Math.abs(by) > 1) throw new Refusal(`Cannot turn by ${by}: at most 1`);
 *   return by;
 * }
 * assertThrows(() => turn(2), Refusal, "at most 1");
 * ```
 */
export class Refusal extends Error {
  /** What kind of error it is. */
  override readonly name = "Refusal";
}

/** A connection could not be made, or a port not be listened at. */
export class ConnectionError extends Error {
  /** What kind of error it is. */
  override readonly name = "ConnectionError";
}

/** Why that was no good answer. */
export function whyNoAnswer(
  outcome: Outcome,
  { type, remote, wait }: { type: string; remote: string; wait: number },
): AskError {
  const error = (code: string, what: string) =>
    new AskError(code, `No answer to "${type}" from ${remote}: ${what}`);
  switch (outcome.how) {
    case "answered":
      return error("invalid-answer", `the answer is ${shown(outcome.body)}`);
    case "refused":
      return error(outcome.code, outcome.reason);
    case "timed-out":
      return error("timed-out", `no answer within ${wait / 1000} s`);
    case "lost":
      return error("lost", outcome.reason);
    case "cancelled":
      return error("cancelled", "it was given up");
  }
}
