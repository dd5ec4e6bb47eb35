/** The loads, and how each is put to the load generator. */

export type LoadKind = "flat" | "paced" | "idle";

export interface Load {
  name: string;
  /** In words, for the report. */
  what: string;
  kind: LoadKind;
  args: string[];
}

/** How long things take; a run of everything has to stay within minutes. */
export interface Durations {
  /** Of a measurement at full speed. */
  seconds: number;
  /** Of a measurement at a steady rate: few messages, so that it needs longer. */
  pacedSeconds: number;
  warmupSeconds: number;
  idleSeconds: number;
}

const IDLE_CONNECTIONS = 10_000;
/** Files that a process has open beside its connections, with a margin. */
const OTHER_FILES = 100;

const FLAT: [name: string, readers: number, speakers: number, window: number, what: string][] = [
  ["F1", 1, 1, 1024, "1 reader, 1 speaker, full speed"],
  ["F10", 10, 1, 1024, "10 readers, 1 speaker, full speed"],
  ["F100", 100, 4, 256, "100 readers, 4 speakers, full speed"],
  ["F1000", 1000, 4, 256, "1,000 readers, 4 speakers, full speed"],
  ["S100", 100, 4, 1, "100 readers, 4 speakers, one message in flight each"],
];

const PACED: [name: string, rate: number, what: string][] = [
  ["P200", 200, "100 readers, 200 messages/s"],
  ["P2000", 2000, "100 readers, 2,000 messages/s"],
];

/** Every load, in the order in which they are run. */
export function allLoads(durations: Durations): Load[] {
  const warmup = ["--warmup-seconds", String(durations.warmupSeconds)];
  const flat = FLAT.map(([name, readers, speakers, window, what]): Load => ({
    name,
    what,
    kind: "flat",
    args: ["--subs", `${readers}`, "--pubs", `${speakers}`, "--window", `${window}`]
      .concat("--seconds", `${durations.seconds}`, warmup),
  }));
  const paced = PACED.map(([name, rate, what]): Load => ({
    name,
    what,
    kind: "paced",
    args: ["--subs", "100", "--pubs", "4", "--rate", `${rate}`]
      .concat("--seconds", `${durations.pacedSeconds}`, warmup),
  }));
  const idle: Load = {
    name: "I10k",
    what: "10,000 idle connections",
    kind: "idle",
    args: ["--idle", `${IDLE_CONNECTIONS}`, "--hold", `${durations.idleSeconds}`],
  };
  return [...flat, ...paced, idle];
}

/** Why a load cannot be run here; null when it can. */
export function obstacle(load: Load, openFiles: number): string | null {
  const needed = IDLE_CONNECTIONS + OTHER_FILES;
  if (load.kind !== "idle" || openFiles >= needed) return null;
  return `it needs ${needed} open files, the limit is ${openFiles} (ulimit -Hn)`;
}
