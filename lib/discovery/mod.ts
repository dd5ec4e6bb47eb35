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
 * looks for something ends by itself; one that advertises lives until it unadvertises (`unadvertise()`
 * ends all its adverts), unless it advertises in the `background`. When a program ends, by itself or by
 * `Deno.exit`, its adverts are withdrawn.
 *
 * @module
 */

import { atExit } from "../net/exit.ts";
import { interfacesFromEnvironment, unknownInterface } from "../net/interfaces.ts";
import { freePort } from "../net/tcp_server.ts";
import { checkWait } from "../net/wait.ts";
import { warn } from "../net/warn.ts";
import { BEACON_NAME_FORM, foldBeaconName } from "../wire/beacon_name.ts";
import { Beacon } from "./beacon.ts";
import type { Advertised } from "./beacon_types.ts";
import { AdvertError, NameTakenError, type Service, type ServiceEvent } from "./service.ts";

export {
  AdvertError,
  type AdvertOptions,
  NameTakenError,
  type Service,
  type ServiceEvent,
} from "./service.ts";
export { Beacon } from "./beacon.ts";
export type * from "./beacon_types.ts";

/** How many names are told where one isn't found. */
const MAX_TOLD = 10;

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
  /** True: the advert alone does not keep the program alive. @default false */
  readonly background?: boolean | undefined;
}

/** How {@linkcode discover}, {@linkcode discoverAll} and {@linkcode watch} look. */
export interface DiscoverOptions extends InterfaceOptions {
  /** How long to wait, in milliseconds. @default 5000 (one name), 1000 (all) */
  readonly wait?: number | undefined;
  /** Only services of this kind. Default: any. */
  readonly kind?: string | undefined;
  /** Ends the waiting: the promise is rejected with the signal's reason; the loop over `watch` just ends. */
  readonly signal?: AbortSignal | undefined;
}

/** A beacon that is shared. */
interface Shared {
  readonly beacon: Beacon;
  /** By how many. */
  users: number;
  /** How many of those keep the program alive. */
  holders: number;
}

/** What {@linkcode advertise} advertises, or is about to. */
interface Own {
  /** Its name, folded: on other interfaces there may be another one with it. */
  readonly name: string;
  /** Ends it, and resolves when it has ended. */
  readonly end: () => Promise<void>;
}

const shared = new Map<string, Shared>();
const own = new Set<Own>();

/** The beacon for those interfaces; the function gives it back. */
function borrow(
  { interfaces }: InterfaceOptions,
  { background = false } = {},
): [Beacon, () => Promise<void>] {
  const key = JSON.stringify(interfaces ?? null);
  const one = shared.get(key) ?? open(key, interfaces);
  const { beacon } = one;
  const use = (change: 1 | -1) => {
    one.users += change;
    if (!background) one.holders += change;
    beacon.keepAlive(one.holders > 0);
  };
  use(1);
  return [beacon, async () => {
    use(-1);
    if (one.users > 0) return;
    shared.delete(key);
    // It says its goodbyes, which takes a moment.
    beacon.keepAlive(true);
    await beacon.close();
  }];
}

function open(key: string, interfaces: readonly string[] | undefined): Shared {
  const fromOption = interfaces !== undefined;
  const asked = interfaces ?? interfacesFromEnvironment() ?? [];
  const unknown = unknownInterface(asked, fromOption ? "interfaces" : "TALKER_INTERFACE");
  if (unknown !== undefined) warn("discovery", `${unknown}; it is used as soon as it is there`);
  const one = { beacon: Beacon.open({ interfaces }), users: 0, holders: 0 };
  shared.set(key, one);
  return one;
}

