/**
 * What servers tell each other about notifications, as it is on the wire (docs/PROTOCOL.md): PURE. What comes is
 * checked: another member's mistakes must not become ours.
 *
 * @module
 */

import { MAX_NOTIFICATION_CHARACTERS, MAX_TOPIC_CHARACTERS } from "../wire/limits.ts";
import { ByteReader, ByteWriter } from "../wire/mesh_bytes.ts";
import { MAX_NAME_BYTES } from "../wire/mesh_limits.ts";
import { decodeText, encodeText, visible } from "../wire/text.ts";
import { isFoldedNick, parseNick } from "../wire/nick.ts";
import type { Notification } from "./notification.ts";
import {
  encodeRecord,
  isCount,
  isObject,
  isServerName,
  parseRecord,
  type SubscriberRecord,
} from "./record.ts";
import { formatId, isStream, parseId, type Stamp } from "./stream.ts";
import { parseTopic } from "../wire/topic.ts";

const HAS_DETAILS = 1;
/** Bytes of one text: what a line can become when its wrong bytes are replaced. */
const MAX_TEXT_BYTES = 3 * MAX_NOTIFICATION_CHARACTERS;

/** A notification as it is published: without its id and its time, which the message has. */
export function encodeNotification(
  { topic, text, nick, server, details }: Omit<Notification, "id" | "time">,
): Uint8Array {
  const writer = new ByteWriter(64 + 2 * text.length)
    .u8(details === undefined ? 0 : HAS_DETAILS)
    .text(topic, 3 * MAX_TOPIC_CHARACTERS)
    .text(nick, MAX_NAME_BYTES)
    .text(server, MAX_NAME_BYTES)
    .text(text, MAX_TEXT_BYTES);
  if (details !== undefined) writer.text(details, MAX_TEXT_BYTES);
  return writer.finish();
}

/** The notification in a message; undefined when it isn't one. */
export function decodeNotification(
  payload: Uint8Array,
  stamp: Stamp,
  time: number,
): Notification | undefined {
  try {
    const reader = new ByteReader(payload);
    const flags = reader.u8();
    const topic = reader.text(3 * MAX_TOPIC_CHARACTERS);
    const nick = reader.text(MAX_NAME_BYTES);
    const server = reader.text(MAX_NAME_BYTES);
    const text = reader.text(MAX_TEXT_BYTES);
    const details = (flags & HAS_DETAILS) === 0 ? undefined : reader.text(MAX_TEXT_BYTES);
    reader.end();
    return check({ id: formatId(stamp), topic, text, time, nick, server, details });
  } catch {
    return undefined;
  }
}

function check(notification: Notification): Notification | undefined {
  const { topic, text, time, nick, server, details = "" } = notification;
  if (parseTopic(topic) !== topic || parseNick(nick) !== nick || !isServerName(server)) {
    return undefined;
  }
  // Dates have this many milliseconds at the most.
  if (!isCount(time) || time > 8.64e15) return undefined;
  if (text.length > MAX_NOTIFICATION_CHARACTERS || visible(text) !== text) return undefined;
  if (details.length > MAX_NOTIFICATION_CHARACTERS || visible(details) !== details) {
    return undefined;
  }
  return notification;
}

// ---------------------------------------------------------------- ids

/** Sequences by stream: a short form of many ids. */
export type StampList = Record<string, readonly number[]>;

/** Puts places together by their streams. */
export function listStamps(stamps: Iterable<Stamp>): StampList {
  const list: Record<string, number[]> = {};
  for (const { stream, sequence } of stamps) (list[stream] ??= []).push(sequence);
  return list;
}

/** The places in a list that came from elsewhere; undefined when it isn't one. */
export function parseStamps(value: unknown): Stamp[] | undefined {
  if (!isObject(value)) return undefined;
  const stamps: Stamp[] = [];
  for (const [stream, sequences] of Object.entries(value)) {
    if (!isStream(stream) || !Array.isArray(sequences)) return undefined;
    for (const sequence of sequences as unknown[]) {
      if (!isCount(sequence) || sequence === 0) return undefined;
      stamps.push({ stream, sequence });
    }
  }
  return stamps;
}

