/**
 * Names of servers where several may have the same one: they are told apart by the beginnings of
 * their ids, as `kitchen[1644d5]`.
 *
 * @module
 */

import { foldNick } from "../wire/nick.ts";

/** Digits of an id that are shown: enough for some thousands. */
const SHOWN_DIGITS = 6;

/** A server of which no more is asked here. */
interface Named {
  readonly id: string;
  readonly name: string;
}

/**
 * What to call each of these servers: its name, or more where another one of `all` has that, too.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { isCalled, labelsOf } from "./server_names.ts";
 * const k = { id: "1644d50000000000", name: "k" };
 * const [label] = labelsOf([k], [k, { id: "0e9f613300000000", name: "k" }]);
 * assert(label === "k[1644d5]");
 * assert(isCalled(k, "K") && isCalled(k, "k[1644d5]") && !isCalled(k, "k[0e9f61]"));
 * ```
 */
export function labelsOf(servers: readonly Named[], all: readonly Named[]): string[] {
  const ids = new Map<string, Set<string>>();
  for (const { id, name } of [...servers, ...all]) {
    const folded = foldNick(name);
    ids.set(folded, (ids.get(folded) ?? new Set()).add(id));
  }
  return servers.map(({ id, name }) => {
    const isShared = (ids.get(foldNick(name))?.size ?? 0) > 1;
    return isShared ? `${name}[${id.slice(0, SHOWN_DIGITS)}]` : name;
  });
}

/** Whether a server is called so: by its name, or by that and the beginning of its id. */
export function isCalled({ id, name }: Named, called: string): boolean {
  if (foldNick(name) === foldNick(called)) return true;
  const match = /^(.*)\[([0-9a-f]+)\]$/i.exec(called);
  if (match === null) return false;
  const [, before, digits] = match as unknown as [string, string, string];
  return foldNick(name) === foldNick(before) && digits.length >= SHOWN_DIGITS &&
    id.startsWith(digits.toLowerCase());
}
