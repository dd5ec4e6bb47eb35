/** Measures notifications that are published, pushed and acknowledged, each step confirmed, beside mosquitto. */

import process from "node:process";
import { build } from "./build.ts";
import { startTalker } from "./contenders.ts";
import { type FlowResult, startGenerator } from "./generator.ts";
import { describeMachine, findExecutable } from "./machine.ts";
import { mqttSpeaker, talkerSpeaker } from "./notify_clients.ts";
import { type Flow, measureFlow, type Speaker, TEXT_BYTES } from "./notify_load.ts";
import { big, median, note, plain, print, spread, table } from "./output.ts";
import { freePort, ServerProcess } from "./server_process.ts";

export interface NotifyOptions {
  repetitions: number;
  /** Of each measurement. */
  seconds: number;
  /** For the data of the servers. */
  folder: string;
  /** Where all the runs are written to, too. */
  json: string | undefined;
}

/** A server that is measured. */
interface Contender {
  name: string;
  speaker: Speaker;
  /** Starts it with a new directory for its data. */
  start: (directory: string) => Promise<ServerProcess>;
}

interface Load {
  subscribers: number;
  window: number;
}

interface Run {
  name: string;
  load: Load;
  flow: Flow;
  /** Of the server, per notification, in µs of CPU time. */
  cpuMicros: number;
  /** How much of one core the load had, 0 to 1. */
  loadBusy: number;
}

const LOADS: readonly Load[] = [
  { subscribers: 1, window: 1 },
  { subscribers: 1, window: 500 },
  { subscribers: 10, window: 500 },
];
const KEPT = "talker --data", MEMORY = "talker", PEER = "mosquitto", SAVING = "mosquitto, saving";
const WARMUP_SECONDS = 0.5;
/** Ahead of it. */
const AIM = 1;

function mosquitto(executable: string, name: string, more: string): Contender {
  return {
    name,
    speaker: mqttSpeaker,
    async start(directory) {
      const port = freePort();
      const file = `${directory}/mosquitto.conf`;
      await Deno.writeTextFile(
        file,
        `listener ${port} 127.0.0.1
${Deno.uid() === 0 ? "user root" : ""}
allow_anonymous true
persistence true
persistence_location ${directory}/
${more}
log_dest none
connection_messages false
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 0
set_tcp_nodelay true
sys_interval 0
`,
      );
      const command = [executable, "-c", file];
      return await ServerProcess.start({ command, core: null, ready: port });
    },
  };
}

function contenders(): Contender[] {
  const all: Contender[] = [
    {
      name: KEPT,
      speaker: talkerSpeaker,
      start: (directory) => startTalker({ core: null, data: `${directory}/data` }),
    },
    { name: MEMORY, speaker: talkerSpeaker, start: () => startTalker({ core: null }) },
  ];
  const executable = findExecutable("mosquitto");
  if (executable === null) {
    note("Not installed, so left out: mosquitto (apt-get install mosquitto to compare).");
    return all;
  }
  all.splice(1, 0, mosquitto(executable, PEER, ""));
  all.push(
    mosquitto(executable, SAVING, "autosave_on_changes true\nautosave_interval 1"),
  );
  return all;
}

/** Seconds of CPU time that a process has used, all its threads. */
function cpuSeconds(pid: number): number {
  try {
    const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/^.*\) /, "").split(" ");
    // In hundredths of a second, in user mode and in the kernel.
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return NaN;
  }
}

async function measure(
  { name, speaker, start }: Contender,
  load: Load,
  { folder, seconds }: NotifyOptions,
): Promise<Run> {
  const directory = await Deno.makeTempDir({ dir: folder });
  const server = await start(directory);
  try {
    const before = cpuSeconds(server.pid), own = process.cpuUsage(), from = performance.now();
    const flow = await measureFlow({
      speaker,
      port: server.ports.clients!,
      ...load,
      seconds,
      warmupSeconds: WARMUP_SECONDS,
    });
    const elapsed = (performance.now() - from) / 1_000;
    const { user, system } = process.cpuUsage(own);
    return {
      name,
      load,
      flow,
      // With the warm-up, about.
      cpuMicros: (cpuSeconds(server.pid) - before) * 1e6 / (flow.perSecond * elapsed),
      loadBusy: (user + system) / 1e6 / elapsed,
    };
  } finally {
    await server.stop();
    await Deno.remove(directory, { recursive: true });
  }
}

/** How long this disk takes to sync 4 KiB that are appended, in ms, sorted. */
async function syncTimes(folder: string): Promise<number[]> {
  const times: number[] = [];
  using file = await Deno.open(`${folder}/sync`, { write: true, create: true });
  const block = new Uint8Array(4096).fill(1);
  for (let i = 0; i < 200; i++) {
    await file.write(block);
    const from = performance.now();
    await file.syncData();
    times.push(performance.now() - from);
  }
  return times.sort((a, b) => a - b);
}

