/**
 * Discovery for programs, and for a prompt: advertise a name, and find it from anywhere on the local
 * network. What is given and found are addresses; what is said there is another matter.
 *
 * ```ts ignore
 * const address = await advertise("hello");            // in one program
 * const found = await discover("hello");               // in another: the same address, or null
 * ```
 *
 * The functions share one {@linkcode Beacon} (for each choice of interfaces), which is opened when it is
 * needed and closed when nothing is advertised, looked for or watched any more. So a program that only
 * looks for something ends by itself; one that advertises lives until it unadvertises.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { freePort } from "../net/tcp_server.ts";
import { foldBeaconName } from "../wire/beacon_name.ts";
import { Beacon } from "./beacon.ts";
import type { Advertised, FindOptions } from "./beacon_types.ts";
import type { Service, ServiceEvent } from "./service.ts";

export {
  AdvertError,
  type AdvertOptions,
  NameTakenError,
  type Service,
  type ServiceEvent,
} from "./service.ts";
export { Beacon } from "./beacon.ts";
export type * from "./beacon_types.ts";

const log = getLogger(["talker", "discovery"]);

/** Which interfaces are used. */
export interface InterfaceOptions {
  /**
   * Names or addresses of interfaces; `lo` keeps everything on this machine. Default: those in the
   * environment's `TALKER_INTERFACE` (separated by commas), else all.
   */
  readonly interfaces?: readonly string[] | undefined;
}

/** How {@linkcode advertise} advertises. */
export interface AdvertiseOptions extends InterfaceOptions {
  /** What it is. @default "service" */
  readonly kind?: string | undefined;
  /** Small facts to be told with it. Default: none. */
  readonly properties?: Readonly<Record<string, string>> | undefined;
  /** Withdraws the advert when aborted. */
  readonly signal?: AbortSignal | undefined;
}

/** A beacon that is shared, and by how many. */
interface Shared {
  readonly beacon: Beacon;
  users: number;
}

const shared = new Map<string, Shared>();
/** What ends each advert, by its folded name. */
const advertised = new Map<string, () => Promise<void>>();

/** The beacon for those interfaces; the function gives it back. */
function borrow({ interfaces }: InterfaceOptions): [Beacon, () => Promise<void>] {
  const key = JSON.stringify(interfaces ?? null);
  let one = shared.get(key);
  if (one === undefined) shared.set(key, one = { beacon: Beacon.open({ interfaces }), users: 0 });
  one.users++;
  const { beacon } = one;
  return [beacon, async () => {
    if (--one.users > 0) return;
    shared.delete(key);
    await beacon.close();
  }];
}

/**
 * Advertises a name until {@linkcode unadvertise} (or the end of the program). Returns the address that
 * was given, as others see it: `host:port`.
 *
 * @param name 1 to 64 characters without blanks, control characters, `@` and `*`
 * @param address `host:port`, or a port of this machine. Default: a port that is free.
 * @throws {NameTakenError} when somebody advertises that name already
 * @throws {AdvertError} when the name or the address is none
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { advertise, discover, unadvertise } from "./mod.ts";
 *
 * const interfaces = ["lo"]; // only on this machine: leave it out to be found from everywhere
 * const address = await advertise("example/hello", 4567, { interfaces });
 * assert(await discover("example/hello", { interfaces }) === address);
 * await unadvertise("example/hello");
 * ```
 */
export async function advertise(
  name: string,
  address?: string | number,
  { signal, interfaces, kind = "service", properties }: AdvertiseOptions = {},
): Promise<string> {
  const [beacon, release] = borrow({ interfaces });
  const where = address ?? freePort();
  let advert: Advertised;
  try {
    advert = await beacon.advertise({ name, kind, addresses: [where], properties }, { signal });
  } catch (error) {
    await release();
    throw error;
  }
  const key = foldBeaconName(name);
  let ended: Promise<void> | undefined;
  const end = () => ended ??= withdraw();
  const withdraw = async () => {
    await advert.withdraw();
    if (advertised.get(key) === end) advertised.delete(key);
    await release();
  };
  advertised.set(key, end);
  signal?.addEventListener("abort", () => void end(), { once: true });
  void advert.lost.then(end);
  return advert.addresses[0] ?? `127.0.0.1:${where}`;
}

/** Withdraws what {@linkcode advertise} advertised; harmless where there is nothing. */
export async function unadvertise(name: string): Promise<void> {
  await advertised.get(foldBeaconName(name))?.();
}

/**
 * The address of a service, `host:port`, as soon as it is found; null (and a warning in the log) when
 * that takes too long.
 *
 * @throws {AdvertError} when it can't be a name
 */
export async function discover(
  name: string,
  options: FindOptions & InterfaceOptions = {},
): Promise<string | null> {
  const [beacon, release] = borrow(options);
  try {
    const service = await beacon.discover(name, options);
    const address = service?.addresses[0];
    if (address !== undefined) return address;
    const names = beacon.services().map((other) => other.name).join(", ");
    log.warn('"{name}" was not found; heard of: {names}', { name, names: names || "nothing" });
    return null;
  } finally {
    await release();
  }
}

/**
 * All services on the local network whose names a pattern means, sorted by name. It takes a second.
 *
 * @param pattern `*` stands for any characters: `robot/*`. Default: all.
 */
export async function discoverAll(
  pattern = "*",
  options: FindOptions & InterfaceOptions = {},
): Promise<Service[]> {
  const [beacon, release] = borrow(options);
  try {
    return await beacon.discoverAll({ ...options, pattern });
  } finally {
    await release();
  }
}

/**
 * The services that are there, and what comes, changes and goes, until the signal is aborted or the loop is left.
 *
 * @param pattern `*` stands for any characters: `robot/*`. Default: all.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { advertise, unadvertise, watch } from "./mod.ts";
 *
 * const interfaces = ["lo"];
 * await advertise("crane/arm", 4568, { interfaces });
 * for await (const { type, service } of watch("crane/*", { interfaces })) {
 *   assert(type === "found" && service.name === "crane/arm");
 *   break;
 * }
 * await unadvertise("crane/arm");
 * ```
 */
export async function* watch(
  pattern = "*",
  options: Omit<FindOptions, "wait"> & InterfaceOptions = {},
): AsyncGenerator<ServiceEvent, void, void> {
  const [beacon, release] = borrow(options);
  try {
    yield* beacon.watch({ ...options, pattern });
  } finally {
    await release();
  }
}
