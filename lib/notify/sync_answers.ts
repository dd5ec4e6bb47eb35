/**
 * What a server answers a peer that compares its memory: PURE. Every answer is bounded, and says how far it goes
 * where it can't be whole.
 *
 * @module
 */

import { MAX_SYNC_BYTES } from "../wire/limits.ts";
import type { Board } from "./board.ts";
import { encodeChanges, encodeFetched, isId, isKey, listStamps } from "./messages.ts";
import type { Entry } from "./memory.ts";
import type { Named } from "./named.ts";
import { isCount, isObject, type SubscriberRecord } from "./record.ts";
import { hashText, parseId, type Stamp } from "./stream.ts";

/** Places in one inventory: about 150 KB. */
const MAX_INVENTORY = 20_000;
/** Names or ids in one question. */
const MAX_ASKED = 1_000;

/** What is asked. */
export type Question =
  | { readonly ask: "digest" | "subscribers" | "offers" }
  | { readonly ask: "records"; readonly keys: readonly string[] }
  | { readonly ask: "inventory"; readonly after: number }
  | { readonly ask: "notification" | "offer"; readonly ids: readonly string[] };

/** Three numbers that are the same where the same is known. */
export function digest(board: Board): {
  notifications: number;
  subscribers: number;
  offers: number;
} {
  let subscribers = 0;
  for (const named of board.subscribers) subscribers ^= subscriberHash(named);
  const { memory, posted } = board;
  return {
    notifications: memory.hash >>> 0,
    subscribers: subscribers >>> 0,
    offers: posted.hash >>> 0,
  };
}

/** A number that is the same where the same is known of a subscriber. */
export function subscriberHash({ key, record, hash }: Named): number {
  const { version, by, created } = record;
  return hashText(`${key} ${version} ${by} ${created.time} ${created.by} ${hash >>> 0}`);
}

/** The answer to a question; undefined when it is none. */
export function answer(board: Board, question: unknown): Record<string, unknown> | undefined {
  if (!isObject(question)) return undefined;
  switch (question.ask) {
    case "digest":
      return digest(board);
    case "subscribers": {
      const hashes = [...board.subscribers].map((named) => [named.key, subscriberHash(named)]);
      return { subscribers: Object.fromEntries(hashes) };
    }
    case "offers":
      return {
        offers: board.offers().map(({ id }) => id),
        withdrawn: [...board.posted.withdrawn],
      };
    case "records":
      return isList(question.keys, isKey) ? records(board, question.keys) : undefined;
    case "inventory":
      return isCount(question.after) ? inventory(board, question.after) : undefined;
    case "notification":
      return isList(question.ids, isId) ? notifications(board, question.ids) : undefined;
    case "offer":
      return isList(question.ids, isId) ? offers(board, question.ids) : undefined;
    default:
      return undefined;
  }
}

function isList(value: unknown, isItem: (item: unknown) => item is string): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.length <= MAX_ASKED &&
    value.every(isItem);
}

// Records and acknowledgements of as many of the names as fit, at least of one.
function records(board: Board, keys: readonly string[]): Record<string, unknown> {
  const subscribers: SubscriberRecord[] = [];
  const acknowledged = new Map<string, Stamp[]>();
  let bytes = 0, count = 0;
  const by = acknowledgedBy(board, new Set(keys));
  for (const key of keys) {
    const named = board.subscribers.get(key);
    if (named !== undefined) {
      const stamps = by.get(named) ?? [];
      for (const id of named.early) stamps.push(parseId(id)!);
      const known = named.record.version > 0 ? [named.record] : [];
      bytes += encodeChanges({ subscribers: known }).length + 17 * stamps.length;
      if (count > 0 && bytes > MAX_SYNC_BYTES) break;
      subscribers.push(...known);
      acknowledged.set(key, stamps);
    }
    count++;
  }
  return { ...JSON.parse(encodeChanges({ subscribers, acknowledged })), count };
}

function acknowledgedBy(board: Board, keys: ReadonlySet<string>): Map<Named, Stamp[]> {
  const found = new Map<Named, Stamp[]>();
  for (const entry of board.memory.after(0)) {
    for (const one of entry.acknowledgedBy ?? []) {
      const named = one as Named;
      if (!keys.has(named.key)) continue;
      const stamps = found.get(named);
      if (stamps === undefined) found.set(named, [entry]);
      else stamps.push(entry);
    }
  }
  return found;
}

function inventory(board: Board, after: number): Record<string, unknown> {
  const entries: Entry[] = [];
  let next = 0;
  for (const entry of board.memory.after(after)) {
    if (entries.length === MAX_INVENTORY) {
      next = entries.at(-1)!.index;
      break;
    }
    entries.push(entry);
  }
  return { stamps: listStamps(entries), next };
}

function notifications(board: Board, ids: readonly string[]): Record<string, unknown> {
  const now = board.clock.now();
  return fill(ids, (id) => {
    const entry = board.memory.get(id);
    if (entry === undefined) return undefined;
    return encodeFetched({ notification: entry.notification, age: now - entry.bornAt });
  });
}

function offers(board: Board, ids: readonly string[]): Record<string, unknown> {
  return fill(ids, (id) => {
    const notification = board.posted.get(id);
    return notification === undefined ? undefined : encodeFetched({ notification, age: 0 });
  });
}

// As many as fit, at least one; `count` tells how many of the ids are done with.
function fill(ids: readonly string[], get: (id: string) => unknown[] | undefined) {
  const found: unknown[][] = [];
  let bytes = 0, count = 0;
  for (const id of ids) {
    const value = get(id);
    if (value !== undefined) {
      bytes += JSON.stringify(value).length;
      if (count > 0 && bytes > MAX_SYNC_BYTES) break;
      found.push(value);
    }
    count++;
  }
  return { notifications: found, count };
}
