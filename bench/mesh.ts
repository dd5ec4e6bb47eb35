/** Measures servers that are linked: lines over hops, and a mesh of 15. */

import { build } from "./build.ts";
import type { FlowResult } from "./generator.ts";
import { type HopLoad, hopLoads, type HopRun, HOPS, measureHops } from "./hops.ts";
import { describeMachine } from "./machine.ts";
import { big, median, plain, print, spread, table } from "./output.ts";
import { GENERATOR_BUSY_PERCENT, GENERATOR_LATE, printMarks } from "./report.ts";
import { measureWholeMesh, SERVERS, type WholeMesh } from "./whole_mesh.ts";

export interface MeshOptions {
  repetitions: number;
  /** Of a measurement over hops. */
  seconds: number;
  /** No measurement over hops starts after so many minutes; those of the whole mesh still do. */
  minutes: number;
  quick: boolean;
  /** Where all the runs are written to, too. */
  json: string | undefined;
}

/** Through one hop at least this share of the lines of a single server. */
const ONE_HOP_AIM = 0.5;
/** Milliseconds that `/who` over all servers may take. */
const WHO_AIM_MS = 100;
/** How long the answers of other servers are waited for, and with how much more it is still met. */
const WHO_TIMEOUT_MS = 2_000;
const WHO_TIMEOUT_MARGIN_MS = 250;

const verdict = (met: boolean) => met ? "met" : "missed";

function goodFlows(runs: HopRun[], load: HopLoad, hops: number): FlowResult[] {
  return runs.flatMap((run) =>
    run.load === load.name && run.hops === hops && run.problem === null && run.flow
      ? [run.flow]
      : []
  );
}

/** A row for each load, a cell for each number of hops. */
function hopTable(loads: HopLoad[], runs: HopRun[], cell: (flows: FlowResult[]) => string): void {
  const head = HOPS.map((hops) => hops === 0 ? "one server" : `${hops} hop${hops > 1 ? "s" : ""}`);
  const rows = loads.map((load) => [
    load.name,
    ...HOPS.map((hops) => {
      const all = runs.filter((run) => run.load === load.name && run.hops === hops);
      const bad = all.filter((run) => run.problem !== null).length;
      const text = cell(goodFlows(runs, load, hops));
      return bad === 0 ? text : `${text === "–" ? "" : `${text} `}BAD ${bad} of ${all.length}`;
    }),
  ]);
  print(table(["load", ...head], rows));
}

const linesPerSecond = (flow: FlowResult) => flow.messages / flow.wallSeconds;
const linesPerCpuSecond = (flow: FlowResult) => flow.messages / flow.serverCpuSeconds;

/**
 * The values over hops divided by those of one server, each of the same repetition: what else the
 * machine does changes from one to the next.
 */
function besideOne(
  load: HopLoad,
  runs: HopRun[],
  hops: number,
  value: (flow: FlowResult) => number,
): number[] {
  const repetitions = new Set(runs.map(({ repetition }) => repetition));
  return [...repetitions].flatMap((repetition) => {
    const same = runs.filter((run) => run.repetition === repetition);
    const [own] = goodFlows(same, load, hops);
    const [one] = goodFlows(same, load, 0);
    return own && one ? [value(own) / value(one)] : [];
  });
}

function printThroughput(loads: HopLoad[], runs: HopRun[]): void {
  const flat = loads.filter(({ kind }) => kind === "flat");
  print("\n## Lines per second, each to every reader\n");
  hopTable(flat, runs, (flows) => {
    const busy = median(flows.map((flow) => flow.generatorCpuPercent));
    return spread(flows.map(linesPerSecond), big) + (busy >= GENERATOR_BUSY_PERCENT ? " †" : "");
  });
  print("\n## Lines per second of CPU time of all the servers on the way\n");
  hopTable(flat, runs, (flows) => spread(flows.map(linesPerCpuSecond), big));
  print("\n## Beside one server\n");
  const rows = flat.flatMap((load) =>
    HOPS.filter((hops) => hops > 0).map((hops) => {
      const shares = besideOne(load, runs, hops, linesPerSecond);
      const costs = besideOne(load, runs, hops, linesPerCpuSecond).map((share) => 1 / share);
      const judged = hops === 1 && shares.length > 0;
      return [
        load.name,
        String(hops),
        spread(shares, plain),
        spread(costs, plain),
        hops === 1 ? `≥ ${ONE_HOP_AIM}` : "–",
        judged ? verdict(median(shares) >= ONE_HOP_AIM) : "–",
      ];
    })
  );
  print(table(["load", "hops", "lines/s: ratio", "CPU time each: ratio", "aim", "verdict"], rows));
}

