/**
 * `talker discover --all`: lists what is there.
 *
 * @module
 */

import { CommandError, EXIT } from "../lib/cli/exit.ts";
import { Networkzero } from "../lib/discovery/networkzero.ts";
import { Finder } from "../lib/discovery/networkzero_finder.ts";
import { visible } from "../lib/wire/text.ts";
import { openBeacon } from "./beacon_open.ts";
import type { Discovering } from "./discover.ts";
import { foundJson, foundTable } from "./discover_text.ts";

/** How long is listened, in seconds: networkzero programs tell of themselves every 2 s. */
const WAIT_S = 2.5;

/** Prints all that was heard. */
export async function list({ flags, name, io }: Discovering): Promise<number> {
  const pattern = name ?? "*";
  const wait = (flags.wait ?? WAIT_S) * 1000;
  await using beacon = openBeacon(flags);
  using networkzero = Networkzero.open({ interfaces: flags.interface });
  const blocked = networkzero.blocked;
  if (blocked !== undefined) io.stderr.write(`talker: ${blocked}\n`);
  const finder = new Finder(beacon, networkzero);
  const found = await finder.findAll(pattern, { wait, signal: io.signal });
  // Whoever stops it sees what was heard so far.
  if (found.length === 0 && io.signal.aborted) return EXIT.ok;
  if (found.length === 0) {
    const others = finder.known().length;
    const what = name === undefined ? "Nobody" : `Nothing that matches "${visible(name)}"`;
    throw new CommandError(
      `${what} was heard within ${wait / 1000} s` +
        `${
          others > 0 ? `; heard were ${others} others` : ""
        } (talker discover --doctor looks for the cause)`,
    );
  }
  const lines = flags.json ? found.map((one) => foundJson("service", one)) : foundTable(found);
  for (const line of lines) io.stdout.write(`${line}\n`);
  return EXIT.ok;
}
