/** Lines through chains of servers: how many, and how much later each hop makes them. */

import { startTalker } from "./contenders.ts";
import { type FlowResult, startGenerator } from "./generator.ts";
import { note } from "./output.ts";
import { pause } from "./probe.ts";
import type { ServerProcess } from "./server_process.ts";
import { reachable, Visitor } from "./visitor.ts";

/** From the speakers' server to the readers': 0 is one server for both. */
export const HOPS = [0, 1, 2, 3];

export interface HopLoad {
  name: string;
  what: string;
  kind: "flat" | "paced";
  args: string[];
}

export interface HopRun {
  load: string;
  hops: number;
  repetition: number;
  /** Null when the run could not be done. */
  flow: FlowResult | null;
  /** Set when the run is BAD. */
  problem: string | null;
}

export interface HopPlan {
  loads: HopLoad[];
  repetitions: number;
  /** No run starts after this moment (ms since the epoch). */
  deadline: number;
}

/** A generator gives up on a phase after this. */
const MAX_PHASE_SECONDS = 12;
/** Servers that are not linked after this won't be. */
const LINK_SECONDS = 15;

/** The loads; `seconds` each, after a warm-up. */
export function hopLoads(seconds: number, warmupSeconds: number): HopLoad[] {
  const load = (
    name: string,
    readers: number,
    kind: HopLoad["kind"],
    what: string,
    more: string[],
  ): HopLoad => ({
    name,
    kind,
    what: `${readers} readers, 4 speakers, ${what}`,
    args: ["--subs", `${readers}`, "--pubs", "4", "--seconds", `${seconds}`, ...more]
      .concat("--warmup-seconds", `${warmupSeconds}`),
  });
  const window = ["--window", "1024"];
  return [
    load("H10", 10, "flat", "full speed, at most 1,024 lines of each under way", window),
    load("H100", 100, "flat", "full speed, at most 1,024 lines of each under way", window),
    load("U10", 10, "flat", "as many lines as their sockets take", ["--window", "0"]),
    load("R2000", 10, "paced", "2,000 lines/s", ["--rate", "2000"]),
  ];
}

/** Servers in a line, the speakers' first. */
export class Chain {
  private constructor(readonly servers: ServerProcess[]) {}

  static async start(hops: number, secret?: string): Promise<Chain> {
    const servers: ServerProcess[] = [];
    try {
      for (let i = 0; i <= hops; i++) {
        const before = servers.at(-1);
        const peers = before === undefined ? [] : [before.ports.peers!];
        const mesh = { name: `hop${i}`, listen: 0, peers };
        servers.push(await startTalker({ core: null, mesh, secret }));
      }
      await Chain.#linked(servers);
    } catch (error) {
      await Promise.all(servers.map((server) => server.stop()));
      throw error;
    }
    return new Chain(servers);
  }

  /** Waits until each knows all the others: what is said before that is history for them. */
  static async #linked(servers: ServerProcess[]): Promise<void> {
    const deadline = Date.now() + LINK_SECONDS * 1000;
    for (const server of servers) {
      const visitor = await Visitor.arrive(server.ports.clients!, "looker");
      try {
        while ((await reachable(visitor)).length < servers.length) {
          if (Date.now() > deadline) {
            throw new Error(`${servers.length} servers in a line: not linked in ${LINK_SECONDS} s`);
          }
          await pause(20);
        }
      } finally {
        visitor.leave();
      }
    }
  }

  /** Speakers at the first server, readers at the last. */
  async run(load: HopLoad, repetition: number): Promise<HopRun> {
    const [server, ...way] = this.servers.toReversed();
    const { result, problem } = await startGenerator<FlowResult>({
      server: server!,
      way,
      protocol: "line",
      core: null,
      args: load.args,
      maxSeconds: MAX_PHASE_SECONDS,
    }).outcome;
    const dead = this.servers.find((server) => !server.running);
    const why = dead === undefined ? problem : `a server ended: ${dead.errors.trim()}`;
    return { load: load.name, hops: way.length, repetition, flow: result, problem: why };
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
  }
}

/**
 * Every load over every number of hops, repetition by repetition, so that the machine treats all of
 * them alike. The servers of all chains stay for the whole time; only one chain has work at a time.
 */
export async function measureHops({ loads, repetitions, deadline }: HopPlan): Promise<HopRun[]> {
  const runs: HopRun[] = [];
  note(`Starting ${HOPS.reduce((sum, hops) => sum + hops + 1, 0)} servers`);
  const chains: Chain[] = [];
  try {
    for (const hops of HOPS) chains.push(await Chain.start(hops));
    for (let repetition = 1; repetition <= repetitions; repetition++) {
      for (const load of loads) {
        note(`Repetition ${repetition} of ${repetitions}: ${load.name}, ${load.what}`);
        for (const chain of chains) {
          if (Date.now() > deadline) {
            note("The time is up: the rest is left out.");
            return runs;
          }
          const run = await chain.run(load, repetition);
          if (run.problem !== null) note(`BAD: ${load.name} over ${run.hops} hops: ${run.problem}`);
          runs.push(run);
        }
      }
    }
  } finally {
    await Promise.all(chains.map((chain) => chain.stop()));
  }
  return runs;
}
