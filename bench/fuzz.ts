/**
 * The long fuzzing campaign: all targets in turn, with seeds that were never used before.
 *
 *     deno run -A bench/fuzz.ts --minutes 60            # random seeds; prints them
 *     deno run -A bench/fuzz.ts --minutes 5 --seed 7    # the same again
 *     deno run -A bench/fuzz.ts --target NAME --dice N --input HEX    # a finding again
 *     deno run -A bench/fuzz.ts --minutes 10 --server   # the ports of running servers
 *     unshare -n sh -c "ip link set lo up; deno run -A bench/fuzz.ts --server --beacons"
 *
 * Exits with 1 when something was found.
 *
 * @module
 */

import { print } from "./output.ts";
import { parseInput } from "../tests/fuzz/corpus.ts";
import { describe, Fuzzer, runOnce } from "../tests/fuzz/fuzzer.ts";
import { allTargets } from "../tests/fuzz/targets/mod.ts";
import { fuzzServers } from "../tests/fuzz/server_fuzzer.ts";

const args = new Map<string, string>();
for (let i = 0; i < Deno.args.length; i++) {
  const name = Deno.args[i]!.replace(/^--/, "");
  const value = Deno.args[i + 1];
  if (value === undefined || value.startsWith("--")) args.set(name, "");
  else {
    args.set(name, value);
    i++;
  }
}

const minutes = Number(args.get("minutes") ?? 1);
const seed = Number(args.get("seed") ?? crypto.getRandomValues(new Uint32Array(1))[0]);
const only = args.get("target");

/** One target after the other, a second each, until the time is over. */
async function campaign(): Promise<boolean> {
  const targets = (await allTargets()).filter(({ name }) => only === undefined || name === only);
  const totals = new Map(targets.map(({ name }) => [name, { executions: 0, ms: 0 }]));
  const found = new Set<string>();
  const end = performance.now() + minutes * 60_000;
  let most = 0;
  print(`seed ${seed}, ${targets.length} targets, ${minutes} minutes`);
  // A fuzzer goes on for some rounds, so that what it found new is built upon; then it begins anew.
  for (let season = 0; performance.now() < end; season++) {
    const fuzzers = targets.map((target) => new Fuzzer(target, (seed + season * 7919) >>> 0));
    for (let round = 0; round < 8 && performance.now() < end; round++) {
      for (const [i, fuzzer] of fuzzers.entries()) {
        const { name } = targets[i]!;
        const before = fuzzer.executions, start = performance.now();
        fuzzer.run(() => performance.now() - start > 1000 || performance.now() >= end);
        const total = totals.get(name)!;
        total.executions += fuzzer.executions - before;
        total.ms += performance.now() - start;
        for (const finding of fuzzer.findings.splice(0)) {
          const kind = `${name} ${
            finding.error.split("\n").slice(0, 3).join(" ").replace(/\d+/g, "0")
          }`;
          if (found.has(kind)) continue;
          found.add(kind);
          print(`FOUND (season seed ${(seed + season * 7919) >>> 0}) ${describe(finding)}`);
        }
        most = Math.max(most, Deno.memoryUsage().rss);
        // What was awaited in a target comes to its end.
        await new Promise((resolve) => setTimeout(resolve, 0));
      }
    }
    const sum = [...totals.values()].reduce((all, { executions }) => all + executions, 0);
    const rss = Math.round(Deno.memoryUsage().rss / 2 ** 20);
    print(`season ${season}: ${sum} executions, ${found.size} findings, RSS ${rss} MiB`);
  }
  for (const [name, { executions, ms }] of totals) {
    print(
      `${name.padEnd(20)} ${String(executions).padStart(10)}  ${
        Math.round(executions / ms * 1000)
      }/s`,
    );
  }
  print(`RSS at most ${Math.round(most / 2 ** 20)} MiB; findings: ${found.size}`);
  return found.size === 0;
}

async function again(target: string, input: string): Promise<void> {
  const found = (await allTargets()).find(({ name }) => name === target);
  if (found === undefined) throw new Error(`No such target: ${target}`);
  print(runOnce(found, parseInput(input), Number(args.get("dice") ?? 0)));
}

addEventListener("unhandledrejection", (event) => {
  print(`FOUND: nobody took care of a rejection: ${event.reason}`);
  event.preventDefault();
});

const input = args.get("input");
if (only !== undefined && input !== undefined) await again(only, input);
else if (args.has("server")) {
  const report = await fuzzServers({
    seed,
    seconds: minutes * 60,
    beacons: args.has("beacons"),
    log: print,
  });
  print(JSON.stringify(report, undefined, 2));
  Deno.exit(report.findings.length === 0 ? 0 : 1);
} else Deno.exit(await campaign() ? 0 : 1);
