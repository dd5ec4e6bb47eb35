/**
 * `talker discover NAME`: prints where it is.
 *
 * @module
 */

import { CommandError, EXIT } from "../lib/cli/exit.ts";
import { Networkzero } from "../lib/discovery/networkzero.ts";
import { Finder } from "../lib/discovery/networkzero_finder.ts";
import { visible } from "../lib/wire/text.ts";
import { openBeacon } from "./beacon_open.ts";
import type { Discovering } from "./discover.ts";
import { foundJson } from "./discover_text.ts";
import { hearOthers, notFound } from "./target.ts";

/** How long is looked, in seconds. */
const WAIT_S = 5;

/** Prints the address of NAME, as soon as there is one. */
export async function find({ flags, name = "", io }: Discovering): Promise<number> {
  const wait = (flags.wait ?? WAIT_S) * 1000;
  const began = performance.now();
  await using beacon = openBeacon(flags);
  using networkzero = Networkzero.open({ interfaces: flags.interface });
  if (flags.networkzero && networkzero.blocked !== undefined) {
    io.stderr.write(`talker: ${networkzero.blocked}\n`);
  }
  const finder = new Finder(beacon, networkzero);
  using _others = hearOthers(beacon, wait);
  const found = await finder.find(name, { wait, signal: io.signal });
  const took = performance.now() - began;
  const [address] = found?.service.addresses ?? [];
  if (found === null || address === undefined) {
    // Whoever waits for an address gets none: that isn't done, as the end of a server is.
    if (io.signal.aborted) throw new CommandError(`"${visible(name)}" was not found: stopped`);
    const heard = finder.known().map(({ service }) => service);
    const blocked = networkzero.blocked === undefined ? "" : `. ${networkzero.blocked}`;
    throw new CommandError(notFound(name, wait, heard) + blocked);
  }
  io.stdout.write(flags.json ? `${foundJson("found", found, { took })}\n` : `${address}\n`);
  return EXIT.ok;
}
