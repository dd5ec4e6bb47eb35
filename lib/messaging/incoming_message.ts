/**
 * A message that came over a {@linkcode LinkSession}.
 *
 * @module
 */

import { encodeJson, type JsonText } from "./json.ts";
import type { LinkSession } from "./link_session.ts";
import type { MessageType } from "./message_type.ts";
import type { Message } from "./session.ts";
import { Stream } from "./stream.ts";

/** What came. */
export interface Incoming {
  /** The number of the question; none where it is none. */
  readonly id: number | undefined;
  readonly type: string;
  readonly body: unknown;
  /** Of its frame, in bytes. */
  readonly size: number;
}

/** See {@linkcode Message}. */
export class IncomingMessage implements Message {
  readonly id: number | undefined;
  readonly type: string;
  readonly body: unknown;
  readonly session: LinkSession;
  readonly size: number;
  /** Made when somebody asks for it. */
  #abort: AbortController | undefined;
  #withdrawn: Error | undefined;

  constructor(session: LinkSession, { id, type, body, size }: Incoming) {
    this.session = session;
    this.id = id;
    this.type = type;
    this.body = body;
    this.size = size;
  }

  get asked(): boolean {
    return this.id !== undefined;
  }

  /** Does nobody wait for the answer any more? */
  get isWithdrawn(): boolean {
    return this.#withdrawn !== undefined;
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#withdrawn !== undefined) this.#abort.abort(this.#withdrawn);
    return this.#abort.signal;
  }

  /** Nobody waits for the answer any more. */
  withdraw(reason: string): void {
    this.#withdrawn = new Error(`Nobody waits for an answer to "${this.type}": ${reason}`);
    this.#abort?.abort(this.#withdrawn);
  }

  is<T, R>(type: MessageType<T, R>): this is Message<T> {
    return type.name === this.type;
  }

  async reply(body: unknown = null): Promise<void> {
    if (this.id === undefined) return;
    let written: JsonText | undefined = encodeJson(body);
    // Where many were asked for at once their answers wait as values, not as text.
    while (this.session.isFull) {
      written = undefined;
      await this.session.room();
    }
    if (this.#withdrawn !== undefined) return;
    await this.session.answer(this.id, written ?? encodeJson(body));
  }

  refuse(reason: string, code = "refused"): void {
    if (this.id !== undefined && this.#withdrawn === undefined) {
      this.session.refuse(this.id, code, reason);
    }
  }
}

/** Messages that wait to be taken; their connections are read on when they are. */
export function messageStream(): Stream<Message> {
  return new Stream<Message>({
    taken: (message) => {
      const { session, size } = message as IncomingMessage;
      session.taken(size);
    },
  });
}