/** Whether this is an id of a notification. */
export function isId(value: unknown): value is string {
  return typeof value === "string" && parseId(value) !== undefined;
}

/** Whether this is a name as subscribers are known by: folded. */
export function isKey(value: unknown): value is string {
  return typeof value === "string" && isFoldedNick(value);
}

// ---------------------------------------------------------------- changes

/** What changed on a server, for all. */
export interface Changes {
  readonly subscribers: readonly SubscriberRecord[];
  /** By the folded names of the subscribers. */
  readonly acknowledged: ReadonlyMap<string, readonly Stamp[]>;
  /** Ids of offers. */
  readonly withdrawn: readonly string[];
}

/** As JSON has it; members that are empty are left out. */
export function encodeChanges({ subscribers, acknowledged, withdrawn }: Partial<Changes>): string {
  const value: Record<string, unknown> = {};
  if (subscribers !== undefined && subscribers.length > 0) {
    value.subscribers = subscribers.map(encodeRecord);
  }
  if (acknowledged !== undefined && acknowledged.size > 0) {
    const lists = [...acknowledged].map(([key, stamps]) => [key, listStamps(stamps)]);
    value.acknowledged = Object.fromEntries(lists);
  }
  if (withdrawn !== undefined && withdrawn.length > 0) value.withdrawn = withdrawn;
  return JSON.stringify(value);
}

/** Changes that came from another server. */
export interface Received extends Changes {
  /** So many of them made no sense, and were passed over. */
  readonly refused: number;
}

/** Changes from JSON; undefined when they are none. */
export function parseChanges(value: unknown): Received | undefined {
  if (!isObject(value) || Array.isArray(value)) return undefined;
  const { subscribers = [], acknowledged = {}, withdrawn = [] } = value;
  if (!Array.isArray(subscribers) || !isObject(acknowledged) || !Array.isArray(withdrawn)) {
    return undefined;
  }
  let refused = 0;
  const records: SubscriberRecord[] = [];
  for (const subscriber of subscribers) {
    const record = parseRecord(subscriber);
    if (record === undefined) refused++;
    else records.push(record);
  }
  const lists = new Map<string, Stamp[]>();
  for (const [key, list] of Object.entries(acknowledged)) {
    const stamps = parseStamps(list);
    if (!isKey(key) || stamps === undefined) refused++;
    else lists.set(key, stamps);
  }
  const ids = withdrawn.filter(isId);
  refused += withdrawn.length - ids.length;
  return { subscribers: records, acknowledged: lists, withdrawn: ids, refused };
}

// ---------------------------------------------------------------- JSON

/** JSON in a payload. */
export function encodeJson(value: unknown): Uint8Array {
  return encodeText(JSON.stringify(value));
}

/** What is in a payload of JSON; undefined when it is none. */
export function decodeJson(payload: Uint8Array): unknown {
  try {
    return JSON.parse(decodeText(payload));
  } catch {
    return undefined;
  }
}

/** A notification that is fetched from another server, and how old it is. */
export interface Fetched {
  readonly notification: Notification;
  /** In ms. */
  readonly age: number;
}

/** As JSON has it. */
export function encodeFetched({ notification, age }: Fetched): unknown[] {
  const { id, topic, text, time, nick, server, details } = notification;
  const value = [id, Math.max(0, Math.round(age)), topic, text, time, nick, server];
  return details === undefined ? value : [...value, details];
}

/** From JSON, checked; undefined when it is wrong. */
export function parseFetched(value: unknown): Fetched | undefined {
  if (!Array.isArray(value)) return undefined;
  const [id, age, topic, text, time, nick, server, details] = value as unknown[];
  if (!isId(id) || !isCount(age) || typeof time !== "number") return undefined;
  if (typeof topic !== "string" || typeof text !== "string") return undefined;
  if (typeof nick !== "string" || typeof server !== "string") return undefined;
  if (details !== undefined && typeof details !== "string") return undefined;
  const notification = check({ id, topic, text, time, nick, server, details });
  return notification === undefined ? undefined : { notification, age };
}
