/**
 * A node that advertises itself: it claims its name, and tells of itself as long as it runs.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { reason } from "../lib/cli/reason.ts";
import type { Advertised, Beacon } from "../lib/discovery/beacon.ts";
import { AdvertError, NameTakenError } from "../lib/discovery/service.ts";
import { formatAddress } from "../lib/net/address.ts";
import type { Endpoint } from "../lib/net/transport.ts";
import { MAX_BEACON_NAME } from "../lib/wire/limits.ts";

/** Names that are tried: `kitchen`, `kitchen-2` and so on. */
const MAX_TRIED = 100;

const log = getLogger(["talker", "discovery"]);

/** What is told of a node. */
export interface NodeAdvert {
  readonly name: string;
  readonly kind: "talker" | "peer";
  /** Where it listens; `0.0.0.0` stands for all addresses of this machine. */
  readonly at: Endpoint;
  readonly properties: Readonly<Record<string, string>>;
}

/** A node's advert, under the name that it got. */
export interface NodeAdvertised {
  /** The name that was asked for, or that with a number behind it. */
  readonly name: string;
  /** Says goodbye. */
  withdraw(): Promise<void>;
}

/** What else there is to a name than what beacons say. */
export interface OtherNames {
  /** The address of who else has it; undefined where nobody has. */
  readonly holder?: (name: string) => string | undefined;
  /** The name was lost later, and this one taken. */
  readonly renamed?: (name: string) => void;
}

/**
 * Claims the name, and advertises. Where another holds it, the node is `NAME-2`, which is a warning;
 * so it is when the name is lost later to one who held it longer, when two networks are joined.
 */
export async function advertiseNode(
  beacon: Beacon,
  advert: NodeAdvert,
  others: OtherNames = {},
): Promise<NodeAdvertised> {
  const claimFrom = (number: number) => claim(beacon, advert, { from: number, others });
  let current = await claimFrom(1);
  let isOver = false;
  const follow = async (): Promise<void> => {
    while (!isOver && current !== undefined) {
      const holder = await current.advertised.lost;
      if (isOver) return;
      log.warn("The name {name} is lost: {holder} has held it longer", {
        name: current.name,
        holder: holder.addresses[0] ?? holder.source,
      });
      current = await claimFrom(current.number + 1);
      if (current !== undefined && !isOver) others.renamed?.(current.name);
    }
  };
  void follow();
  return {
    name: current?.name ?? advert.name,
    async withdraw() {
      isOver = true;
      await current?.advertised.withdraw();
    },
  };
}

interface Claimed {
  readonly name: string;
  readonly number: number;
  readonly advertised: Advertised;
}

/** Claims the first of the names that is free; undefined when none can be advertised, which is logged. */
async function claim(
  beacon: Beacon,
  { name, kind, at, properties }: NodeAdvert,
  { from, others }: { from: number; others: OtherNames },
): Promise<Claimed | undefined> {
  const address = formatAddress({ host: at.hostname, port: at.port });
  for (let number = from; number < from + MAX_TRIED; number++) {
    const tried = numbered(name, number);
    if (isTaken(tried, others)) continue;
    try {
      const advertised = await beacon.advertise({
        name: tried,
        kind,
        addresses: [address],
        properties,
      });
      if (number > 1) foundAs(tried);
      return { name: tried, number, advertised };
    } catch (error) {
      if (error instanceof NameTakenError) {
        const holder = error.holder.addresses[0] ?? error.holder.source;
        taken(tried, holder);
        continue;
      }
      if (!(error instanceof AdvertError)) throw error;
      log.warn("This server can't be found by name: {reason}", { reason: reason(error) });
      return undefined;
    }
  }
  log.warn("This server can't be found by name: {name} and {count} names like it are taken", {
    name,
    count: MAX_TRIED - 1,
  });
  return undefined;
}

/** The first of the names that none of the others has, for a node whose beacon doesn't advertise it. */
export function freeName(name: string, others: OtherNames): string {
  for (let number = 1; number <= MAX_TRIED; number++) {
    const tried = numbered(name, number);
    if (isTaken(tried, others)) continue;
    if (number > 1) foundAs(tried);
    return tried;
  }
  return name;
}

function isTaken(name: string, { holder }: OtherNames): boolean {
  const address = holder?.(name);
  if (address !== undefined) taken(name, address);
  return address !== undefined;
}

function taken(tried: string, holder: string): void {
  log.warn("The name {tried} is taken by {holder}", { tried, holder });
}

function foundAs(tried: string): void {
  log.warn("This server is found as {tried}", { tried });
}

/** `kitchen`, `kitchen-2`; shortened where that would be too long. */
function numbered(name: string, number: number): string {
  if (number === 1) return name;
  const ending = `-${number}`;
  return [...name].slice(0, MAX_BEACON_NAME - ending.length).join("") + ending;
}
