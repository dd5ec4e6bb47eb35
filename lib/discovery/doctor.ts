/**
 * What may be wrong when something is not found, said in plain words. Pure: facts in, sentences out.
 * The facts are gathered by `doctor_examine.ts`.
 *
 * @module
 */

import { formatAddress } from "../net/address.ts";
import { nearest } from "../wire/nearest.ts";
import type { DoctorFacts, Echo, HeardFacts, InterfaceFacts } from "./doctor_facts.ts";

/** What the doctor can tell. */
export type Cause =
  | "no-interface"
  | "only-loopback"
  | "interface-unused"
  | "port-taken"
  | "port-refused"
  | "cannot-send"
  | "port-blocked"
  | "multicast-lost"
  | "broadcast-lost"
  | "no-address"
  | "other-subnet"
  | "one-way"
  | "name-clash"
  | "nobody-heard"
  | "not-advertised"
  | "not-accepting"
  | "networkzero-port-taken"
  | "malformed"
  | "found"
  | "healthy";

/** One sentence of the doctor. */
export interface Finding {
  readonly cause: Cause;
  /** `problem`: something isn't found because of this. `note`: worth knowing. `fine`: as it should be. */
  readonly weight: "problem" | "note" | "fine";
  /** One sentence, or two: what it is, and what to do. */
  readonly text: string;
}

/** Names and addresses that one sentence lists at the most. */
const MAX_LISTED = 8;

/**
 * Judges the facts: the causes that they show, those first that explain most.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { diagnose } from "./doctor.ts";
 *
 * const port = { port: 4711, state: "ours" } as const;
 * const facts = { interfaces: [], port, networkzero: port, heard: [], tries: [], malformed: 0 };
 * const [finding] = diagnose({ ...facts, listenedMs: 3000 });
 * assertEquals(finding?.cause, "no-interface");
 * ```
 */
export function diagnose(facts: DoctorFacts): Finding[] {
  const findings = [
    ...ofInterfaces(facts),
    ...ofPort(facts),
    ...ofEchoes(facts),
    ...ofClashes(facts),
    ...ofAddresses(facts),
    ...ofSubnets(facts),
    ...ofAnswers(facts),
    ...ofName(facts),
    ...ofNetworkzero(facts),
    ...ofMalformed(facts),
  ];
  if (findings.some(({ weight }) => weight === "problem")) return findings;
  const count = new Set(facts.heard.map(({ name }) => name)).size;
  return [
    ...findings,
    fine("healthy", `Nothing wrong can be seen: ${count} names were heard.`),
  ];
}

function problem(cause: Cause, text: string): Finding {
  return { cause, weight: "problem", text };
}

function note(cause: Cause, text: string): Finding {
  return { cause, weight: "note", text };
}

function fine(cause: Cause, text: string): Finding {
  return { cause, weight: "fine", text };
}

function* ofInterfaces({ interfaces }: DoctorFacts): Generator<Finding> {
  if (interfaces.length === 0) {
    yield problem(
      "no-interface",
      "This machine has no usable interface, not even its loopback one: switch the network on.",
    );
    return;
  }
  const unused = interfaces.filter((one) => !isUsed(one) && !one.isLoopback);
  if (interfaces.every(({ isLoopback }) => isLoopback)) {
    yield problem(
      "only-loopback",
      "This machine has no usable interface but its loopback one: programs here find each other, " +
        "and no other box. Plug a cable in, or join a WiFi, and see that it gets an address.",
    );
  } else if (unused.length > 0) {
    const used = list(interfaces.filter(isUsed).map(({ name }) => name));
    yield note(
      "interface-unused",
      `Only ${used === "" ? "no interface" : used} is used, as --interface or TALKER_INTERFACE ` +
        `asks: who is on ${list(unused.map(described))} is not heard.`,
    );
  }
}

function isUsed({ multicast, broadcast }: InterfaceFacts): boolean {
  return multicast !== undefined || broadcast !== undefined;
}

/** Whether something comes back there. */
function works({ multicast, broadcast }: InterfaceFacts): boolean {
  return multicast?.is === "returned" || broadcast?.is === "returned";
}

function described({ name, address, prefix }: InterfaceFacts): string {
  return `${name} (${address}/${prefix})`;
}

