/**
 * Where the client connects: its TARGET, looked up where it is a name; the only server where there is no
 * TARGET.
 *
 * @module
 */

import { CommandError, EXIT } from "../lib/cli/exit.ts";
import type { Io } from "../lib/cli/io.ts";
import { formatAddress, type HostPort, parseTarget } from "../lib/net/address.ts";
import type { BeaconFlagValues } from "./beacon_flags.ts";
import { checkedAddress, findServer, resolveTarget, type TargetRole } from "./target.ts";
import { anySignal } from "../lib/net/signals.ts";

/** The server that a client is for. */
export interface ClientTarget {
  /** How it is called in messages. */
  readonly shown: string;
  /** Where it is now. */
  readonly address: HostPort;
  /** Where it is when the connection was lost: what is known by its name may have another address by then. */
  again(signal: AbortSignal): Promise<HostPort>;
}

/** What a {@linkcode clientTarget} depends on. */
interface TargetFlags extends BeaconFlagValues {
  readonly framed: boolean;
  readonly timeout: number | undefined;
}

/** A lost server that is known by its name is looked for so long at each attempt, in milliseconds. */
const AGAIN_MS = 2_000;

/**
 * Finds the server. Undefined when that was ended by Ctrl-C.
 *
 * @throws {CommandError} when it isn't found, or not in `--timeout`
 */
export async function clientTarget(
  text: string | undefined,
  flags: TargetFlags,
  io: Io,
): Promise<ClientTarget | undefined> {
  const role: TargetRole = flags.framed ? "framed" : "clients";
  const target = text === undefined ? undefined : checkedAddress("", () => parseTarget(text));
  if (target?.kind === "address") {
    const address: HostPort = { host: target.host, port: target.port };
    return { shown: formatAddress(address), address, again: () => Promise.resolve(address) };
  }
  const { timeout } = flags;
  const late = timeout === undefined ? undefined : AbortSignal.timeout(timeout * 1000);
  const signal = anySignal(io.signal, late);
  try {
    let name = target?.name;
    let address: HostPort;
    if (name === undefined) {
      ({ name, address } = await findServer({ role, flags, signal }));
      io.stderr.write(`talker: No TARGET given: taking ${name} at ${formatAddress(address)}\n`);
    } else address = await resolveTarget(name, { role, flags, signal });
    const known = name;
    return {
      shown: `${known} (${formatAddress(address)})`,
      address,
      again: (signal) => resolveTarget(known, { role, flags, signal, wait: AGAIN_MS }),
    };
  } catch (error) {
    if (io.signal.aborted) return undefined;
    if (late?.aborted !== true) throw error;
    throw new CommandError(`No server was found within ${timeout} s (--timeout)`, {
      exitCode: EXIT.timeout,
      cause: error,
    });
  }
}
