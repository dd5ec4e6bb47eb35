/**
 * Addresses on the command line: a TARGET, and what is said where a text is none.
 *
 * @module
 */

import { CommandError, UsageError } from "../lib/cli/exit.ts";
import { AddressError, type HostPort, parseTarget } from "../lib/net/address.ts";

/**
 * The address of a TARGET; `port` is that of the example where it is a name.
 *
 * @throws {UsageError} when it is no TARGET
 * @throws {CommandError} when it is a name: those can't be looked up yet
 */
export function targetAddress(text: string, port: number): HostPort {
  const target = checkedAddress("", () => parseTarget(text));
  if (target.kind === "address") return target;
  const { name } = target;
  throw new CommandError(
    `Cannot look up "${name}": servers can't be found by name yet; give its address, ` +
      `such as ${name}.local:${port} or 192.168.1.5:${port}`,
  );
}

/** What `parse` gives; where the text is no address that is wrong usage, and `where` stands before the reason. */
export function checkedAddress<T>(where: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new UsageError(where + error.message, { cause: error });
  }
}
