/**
 * The order over the lives of one origin. Within a life the sequences tell it; news of a life waits
 * for what is known to exist of the lives before it. Known by announcements: whoever sends a message
 * has told before, on the same link, what it has of the origin's former lives. So once these have come,
 * or nobody who can be reached has them, nothing is missing that somebody else was told earlier.
 *
 * What is past goes to the history only, where it is put by its time: it waits for nothing.
 */
import type { Stream } from "./seen.ts";

/** Whether news of this life was announced, by somebody who can be reached, and hasn't come. */
export function lags(stream: Stream): boolean {
  for (const { head } of stream.ahead.values()) if (head >= stream.next) return true;
  return false;
}

/** Whether news of this life has to wait: some of a former life of its origin is still to come. */
export function mustWait({ origin, incarnation }: Stream): boolean {
  if (origin.behind === 0 || origin.streams.size === 1) return false;
  for (const other of origin.streams.values()) {
    if (other.incarnation < incarnation && lags(other)) return true;
  }
  return false;
}

/** Whether messages of a later life of its origin wait for what is to come of this one. */
export function isAwaited(stream: Stream): boolean {
  const { origin, incarnation } = stream;
  if (origin.streams.size === 1 || !lags(stream)) return false;
  for (const other of origin.streams.values()) {
    if (other.incarnation > incarnation && other.pending.length > 0) return true;
  }
  return false;
}

/** Whether a later life of its origin is known of which something is still to come, or waits. */
export function isFollowed({ origin, incarnation }: Stream): boolean {
  if (origin.streams.size === 1) return false;
  for (const other of origin.streams.values()) {
    if (other.incarnation > incarnation && lags(other)) return true;
  }
  return false;
}
