/** Runs the load generator, the C program `fanout`, and reads its result. */

import { programPath } from "./build.ts";
import type { Protocol } from "./contenders.ts";
import { type ServerProcess, wrap } from "./server_process.ts";

/** What `fanout` measured with speakers. Times in µs unless they say otherwise. */
export interface FlowResult {
  ok: boolean;
  /** Why it ended before everything had arrived. */
  stopped: string | null;
  messages: number;
  copiesPerMessage: number;
  deliveries: number;
  lost: number;
  gaps: number;
  duplicates: number;
  damaged: number;
  otherLines: number;
  wallSeconds: number;
  deliveriesPerSecond: number;
  p50: number;
  p99: number;
  p999: number;
  max: number;
  lateMax: number;
  mostUnderWay: number;
  generatorCpuPercent: number;
  serverCpuSeconds: number;
  deliveriesPerCpuSecond: number;
  rssKiB: number;
  peakRssKiB: number;
}

/** What `fanout --idle` measured. */
export interface IdleResult {
  ok: boolean;
  open: number;
  rssBeforeKiB: number;
  rssKiB: number;
  kibPerConnection: number;
  connectSeconds: number;
}

/** A run's result, or why there is none. */
export type Outcome<T> = { result: T; problem: string | null } | { result: null; problem: string };

/** A started generator. */
export interface Generator<T> {
  outcome: Promise<Outcome<T>>;
  /** Ends the speaking before its time; what is under way is still waited for. */
  finish: () => void;
}

export interface GeneratorOptions {
  server: ServerProcess;
  /**
   * The way from there to the server that the speakers talk to, which is the last of them: their CPU
   * time counts too, and the latency is the readers' alone. Empty: it is the same server.
   */
  way?: ServerProcess[];
  protocol: Protocol;
  core: number | null;
  args: string[];
  /** After this it gives up; a little later it is killed. */
  maxSeconds: number;
}

/** What is wrong with a result, in words; null when nothing is. */
function fault(result: Partial<FlowResult & IdleResult>): string | null {
  if (result.ok) return null;
  const counts = (["lost", "gaps", "duplicates", "damaged"] as const)
    .filter((key) => result[key])
    .map((key) => `${result[key]} ${key}`);
  if (result.open !== undefined) counts.push(`only ${result.open} connections stayed open`);
  return [result.stopped, ...counts].filter(Boolean).join(", ");
}

/** Starts a generator against a server. */
export function startGenerator<T extends FlowResult | IdleResult>(
  options: GeneratorOptions,
): Generator<T> {
  const command = [programPath("fanout"), "--proto", options.protocol];
  const { server, way } = options;
  command.push("--port", String(server.ports.clients));
  for (const { pid } of [server, ...way ?? []]) command.push("--pid", String(pid));
  if (way !== undefined) {
    command.push("--pub-port", String((way.at(-1) ?? server).ports.clients));
  }
  command.push("--max-seconds", String(options.maxSeconds), ...options.args);
  const child = new Deno.Command("/bin/sh", {
    args: wrap(command, options.core),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  // It bounds its phases itself: connecting, probing, warming up, measuring.
  const killer = setTimeout(() => child.kill("SIGKILL"), (options.maxSeconds * 2 + 5) * 1000);
  const decoder = new TextDecoder();
  const outcome = child.output().then(({ code, stdout, stderr }): Outcome<T> => {
    clearTimeout(killer);
    const remarks = decoder.decode(stderr).trim();
    if (code !== 0 && code !== 1) {
      return { result: null, problem: remarks || `the load generator ended with ${code}` };
    }
    const result = JSON.parse(decoder.decode(stdout)) as T;
    const problem = fault(result);
    return { result, problem: problem && [problem, remarks].filter(Boolean).join("; ") };
  });
  const finish = () => {
    try {
      child.kill("SIGTERM");
    } catch {
      // It has ended already.
    }
  };
  return { outcome, finish };
}
