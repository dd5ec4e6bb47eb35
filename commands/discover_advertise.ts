/**
 * `talker discover NAME --advertise ADDRESS`: advertises until it is told to stop.
 *
 * @module
 */

import { CommandError, EXIT, UsageError } from "../lib/cli/exit.ts";
import { reason } from "../lib/cli/reason.ts";
import { AdvertError, NameTakenError } from "../lib/discovery/service.ts";
import { Networkzero } from "../lib/discovery/networkzero.ts";
import { asService } from "../lib/discovery/networkzero_finder.ts";
import { formatAddress, type HostPort, parseListen } from "../lib/net/address.ts";
import { parseIp } from "../lib/wire/beacon_address.ts";
import { openBeacon } from "./beacon_open.ts";
import type { Discovering } from "./discover.ts";
import { advertisedWhere } from "./discover_text.ts";
import { stopped } from "./mesh_join.ts";

/** The kind of service that is advertised. */
const KIND = "service";

/** Advertises NAME. */
export async function advertise({ flags, name = "", io }: Discovering): Promise<number> {
  const addresses = await advertAddresses(flags.advertise ?? "");
  await using beacon = openBeacon(flags, { warn: io.stderr });
  using networkzero = flags.networkzero
    ? Networkzero.open({ interfaces: flags.interface })
    : undefined;
  if (networkzero?.blocked !== undefined) io.stderr.write(`talker: ${networkzero.blocked}\n`);
  let advertised;
  try {
    await networkzero?.round(io.signal);
    const holder = networkzero?.holder(name);
    if (holder !== undefined) throw new NameTakenError(name, asService(holder));
    advertised = await beacon.advertise({ name, kind: KIND, addresses }, { signal: io.signal });
  } catch (error) {
    if (io.signal.aborted) return EXIT.ok;
    if (error instanceof NameTakenError) throw new CommandError(error.message, { cause: error });
    if (error instanceof AdvertError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
  networkzero?.advertise(name, addresses);
  const shown = advertisedWhere(advertised.addresses, flags.advertise ?? "");
  io.stdout.write(
    flags.json
      ? `${JSON.stringify({ type: "advertised", name, addresses: advertised.addresses })}\n`
      : `talker discover ${name} advertised at ${shown}\n`,
  );
  const holder = await Promise.race([advertised.lost, stopped(io.signal)]);
  if (holder === undefined) return EXIT.ok;
  const where = holder.addresses[0] ?? holder.source;
  throw new CommandError(
    `The name "${name}" now belongs to ${where}, which has had it for longer: it is no longer ` +
      "advertised here; choose another name",
  );
}

/** The addresses that a text means: the beacon fills in this machine's own where it is a port. */
async function advertAddresses(text: string): Promise<(string | number)[]> {
  const given = parseListen(text, "");
  const { host, port } = given;
  if (host === "") return [port];
  if (parseIp(host) !== undefined) return [formatAddress(given)];
  return (await addressesOf(given)).map((one) => formatAddress({ host: one, port }));
}

/** The IP addresses of a host. Not by `node:dns`, which prints a warning on older versions of Deno. */
async function addressesOf({ host }: HostPort): Promise<string[]> {
  if (host.toLowerCase() === "localhost") return ["127.0.0.1"];
  const found = await Promise.allSettled([
    Deno.resolveDns(host, "A"),
    Deno.resolveDns(host, "AAAA"),
  ]);
  const addresses = found.flatMap((one) => one.status === "fulfilled" ? one.value : []);
  if (addresses.length > 0) return addresses;
  const failure = found.find((one) => one.status === "rejected");
  const isUnknown = failure === undefined || failure.reason instanceof Deno.errors.NotFound;
  throw new CommandError(
    `--advertise: cannot look up the host ${host}: ` +
      `${isUnknown ? "no such host" : reason(failure.reason)}; give its IP address`,
    { cause: failure?.reason },
  );
}
