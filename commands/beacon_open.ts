/**
 * Opens the beacon of a command. Apart from its flags: commands that are given an address start the
 * faster without it.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { CommandError } from "../lib/cli/exit.ts";
import type { Output } from "../lib/cli/output.ts";
import { Beacon } from "../lib/discovery/beacon.ts";
import { unknownInterface } from "../lib/net/interfaces.ts";
import type { BeaconFlagValues } from "./beacon_flags.ts";

const log = getLogger(["talker", "discovery"]);

/** How {@linkcode openBeacon} opens. */
export interface OpenBeaconOptions {
  /**
   * Where it is told that there is no such interface now: for programs that run for long, since
   * interfaces come and go. Without it that is an error.
   */
  readonly warn?: Output;
}

/**
 * Opens the beacon of this program, on the interfaces of the flags.
 *
 * @throws {CommandError} when an interface isn't there, and there is no `warn`
 */
export function openBeacon(flags: BeaconFlagValues, options: OpenBeaconOptions = {}): Beacon {
  const unknown = unknownInterface(flags.interface, "--interface");
  if (unknown !== undefined) {
    if (options.warn === undefined) throw new CommandError(unknown);
    options.warn.write(`talker: ${unknown}; it is used as soon as it is there\n`);
  }
  const interfaces = flags.interface.length > 0 ? flags.interface : undefined;
  const beacon = Beacon.open({ interfaces });
  log.debug("Beacon {id} is open", { id: beacon.id });
  return beacon;
}