function* ofPort({ port: { port, state, holder, reason } }: DoctorFacts): Generator<Finding> {
  if (state === "taken") {
    const by = holder === undefined ? "" : ` (${holder})`;
    const who = holder === undefined ? ` (sudo ss -ulpn 'sport = :${port}' names it)` : "";
    yield problem(
      "port-taken",
      `UDP port ${port} is held by another program${by} that doesn't share it: stop that program` +
        `${who}; until then only answers are heard here.`,
    );
  } else if (state === "refused") {
    yield problem(
      "port-refused",
      `The system doesn't give UDP port ${port}: ${
        reason ?? "it doesn't say why"
      }; until it does ` +
        "nothing is heard here.",
    );
  }
}

function* ofEchoes({ interfaces, port }: DoctorFacts): Generator<Finding> {
  // Without the port nothing can come back, and that says nothing about the network.
  if (port.state !== "ours") return;
  for (const one of interfaces) {
    const { multicast, broadcast, name, isLoopback } = one;
    if (multicast === undefined || broadcast === undefined) continue;
    if (multicast.is === "returned" && broadcast.is === "returned") continue;
    const where = described(one);
    if (multicast.is === "failed" && broadcast.is === "failed") {
      yield problem(
        "cannot-send",
        `Nothing can be sent on ${where}: ${multicast.reason}; check that it is up and connected.`,
      );
    } else if (multicast.is !== "returned" && broadcast.is !== "returned") {
      yield problem(
        "port-blocked",
        `What is sent on ${where} does not come back, neither by multicast nor by broadcast: ` +
          (isLoopback
            ? `it is down (ip link set ${name} up), or a firewall blocks UDP port ${port.port}.`
            : `UDP port ${port.port} is blocked, most likely by a firewall on this machine; allow it.`),
      );
    } else if (multicast.is !== "returned") {
      yield note(
        "multicast-lost",
        `Multicast ${outcome(multicast)} on ${name}, broadcast comes back: that is enough` +
          `${isLoopback ? "" : " as long as the network passes broadcast on"}.`,
      );
    } else {
      yield note(
        "broadcast-lost",
        `Broadcast ${outcome(broadcast)} on ${name}, multicast comes back: that is enough` +
          `${isLoopback ? "" : " as long as the network passes multicast on"}.`,
      );
    }
  }
}

function outcome(echo: Echo): string {
  return echo.is === "failed" ? `can't be sent (${echo.reason})` : "does not come back";
}

function* ofClashes({ heard, name }: DoctorFacts): Generator<Finding> {
  const programs = new Map<string, Map<string, HeardFacts>>();
  for (const one of heard) {
    if (one.via !== "talker") continue;
    const those = programs.get(one.name) ?? new Map<string, HeardFacts>();
    programs.set(one.name, those.set(one.id, one));
  }
  for (const [clashing, those] of programs) {
    if (those.size < 2 || (name !== undefined && clashing !== name)) continue;
    const where = list([...those.values()].map(place));
    yield problem(
      "name-clash",
      `The name ${clashing} is advertised by ${those.size} programs, at ${where}: give all but ` +
        "one of them another name, or restart them (the later ones then refuse it).",
    );
  }
}

function place({ addresses, from }: HeardFacts): string {
  const [first] = addresses;
  return first === undefined ? from : formatAddress(first);
}

function* ofAddresses({ heard, name }: DoctorFacts): Generator<Finding> {
  const placeless = heard.filter((one) =>
    one.addresses.length === 0 && (name === undefined || one.name === name)
  );
  for (const [{ from }, names] of byName(placeless)) {
    yield problem(
      "no-address",
      `${names} is heard from ${from}, but offers no address that can be used from here, only such ` +
        "as mean that box itself: advertise it with an address of its network, or with a port alone.",
    );
  }
}

function* ofSubnets({ heard, interfaces, name, tries }: DoctorFacts): Generator<Finding> {
  const own = interfaces.filter(({ isLoopback, address }) => !isLoopback && isIPv4(address));
  // Where there is a route to it, its subnet doesn't matter.
  if (own.length === 0 || tries.some(({ refusal }) => refusal === undefined)) return;
  const foreign = heard.filter((one) =>
    !one.isLocal && (name === undefined || one.name === name) &&
    isIPv4(one.from) && one.addresses.length > 0 &&
    one.addresses.every(({ host }) => !isNear(host, own))
  );
  for (const [those, names] of byName(foreign)) {
    const offered = list(those.addresses.map(formatAddress));
    yield problem(
      "other-subnet",
      `${names} is heard from ${those.from} and offers ${offered}, which is in another subnet ` +
        `than this machine's ${list(own.map(described))}: without a route it can't be reached. ` +
        "Give both boxes addresses of one subnet.",
    );
  }
}

