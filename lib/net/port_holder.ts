/**
 * Who has a port, where the system tells. On Linux it does, to programs with all permissions.
 *
 * @module
 */

/** Processes that are looked at, at the most. */
const MAX_PROCESSES = 5_000;

/**
 * The program that listens at a UDP port of IPv4 on this machine, such as `python3, process 123`.
 * Undefined where that can't be told.
 */
export async function udpPortHolder(port: number): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return undefined;
  try {
    const inodes = socketsAt(port, await Deno.readTextFile("/proc/net/udp"));
    return inodes.size === 0 ? undefined : await processWith(inodes);
  } catch {
    return undefined; // Without all permissions it is not for us to know.
  }
}

/**
 * The inodes of the sockets at a port, in the text of `/proc/net/udp`: a line for each, of which the
 * second field is `ADDRESS:PORT` in hexadecimal digits and the tenth the inode.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { socketsAt } from "./port_holder.ts";
 *
 * const table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
 *   "  61: 00000000:270F 00000000:0000 07 00000000:00000000 00:00000000 00000000  0  0 4711 2 0 0\n";
 * assertEquals([...socketsAt(9999, table)], ["4711"]);
 * ```
 */
export function socketsAt(port: number, table: string): Set<string> {
  const digits = port.toString(16).toUpperCase().padStart(4, "0");
  const inodes = new Set<string>();
  for (const line of table.split("\n").slice(1)) {
    const fields = line.trim().split(/\s+/);
    const inode = fields[9];
    if (fields[1]?.endsWith(`:${digits}`) && inode !== undefined) inodes.add(inode);
  }
  return inodes;
}

async function processWith(inodes: ReadonlySet<string>): Promise<string | undefined> {
  const links = new Set([...inodes].map((inode) => `socket:[${inode}]`));
  let looked = 0;
  for await (const { name: pid } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(pid) || Number(pid) === Deno.pid) continue;
    if (++looked > MAX_PROCESSES) return undefined;
    if (!await hasOpen(pid, links)) continue;
    const name = (await Deno.readTextFile(`/proc/${pid}/comm`)).trim();
    return `${name.replace(/\p{C}/gu, "?")}, process ${pid}`;
  }
  return undefined;
}

async function hasOpen(pid: string, links: ReadonlySet<string>): Promise<boolean> {
  try {
    for await (const { name } of Deno.readDir(`/proc/${pid}/fd`)) {
      if (links.has(await Deno.readLink(`/proc/${pid}/fd/${name}`))) return true;
    }
  } catch {
    // It has ended, or is another user's.
  }
  return false;
}
