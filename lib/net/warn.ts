/**
 * What somebody at a prompt must see.
 *
 * @module
 */

import { getConfig, getLogger } from "@logtape/logtape";
import { stderr } from "node:process";
import { visible } from "../wire/text.ts";

/**
 * Logs a warning of that part of the library. Where the program has not set up a log (`configure` of
 * `@logtape/logtape`), it goes to stderr: the simple functions are used where nobody has.
 */
export function warn(part: "discovery" | "messaging", text: string): void {
  if (getConfig() === null) stderr.write(`talker: ${visible(text)}\n`);
  else getLogger(["talker", part]).warn("{text}", { text });
}