function printLatency(loads: HopLoad[], runs: HopRun[]): void {
  const paced = loads.filter(({ kind }) => kind === "paced");
  // For p99 the lowest counts: a disturbance of the machine only adds to it.
  const typical = { p50: median, p99: (values: number[]) => Math.min(...values) };
  for (const key of ["p50", "p99"] as const) {
    print(`\n## Latency at a steady rate, ms, ${key}\n`);
    hopTable(paced, runs, (flows) => {
      const late = median(flows.map((flow) => flow.lateMax));
      return spread(flows.map((flow) => flow[key] / 1000), plain) +
        (late >= GENERATOR_LATE ? " ‡" : "");
    });
    for (const load of paced) {
      const at = (hops: number) => typical[key](goodFlows(runs, load, hops).map((f) => f[key]));
      const added = HOPS.filter((hops) => hops > 0)
        .map((hops) => (at(hops) - at(hops - 1)) / 1000)
        .map((ms) => Number.isFinite(ms) ? plain(ms) : "–");
      print(`\n${load.name}: the hops add ${added.join(", ")} ms.`);
    }
  }
}

/** A time of each share of them: the 99th of 100. */
function quantile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

function printWholeMesh(mesh: WholeMesh): void {
  const ms = (value: number) => `${plain(value)} ms`;
  const who = quantile(mesh.whoMs, 0.99);
  const frozen = Math.max(...mesh.frozenMs);
  const limit = WHO_TIMEOUT_MS + WHO_TIMEOUT_MARGIN_MS;
  print(`\n## A mesh of ${SERVERS} servers, ${mesh.links} links\n`);
  print(table(["what", "time", "aim", "verdict"], [
    ["from the first start to the last one's listening", ms(mesh.startedMs), "–", "–"],
    ["then, until every server reaches all", ms(mesh.settledMs), "–", "–"],
    ["one is killed: until no other reaches it", ms(mesh.lostMs), "–", "–"],
    ["it is started again: until every server reaches all", ms(mesh.backMs), "–", "–"],
    [
      `/who, ${mesh.whoMs.length} times: p50`,
      ms(quantile(mesh.whoMs, 0.5)),
      "–",
      "–",
    ],
    ["/who: p99", ms(who), `< ${WHO_AIM_MS} ms`, verdict(who < WHO_AIM_MS)],
    [
      `/who while one is stopped (that one is named), ${mesh.frozenMs.length} times: most`,
      ms(frozen),
      `< ${limit} ms`,
      verdict(frozen < limit),
    ],
  ]));
}

/** Measures and prints; whether no line was lost or repeated, and every answer was right. */
export async function benchMesh(options: MeshOptions): Promise<boolean> {
  const { quick, repetitions, json } = options;
  const deadline = Date.now() + options.minutes * 60_000;
  await build(["fanout"]);
  const machine = describeMachine();
  const started = new Date();
  const loads = hopLoads(options.seconds, quick ? 0.4 : 0.5);
  const whole = await measureWholeMesh({ asks: 50, freezes: quick ? 1 : 3 });
  const runs = await measureHops({ loads, repetitions, deadline });
  print(`# Linked servers, measured\n\n${machine}. Nothing is pinned. 64-byte lines.\n`);
  for (const load of loads) print(`- ${load.name}: ${load.what}`);
  const cores = navigator.hardwareConcurrency;
  if (cores < HOPS.length + 1) {
    print(
      `\nThe ${HOPS.length} servers of the longest chain and the load share ${cores} cores: the ratios` +
        " of lines/s\nsay what this machine does, those of CPU time what a hop costs.",
    );
  }
  printThroughput(loads, runs);
  printLatency(loads, runs);
  printMarks();
  printWholeMesh(whole);
  if (json !== undefined) {
    const all = { started: started.toISOString(), machine, loads, runs, whole };
    await Deno.writeTextFile(json, JSON.stringify(all, null, 2) + "\n");
  }
  const bad = runs.filter(({ problem }) => problem !== null);
  if (bad.length > 0) print(`\n${bad.length} BAD runs:\n`);
  for (const { load, hops, problem } of bad) print(`- ${load} over ${hops} hops: ${problem}`);
  if (whole.wrong.length > 0) print(`\n${whole.wrong.length} WRONG answers:\n`);
  for (const text of whole.wrong) print(`- ${text}`);
  return bad.length === 0 && whole.wrong.length === 0;
}
