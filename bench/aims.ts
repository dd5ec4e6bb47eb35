/** What talker aims at beside each peer, and whether a set of runs meets it. */

import type { Run } from "./measure.ts";
import { median } from "./output.ts";

type Measure = "deliveries/s" | "p99 µs" | "KiB each";

export interface Aim {
  load: string;
  measure: Measure;
  /** The server to compare with; null: the aim is an amount. */
  beside: string | null;
  /** What talker's value divided by the peer's (or the value itself) has to reach. */
  atLeast?: number;
  /** What it must not exceed. */
  atMost?: number;
}

/**
 * At 100 and more readers the fan-out decides, at 10 and 1 the work for each line (UTF-8, control
 * characters, nick, history), which the peers do not have: there talker has to be ahead of those
 * that do work for each message too, and the rest is told without an aim.
 */
export const AIMS: Aim[] = [
  { load: "F1000", measure: "deliveries/s", beside: "nats", atLeast: 8 },
  { load: "F1000", measure: "deliveries/s", beside: "minimal", atLeast: 0.7 },
  { load: "F1000", measure: "deliveries/s", beside: "redis" },
  { load: "F100", measure: "deliveries/s", beside: "nats", atLeast: 4 },
  { load: "F100", measure: "deliveries/s", beside: "redis", atLeast: 4 },
  { load: "F100", measure: "deliveries/s", beside: "minimal" },
  { load: "F10", measure: "deliveries/s", beside: "ngircd", atLeast: 1 },
  { load: "F10", measure: "deliveries/s", beside: "mosquitto", atLeast: 1 },
  { load: "F10", measure: "deliveries/s", beside: "redis" },
  { load: "F10", measure: "deliveries/s", beside: "nats" },
  { load: "F10", measure: "deliveries/s", beside: "minimal" },
  { load: "F1", measure: "deliveries/s", beside: "ngircd", atLeast: 1 },
  { load: "F1", measure: "deliveries/s", beside: "mosquitto", atLeast: 1 },
  { load: "F1", measure: "deliveries/s", beside: "redis" },
  { load: "F1", measure: "deliveries/s", beside: "nats" },
  { load: "F1", measure: "deliveries/s", beside: "minimal" },
  { load: "P200", measure: "p99 µs", beside: "nats", atMost: 1 },
  { load: "P2000", measure: "p99 µs", beside: "nats", atMost: 1 },
  { load: "I10k", measure: "KiB each", beside: null, atMost: 8 },
];

/** The good runs of a server under a load. */
export function goodRuns(runs: Run[], server: string, load: string): Run[] {
  return runs.filter((r) => r.server === server && r.load === load && r.problem === null);
}

/** Deliveries per second of each good run, or per second of the server's CPU time. */
export function throughputs(
  runs: Run[],
  key: "deliveriesPerSecond" | "deliveriesPerCpuSecond" = "deliveriesPerSecond",
): number[] {
  return runs.flatMap((r) => r.flow ? [r.flow[key]] : []);
}

/**
 * The value that aims are judged by: the median; but the lowest for p99, because whatever disturbs
 * the machine for a moment adds to it, and nothing takes away.
 */
function judged(runs: Run[], measure: Measure): number {
  switch (measure) {
    case "deliveries/s":
      return median(throughputs(runs));
    case "p99 µs":
      return Math.min(...runs.flatMap((r) => r.flow ? [r.flow.p99] : []));
    case "KiB each":
      return median(runs.flatMap((r) => r.idle ? [r.idle.kibPerConnection] : []));
  }
}

export type Verdict = "met" | "missed" | "not measured" | "no aim";

export interface Judgement {
  aim: Aim;
  /** Talker's value and the peer's. */
  own: number | null;
  other: number | null;
  /** Talker's divided by the peer's; for an amount, talker's value. */
  ratio: number | null;
  /** The same ratio of deliveries per CPU-second, where deliveries are the measure. */
  cpuRatio: number | null;
  verdict: Verdict;
}

function verdictOf(aim: Aim, ratio: number): Verdict {
  if (aim.atLeast !== undefined) return ratio >= aim.atLeast ? "met" : "missed";
  if (aim.atMost !== undefined) return ratio <= aim.atMost ? "met" : "missed";
  return "no aim";
}

function judge(aim: Aim, runs: Run[]): Judgement {
  const own = goodRuns(runs, "talker", aim.load);
  const other = aim.beside === null ? null : goodRuns(runs, aim.beside, aim.load);
  if (own.length === 0 || other?.length === 0) {
    return { aim, own: null, other: null, ratio: null, cpuRatio: null, verdict: "not measured" };
  }
  const value = judged(own, aim.measure);
  const beside = other && judged(other, aim.measure);
  const ratio = beside === null ? value : value / beside;
  const cpu = (of: Run[]) => median(throughputs(of, "deliveriesPerCpuSecond"));
  const cpuRatio = other && aim.measure === "deliveries/s" ? cpu(own) / cpu(other) : null;
  return { aim, own: value, other: beside, ratio, cpuRatio, verdict: verdictOf(aim, ratio) };
}

/** Judges every aim whose load was run. */
export function judgeAll(runs: Run[]): Judgement[] {
  const loads = new Set(runs.map((r) => r.load));
  return AIMS.filter((aim) => loads.has(aim.load)).map((aim) => judge(aim, runs));
}
