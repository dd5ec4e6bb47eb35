/**
 * The doctor's report, for people and for programs. Pure.
 *
 * @module
 */

import { formatAddress } from "../net/address.ts";
import { visible } from "../wire/text.ts";
import type { Finding } from "./doctor.ts";
import type { DoctorFacts, Echo, InterfaceFacts, PortFacts } from "./doctor_facts.ts";

/** How many adverts are listed at the most. */
const MAX_HEARD = 200;

/** The report in lines: interfaces, ports, who was heard, and what follows from it. */
export function doctorReport(facts: DoctorFacts, findings: readonly Finding[]): string[] {
  const { interfaces, heard, listenedMs } = facts;
  const lines = ["Interfaces:"];
  if (interfaces.length === 0) lines.push("  none");
  lines.push(...columns(interfaces.map((one) => [
    one.name,
    `${one.address}/${one.prefix}`,
    echoText(one),
  ])));
  lines.push(
    "Ports:",
    ...columns([portRow(facts.port, "beacons"), portRow(facts.networkzero, "networkzero")]),
    `Heard within ${(listenedMs / 1000).toFixed(1)} s:`,
  );
  if (heard.length === 0) lines.push("  nobody");
  lines.push(...columns(
    heard.slice(0, MAX_HEARD).map(({ name, kind, addresses, from, answered }) => [
      visible(name),
      visible(kind),
      addresses.map(formatAddress).join(",") || "no address",
      `from ${visible(from)}`,
      answered === undefined ? "" : answered ? "hears us" : "does not hear us",
    ]),
  ));
  if (heard.length > MAX_HEARD) lines.push(`  and ${heard.length - MAX_HEARD} more`);
  const tries = facts.tries.map(({ address, refusal }) => [
    formatAddress(address),
    refusal ?? "accepts connections",
  ]);
  if (tries.length > 0) lines.push("Connections:", ...columns(tries));
  lines.push("What this means:", ...findings.map(({ text }) => `  ${visible(text)}`));
  return lines;
}

/** The report as one object for `JSON.stringify`. */
export function doctorJson(
  facts: DoctorFacts,
  findings: readonly Finding[],
): Record<string, unknown> {
  const { name, heard, tries, ...rest } = facts;
  return {
    type: "doctor",
    name,
    ...rest,
    listenedMs: Math.round(facts.listenedMs),
    heard: heard.map((one) => ({ ...one, addresses: one.addresses.map(formatAddress) })),
    tries: tries.map(({ address, refusal }) => ({ address: formatAddress(address), refusal })),
    findings,
  };
}

function echoText({ multicast, broadcast }: InterfaceFacts): string {
  if (multicast === undefined && broadcast === undefined) return "not used";
  const parts: string[] = [];
  if (multicast !== undefined) parts.push(`multicast ${outcome(multicast)}`);
  if (broadcast !== undefined) parts.push(`broadcast ${outcome(broadcast)}`);
  return parts.join(", ");
}

function outcome(echo: Echo): string {
  switch (echo.is) {
    case "returned":
      return "comes back";
    case "lost":
      return "does not come back";
    case "failed":
      return `can't be sent (${echo.reason})`;
  }
}

function portRow({ port, state, holder, reason }: PortFacts, what: string): string[] {
  const how = state === "ours"
    ? "can be had"
    : state === "taken"
    ? `held by another program${holder === undefined ? "" : ` (${holder})`}`
    : `can't be had (${reason ?? "no reason given"})`;
  return [`UDP ${port}`, what, how];
}

function columns(rows: readonly string[][]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => widths[i] = Math.max(widths[i] ?? 0, cell.length));
  }
  return rows.map((row) =>
    `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ")}`.trimEnd()
  );
}