/** Plain speech, with data and without: deliveries per second. */
async function measureChat(
  options: NotifyOptions,
): Promise<{ name: string; readers: number; perSecond: number }[]> {
  const { folder, seconds, repetitions } = options;
  await build(["fanout"]);
  const results: { name: string; readers: number; perSecond: number }[] = [];
  for (let i = 0; i < repetitions; i++) {
    for (const readers of [1, 10]) {
      for (const name of i % 2 === 0 ? [KEPT, MEMORY] : [MEMORY, KEPT]) {
        const data = await Deno.makeTempDir({ dir: folder });
        const server = await startTalker({ core: null, ...(name === KEPT ? { data } : {}) });
        const args = ["--subs", `${readers}`, "--pubs", "1", "--window", "1024"];
        args.push("--seconds", `${seconds}`, "--warmup-seconds", `${WARMUP_SECONDS}`);
        const { outcome } = startGenerator<FlowResult>({
          server,
          protocol: "line",
          core: null,
          args,
          maxSeconds: seconds + 20,
        });
        const { result, problem } = await outcome;
        if (problem !== null) note(`${name}, ${readers} readers: ${problem}`);
        if (result !== null) results.push({ name, readers, perSecond: result.deliveriesPerSecond });
        await server.stop();
        await Deno.remove(data, { recursive: true });
      }
    }
  }
  return results;
}

const at = (sorted: number[], part: number) =>
  sorted[Math.floor((sorted.length - 1) * part)] ?? NaN;

function printRuns(runs: Run[], { subscribers, window }: Load): void {
  print(`\n## ${subscribers} subscribers, ${window} notifications under way at a time\n`);
  const own = runs.filter(({ name }) => name === KEPT).map(({ flow }) => flow.perSecond);
  const rows = [...new Set(runs.map(({ name }) => name))].map((name) => {
    const some = runs.filter((run) => run.name === name);
    const of = (value: (run: Run) => number) => some.map(value);
    const rates = of(({ flow }) => flow.perSecond);
    const ratio = median(own) / median(rates);
    return [
      name,
      spread(rates, big),
      name.startsWith("talker") ? "–" : plain(ratio),
      name === PEER ? (ratio >= AIM ? "met" : "missed") : "–",
      ...[0.5, 0.99].map((part) => plain(median(of(({ flow }) => at(flow.confirmed, part))))),
      ...[0.5, 0.99].map((part) => plain(median(of(({ flow }) => at(flow.done, part))))),
      plain(median(of((run) => run.cpuMicros))),
      `${Math.round(100 * median(of((run) => run.loadBusy)))}%`,
    ];
  });
  const head = ["notifications/s", "talker --data ÷ its", "≥ 1"];
  head.push("published p50 ms", "p99", "acknowledged p50 ms", "p99", "server µs each", "load busy");
  print(table(["server", ...head], rows));
}

/** Measures and prints. */
export async function benchNotify(options: NotifyOptions): Promise<boolean> {
  const machine = describeMachine();
  const started = new Date();
  const all = contenders();
  const syncs = await syncTimes(options.folder);
  const runs: Run[] = [];
  let isGood = true;
  for (let i = 0; i < options.repetitions; i++) {
    for (const load of LOADS) {
      for (const contender of i % 2 === 0 ? all : all.toReversed()) {
        try {
          runs.push(await measure(contender, load, options));
        } catch (error) {
          isGood = false;
          note(`BAD run of ${contender.name}: ${error instanceof Error ? error.message : error}`);
        }
      }
    }
  }
  const chat = await measureChat(options);
  print(`# Notifications, measured\n\n${machine}. Nothing is pinned.`);
  print(
    `One publisher; named subscribers (MQTT: QoS 1, sessions that are kept) that acknowledge each; ` +
      `${TEXT_BYTES} bytes of text. One is done when its publication is confirmed and everybody has acknowledged.`,
  );
  print(
    `talker confirms publications and acknowledgements when they are synced to disk. This disk takes ` +
      `${plain(at(syncs, 0.5))} ms (p99 ${plain(at(syncs, 0.99))}) to sync 4 KiB.`,
  );
  print(
    `mosquitto confirms a publication when it has it in memory, and saves all of it every half an hour and ` +
      `when it stops: what came since then is lost in a crash. It never confirms an acknowledgement: it counts ` +
      `when it is sent. "Saving" writes the whole of its state again with each change, and confirms before that, too.`,
  );
  for (const load of LOADS) printRuns(runs.filter((run) => run.load === load), load);
  print("\n## Plain speech\n");
  const of = (name: string, readers: number) =>
    chat.filter((it) => it.name === name && it.readers === readers).map((it) => it.perSecond);
  print(table(
    ["readers", "deliveries/s with --data", "without", "with ÷ without"],
    [1, 10].map((readers) => [
      `${readers}`,
      spread(of(KEPT, readers), big),
      spread(of(MEMORY, readers), big),
      plain(median(of(KEPT, readers)) / median(of(MEMORY, readers))),
    ]),
  ));
  if (options.json !== undefined) {
    const slim = runs.map(({ flow, ...run }) => ({
      ...run,
      perSecond: flow.perSecond,
      ...Object.fromEntries(
        (["confirmed", "pushed", "done"] as const).map((key) => [
          key,
          { p50: at(flow[key], 0.5), p99: at(flow[key], 0.99) },
        ]),
      ),
    }));
    const written = { started: started.toISOString(), machine, syncs, runs: slim, chat };
    await Deno.writeTextFile(options.json, JSON.stringify(written, null, 2) + "\n");
  }
  return isGood;
}
