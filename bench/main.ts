/**
 * Measures talker beside other servers (`deno task bench`), checks that it keeps working under rough
 * treatment (`deno task bench keeps-working`), or measures linked servers (`deno task bench mesh`).
 * README.md beside this file explains all of them.
 */

import { parseArgs } from "node:util";
import { judgeAll } from "./aims.ts";
import { build } from "./build.ts";
import { type Contender, minimal, talker } from "./contenders.ts";
import { keepsWorking } from "./keeps_working.ts";
import { allLoads, type Durations, obstacle } from "./loads.ts";
import { chooseCores, type Cores, describeMachine, openFileLimit } from "./machine.ts";
import { measure } from "./measure.ts";
import { benchMesh } from "./mesh.ts";
import { benchMessaging } from "./messaging.ts";
import { benchNotify } from "./notify.ts";
import { note, print } from "./output.ts";
import { findPeer, PEER_NAMES } from "./peers.ts";
import { printAims, printChange, printMeasurements } from "./report.ts";
import { benchSecure } from "./secure.ts";
import { killAll } from "./server_process.ts";

const HELP = `deno task bench [options]                measure, beside other servers
deno task bench keeps-working [options]  rough treatment: does it keep working?
deno task bench mesh [options]           servers that are linked
deno task bench messaging [options]      programs that ask each other, beside other ways
deno task bench notify [options]         notifications that are kept, beside mosquitto
deno task bench secure [options]         encryption beside none

  --quick            a short, rough run (under a minute and a half): fewer loads, no mosquitto
  --cores S,L        pin servers to core S and the load to core L (default: the first two; not
                     for mesh)
  --help

of measuring:
  --loads A,B        of F1, F10, F100, F1000, S100, P200, P2000, I10k (default: all)
  --peers A,B        of minimal, ${PEER_NAMES.join(", ")} (default: all); "" for none
  --reps N           repetitions (default 3; quick: 1)
  --seconds S        of each measurement at full speed (default 1.5; quick: 0.6)
  --max-minutes M    start nothing more after this (default 10; quick: 1.4)
  --versus DIR       also measure the talker of another checkout, as talker-before
  --json FILE        also write all the runs to FILE

of mesh:
  --reps N           repetitions (default 3; quick: 1)
  --seconds S        of each measurement over hops (default 1.5; quick: 0.8)
  --max-minutes M    start no measurement over hops after this (default 2.5; quick: 0.8)
  --json FILE        also write all the runs to FILE

of messaging and notify:
  --reps N           repetitions (default 3; quick: 1)
  --seconds S        of each measurement (default 2; quick: 0.8)
  --json FILE        also write all the runs to FILE

of keeps-working:
  --only A,B         of stopped, fullspeed, idle, resets, noise (default: all)
  --seed N           of the noise (default: by chance; it is told)

TALKER_BIN=FILE measures that executable instead of this checkout. CC names the C compiler.
`;

const OPTIONS = {
  quick: { type: "boolean" },
  help: { type: "boolean" },
  cores: { type: "string" },
  loads: { type: "string" },
  peers: { type: "string" },
  reps: { type: "string" },
  seconds: { type: "string" },
  "max-minutes": { type: "string" },
  versus: { type: "string" },
  json: { type: "string" },
  only: { type: "string" },
  seed: { type: "string" },
} as const;

type Flags = ReturnType<typeof readFlags>["values"];

function readFlags(args: string[]) {
  return parseArgs({ args, options: OPTIONS, allowPositionals: true });
}

/** A number above zero. */
function positive(
  flags: Flags,
  name: "reps" | "seconds" | "max-minutes" | "seed",
  otherwise: number,
) {
  const value = Number(flags[name] ?? otherwise);
  if (!(value > 0)) throw new Error(`--${name} ${flags[name]}: give a number above 0`);
  return value;
}

/** What a quick run has: mosquitto takes too long over 1,000 readers for it. */
const QUICK_LOADS = ["F1", "F10", "F100", "F1000", "P2000", "I10k"];
const QUICK_PEERS = ["minimal", ...PEER_NAMES.filter((name) => name !== "mosquitto")];

/** The parts of a list; `undefined` when it was not given. */
function list(text: string | undefined): string[] | undefined {
  return text?.split(",").map((part) => part.trim()).filter((part) => part !== "");
}

function chooseLoads(flags: Flags) {
  const seconds = positive(flags, "seconds", flags.quick ? 0.6 : 1.5);
  const durations: Durations = {
    seconds,
    pacedSeconds: flags.quick ? 1 : seconds + 1.5,
    warmupSeconds: flags.quick ? 0.4 : 0.5,
    idleSeconds: flags.quick ? 0.5 : 1.5,
  };
  const all = allLoads(durations);
  const wanted = list(flags.loads) ?? (flags.quick ? QUICK_LOADS : all.map((load) => load.name));
  const loads = wanted.map((name) => {
    const load = all.find((l) => l.name === name);
    if (!load) throw new Error(`No load ${name}: there are ${all.map((l) => l.name).join(", ")}`);
    return load;
  });
  return loads.filter((load) => {
    const why = obstacle(load, openFileLimit());
    if (why !== null) note(`Left out: ${load.name}, ${why}.`);
    return why === null;
  });
}

