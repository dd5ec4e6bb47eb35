/** Puts the runs into tables. */

import { goodRuns, type Judgement, throughputs } from "./aims.ts";
import type { Load } from "./loads.ts";
import type { Run } from "./measure.ts";
import { big, median, plain, print, spread, table } from "./output.ts";

/** Above this the generator, not the server, may be what limits a run. */
export const GENERATOR_BUSY_PERCENT = 95;
/** A message that went out later than this, in µs, shows that something else had the load's core. */
export const GENERATOR_LATE = 2000;

interface Reported {
  runs: Run[];
  servers: string[];
  loads: Load[];
}

/** `text`, and how many of the runs were BAD, if any. */
function withBad(text: string, runs: Run[], server: string, load: string): string {
  const all = runs.filter((r) => r.server === server && r.load === load);
  const bad = all.filter((r) => r.problem !== null).length;
  return bad === 0 ? text : `${text === "–" ? "" : `${text} `}BAD ${bad} of ${all.length}`;
}

function section(title: string, { servers, loads, runs }: Reported, cell: Cell): void {
  if (loads.length === 0) return;
  const row = (server: string) =>
    loads.map((load) => withBad(cell(goodRuns(runs, server, load.name)), runs, server, load.name));
  print(`\n## ${title}\n`);
  print(table(["server", ...loads.map((l) => l.name)], servers.map((s) => [s, ...row(s)])));
}

type Cell = (runs: Run[]) => string;

/** All that was measured, medians with the lowest and the highest. */
export function printMeasurements(reported: Reported): void {
  const of = (kind: Load["kind"]) => ({
    ...reported,
    loads: reported.loads.filter((l) => l.kind === kind),
  });
  for (const load of reported.loads) print(`- ${load.name}: ${load.what}`);
  section("Deliveries per second", of("flat"), (runs) => {
    const busy = median(runs.map((r) => r.flow?.generatorCpuPercent ?? 0));
    return spread(throughputs(runs), big) + (busy >= GENERATOR_BUSY_PERCENT ? " †" : "");
  });
  section(
    "Deliveries per second of the server's CPU time",
    of("flat"),
    (runs) => spread(throughputs(runs, "deliveriesPerCpuSecond"), big),
  );
  const latency = (key: "p50" | "p99"): Cell => (runs) => {
    const late = median(runs.map((r) => r.flow?.lateMax ?? 0));
    return spread(runs.flatMap((r) => r.flow ? [r.flow[key]] : []), plain) +
      (late >= GENERATOR_LATE ? " ‡" : "");
  };
  section("Latency at a steady rate, µs, p50", of("paced"), latency("p50"));
  section("Latency at a steady rate, µs, p99", of("paced"), latency("p99"));
  section(
    "Memory per idle connection, KiB, over the server's own start",
    of("idle"),
    (runs) => spread(runs.flatMap((r) => r.idle ? [r.idle.kibPerConnection] : []), plain),
  );
  printMarks();
}

/** What the marks at numbers mean. */
export function printMarks(): void {
  print("\n† The load generator had no time left: the server may be faster than this.");
  print(
    "‡ The load generator was held up for some ms: other programs use the machine. Measure again.",
  );
}

function aimText({ aim }: Judgement): string {
  if (aim.atLeast !== undefined) return aim.atLeast === 1 ? "> 1" : `≥ ${aim.atLeast}`;
  return aim.atMost === undefined ? "–" : `≤ ${aim.atMost}`;
}

/** Talker beside each peer, against the aims. */
export function printAims(judgements: Judgement[]): void {
  const value = (j: Judgement, v: number | null) =>
    v === null ? "–" : j.aim.measure === "deliveries/s" ? big(v) : plain(v);
  print("\n## Talker beside the others\n");
  print(table(
    ["load", "measure", "talker", "beside", "has", "ratio", "per CPU", "aim", "verdict"],
    judgements.map((j) => [
      j.aim.load,
      j.aim.measure,
      value(j, j.own),
      j.aim.beside ?? "(amount)",
      value(j, j.other),
      j.ratio === null ? "–" : plain(j.ratio),
      j.cpuRatio === null ? "–" : plain(j.cpuRatio),
      aimText(j),
      j.verdict === "no aim" ? "–" : j.verdict,
    ]),
  ));
  print("\nRatios are of medians; for p99 of the lowest, since disturbances only ever add to it.");
}

/** The measures of a change: one number for each run, and whether more is better. */
const CHANGES: [what: string, kind: Load["kind"], value: (run: Run) => number | undefined][] = [
  ["deliveries/s", "flat", (r) => r.flow?.deliveriesPerSecond],
  ["per CPU-second", "flat", (r) => r.flow?.deliveriesPerCpuSecond],
  ["p50 µs", "paced", (r) => r.flow?.p50],
  ["p99 µs", "paced", (r) => r.flow?.p99],
  ["KiB each", "idle", (r) => r.idle?.kibPerConnection],
];

/** What a change did: talker beside `talker-before`. */
export function printChange({ runs, loads }: Reported): void {
  const rows = loads.flatMap((load) =>
    CHANGES.filter(([, kind]) => kind === load.kind).flatMap(([what, , value]) => {
      const of = (server: string) =>
        goodRuns(runs, server, load.name).map(value).filter((v) => v !== undefined);
      const [before, now] = [of("talker-before"), of("talker")];
      if (before.length === 0 || now.length === 0) return [];
      const apart = Math.min(...now) > Math.max(...before) ||
        Math.max(...now) < Math.min(...before);
      const format = load.kind === "flat" ? big : plain;
      const ratio = plain(median(now) / median(before));
      const remark = apart ? "" : "the ranges overlap";
      return [[load.name, what, spread(before, format), spread(now, format), ratio, remark]];
    })
  );
  print("\n## The change\n");
  print(table(["load", "measure", "before", "now", "now / before", ""], rows));
}
