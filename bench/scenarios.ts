/** Rough treatment: each scenario does one thing to a talker and finds out what it cost. */

import { programPath } from "./build.ts";
import {
  type FlowResult,
  type Generator,
  type IdleResult,
  type Outcome,
  startGenerator,
} from "./generator.ts";
import { allLoads, obstacle } from "./loads.ts";
import { type Cores, openFileLimit } from "./machine.ts";
import { big, note, plain } from "./output.ts";
import { pause, sendQueue } from "./probe.ts";
import { type ServerProcess, wrap } from "./server_process.ts";

export interface Setting {
  server: ServerProcess;
  cores: Cores;
  quick: boolean;
  /** Of the noise. */
  seed: number;
}

export interface Finding {
  /** What happened, in a few words and numbers. */
  text: string;
  /** The guarantees that did not hold. */
  broken: string[];
}

export interface Scenario {
  name: string;
  what: string;
  run: (setting: Setting) => Promise<Finding>;
}

/** The end of a phase that should have ended long before. */
const MAX_SECONDS = 60;

function load<T extends FlowResult | IdleResult>(setting: Setting, args: string): Generator<T> {
  return startGenerator<T>({
    server: setting.server,
    protocol: "line",
    core: setting.cores.generator,
    args: args.split(" "),
    maxSeconds: MAX_SECONDS,
  });
}

/** `outcome` as a broken guarantee, where it is one. */
function complaint(who: string, outcome: Outcome<unknown>): string[] {
  return outcome.problem === null ? [] : [`${who}: ${outcome.problem}`];
}

// --- A client that stops reading, among 200 others

/** Far longer than the server gives it, so that a slow machine breaks no guarantee. */
const CUT_WITHIN_MS = 40_000;

/**
 * Watches a client that does not read until the server has cut it, or the time is up. Answers with
 * the seconds from the last byte that its socket took, which is a little after it stopped.
 */
async function watchCut(serverPort: number, client: Deno.TcpConn): Promise<number | null> {
  const { port } = client.localAddr;
  const start = performance.now();
  let lastTaken = start;
  let queued = 0;
  while (performance.now() - start < CUT_WITHIN_MS) {
    const queue = sendQueue(serverPort, port);
    if (queue === null) return (performance.now() - lastTaken) / 1000;
    if (queue !== queued) lastTaken = performance.now();
    queued = queue;
    await pause(100);
  }
  return null;
}

async function stopped(setting: Setting): Promise<Finding> {
  const speaking = "--subs 200 --pubs 4 --warmup-seconds 0.5";
  const alone = await load<FlowResult>(
    setting,
    `${speaking} --seconds ${setting.quick ? 1.5 : 4}`,
  ).outcome;
  const port = setting.server.ports.clients!;
  const client = await Deno.connect({ hostname: "127.0.0.1", port });
  const others = load<FlowResult>(setting, `${speaking} --seconds ${CUT_WITHIN_MS / 1000}`);
  const cutAfter = await watchCut(port, client);
  others.finish();
  const beside = await others.outcome;
  client.close();
  const broken = [...complaint("without it", alone), ...complaint("the others", beside)];
  if (cutAfter === null) broken.push(`not cut within ${CUT_WITHIN_MS / 1000} s`);
  const share = (key: "deliveriesPerSecond" | "deliveriesPerCpuSecond") =>
    beside.result && alone.result ? plain(beside.result[key] / alone.result[key] * 100) : "no";
  return {
    text: `the others had ${share("deliveriesPerSecond")} % of the deliveries/s that they had ` +
      `without it (${big(alone.result?.deliveriesPerSecond ?? NaN)}), and ` +
      `${share("deliveriesPerCpuSecond")} % for each second of CPU time; it was cut ` +
      `${cutAfter === null ? "never" : `${plain(cutAfter)} s`} after the last byte that it took`,
    broken,
  };
}

// --- Speakers that send as fast as their sockets take, to 1,000 readers

async function fullSpeed(setting: Setting): Promise<Finding> {
  const seconds = setting.quick ? 1.5 : 4;
  const outcome = await load<FlowResult>(
    setting,
    `--subs 1000 --pubs 4 --window 0 --warmup-seconds 0.5 --seconds ${seconds}`,
  ).outcome;
  const { result } = outcome;
  const text = result === null ? "no result" : `${big(result.messages)} lines said, ` +
    `${big(result.deliveriesPerSecond)} deliveries/s, ${result.lost} lost; at most ` +
    `${big(result.mostUnderWay)} lines of a speaker under way`;
  return { text, broken: complaint("the readers", outcome) };
}

