/**
 * What a server sends, taken apart and checked (docs/PROTOCOL.md, "JSON lines"). Pure.
 *
 * @module
 */

import { isDeeperThan } from "../wire/json_depth.ts";
import { MAX_JSON_DEPTH } from "../wire/limits.ts";
import { harmless } from "./harmless.ts";
import { notificationIn, type Notified } from "./notify/notification.ts";

/** The JSON object as it came; its texts are not harmless. */
export type Raw = Readonly<Record<string, unknown>>;

interface Base {
  /** When, as ISO 8601 in UTC; undefined where it is missing or no time. */
  readonly time: string | undefined;
  readonly raw: Raw;
}

/** Who we are and where. */
export interface Welcome extends Base {
  readonly type: "welcome";
  readonly nick: string;
  readonly server: string;
}

/** Something was said to everybody. */
export interface Said extends Base {
  readonly type: "speech" | "action";
  /** Undefined where there is none, or one that breaks the rules for ids. */
  readonly id: string | undefined;
  readonly nick: string;
  readonly server: string;
  /** What was said. */
  readonly text: string;
}

/** Something was said to us alone. */
export interface Whisper extends Base {
  readonly type: "whisper";
  readonly nick: string;
  readonly server: string;
  readonly text: string;
}

/** One or many have come or gone. */
export interface Crowd extends Base {
  readonly type: "joined" | "left";
  readonly count: number;
  /** Some of them. */
  readonly nicks: readonly string[];
  readonly server: string;
  readonly text: string;
}

/** Somebody has another nick. */
export interface Renamed extends Base {
  readonly type: "renamed";
  readonly old: string;
  readonly nick: string;
  readonly server: string;
  readonly text: string;
}

/** The server has something to say. */
export interface Notice extends Base {
  readonly type: "notice";
  readonly text: string;
  /** The server has ended notification mode. */
  readonly endsNotifications: boolean;
}

/** A notification, in notification mode. */
export interface Notify extends Base {
  readonly type: "notify";
  readonly notification: Notified;
}

/** A line of an answer. */
export interface Reply extends Base {
  readonly type: "reply";
  readonly tag: string | undefined;
  readonly text: string;
}

/** The end of an answer. */
export interface Ok extends Base {
  readonly type: "ok";
  readonly tag: string;
  /** The id of the line that was said. */
  readonly id: string | undefined;
}

/** The end of an answer that is none. */
export interface Failure extends Base {
  readonly type: "error";
  readonly tag: string | undefined;
  readonly code: string;
  readonly text: string;
}

/** A type that this version does not know. */
export interface Unknown extends Base {
  readonly type: "unknown";
}

/** One record of a server. */
export type ServerEvent =
  | Welcome
  | Said
  | Whisper
  | Crowd
  | Renamed
  | Notice
  | Notify
  | Reply
  | Ok
  | Failure
  | Unknown;

/**
 * Parses one record. All texts of the event are harmless.
 *
 * @returns the event, or undefined for what is none: no JSON object, one that is nested deeper than
 * 100, a member missing or of the wrong type
 *
 * @example
 * ```ts
 * import { parseRecord } from "./record.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const event = parseRecord('{"type":"reply","tag":"c1","text":"pong"}');
 * assertEquals(event?.type === "reply" && event.text, "pong");
 * assertEquals(parseRecord("bob: hello"), undefined);
 * ```
 */
export function parseRecord(record: string): ServerEvent | undefined {
  if (!record.startsWith("{") || isDeeperThan(record, MAX_JSON_DEPTH)) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(record);
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return undefined;
  const raw = parsed as Raw;
  const time = timeOf(raw.time);
  const text = textOf(raw.text);
  const server = textOf(raw.server) ?? "";
  const nick = textOf(raw.nick);
  switch (raw.type) {
    case "welcome":
      return nick === undefined ? undefined : { type: raw.type, time, raw, nick, server };
    case "speech":
    case "action":
      if (nick === undefined || text === undefined) return undefined;
      return { type: raw.type, time, raw, id: idOf(raw.id), nick, server, text };
    case "whisper":
      if (nick === undefined || text === undefined) return undefined;
      return { type: raw.type, time, raw, nick, server, text };
    case "joined":
    case "left": {
      const nicks = nicksOf(raw.nicks, nick);
      if (text === undefined || nicks.length === 0) return undefined;
      const count = typeof raw.count === "number" ? raw.count : nicks.length;
      return { type: raw.type, time, raw, count, nicks, server, text };
    }
    case "renamed": {
      const old = textOf(raw.old);
      if (nick === undefined || old === undefined || text === undefined) return undefined;
      return { type: raw.type, time, raw, old, nick, server, text };
    }
    case "notice":
      if (text === undefined) return undefined;
      return { type: raw.type, time, raw, text, endsNotifications: raw.notifications === false };
    case "notify": {
      const notification = notificationIn(raw);
      // One that breaks the rules can't be acknowledged.
      if (notification === undefined) return { type: "unknown", time, raw };
      return { type: raw.type, time, raw, notification };
    }
    case "reply":
      if (text === undefined || !isTagOrNone(raw.tag)) return undefined;
      return { type: raw.type, time, raw, tag: raw.tag, text };
    case "ok":
      if (raw.tag === undefined || !isTagOrNone(raw.tag)) return undefined;
      return { type: raw.type, time, raw, tag: raw.tag, id: idOf(raw.id) };
    case "error": {
      const code = textOf(raw.code) ?? "unknown";
      if (text === undefined || !isTagOrNone(raw.tag)) return undefined;
      return { type: raw.type, time, raw, tag: raw.tag, code, text };
    }
    default:
      return typeof raw.type === "string" ? { type: "unknown", time, raw } : undefined;
  }
}

/** A line of `/history` as if it had just been said; undefined where the reply is no such line. */
export function saidInReply(reply: Reply): Said | undefined {
  const { id, nick, server, kind, said } = reply.raw;
  if (typeof said !== "string" || typeof nick !== "string") return undefined;
  if (kind !== "speech" && kind !== "action") return undefined;
  const name = textOf(server) ?? "";
  // As the server would have sent it at the time, for those who want JSON.
  const raw = { type: kind, id, time: reply.raw.time, nick, server, text: said };
  return {
    type: kind,
    time: reply.time,
    raw,
    id: idOf(id),
    nick: harmless(nick),
    server: name,
    text: harmless(said),
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? harmless(value) : undefined;
}

function isTagOrNone(value: unknown): value is string | undefined {
  return value === undefined || (typeof value === "string" && harmless(value) === value);
}

/** An id by the rules; it will be sent back to the server, so it is not taken on trust. */
function idOf(value: unknown): string | undefined {
  return typeof value === "string" && /^[A-Za-z0-9._-]{1,64}$/.test(value) ? value : undefined;
}

function timeOf(value: unknown): string | undefined {
  const isTime = typeof value === "string" && value.length <= 40 &&
    !Number.isNaN(Date.parse(value));
  return isTime ? harmless(value) : undefined;
}

function nicksOf(nicks: unknown, nick: string | undefined): string[] {
  const found = Array.isArray(nicks)
    ? nicks.filter((one): one is string => typeof one === "string").map(harmless)
    : [];
  return found.length === 0 && nick !== undefined ? [nick] : found;
}
