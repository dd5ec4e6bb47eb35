/**
 * The types of messages that may come, and who takes them.
 *
 * @module
 */

import type { MessageType } from "./message_type.ts";
import type { Handler, HandlerFunction } from "./session.ts";

/** A type that is registered. */
export interface Registered {
  readonly type: MessageType;
  /** Who takes them; else they wait to be taken. */
  readonly take: HandlerFunction<unknown, unknown> | undefined;
}

/** The types that are registered at one place, each name once. */
export class Registry {
  readonly #types: Map<string, Registered>;

  /**
   * With these types.
   *
   * @throws {TypeError} when two have the same name
   */
  constructor(
    messages: readonly MessageType[] = [],
    handlers: readonly Handler[] = [],
    types: Map<string, Registered> = new Map(),
  ) {
    this.#types = types;
    for (const type of messages) this.#register({ type, take: undefined });
    for (const { type, take } of handlers) this.#register({ type, take });
  }

  #register(entry: Registered): void {
    const { name } = entry.type;
    if (this.#types.has(name)) {
      throw new TypeError(`The message "${name}" is registered twice; each name has one type`);
    }
    this.#types.set(name, entry);
  }

  /** Registers a type, with who takes them; replaces the one of that name. */
  add(type: MessageType, take: HandlerFunction<unknown, unknown> | undefined): void {
    this.#types.set(type.name, { type, take });
  }

  /** What is registered by that name. */
  get(name: string): Registered | undefined {
    return this.#types.get(name);
  }

  /** The same, to be changed apart from this one. */
  copy(): Registry {
    return new Registry([], [], new Map(this.#types));
  }
}
