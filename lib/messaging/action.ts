/**
 * What a {@linkcode Conversation} has its driver do.
 *
 * @module
 */

import type { Outgoing } from "./envelope.ts";

/** How a question of ours ended. */
export type Outcome =
  | { readonly how: "answered"; readonly body: unknown }
  | { readonly how: "refused"; readonly code: string; readonly reason: string }
  | { readonly how: "timed-out" }
  | { readonly how: "cancelled" }
  /** The connection ended first. */
  | { readonly how: "lost"; readonly reason: string };

/** What is to be done. */
export type Action =
  | { readonly do: "send"; readonly envelope: Outgoing }
  /** Both have said hello. */
  | { readonly do: "open" }
  /** A message came; it is a question where it has a number. */
  | {
    readonly do: "deliver";
    readonly id: number | undefined;
    readonly type: string;
    readonly body: unknown;
  }
  /** Nobody waits any more for the answer to their question of that number. */
  | { readonly do: "withdraw"; readonly id: number; readonly reason: string }
  /** Our question of that number has ended. */
  | { readonly do: "settle"; readonly id: number; readonly outcome: Outcome }
  | {
    readonly do: "news";
    readonly topic: string | undefined;
    readonly body: unknown;
    readonly missed: number;
  }
  /** They don't take something that was no question. */
  | { readonly do: "refused"; readonly code: string; readonly reason: string }
  /** What came makes no sense, and is passed over. */
  | { readonly do: "ignore"; readonly reason: string }
  /** The connection is to be ended, or has ended. Always the last. */
  | {
    readonly do: "end";
    readonly reason: string;
    readonly by: "us" | "them";
    /** Where they did not even greet us, what they said why. */
    readonly code?: string;
  };