async function chooseContenders(flags: Flags, cores: Cores, folder: string) {
  const core = cores.server;
  const contenders: Contender[] = [talker({ core })];
  if (flags.versus !== undefined) {
    contenders.push(talker({ core, folder: await Deno.realPath(flags.versus) }));
  }
  const wanted = list(flags.peers) ?? (flags.quick ? QUICK_PEERS : ["minimal", ...PEER_NAMES]);
  const missing: string[] = [];
  for (const name of wanted) {
    const peer = name === "minimal" ? minimal(core) : await findPeer(name, { folder, core });
    if ("missingPackage" in peer) missing.push(peer.missingPackage);
    else contenders.push(peer);
  }
  if (missing.length > 0) {
    note(`Not installed, so left out: ${missing.join(", ")} (apt-get install them to compare).`);
  }
  return contenders;
}

/** Measures; returns whether every run was good. */
async function bench(flags: Flags, folder: string): Promise<boolean> {
  const minutes = positive(flags, "max-minutes", flags.quick ? 1.4 : 10);
  const repetitions = Math.ceil(positive(flags, "reps", flags.quick ? 1 : 3));
  const deadline = Date.now() + minutes * 60_000;
  const cores = chooseCores(flags.cores);
  const loads = chooseLoads(flags);
  const contenders = await chooseContenders(flags, cores, folder);
  await build(["fanout", "minimal"]);
  // Once unmeasured: what does not start is told before minutes have passed.
  for (const contender of contenders) await (await contender.start()).stop();
  const machine = describeMachine();
  const versions = contenders.map((c) => `${c.name} (${c.version})`).join(", ");
  print(
    `# Talker, measured\n\n${machine}. Core ${cores.server ?? "any"} for the server, ` +
      `${cores.generator ?? "any"} for the load.\n${versions}.\n64-byte messages.\n`,
  );
  const started = new Date();
  const runs = await measure({ contenders, loads, repetitions, cores, deadline });
  const reported = { runs, loads, servers: contenders.map((c) => c.name) };
  const judgements = judgeAll(runs);
  printMeasurements(reported);
  printAims(judgements);
  if (flags.versus !== undefined) printChange(reported);
  if (flags.json !== undefined) {
    const servers = contenders.map(({ name, version }) => ({ name, version }));
    const all = {
      started: started.toISOString(),
      machine,
      cores,
      servers,
      loads,
      runs,
      judgements,
    };
    await Deno.writeTextFile(flags.json, JSON.stringify(all, null, 2) + "\n");
  }
  const bad = runs.filter((run) => run.problem !== null);
  if (bad.length > 0) {
    print(`\n${bad.length} BAD runs:\n`);
    for (const run of bad) print(`- ${run.server} at ${run.load}: ${run.problem}`);
  }
  return bad.length === 0;
}

/** What stands before the options; whether it found nothing wrong. */
function start(what: string, flags: Flags, folder: string): Promise<boolean> {
  const quick = flags.quick ?? false;
  switch (what) {
    case "":
      return bench(flags, folder);
    case "keeps-working":
      return keepsWorking({
        only: list(flags.only),
        seed: positive(flags, "seed", 1 + crypto.getRandomValues(new Uint32Array(1))[0]!),
        quick,
        cores: chooseCores(flags.cores),
      });
    case "secure":
      return benchSecure({
        repetitions: Math.ceil(positive(flags, "reps", quick ? 1 : 3)),
        seconds: positive(flags, "seconds", quick ? 0.8 : 1.5),
      });
    case "mesh":
      return benchMesh({
        repetitions: Math.ceil(positive(flags, "reps", quick ? 1 : 3)),
        seconds: positive(flags, "seconds", quick ? 0.8 : 1.5),
        minutes: positive(flags, "max-minutes", quick ? 0.8 : 2.5),
        quick,
        json: flags.json,
      });
    case "notify":
      return benchNotify({
        repetitions: Math.ceil(positive(flags, "reps", quick ? 1 : 3)),
        seconds: positive(flags, "seconds", quick ? 0.8 : 2),
        folder,
        json: flags.json,
      });
    case "messaging":
      return benchMessaging({
        repetitions: Math.ceil(positive(flags, "reps", quick ? 1 : 3)),
        seconds: positive(flags, "seconds", quick ? 0.8 : 2),
        folder,
        json: flags.json,
      });
    default:
      throw new Error(`Unknown: ${what}. See --help.`);
  }
}

/** For the peers' configurations; removed at the end. */
let folder: string | undefined;

function clearUp(): void {
  killAll();
  if (folder !== undefined) Deno.removeSync(folder, { recursive: true });
}

/** What was asked for; returns the exit code. */
async function main(args: string[]): Promise<number> {
  try {
    const { values: flags, positionals } = readFlags(args);
    if (flags.help) {
      print(HELP);
      return 0;
    }
    if (Deno.build.os !== "linux") throw new Error("This needs Linux: epoll, /proc and taskset.");
    folder = await Deno.makeTempDir({ prefix: "talker-bench-" });
    const good = await start(positionals.join(" "), flags, folder);
    return good ? 0 : 1;
  } catch (error) {
    note(error instanceof Error ? error.message : String(error));
    return 2;
  }
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => {
    clearUp();
    Deno.exit(130);
  });
}
const code = await main(Deno.args);
clearUp();
Deno.exit(code);
