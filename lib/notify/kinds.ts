/**
 * The kinds of messages between servers that notifications use (docs/PROTOCOL.md). The others are in
 * `lib/talker/observers/kinds.ts`, where these numbers are listed, too.
 *
 * @module
 */

/** Numbers of kinds, 1 to 255. */
export const NOTIFY_KIND = {
  /** What was published: flooded. */
  notification: 6,
  /** Subscribers, acknowledgements, offers that were withdrawn: flooded. */
  changes: 7,
  /** What the nameless subscribers of a server want, to be counted: state. Receipts: a request to all. */
  listeners: 8,
  /** What do you remember? A request to a peer. */
  sync: 9,
} as const;
