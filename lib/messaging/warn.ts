/**
 * What somebody at a prompt must see.
 *
 * @module
 */

import { getConfig, getLogger } from "@logtape/logtape";
import { stderr } from "node:process";
import { visible } from "../wire/text.ts";

const log = getLogger(["talker", "messaging"]);

/**
 * Logs a warning. Where the program has not set up a log (`configure` of `@logtape/logtape`), it goes
 * to stderr: the simple functions are used where nobody has.
 */
export function warn(text: string): void {
  if (getConfig() === null) stderr.write(`talker: ${visible(text)}\n`);
  else log.warn("{text}", { text });
}
