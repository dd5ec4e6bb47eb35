/** Runs the loads against the contenders and keeps what came out. */

import type { Contender } from "./contenders.ts";
import { type FlowResult, type IdleResult, type Outcome, startGenerator } from "./generator.ts";
import type { Load } from "./loads.ts";
import type { Cores } from "./machine.ts";
import { note } from "./output.ts";

/** One run: one load against one fresh server. */
export interface Run {
  server: string;
  load: string;
  repetition: number;
  flow: FlowResult | null;
  idle: IdleResult | null;
  /** Set when the run is BAD: something was lost or repeated, or it could not be done at all. */
  problem: string | null;
}

export interface Plan {
  contenders: Contender[];
  loads: Load[];
  repetitions: number;
  cores: Cores;
  /** No run starts after this moment (ms since the epoch). */
  deadline: number;
}

/** A generator gives up on a phase (connecting, warming up, measuring) after this. */
const MAX_PHASE_SECONDS = 15;

async function runOnce(contender: Contender, load: Load, cores: Cores): Promise<Outcome<unknown>> {
  let server;
  try {
    server = await contender.start();
  } catch (error) {
    return { result: null, problem: error instanceof Error ? error.message : String(error) };
  }
  try {
    return await startGenerator({
      server,
      protocol: contender.protocol,
      core: cores.generator,
      args: load.args,
      maxSeconds: MAX_PHASE_SECONDS,
    }).outcome;
  } finally {
    await server.stop();
  }
}

/** `items`, beginning with another one for each `by`: nobody always goes first. */
function rotated<T>(items: T[], by: number): T[] {
  const start = by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}

/**
 * Every load against every contender, repetition by repetition and load by load, so that a machine
 * that slows down or speeds up meanwhile does so for all of them.
 */
export async function measure(plan: Plan): Promise<Run[]> {
  const runs: Run[] = [];
  for (let repetition = 1; repetition <= plan.repetitions; repetition++) {
    for (const load of plan.loads) {
      note(`Repetition ${repetition} of ${plan.repetitions}: ${load.name}, ${load.what}`);
      for (const contender of rotated(plan.contenders, repetition - 1)) {
        if (Date.now() > plan.deadline) {
          note("The time is up: the rest is left out.");
          return runs;
        }
        const { result, problem } = await runOnce(contender, load, plan.cores);
        if (problem !== null) note(`BAD: ${contender.name} at ${load.name}: ${problem}`);
        const idle = load.kind === "idle";
        runs.push({
          server: contender.name,
          load: load.name,
          repetition,
          flow: idle ? null : result as FlowResult | null,
          idle: idle ? result as IdleResult | null : null,
          problem,
        });
      }
    }
  }
  return runs;
}
