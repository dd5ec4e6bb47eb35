/**
 * The nameless subscribers of other servers, as far as they have to be counted: each server tells which patterns
 * its sessions want, and how many want the same ones. PURE.
 *
 * @module
 */

import {
  MAX_LISTENER_BYTES,
  MAX_LISTENER_SETS,
  MAX_PATTERNS,
  MAX_PATTERNS_IN_ALL,
} from "../wire/limits.ts";
import { encodeText } from "../wire/text.ts";
import { decodeJson } from "./messages.ts";
import { PatternIndex } from "./pattern_index.ts";
import { isCount, isObject } from "./record.ts";
import { parsePattern } from "../wire/topic.ts";

/** Sessions that want the same. */
interface Group {
  /** Their server's id. */
  readonly server: string;
  readonly count: number;
  readonly patterns: readonly string[];
}

/** What one server tells: the patterns of its nameless sessions. Those that don't fit are not counted. */
export function encodeListeners(sessions: Iterable<readonly string[]>): Uint8Array {
  const counts = new Map<string, number>();
  for (const patterns of sessions) {
    const set = [...patterns].sort().join(" ");
    counts.set(set, (counts.get(set) ?? 0) + 1);
  }
  const groups: string[] = [];
  let bytes = 16;
  for (const [set, count] of counts) {
    const group = JSON.stringify([count, ...set.split(" ")]);
    bytes += encodeText(group).length + 1;
    if (groups.length === MAX_LISTENER_SETS || bytes > MAX_LISTENER_BYTES) break;
    groups.push(group);
  }
  return encodeText(`{"topics":[${groups.join()}]}`);
}

function parseListeners(server: string, payload: Uint8Array): Group[] | undefined {
  const value = payload.length > 2 * MAX_LISTENER_BYTES ? undefined : decodeJson(payload);
  if (!isObject(value) || !Array.isArray(value.topics)) return undefined;
  if (value.topics.length > MAX_LISTENER_SETS) return undefined;
  const groups: Group[] = [];
  for (const group of value.topics as unknown[]) {
    if (!Array.isArray(group)) return undefined;
    const [count, ...patterns] = group as unknown[];
    if (!isCount(count) || patterns.length === 0 || patterns.length > MAX_PATTERNS) {
      return undefined;
    }
    for (const pattern of patterns) {
      if (typeof pattern !== "string" || parsePattern(pattern) !== pattern) return undefined;
    }
    groups.push({ server, count, patterns: patterns as string[] });
  }
  return groups;
}

/** Who listens elsewhere. */
export class Listeners {
  readonly #index = new PatternIndex<Group>();
  readonly #servers = new Map<string, readonly Group[]>();

  /** A server (its id) told who listens there. False when that makes no sense, or is too much. */
  set(server: string, payload: Uint8Array): boolean {
    const groups = parseListeners(server, payload);
    if (groups === undefined) return false;
    this.delete(server);
    for (const group of groups) {
      if (this.#index.size + group.patterns.length > MAX_PATTERNS_IN_ALL) return false;
      for (const pattern of group.patterns) this.#index.add(pattern, group);
    }
    this.#servers.set(server, groups);
    return true;
  }

  /** A server is out of reach. */
  delete(server: string): void {
    for (const group of this.#servers.get(server) ?? []) {
      for (const pattern of group.patterns) this.#index.remove(pattern, group);
    }
    this.#servers.delete(server);
  }

  /** How many listen to a topic. */
  count(topic: string): number {
    let count = 0;
    for (const group of this.#index.match(topic)) count += group.count;
    return count;
  }

  /** The servers (their ids) on which somebody listens to a topic. */
  servers(topic: string): ReadonlySet<string> {
    const servers = new Set<string>();
    for (const { server, count } of this.#index.match(topic)) if (count > 0) servers.add(server);
    return servers;
  }
}
