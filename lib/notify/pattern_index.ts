/**
 * Which of many subscribers want a topic: PURE. A tree of the levels of their patterns, so that it costs
 * as many steps as there are patterns that could match, and not as many as there are subscribers; and the
 * answers for the topics asked for lately, as long as nobody subscribes or leaves.
 *
 * @module
 */

import { EVERYTHING } from "../wire/topic.ts";

/** Subscribers of topics that are remembered, in all, counting one more for each topic. */
const MAX_CACHED = 200_000;

interface Level<T> {
  /** By the next level's name; `*` is one of them. */
  readonly next: Map<string, Level<T>>;
  /** Whose patterns end here. */
  readonly here: Set<T>;
  /** Whose patterns end with `**` behind this level. */
  readonly all: Set<T>;
}

/**
 * Subscribers by their patterns.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { PatternIndex } from "./pattern_index.ts";
 * const index = new PatternIndex<string>();
 * index.add("door/*", "bob");
 * index.add("door/**", "bob");
 * index.add("window", "eve");
 * assertEquals(index.match("door/front"), ["bob"]);
 * ```
 */
export class PatternIndex<T> {
  readonly #root: Level<T> = level();
  readonly #cache = new Map<string, readonly T[]>();
  #cached = 0;
  #size = 0;

  /** Patterns of all subscribers. */
  get size(): number {
    return this.#size;
  }

  /** `subscriber` wants what matches `pattern` (checked). Nothing changes when it does already. */
  add(pattern: string, subscriber: T): void {
    const { at, isOpen } = parts(pattern);
    let node = this.#root;
    for (const name of at) {
      let next = node.next.get(name);
      if (next === undefined) node.next.set(name, next = level());
      node = next;
    }
    const set = isOpen ? node.all : node.here;
    if (set.has(subscriber)) return;
    set.add(subscriber);
    this.#size++;
    this.#clear();
  }

  /** The contrary of {@linkcode add}. */
  remove(pattern: string, subscriber: T): void {
    const { at, isOpen } = parts(pattern);
    const path = [this.#root];
    for (const name of at) {
      const next = path.at(-1)?.next.get(name);
      if (next === undefined) return;
      path.push(next);
    }
    const last = path.at(-1)!;
    if (!(isOpen ? last.all : last.here).delete(subscriber)) return;
    this.#size--;
    this.#clear();
    for (let i = path.length - 1; i > 0; i--) {
      const { next, here, all } = path[i]!;
      if (next.size + here.size + all.size > 0) break;
      path[i - 1]!.next.delete(at[i - 1]!);
    }
  }

  /** Who wants `topic` (checked), each once, in no particular order. */
  match(topic: string): readonly T[] {
    const cached = this.#cache.get(topic);
    if (cached !== undefined) return cached;
    const found = new Set<T>();
    visit(this.#root, topic.split("/"), 0, found);
    const matched = [...found];
    if (this.#cached >= MAX_CACHED) this.#clear();
    this.#cache.set(topic, matched);
    this.#cached += 1 + matched.length;
    return matched;
  }

  #clear(): void {
    this.#cache.clear();
    this.#cached = 0;
  }
}

function level<T>(): Level<T> {
  return { next: new Map(), here: new Set(), all: new Set() };
}

function parts(pattern: string): { at: readonly string[]; isOpen: boolean } {
  const at = pattern.split("/");
  const isOpen = at.at(-1) === EVERYTHING;
  return { at: isOpen ? at.slice(0, -1) : at, isOpen };
}

function visit<T>(node: Level<T>, levels: readonly string[], depth: number, found: Set<T>): void {
  for (const subscriber of node.all) found.add(subscriber);
  if (depth === levels.length) {
    for (const subscriber of node.here) found.add(subscriber);
    return;
  }
  const named = node.next.get(levels[depth]!);
  if (named !== undefined) visit(named, levels, depth + 1, found);
  const any = node.next.get("*");
  if (any !== undefined) visit(any, levels, depth + 1, found);
}
