/**
 * Topics, and patterns of them: PURE.
 *
 * A topic is one or more levels separated by `/`; a level is one or more letters, digits, `-`, `_` and
 * `.`. In a pattern `*` stands for one level, and `**`, as the last level, for any number of
 * levels, also none: `door/**` matches `door`, `door/front` and `door/front/lock`.
 *
 * @module
 */

import { MAX_TOPIC_CHARACTERS, MAX_TOPIC_LEVELS } from "./limits.ts";

// Letters of any script, with the marks that belong to them.
const LEVEL = /^[\p{L}\p{M}\p{Nd}_.-]+$/u;
// What most topics are: checked faster.
const PLAIN = /^[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)*$/;

/** The pattern that every topic matches. */
export const EVERYTHING = "**";

/** The topic on which offers are announced. */
export const OFFERS_TOPIC = "offers";

/**
 * The topic as it is used (in Unicode's normal form NFC), or undefined where it isn't one: 1 to 16 levels, at
 * most 128 characters.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { parseTopic } from "./topic.ts";
 * assert(parseTopic("door/front") === "door/front");
 * assert(parseTopic("door/*") === undefined);
 * assert(parseTopic("door//front") === undefined);
 * ```
 */
export function parseTopic(text: string): string | undefined {
  const topic = normal(text);
  if (topic === undefined) return undefined;
  if (PLAIN.test(topic)) {
    return countLevels(topic) <= MAX_TOPIC_LEVELS ? topic : undefined;
  }
  const levels = topic.split("/");
  if (levels.length > MAX_TOPIC_LEVELS) return undefined;
  return levels.every((level) => LEVEL.test(level)) ? topic : undefined;
}

/**
 * The pattern as it is used, or undefined where it isn't one. Every topic is a pattern, of itself.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { parsePattern } from "./topic.ts";
 * assert(parsePattern("door/*") === "door/*");
 * assert(parsePattern("**") === "**");
 * assert(parsePattern("**" + "/front") === undefined);
 * ```
 */
export function parsePattern(text: string): string | undefined {
  const pattern = normal(text);
  if (pattern === undefined) return undefined;
  const levels = pattern.split("/");
  if (levels.length > MAX_TOPIC_LEVELS) return undefined;
  const last = levels.length - 1;
  const isPattern = levels.every((level, i) =>
    level === "*" || (level === EVERYTHING && i === last) || LEVEL.test(level)
  );
  return isPattern ? pattern : undefined;
}

/** True where the pattern has no wildcard: it is the name of one topic. */
export function isTopic(pattern: string): boolean {
  return !pattern.includes("*");
}

/**
 * Does the topic match the pattern? Both are checked.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { matches } from "./topic.ts";
 * assert(matches("door/*", "door/front") && !matches("door/*", "door"));
 * assert(matches("door/**", "door/front/lock") && matches("door/**", "door"));
 * ```
 */
export function matches(pattern: string, topic: string): boolean {
  if (pattern === EVERYTHING || pattern === topic) return true;
  if (isTopic(pattern)) return false;
  const levels = topic.split("/");
  const wanted = pattern.split("/");
  for (const [i, want] of wanted.entries()) {
    if (want === EVERYTHING) return true;
    if (i >= levels.length || (want !== "*" && want !== levels[i])) return false;
  }
  return wanted.length === levels.length;
}

function normal(text: string): string | undefined {
  // Before the work of normalising; a character has at most a few units more in another form.
  if (text.length === 0 || text.length > 4 * MAX_TOPIC_CHARACTERS) return undefined;
  const normalized = text.normalize("NFC");
  return normalized.length <= MAX_TOPIC_CHARACTERS ? normalized : undefined;
}

function countLevels(topic: string): number {
  let levels = 1;
  for (let i = 0; i < topic.length; i++) if (topic.charCodeAt(i) === 0x2f) levels++;
  return levels;
}
