/**
 * Who is where, in lines: what `/who` and `talker peer --who` show.
 *
 * @module
 */

import type { Census } from "./mesh.ts";

/** One line of an answer, and its members in JSON (docs/PROTOCOL.md). */
export interface CensusLine {
  text: string;
  more: Record<string, unknown>;
}

/**
 * The census in lines; the servers needn't be sorted.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { censusLines } from "./census.ts";
 * const lines = censusLines({ servers: [{ server: "attic", nicks: ["bob"] }], silent: ["hall"] });
 * assert(lines[0]?.text === "There are 1 users online on 1 servers:");
 * assert(lines.at(-1)?.text === "No answer from: hall");
 * ```
 */
export function censusLines({ servers, silent }: Census): CensusLine[] {
  const all = servers.toSorted((a, b) => a.server < b.server ? -1 : a.server > b.server ? 1 : 0);
  const users = all.reduce((sum, { nicks }) => sum + nicks.length, 0);
  const lines: CensusLine[] = [{
    text: `There are ${users} users online on ${all.length} servers:`,
    more: { users, servers: all.length },
  }];
  for (const { server, nicks } of all) {
    lines.push({ text: `  Server: ${server}`, more: { server } });
    for (const nick of nicks) lines.push({ text: `    ${nick}`, more: { server, nick } });
  }
  if (silent.length > 0) {
    lines.push({ text: `No answer from: ${silent.join(", ")}`, more: { silent } });
  }
  return lines;
}
