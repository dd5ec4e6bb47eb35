/**
 * `talker discover --watch`: tells who comes and goes.
 *
 * @module
 */

import { EXIT } from "../lib/cli/exit.ts";
import { Networkzero } from "../lib/discovery/networkzero.ts";
import { Finder, type FoundEvent } from "../lib/discovery/networkzero_finder.ts";
import { MIB } from "../lib/wire/limits.ts";
import { visible } from "../lib/wire/text.ts";
import { openBeacon } from "./beacon_open.ts";
import type { Discovering } from "./discover.ts";
import { foundJson } from "./discover_text.ts";
import { anySignal } from "../lib/net/signals.ts";

/** While so much waits to be printed no more is, in bytes. */
const MAX_PRINTED_BYTES = 1 * MIB;

/** Prints each event, until Ctrl-C or the end of --wait. */
export async function watch({ flags, name, io }: Discovering): Promise<number> {
  await using beacon = openBeacon(flags, { warn: io.stderr });
  using networkzero = Networkzero.open({ interfaces: flags.interface });
  const { blocked } = networkzero;
  if (blocked !== undefined) io.stderr.write(`talker: ${blocked}\n`);
  const finder = new Finder(beacon, networkzero);
  const over = flags.wait === undefined ? [] : [AbortSignal.timeout(flags.wait * 1000)];
  const signal = anySignal(io.signal, ...over);
  for await (const event of finder.watch(name ?? "*", signal)) {
    io.stdout.write(`${flags.json ? json(event) : text(event)}\n`);
    if (io.stdout.queued > MAX_PRINTED_BYTES) await io.stdout.flush();
  }
  return EXIT.ok;
}

function text({ type, service: { name, addresses } }: FoundEvent): string {
  return type === "lost"
    ? `- ${visible(name)}`
    : `+ ${visible(name)} ${addresses[0] ?? "no address"}`;
}

function json(event: FoundEvent): string {
  return foundJson(event.type, event, { time: new Date().toISOString() });
}
