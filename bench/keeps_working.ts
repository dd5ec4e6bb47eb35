/** Does a talker keep working under rough treatment? One server goes through all the scenarios. */

import { build } from "./build.ts";
import { startTalker } from "./contenders.ts";
import { type FlowResult, startGenerator } from "./generator.ts";
import { type Cores, describeMachine } from "./machine.ts";
import { mib, note, plain, print, table } from "./output.ts";
import { ping, settledRss, watch } from "./probe.ts";
import { type Finding, type Scenario, SCENARIOS } from "./scenarios.ts";
import type { ServerProcess } from "./server_process.ts";

export interface KeepsWorkingOptions {
  /** The names of the scenarios; `undefined`: all. */
  only: string[] | undefined;
  /** Of the noise. */
  seed: number;
  quick: boolean;
  cores: Cores;
}

/** How long memory may take to come down. A collector is in no hurry where nobody needs it. */
const SETTLE_MS = 10_000;
const QUICK_SETTLE_MS = 3_000;

interface Row {
  scenario: Scenario;
  finding: Finding;
  cells: string[];
}

/** A server whose code is warm and whose heap has its working size: what "before" has to mean. */
async function startWarm(cores: Cores): Promise<ServerProcess> {
  const server = await startTalker({ core: cores.server, framed: true });
  await startGenerator<FlowResult>({
    server,
    protocol: "line",
    core: cores.generator,
    args: ["--subs", "100", "--pubs", "4", "--seconds", "1"],
    maxSeconds: 20,
  }).outcome;
  return server;
}

function milliseconds(value: number | null): string {
  return value === null ? "no answer" : `${plain(value)} ms`;
}

async function runScenario(
  scenario: Scenario,
  server: ServerProcess,
  options: KeepsWorkingOptions,
) {
  const before = server.rssKiB();
  const watching = watch(server);
  let finding: Finding;
  try {
    finding = await scenario.run({ ...options, server });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    finding = { text: "could not be done", broken: [text] };
  }
  const seen = await watching.stop();
  const maxMs = options.quick ? QUICK_SETTLE_MS : SETTLE_MS;
  const after = await settledRss(server, { kib: before, maxMs });
  const answered = await ping(server.ports.clients!);
  if (!server.running) finding.broken.push(`the server ended: ${server.errors.trim()}`);
  else if (answered === null) finding.broken.push("the server does not answer /ping any more");
  const cells = [
    milliseconds(seen.slowestPing),
    milliseconds(answered),
    mib(before),
    mib(Math.max(seen.mostRssKiB, after)),
    mib(after),
  ];
  return { scenario, finding, cells };
}

function chooseScenarios(only: string[] | undefined): Scenario[] {
  const names = SCENARIOS.map((s) => s.name);
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new Error(`No scenario ${unknown}: there are ${names.join(", ")}`);
  }
  return SCENARIOS.filter((s) => only === undefined || only.includes(s.name));
}

function report(rows: Row[]): void {
  const head = [
    "scenario",
    "slowest /ping meanwhile",
    "/ping after",
    "MiB before",
    "most",
    "after",
    "verdict",
  ];
  print(`\n# Does talker keep working?\n\n${describeMachine()}.\n`);
  print(table(
    head,
    rows.map(({ scenario, finding, cells }) => [
      scenario.name,
      ...cells,
      finding.broken.length === 0 ? "kept" : "BROKEN",
    ]),
  ));
  print();
  for (const { scenario, finding } of rows) {
    print(`- ${scenario.name} (${scenario.what}): ${finding.text}`);
    for (const text of finding.broken) print(`  - BROKEN: ${text}`);
  }
}

/** Runs the scenarios and prints what came of them; whether every guarantee held. */
export async function keepsWorking(options: KeepsWorkingOptions): Promise<boolean> {
  const scenarios = chooseScenarios(options.only);
  await build(["fanout", "trouble"]);
  let server = await startWarm(options.cores);
  const rows: Row[] = [];
  for (const scenario of scenarios) {
    note(`${scenario.name}: ${scenario.what}`);
    const row = await runScenario(scenario, server, options);
    rows.push(row);
    if (row.finding.broken.length > 0) {
      // The next scenario is to be judged by itself.
      await server.stop();
      server = await startWarm(options.cores);
    }
  }
  await server.stop();
  report(rows);
  return rows.every(({ finding }) => finding.broken.length === 0);
}
