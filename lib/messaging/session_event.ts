/**
 * What happens to connections, as those see it who listen and connect.
 *
 * @module
 */

import { fault } from "../net/warn.ts";
import { MAX_EVENTS_WAITING } from "../wire/limits.ts";
import { Stream } from "./stream.ts";

/**
 * What happened. `S` is the kind of session: {@linkcode Session}, or {@linkcode RawSession}.
 *
 * @example
 * ```ts
 * import type { SessionEvent } from "./session_event.ts";
 *
 * function describe<S extends { remote: string }>(event: SessionEvent<S>): string {
 *   switch (event.type) {
 *     case "connected":
 *     case "accepted":
 *       return `${event.session.remote} is there`;
 *     case "closed":
 *     case "abandoned":
 *       return `${event.session.remote} has gone: ${event.reason}`;
 *     case "notConnected":
 *     case "notListening":
 *       return `${event.address}: ${event.reason}`;
 *   }
 * }
 * ```
 */
export type SessionEvent<S> =
  /** A connection that was made here is up. */
  | { readonly type: "connected"; readonly session: S }
  /** A connection was taken here. */
  | { readonly type: "accepted"; readonly session: S }
  /** This side ended it; `result` is what its session function gave. */
  | {
    readonly type: "closed";
    readonly session: S;
    readonly reason: string;
    readonly result: unknown;
  }
  /** The other side ended it, or was lost. */
  | { readonly type: "abandoned"; readonly session: S; readonly reason: string }
  /** A connection could not be made; where somebody listens, one was refused (see `EncryptionOptions`). */
  | { readonly type: "notConnected"; readonly address: string; readonly reason: string }
  /** The address can't be listened at, or not any more. */
  | { readonly type: "notListening"; readonly address: string; readonly reason: string };

/** Gives events to a callback, and to whom takes them from the stream. */
export class Events<Event> {
  /** The events; those that nobody takes wait, up to 1,000; then the oldest are dropped. */
  readonly stream: Stream<Event> = new Stream<Event>({ limit: MAX_EVENTS_WAITING });
  readonly #callback: ((event: Event) => void) | undefined;

  /** What the callback throws is told. */
  constructor(callback: ((event: Event) => void) | undefined) {
    this.#callback = callback;
  }

  /** An event. */
  tell(event: Event): void {
    this.stream.push(event);
    try {
      this.#callback?.(event);
    } catch (error) {
      fault("messaging", "onEvent", error);
    }
  }
}
