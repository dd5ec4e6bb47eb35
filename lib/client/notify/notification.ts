/**
 * A notification as a server pushes it, taken apart and checked (docs/PROTOCOL.md). Pure.
 *
 * @module
 */

import { harmless, harmlessJson } from "../harmless.ts";
import { parseTopic } from "../../wire/topic.ts";
import type { Raw } from "../record.ts";

/** A notification. All its texts are harmless to a terminal; none holds a line end or NUL. */
export interface Notified {
  /** Opaque: at most 64 of `A-Za-z0-9._-`. */
  readonly id: string;
  /** Such as `door/front`. */
  readonly topic: string;
  /** One line. */
  readonly text: string;
  /** When it was published, ISO 8601; empty where the server does not tell. */
  readonly time: string;
  /** Nick of its publisher; empty where the server does not tell. */
  readonly nick: string;
  /** The publisher's server; empty where the server does not tell. */
  readonly server: string;
  /** The whole text of an offer, where it was fetched and is there. */
  readonly details: string | undefined;
  /** The JSON object as it came; its texts are not harmless. */
  readonly raw: Readonly<Record<string, unknown>>;
}

/** Whether it is an id by the rules: it will be sent back to the server. */
export function isId(value: unknown): value is string {
  return typeof value === "string" && /^[A-Za-z0-9._-]{1,64}$/.test(value);
}

/**
 * The notification in a JSON record; undefined where it is none, or one that breaks the rules.
 *
 * @example
 * ```ts
 * import { notificationIn } from "./notification.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const raw = { type: "notify", id: "a.1.2", topic: "hits", text: "three" };
 * assertEquals(notificationIn(raw)?.text, "three");
 * assertEquals(notificationIn({ ...raw, id: "a b" }), undefined);
 * ```
 */
export function notificationIn(raw: Raw): Notified | undefined {
  const { type, id, topic, text } = raw;
  if (type !== "notify" || !isId(id)) return undefined;
  if (typeof topic !== "string" || typeof text !== "string") return undefined;
  if (parseTopic(topic) !== topic) return undefined;
  return {
    id,
    topic,
    text: harmless(text),
    time: textOf(raw.time),
    nick: textOf(raw.nick),
    server: textOf(raw.server),
    details: undefined,
    raw,
  };
}

/** A notification as lines for people and `grep`: `TOPIC: TEXT`, and its details indented below. */
export function notificationText({ topic, text, details }: Notified): string {
  return details === undefined ? `${topic}: ${text}` : `${topic}: ${text}\n  ${details}`;
}

/** A notification as one line of JSON: what the server sent, and the details. */
export function notificationJson({ raw, details }: Notified): string {
  return harmlessJson(details === undefined ? raw : { ...raw, details });
}

function textOf(value: unknown): string {
  return typeof value === "string" ? harmless(value) : "";
}
