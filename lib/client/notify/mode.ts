/**
 * Notification mode as the server knows it: how it is asked for, how long it lasts, how it ends. Pure.
 *
 * @module
 */

import { MAX_NOTIFY_S, MAX_PATTERNS } from "../../wire/limits.ts";
import { EVERYTHING, parsePattern } from "../../wire/topic.ts";
import type { Reply } from "../record.ts";
import type { State } from "./state.ts";

/** How long before the server's timeout the mode is left, in milliseconds; a quarter of the time where that is less. */
const MARGIN_MS = 5000;
/** The shortest time that a server has, in seconds: what is shorter would have us ask for it all the time. */
const MIN_MODE_S = 1;
/** How long the mode lasts where nobody says, in seconds. */
export const DEFAULT_MODE_S = 60;

/** What is waited for. */
export interface ModeOptions {
  /** Patterns of topics, without blanks. Empty: those that the name has, else all. */
  readonly topics: readonly string[];
  /** The name under which the server keeps what comes while we are away. */
  readonly as?: string | undefined;
  /** Begin behind this id; `all`: with all that is remembered. */
  readonly since?: string | undefined;
  /** How long to ask the server to stay in the mode at a time, in seconds. @default that of the server */
  readonly modeSeconds?: number | undefined;
}

/**
 * The command that asks for the mode.
 *
 * @param from Instead of the `since` of the options.
 *
 * @example
 * ```ts
 * import { modeCommand } from "./mode.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(modeCommand({ topics: ["hits"], as: "ann" }, "all"), "/notify hits since=all as=ann");
 * ```
 */
export function modeCommand({ topics, as, modeSeconds }: ModeOptions, from?: string): string {
  const words = ["/notify", ...topics];
  if (from !== undefined) words.push(`since=${from}`);
  if (modeSeconds !== undefined) words.push(`timeout=${modeSeconds}`);
  if (as !== undefined) words.push(`as=${as}`);
  return words.join(" ");
}

/** How long the server says that the mode lasts, in seconds; undefined where that is no such time. */
export function secondsIn({ raw }: Reply): number | undefined {
  const { timeout } = raw;
  if (typeof timeout !== "number") return undefined;
  return timeout >= MIN_MODE_S && timeout <= MAX_NOTIFY_S ? timeout : undefined;
}

/** The patterns that the server says it pushes; all topics where it doesn't say. */
export function patternsIn({ raw: { topics } }: Reply): readonly string[] {
  if (!Array.isArray(topics) || topics.length > MAX_PATTERNS) return [EVERYTHING];
  const patterns = (topics as unknown[]).map((topic) =>
    typeof topic === "string" ? parsePattern(topic) : undefined
  );
  return patterns.filter((pattern) => pattern !== undefined);
}

/** When the mode is to be entered again, where it was entered at `now` and lasts so many seconds. */
export function renewalAt(now: number, seconds: number): number {
  const ms = seconds * 1000;
  return now + ms - Math.min(MARGIN_MS, ms / 4);
}

/** Whether the mode ended long before it should: entering it again at once would go on for ever. */
export function endsTooEarly(state: State & { is: "listening" }, now: number): boolean {
  return now - state.since < (state.renewAt - state.since) / 2;
}
