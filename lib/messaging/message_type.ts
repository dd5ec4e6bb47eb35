/**
 * Types of messages: a name, and what a body of it looks like.
 *
 * @module
 */

import { isTypeName } from "./envelope.ts";
import { shown } from "./json.ts";

/** Says whether a value is what is meant. It must not throw, and not change the value. */
export type Check<T> = (value: unknown) => value is T;

/** A type of message, as {@linkcode defineMessage} makes it. */
export interface MessageType<Body = unknown, Reply = unknown> {
  /** What it is called on the wire. */
  readonly name: string;
  /** What a body looks like. */
  readonly body: Check<Body>;
  /** What the answer to such a question looks like. */
  readonly reply: Check<Reply>;
}

/** What belongs to a type of message beside its body. */
export interface MessageTypeOptions<Reply> {
  /** What the answer looks like, where it is asked. @default anything */
  reply?: Check<Reply>;
}

/**
 * Defines a type of message: its name (1 to 64 characters, the same at both ends) and what its body
 * looks like. It is then registered where it may arrive: in `messages` or `handlers` of
 * {@linkcode listen} and {@linkcode connect}. Whatever else arrives is refused.
 *
 * @throws {TypeError} for a name that is none
 *
 * @example
 * ```ts
 * import { defineMessage, number, shape, text } from "./message_type.ts";
 * import { assert } from "@std/assert";
 *
 * const Turn = defineMessage("turn", shape({ to: text, by: number }), { reply: number });
 *
 * assert(Turn.body({ to: "left", by: 0.5 }));
 * assert(!Turn.body({ to: "left" }));
 * ```
 */
export function defineMessage<Body, Reply = unknown>(
  name: string,
  body: Check<Body>,
  options: MessageTypeOptions<Reply> = {},
): MessageType<Body, Reply> {
  if (!isTypeName(name)) {
    throw new TypeError(
      `${shown(name)} is no name of a message: it must have 1 to 64 characters`,
    );
  }
  const { reply = anything as Check<Reply> } = options;
  return { name, body, reply };
}

/** Any value. */
export function anything(_value: unknown): _value is unknown {
  return true;
}

/** Text. */
export function text(value: unknown): value is string {
  return typeof value === "string";
}

/** A number. */
export function number(value: unknown): value is number {
  return typeof value === "number";
}

/** True or false. */
export function truth(value: unknown): value is boolean {
  return typeof value === "boolean";
}

/** Null: a message that says all with its name. */
export function nothing(value: unknown): value is null {
  return value === null;
}

/**
 * A list.
 *
 * @example
 * ```ts
 * import { list, number } from "./message_type.ts";
 * import { assert } from "@std/assert";
 *
 * assert(list(number)([1, 2]) && !list(number)([1, "2"]));
 * ```
 */
export function list<T>(item: Check<T>): Check<T[]> {
  return (value): value is T[] => Array.isArray(value) && value.every((each) => item(each));
}

/**
 * What may be left out, or be null.
 *
 * @example
 * ```ts
 * import { optional, shape, text } from "./message_type.ts";
 * import { assert } from "@std/assert";
 *
 * const named = shape({ name: optional(text) });
 * assert(named({}) && named({ name: "Tim" }) && !named({ name: 7 }));
 * ```
 */
export function optional<T>(check: Check<T>): Check<T | null | undefined> {
  return (value): value is T | null | undefined =>
    value === undefined || value === null || check(value);
}

/** The type of the values that a check takes. */
export type Checked<C> = C extends Check<infer T> ? T : never;

/**
 * An object with these members; more of them do no harm.
 *
 * @example
 * ```ts
 * import { shape, text } from "./message_type.ts";
 * import { assert } from "@std/assert";
 *
 * const hello = shape({ myName: text });
 * assert(hello({ myName: "Gladys" }) && !hello({ myname: "Gladys" }));
 * ```
 */
export function shape<Members extends Record<string, Check<unknown>>>(
  members: Members,
): Check<{ [Name in keyof Members]: Checked<Members[Name]> }> {
  const checks = Object.entries(members);
  return (value): value is { [Name in keyof Members]: Checked<Members[Name]> } =>
    typeof value === "object" && value !== null && !Array.isArray(value) &&
    checks.every(([name, check]) =>
      check(Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined)
    );
}
