/**
 * What somebody at a prompt must see.
 *
 * @module
 */

import { getConfig, getLogger } from "../log/mod.ts";
import { stderr } from "node:process";
import { visible } from "../wire/text.ts";

type Part = "discovery" | "messaging";

/**
 * Logs a warning of that part of the library. Where the program has not set up a log (`configure` of
 * `@logtape/logtape`), it goes to stderr: the simple functions are used where nobody has.
 */
export function warn(part: Part, text: string): void {
  if (getConfig() === null) stderr.write(`talker: ${visible(text)}\n`);
  else getLogger(["talker", part]).warn("{text}", { text });
}

/**
 * Logs that something of the program's own failed. Where it has not set up a log the error goes to
 * stderr, with where it happened: else nobody would hear of it, since the connection goes on.
 */
export function fault(part: Part, what: string, error: unknown): void {
  if (getConfig() !== null) {
    return getLogger(["talker", part]).error("{what} failed: {error}", { what, error });
  }
  const told = error instanceof Error ? error.stack ?? String(error) : shown(error);
  const lines = `${what} failed: ${told}`.split("\n").map(visible);
  stderr.write(`talker: ${lines.join("\n")}\n`);
}

function shown(value: unknown): string {
  try {
    return String(value);
  } catch {
    return typeof value;
  }
}
