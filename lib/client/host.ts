/**
 * What a client is told and asks for: how it is to behave, what it needs done, how it ended.
 *
 * @module
 */

import type { Backoff } from "./backoff.ts";
import type { ConversationOptions } from "./conversation.ts";
import type { Shown } from "./shown.ts";

/** How it ended. */
export type Outcome =
  | { readonly is: "done"; readonly message?: string }
  /** Some acknowledgements are missing, which has been told. */
  | { readonly is: "partly"; readonly message?: string }
  /** Without a message all that went wrong has been shown. */
  | { readonly is: "failed"; readonly message?: string }
  | { readonly is: "timeout"; readonly message: string }
  /** The two sides don't agree in encryption, or the secret is wrong. */
  | { readonly is: "unauthorised"; readonly message: string };

/** What a client needs done. */
export interface ClientHost {
  /** Try to connect; `connected` or `disconnected` tells how it went. */
  connect(): void;
  /** Drop the connection, if there is one; nothing more is to be told of it. */
  disconnect(): void;
  /** Send a record. */
  send(record: string): void;
  /** Show something. */
  show(shown: Shown): void;
  /** It is over. Called once, after `disconnect`. */
  finish(outcome: Outcome): void;
  /** Something for the log at debug level. */
  debug(message: string, properties: Record<string, unknown>): void;
}

/** How a client is to behave. */
export interface ClientOptions extends ConversationOptions {
  /** The server, as it is named in messages. */
  readonly target: string;
  /** Somebody sits there, and is served with history and completion. */
  readonly interactive: boolean;
  /** The nick to have. */
  readonly nick?: string | undefined;
  /** Come back when the connection is lost. @default true */
  readonly reconnect?: boolean;
  /** Finish after so many received lines of speech or whispers. */
  readonly count?: number | undefined;
  /** Fail when not done after so many milliseconds. */
  readonly timeoutMs?: number | undefined;
  /** Numbers from 0 up to but not 1. */
  readonly random: () => number;
  readonly backoff?: Backoff;
}