// --- 10,000 idle connections

async function idle(setting: Setting): Promise<Finding> {
  const spans = { seconds: 1, pacedSeconds: 1, warmupSeconds: 0, idleSeconds: 5 };
  const idling = allLoads(spans).find(({ kind }) => kind === "idle")!;
  const why = obstacle(idling, openFileLimit());
  if (why !== null) return { text: `left out: ${why}`, broken: [] };
  const outcome = await load<IdleResult>(setting, idling.args.join(" ")).outcome;
  const { result } = outcome;
  const text = result === null ? "no result" : `${result.open} open, connected in ` +
    `${plain(result.connectSeconds)} s, ${plain(result.kibPerConnection)} KiB each`;
  return { text, broken: complaint("the connections", outcome) };
}

// --- Trouble, while others talk and count

/** Runs the C program `trouble`; its result, or why there is none. */
async function trouble<T>(setting: Setting, args: (string | number)[]): Promise<T> {
  const { success, stdout, stderr } = await new Deno.Command("/bin/sh", {
    args: wrap([programPath("trouble"), ...args.map(String)], setting.cores.generator),
    stdout: "piped",
    stderr: "piped",
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`trouble ${args.join(" ")}: ${decoder.decode(stderr)}`);
  return JSON.parse(decoder.decode(stdout));
}

/** Ten readers and two speakers at a steady rate: what they say has to arrive whatever happens. */
async function amongWitnesses<T>(
  setting: Setting,
  disturb: () => Promise<T>,
): Promise<{ disturbed: T; witnesses: Outcome<FlowResult> }> {
  const args = `--subs 10 --pubs 2 --rate 100 --seconds ${MAX_SECONDS}`;
  const generator = load<FlowResult>(setting, args);
  // They have to have found each other first.
  await pause(1000);
  const disturbed = await disturb();
  generator.finish();
  return { disturbed, witnesses: await generator.outcome };
}

function witnessText({ result }: Outcome<FlowResult>): string {
  if (result === null) return "";
  return `; of ${big(result.deliveries)} deliveries to witnesses ${result.lost} lost, ` +
    `p99 ${plain(result.p99 / 1000)} ms`;
}

async function resets(setting: Setting): Promise<Finding> {
  const [count, maxSeconds] = setting.quick ? [20_000, 15] : [100_000, MAX_SECONDS * 0.7];
  const { disturbed, witnesses } = await amongWitnesses(
    setting,
    () =>
      trouble<{ done: number; failed: number; seconds: number }>(
        setting,
        ["resets", setting.server.ports.clients!, count, maxSeconds],
      ),
  );
  const { done, failed, seconds } = disturbed;
  if (done + failed < count) note(`Only ${done} of ${count} connects in the time there was.`);
  return {
    text: `${done} connects and resets in ${plain(seconds)} s, ${failed} not taken` +
      witnessText(witnesses),
    broken: complaint("the witnesses", witnesses),
  };
}

async function noise(setting: Setting): Promise<Finding> {
  const seconds = setting.quick ? 2 : 5;
  const { seed } = setting;
  const { clients, framed } = setting.server.ports;
  const { disturbed, witnesses } = await amongWitnesses(setting, () =>
    Promise.all([
      trouble<{ bytesSent: number }>(setting, ["noise", clients!, 100, seconds, seed]),
      trouble<{ bytesSent: number; closedByServer: number }>(
        setting,
        ["frames", framed!, 50, seconds, seed],
      ),
    ]));
  const [lines, frames] = disturbed;
  return {
    text: `${big(lines.bytesSent)} bytes as lines, ${big(frames.bytesSent)} as frames ` +
      `(${frames.closedByServer} connections closed for it), seed ${seed}` + witnessText(witnesses),
    broken: complaint("the witnesses", witnesses),
  };
}

export const SCENARIOS: Scenario[] = [
  { name: "stopped", what: "a client stops reading, 200 others go on", run: stopped },
  { name: "fullspeed", what: "speakers at full speed, 1,000 readers", run: fullSpeed },
  { name: "idle", what: "10,000 idle connections", run: idle },
  { name: "resets", what: "connects and resets", run: resets },
  { name: "noise", what: "random bytes on both ports", run: noise },
];
