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
import {
  checkedAddress,
  findServer,
  LOOK_MS,
  NotFoundError,
  resolveTarget,
  type TargetRole,
  WAIT_MS,
} from "./target.ts";

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
  const { signal } = io;
  const usual = target === undefined ? LOOK_MS : WAIT_MS;
  const wait = Math.min(usual, (flags.timeout ?? Infinity) * 1000);
  try {
    let name = target?.name;
    let address: HostPort;
    if (name === undefined) {
      ({ name, address } = await findServer({ role, flags, wait, signal }));
      io.stderr.write(`talker: No TARGET given: taking ${name} at ${formatAddress(address)}\n`);
    } else address = await resolveTarget(name, { role, flags, wait, signal });
    const known = name;
    return {
      shown: `${known} (${formatAddress(address)})`,
      address,
      again: (signal) => resolveTarget(known, { role, flags, signal, wait: AGAIN_MS }),
    };
  } catch (error) {
    if (signal.aborted) return undefined;
    if (!(error instanceof NotFoundError) || wait === usual) throw error;
    // It was not looked for as long as usual.
    throw new CommandError(error.message, { exitCode: EXIT.timeout, cause: error });
  }
}
