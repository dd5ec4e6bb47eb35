/**
 * The kinds of messages between servers that the talker uses (docs/PROTOCOL.md). A new one is added
 * here, with an observer in a file of its own.
 *
 * @module
 */

/** Numbers of kinds, 1 to 255. */
export const KIND = {
  /** Lines said: flooded. */
  speech: 1,
  /** Who comes and goes, and how many are here: state. */
  presence: 2,
  /** Who is on your server? A request to all. */
  who: 3,
  /** Have you somebody of this nick? A request to all. */
  find: 4,
  /** A line for one person: a request to one. */
  whisper: 5,
  // 6 to 9: lib/notify/kinds.ts.
  /** A question for one server's answerer: a request to one. */
  ask: 10,
} as const;
