/**
 * Where messages arrive: refused, handled, or put where the program takes them from.
 *
 * @module
 */

import { fault } from "../net/warn.ts";
import { Refusal } from "./ask_error.ts";
import { type Incoming, IncomingMessage } from "./incoming_message.ts";
import type { Intake } from "./intake.ts";
import { shown } from "./json.ts";
import type { LinkSession } from "./link_session.ts";
import type { Registered, Registry } from "./registry.ts";
import type { HandlerFunction, Message } from "./session.ts";
import type { Stream } from "./stream.ts";

/** What a {@linkcode Desk} is made of. */
export interface DeskOptions {
  /** What may come. */
  registry: Registry;
  /** Where messages go that nobody handles. */
  inbox: Stream<Message>;
  /** How much waits. */
  intake: Intake;
}

/** The messages of one connection. */
export class Desk {
  readonly #session: LinkSession;
  readonly #options: DeskOptions;
  /** Questions that wait for our answer. */
  readonly #open = new Map<number, IncomingMessage>();

  /** For that connection. */
  constructor(session: LinkSession, options: DeskOptions) {
    this.#session = session;
    this.#options = options;
  }

  /** A message came. */
  deliver(incoming: Incoming): void {
    const { id, type, body, size } = incoming;
    const entry = this.#options.registry.get(type);
    if (entry === undefined) {
      const reason = `No message called ${shown(type)} is registered here`;
      return this.#session.refuse(id, "unregistered", reason);
    }
    if (!isValid(entry, body)) {
      const reason = `This is no body of a message called ${shown(type)}: ${shown(body)}`;
      return this.#session.refuse(id, "invalid", reason);
    }
    const message = new IncomingMessage(this.#session, incoming);
    if (id !== undefined) this.#open.set(id, message);
    if (entry.take !== undefined) return void this.#handle(message, entry.take);
    this.#options.intake.came(size);
    this.#options.inbox.push(message);
  }

  async #handle(message: IncomingMessage, take: HandlerFunction<unknown, unknown>): Promise<void> {
    const { intake } = this.#options;
    // Questions have a bound of their own, so that some may wait long for their answers.
    const weight = message.asked ? 0 : 1;
    intake.came(message.size, weight);
    try {
      const reply = take(message.body, message);
      await message.reply(reply instanceof Promise ? await reply : reply);
    } catch (error) {
      if (error instanceof Refusal) return message.refuse(error.message);
      fault("messaging", `The handler of "${message.type}"`, error);
      const reason = `The program there failed at "${message.type}"`;
      this.#session.refuse(message.id, "failed", reason);
    } finally {
      intake.taken(message.size, weight);
    }
  }

  /** A question was answered or refused. */
  settled(id: number): void {
    this.#open.delete(id);
  }

  /** Nobody waits for the answer to that question any more. */
  withdraw(id: number, reason: string): void {
    const message = this.#open.get(id);
    if (message === undefined) return;
    this.#open.delete(id);
    message.withdraw(reason);
    if (this.#options.inbox.remove(message)) this.#options.intake.taken(message.size);
  }
}

/** A check of the program's that fails says no. */
function isValid({ type }: Registered, body: unknown): boolean {
  try {
    return type.body(body);
  } catch (error) {
    fault("messaging", `The check of "${type.name}"`, error);
    return false;
  }
}