/**
 * Advertises a name until {@linkcode unadvertise}, or the end of the program, which it keeps alive unless
 * it is in the `background`. Returns the address that was given, as others see it: `host:port`.
 *
 * A program that ends by itself or by `Deno.exit` says goodbye: others notice at once. Where it wants that
 * at Ctrl-C, too, it says `Deno.addSignalListener("SIGINT", () => Deno.exit(130))`. One that is killed is
 * missed within 5 s.
 *
 * @param name 1 to 64 characters without blanks, control characters, `@` and `*`
 * @param address `host:port`, or a port of this machine. Default: a port that is free.
 * @throws {NameTakenError} when somebody advertises that name already
 * @throws {AdvertError} when the name or the address is none, or it is unadvertised meanwhile
 * @throws {TypeError} for a name that is no text
 * @throws the reason of `signal`
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
  { signal, interfaces, kind = "service", properties, background }: AdvertiseOptions = {},
): Promise<string> {
  checkName(name);
  signal?.throwIfAborted();
  const where = address ?? freePort();
  const [beacon, release] = borrow({ interfaces }, { background: background ?? false });
  const stop = new AbortController();
  const ended = Promise.withResolvers<void>();
  const end = (reason?: unknown) => {
    stop.abort(reason);
    return ended.promise;
  };
  const givenUp = new AdvertError(`"${name}" was unadvertised before it was advertised`);
  const one = { name: foldBeaconName(name), end: () => end(givenUp) };
  const onAbort = () => void end(signal?.reason);
  const forgetExit = atExit(() => beacon.sayGoodbye());
  let advert: Advertised | undefined;
  const finish = async () => {
    await advert?.withdraw();
    forgetExit();
    signal?.removeEventListener("abort", onAbort);
    await release();
    own.delete(one);
    ended.resolve();
  };
  own.add(one);
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    // Until the name is ours somebody waits, which keeps the program alive.
    const [, claimed] = borrow({ interfaces });
    const service = { name, kind, addresses: [where], properties };
    advert = await beacon.advertise(service, { signal: stop.signal }).finally(claimed);
    stop.signal.throwIfAborted();
  } catch (error) {
    await finish();
    const isOwn = error instanceof NameTakenError && [...own].some(({ name }) => name === one.name);
    throw isOwn ? new NameTakenError(error.taken, error.holder, { own: true }) : error;
  }
  stop.signal.addEventListener("abort", () => void finish(), { once: true });
  void advert.lost.then(() => end());
  return advert.addresses[0] ?? `127.0.0.1:${where}`;
}

/**
 * Withdraws what {@linkcode advertise} advertised: that name, or without one all of them. Harmless where
 * there is nothing. One that is not advertised yet is given up: its `advertise` rejects. Resolves when
 * others have been told.
 */
export async function unadvertise(name?: string): Promise<void> {
  if (name !== undefined) checkName(name);
  const key = name === undefined ? undefined : foldBeaconName(name);
  const these = [...own].filter((one) => key === undefined || one.name === key);
  await Promise.all(these.map(({ end }) => end()));
}

/**
 * The address of a service, `host:port`, as soon as it is found; null, and a warning that says what was
 * heard instead, when that takes too long.
 *
 * @throws {AdvertError} when it can't be a name
 * @throws {TypeError} for a name that is no text
 * @throws the reason of `signal`
 */
export async function discover(
  name: string,
  options: DiscoverOptions = {},
): Promise<string | null> {
  const { wait = 5_000, kind, signal } = options;
  checkName(name);
  checkWait(wait);
  signal?.throwIfAborted();
  const [beacon, release] = borrow(options);
  try {
    const service = await beacon.discover(name, { wait, kind, signal });
    const address = service?.addresses[0];
    if (address !== undefined) return address;
    signal?.throwIfAborted();
    warn(
      "discovery",
      `"${name}" was not found within ${wait / 1000} s; heard of: ${namesOf(beacon.services())}`,
    );
    return null;
  } finally {
    await release();
  }
}

/** The names of services, not too many. */
function namesOf(services: readonly Service[]): string {
  const names = services.map(({ name }) => name);
  const more = names.splice(MAX_TOLD).length;
  return (names.join(", ") || "nothing") + (more > 0 ? ` and ${more} more` : "");
}

/**
 * All services on the local network whose names a pattern means, sorted by name. It takes a second.
 *
 * @param pattern `*` stands for any characters: `robot/*`. Default: all.
 * @throws {AdvertError} when it can't be a pattern of names
 * @throws the reason of `signal`
 */
export async function discoverAll(
  pattern = "*",
  options: DiscoverOptions = {},
): Promise<Service[]> {
  const { wait = 1_000, kind, signal } = options;
  checkName(pattern);
  checkWait(wait);
  signal?.throwIfAborted();
  const [beacon, release] = borrow(options);
  try {
    const services = await beacon.discoverAll({ pattern, wait, kind, signal });
    signal?.throwIfAborted();
    return services;
  } finally {
    await release();
  }
}

/** What can't be a name at all is a mistake of the program. */
function checkName(name: unknown): asserts name is string {
  if (typeof name === "string") return;
  const shown = typeof name === "object" ? JSON.stringify(name) : String(name);
  throw new TypeError(`${shown} is no name for a service: write text, ${BEACON_NAME_FORM}`);
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
  options: Omit<DiscoverOptions, "wait"> = {},
): AsyncGenerator<ServiceEvent, void, void> {
  checkName(pattern);
  const [beacon, release] = borrow(options);
  try {
    yield* beacon.watch({ ...options, pattern });
  } finally {
    await release();
  }
}
