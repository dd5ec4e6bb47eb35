/**
 * Services as `talker discover` prints them. Pure.
 *
 * @module
 */

import type { Found } from "../lib/discovery/networkzero_finder.ts";
import { parseListen } from "../lib/net/address.ts";
import { visible } from "../lib/wire/text.ts";

/** A service as a JSON object on one line; `more` are further members. */
export function foundJson(
  type: string,
  { service, via }: Found,
  more: { readonly took?: number; readonly time?: string } = {},
): string {
  const { name, kind, id, addresses, properties, age, source, host } = service;
  const { took, ...rest } = more;
  return JSON.stringify({
    type,
    name,
    kind,
    address: addresses[0],
    addresses,
    age: Math.round(age),
    via,
    id: id === "" ? undefined : id,
    source: source === "" ? undefined : source,
    host: host === "" ? undefined : host,
    interface: service.interface,
    properties,
    took: took === undefined ? undefined : Math.round(took * 10) / 10,
    ...rest,
  });
}

/** Where something is advertised that was to be so at `asked`. Link-local addresses have other names on each machine. */
export function advertisedWhere(addresses: readonly string[], asked: string): string {
  const { port } = parseListen(asked, "");
  return addresses.join(", ") || `port ${port} of this machine's link-local addresses`;
}

/** Name, kind, addresses and age of each, in columns. */
export function foundTable(found: readonly Found[]): string[] {
  const rows = found.map(({ service: { name, kind, addresses, age } }) => [
    visible(name),
    visible(kind),
    addresses.join(",") || "no address",
    `${(age / 1000).toFixed(1)} s`,
  ]);
  const widths = [0, 1, 2].map((i) => Math.max(0, ...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  "));
}
