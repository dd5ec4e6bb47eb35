/**
 * What is said when there is no connection, or no longer. Pure.
 *
 * @module
 */

/** How far a connection had come. */
export type Reached = "connecting" | "greeting" | "up";

/** What is known of a lost connection. */
export interface Loss {
  /** The server, as it is named in messages. */
  readonly target: string;
  readonly reached: Reached;
  /** Why, in a few words. */
  readonly reason: string;
  /** There has been a connection before. */
  readonly wasReady: boolean;
  /** The last line of a server that has not answered as a talker; empty where there is none. */
  readonly strangeLine: string;
}

/** What is to be made of a connection that failed. */
export type LossKind =
  /** Another attempt may fare better. */
  | "passing"
  /** Another attempt would fail in the same way. */
  | "hopeless"
  /** We are not taken for now, since secrets were wrong. */
  | "unauthorised";

// What to do about it, where there has been no connection yet.
const ADVICE: ReadonlyMap<string, string> = new Map([
  ["connection refused", "is the server running there?"],
  ["no such host", "is it spelt right? talker discover --all lists what is near"],
  ["no answer in time", "is it the right address? talker discover --all lists what is near"],
]);

// What a server says instead of a greeting where it takes no more (lib/talker/admission.ts).
const REFUSAL = /^(?:The server is full|Too many connections from ).*/;

/** Whether a line that came instead of a greeting is a talker's refusal. */
export function isRefusal(line: string): boolean {
  return REFUSAL.test(line);
}

/**
 * The sentence, without a full stop.
 *
 * @example
 * ```ts
 * import { troubleText } from "./trouble.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const loss = { target: ":8889", reason: "no answer in time", wasReady: false, strangeLine: "220 hi" };
 * assertEquals(
 *   troubleText({ ...loss, reached: "greeting" }),
 *   ':8889 does not answer as a talker server does: no answer in time (it said "220 hi")',
 * );
 * ```
 */
export function troubleText({ target, reached, reason, wasReady, strangeLine }: Loss): string {
  switch (reached) {
    case "connecting": {
      const advice = wasReady ? undefined : ADVICE.get(reason);
      return `Cannot connect to ${target}: ${reason}${advice === undefined ? "" : `; ${advice}`}`;
    }
    case "greeting": {
      if (isRefusal(strangeLine)) return `${target}: ${strangeLine}`;
      const said = strangeLine === "" ? "" : ` (it said "${strangeLine}")`;
      return `${target} does not answer as a talker server does: ${reason}${said}`;
    }
    case "up":
      return `The connection to ${target} is lost: ${reason}`;
  }
}

/** No encrypted connection comes about, and another attempt would be of no use. */
export function isUnauthorised(error: unknown): error is Error {
  return isSecurityError(error) && !has(error, "busy") && !has(error, "purpose");
}

/** What the error of a connection means, or of an attempt at one; `why`: the same in words. */
export function lossKind(error: unknown, why: string): LossKind {
  // A server that heard too many wrong secrets takes us later, if we know the right one. A wrong port
  // is wrong whatever the secret.
  if (isSecurityError(error)) return has(error, "purpose") ? "hopeless" : "unauthorised";
  // There is no such address, or no such host.
  const isHopeless = error instanceof TypeError || NO_HOST.test(why);
  return isHopeless ? "hopeless" : "passing";
}

// What the systems say, and our own words for it.
const NO_HOST = /name or service not known|nodename nor servname|no such host/i;

function isSecurityError(error: unknown): error is Error {
  return error instanceof Error && error.name === "SecurityError";
}

function has(error: Error, code: string): boolean {
  return "code" in error && error.code === code;
}
