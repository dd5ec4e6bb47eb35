/** What the machine allows: cores to pin to, open files, and its name for the report. */

import { note } from "./output.ts";

/** The core for the server under test and the one for the load; null: not pinned. */
export interface Cores {
  server: number | null;
  generator: number | null;
}

/** Where `name` is, also where a user's PATH does not reach: Debian keeps servers in sbin. */
export function findExecutable(name: string): string | null {
  const folders = (Deno.env.get("PATH") ?? "").split(":").concat("/usr/local/sbin", "/usr/sbin");
  for (const folder of folders) {
    try {
      if (folder && Deno.statSync(`${folder}/${name}`).isFile) return `${folder}/${name}`;
    } catch {
      // Not in this one.
    }
  }
  return null;
}

/** Reads `0-3,8` as the kernel writes it. */
function parseCoreList(text: string): number[] {
  return text.split(",").flatMap((part) => {
    const [first = 0, last = first] = part.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/** Two cores that this process may use, or `choice` (`SERVER,LOAD`); says so when it can't pin. */
export function chooseCores(choice: string | undefined): Cores {
  const status = Deno.readTextFileSync("/proc/self/status");
  const allowed = parseCoreList(/^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? "0");
  const [server = NaN, generator = NaN] = choice?.split(",").map(Number) ?? allowed;
  if (choice !== undefined && !(allowed.includes(server) && allowed.includes(generator))) {
    throw new Error(`--cores ${choice}: give two of ${allowed.join(", ")}, as --cores 0,1`);
  }
  if (!findExecutable("taskset")) {
    note("No taskset (Debian: util-linux): nothing is pinned, the numbers will scatter.");
    return { server: null, generator: null };
  }
  if (!(generator >= 0)) {
    note("One core only: servers and load share it. Ratios mean little.");
    return { server: null, generator: null };
  }
  return { server, generator };
}

/** How many files a process may have open when it asks for all it can get. */
export function openFileLimit(): number {
  const limits = Deno.readTextFileSync("/proc/self/limits");
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  return hard === "unlimited" ? Infinity : Number(hard);
}

/** Processor, cores, kernel and Deno, for the head of a report. */
export function describeMachine(): string {
  const model = /^model name\s*:\s*(.*)$/m.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1];
  const cores = navigator.hardwareConcurrency;
  return `${model ?? Deno.build.arch}, ${cores} cores, Linux ${Deno.osRelease()}, ` +
    `Deno ${Deno.version.deno}`;
}
