/**
 * What all servers know of a named subscriber: PURE. Which patterns it wants, each from where on, and which
 * server wrote that. Servers may write at the same time; {@linkcode joinRecords} makes of two records one, the
 * same on all servers.
 *
 * @module
 */

import { isNodeId } from "../wire/mesh_bytes.ts";
import { MAX_NAME_BYTES } from "../wire/mesh_limits.ts";
import { MAX_NOTIFICATION_STREAMS, MAX_PATTERNS } from "../wire/limits.ts";
import { visible } from "../wire/text.ts";
import { parseNick } from "../wire/nick.ts";
import { type Clock, covers, isStream, type Stamp } from "./stream.ts";
import { matches, parsePattern } from "../wire/topic.ts";

/** Different clocks in one record: each is long. */
const MAX_CLOCKS = 8;

/** A pattern that is wanted. */
export interface Want {
  readonly pattern: string;
  /** What had arrived before: that is not wanted. */
  readonly since: Clock;
}

/** A named subscriber, as it is told from server to server. */
export interface SubscriberRecord {
  /** As it was written. */
  readonly name: string;
  /** Grows with each record of this name; 0: nothing but its name is known yet. */
  readonly version: number;
  /** Id of the server that wrote it: of two with the same version the higher one holds. */
  readonly by: string;
  /** Name of that server. */
  readonly server: string;
  /** When and where the name was used first: tells two that began apart from two of one line. */
  readonly created: { readonly time: number; readonly by: string };
  readonly wants: readonly Want[];
}

/** Is what was published at `stamp` on `topic` wanted? */
export function isWanted({ wants }: SubscriberRecord, topic: string, stamp: Stamp): boolean {
  for (const { pattern, since } of wants) {
    if (matches(pattern, topic) && !covers(since, stamp)) return true;
  }
  return false;
}

/** The clocks of a record, each once. */
export function clocksOf({ wants }: SubscriberRecord): Clock[] {
  return [...new Set(wants.map(({ since }) => since))];
}

/** Which of two records holds: more than 0 for `a`, 0 when they are the same. */
export function compareRecords(a: SubscriberRecord, b: SubscriberRecord): number {
  if (a.version !== b.version) return a.version - b.version;
  return a.by < b.by ? -1 : a.by > b.by ? 1 : compareCreated(b, a);
}

/** Whether both come from the same first use of the name. */
export function isSameLine(a: SubscriberRecord, b: SubscriberRecord): boolean {
  return compareCreated(a, b) === 0;
}

function compareCreated(
  { created: a }: SubscriberRecord,
  { created: b }: SubscriberRecord,
): number {
  return a.time - b.time || (a.by < b.by ? -1 : a.by > b.by ? 1 : 0);
}

/**
 * Makes one of two records of a name. The later version holds. But when the name was first used on two servers
 * that did not know of each other, the one that began earlier says from where on a pattern is wanted that
 * both have: the other's clock would hide what was published in between.
 */
export function joinRecords(a: SubscriberRecord, b: SubscriberRecord): SubscriberRecord {
  const winner = compareRecords(a, b) >= 0 ? a : b;
  const loser = winner === a ? b : a;
  const line = compareCreated(winner, loser);
  if (line <= 0 || loser.version === 0) return winner;
  const earlier = new Map(loser.wants.map(({ pattern, since }) => [pattern, since]));
  const wants = winner.wants.map((want) => ({
    pattern: want.pattern,
    since: earlier.get(want.pattern) ?? want.since,
  }));
  return { ...winner, created: loser.created, wants };
}

/** The wants of a subscriber that asks for `patterns`: those it had go on, the others begin at `since`. */
export function newWants(
  before: readonly Want[],
  patterns: readonly string[],
  since: Clock,
): readonly Want[] {
  const had = new Map(before.map((want) => [want.pattern, want]));
  const wants = [...new Set(patterns)].map((pattern) => had.get(pattern) ?? { pattern, since });
  const clocks = [...new Set(wants.map((want) => want.since))];
  if (clocks.length <= MAX_CLOCKS) return wants;
  // Too long to be told: the first ones are put together. So something may come that was there before.
  const first = clocks.slice(0, clocks.length - MAX_CLOCKS + 1);
  const lowest = new Map(first[0]);
  for (const [stream, sequence] of [...lowest]) {
    const least = Math.min(sequence, ...first.map((clock) => clock.get(stream) ?? 0));
    if (least === 0) lowest.delete(stream);
    else lowest.set(stream, least);
  }
  return wants.map((want) =>
    first.includes(want.since) ? { pattern: want.pattern, since: lowest } : want
  );
}

/** The record as JSON has it. */
export function encodeRecord(record: SubscriberRecord): Record<string, unknown> {
  const clocks = clocksOf(record);
  const { name, version, by, server, created, wants } = record;
  return {
    name,
    version,
    by,
    server,
    created,
    topics: wants.map(({ pattern, since }) => [pattern, clocks.indexOf(since)]),
    since: clocks.map((clock) => Object.fromEntries(clock)),
  };
}

/** A record from JSON, checked; undefined when it is none. */
export function parseRecord(value: unknown): SubscriberRecord | undefined {
  if (!isObject(value) || !isObject(value.created)) return undefined;
  const { name, version, by, server, created, topics, since } = value;
  if (typeof name !== "string" || parseNick(name) !== name) return undefined;
  if (!isCount(version) || !isId(by) || !isServerName(server)) return undefined;
  if (!isCount(created.time) || !isId(created.by)) return undefined;
  if (!Array.isArray(topics) || topics.length > MAX_PATTERNS) return undefined;
  if (!Array.isArray(since) || since.length > MAX_CLOCKS) return undefined;
  const clocks = since.map(parseClock);
  const wants: Want[] = [];
  for (const topic of topics) {
    if (!Array.isArray(topic)) return undefined;
    const [pattern, at] = topic as unknown[];
    const clock = isCount(at) ? clocks[at] : undefined;
    if (typeof pattern !== "string" || parsePattern(pattern) !== pattern) return undefined;
    if (clock === undefined || wants.some((want) => want.pattern === pattern)) return undefined;
    wants.push({ pattern, since: clock });
  }
  const first = { time: created.time, by: created.by };
  return { name, version, by, server, created: first, wants };
}

/** A clock from JSON, checked. */
export function parseClock(value: unknown): Clock | undefined {
  if (!isObject(value)) return undefined;
  const entries = Object.entries(value);
  if (entries.length > MAX_NOTIFICATION_STREAMS) return undefined;
  for (const [stream, sequence] of entries) {
    if (!isStream(stream) || !isCount(sequence)) return undefined;
  }
  return new Map(entries as [string, number][]);
}

/** Whether this is an object (or an array) from JSON. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** Whether this is a whole number, 0 or more. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isId(value: unknown): value is string {
  return typeof value === "string" && isNodeId(value);
}

/** Whether this can be the name of a server. */
export function isServerName(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_NAME_BYTES && visible(value) === value;
}