function* ofAnswers({ heard, name, port }: DoctorFacts): Generator<Finding> {
  const silent = heard.filter((one) =>
    one.answered === false && (name === undefined || one.name === name)
  );
  for (const [{ from, isLocal }, names] of byName(silent)) {
    yield problem(
      "one-way",
      `${names} (${from}) is heard here but did not answer: it doesn't hear this machine. ` +
        (isLocal
          ? "It runs on this very machine: it may be stuck or stopped."
          : `A firewall on that box may block UDP port ${port.port}, or the network passes ` +
            "datagrams in one direction only."),
    );
  }
}

/** One of each name, with the name. */
function byName(heard: readonly HeardFacts[]): [HeardFacts, string][] {
  const names = new Map(heard.map((one) => [`${one.name} ${one.from}`, one]));
  return [...names.values()].slice(0, MAX_LISTED).map((one) => [one, one.name]);
}

function* ofName(facts: DoctorFacts): Generator<Finding> {
  const { heard, interfaces, listenedMs, name, tries, port } = facts;
  const seconds = `${Math.round(listenedMs / 100) / 10} s`;
  if (heard.length === 0) {
    // Where the port is lacking, or every way to others, that is reason enough.
    if (port.state !== "ours" || interfaces.length === 0) return;
    const ways = interfaces.filter(({ isLoopback }) => !isLoopback);
    if (ways.some(works)) {
      yield problem(
        "nobody-heard",
        `Nobody was heard within ${seconds}: no other box advertises anything, or the others are in ` +
          "another network or subnet, or a firewall or a WiFi for guests keeps them apart.",
      );
    } else if (!ways.some(isUsed)) {
      yield problem(
        "nobody-heard",
        `Nobody was heard within ${seconds}: no other program on this machine advertises anything.`,
      );
    }
    return;
  }
  if (name === undefined) return;
  const names = [...new Set(heard.map((one) => one.name))].sort();
  if (!names.includes(name)) {
    const near = nearest(name, names);
    yield problem(
      "not-advertised",
      `Nobody who was heard within ${seconds} advertises ${name}; heard were ${list(names)}` +
        `${names.length > 1 && near !== undefined ? `, the nearest being ${near}` : ""}.`,
    );
    return;
  }
  const accepted = tries.find(({ refusal }) => refusal === undefined);
  if (accepted !== undefined) {
    const where = formatAddress(accepted.address);
    yield fine("found", `${name} is found, and ${where} accepts connections.`);
  } else if (tries.length > 0) {
    const those = tries.slice(0, MAX_LISTED).map(({ address, refusal }) =>
      `${formatAddress(address)} (${refusal})`
    );
    yield problem(
      "not-accepting",
      `${name} is found, but no connection can be made to ${list(those)}: the program there is ` +
        "gone, or listens elsewhere, or a firewall blocks its TCP port.",
    );
  }
}

function* ofNetworkzero({ networkzero: { port, state, holder } }: DoctorFacts): Generator<Finding> {
  if (state === "ours") return;
  const by = holder === undefined ? "" : ` (${holder})`;
  yield note(
    "networkzero-port-taken",
    `UDP port ${port} is held by another program${by}, most likely one that uses Python's ` +
      "networkzero: what other networkzero programs advertise can't be heard here meanwhile.",
  );
}

function* ofMalformed({ malformed, port: { port } }: DoctorFacts): Generator<Finding> {
  if (malformed === 0) return;
  yield note(
    "malformed",
    `${malformed} datagrams at UDP port ${port} were no beacons and were dropped: another program ` +
      "uses that port, or a newer version of this one.",
  );
}

/** Whether one of the interfaces is in the same subnet. */
function isNear(host: string, interfaces: readonly InterfaceFacts[]): boolean {
  // Names and IPv6 addresses (link-local ones, that is) can't be judged.
  if (!isIPv4(host)) return true;
  return interfaces.some(({ address, prefix }) => {
    const mask = prefix === 0 ? 0 : -1 << (32 - prefix);
    return ((bits(host) ^ bits(address)) & mask) === 0;
  });
}

function isIPv4(host: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(host);
}

function bits(address: string): number {
  return address.split(".").reduce((value, part) => (value << 8) | Number(part), 0);
}

/** `a, b and c`, not endless. */
function list(items: readonly string[]): string {
  if (items.length > MAX_LISTED) {
    return `${items.slice(0, MAX_LISTED).join(", ")} and ${items.length - MAX_LISTED} more`;
  }
  if (items.length < 2) return items.join();
  return `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}
