/** Measures messages between programs: questions and answers, and news, beside other ways. */

import { hangUp } from "../lib/mod.ts";
import { describeMachine, findExecutable } from "./machine.ts";
import {
  askNats,
  askTalker,
  hearNats,
  hearTalker,
  sendTalker,
  type Trips,
} from "./messaging_load.ts";
import { big, median, note, plain, print, spread, table } from "./output.ts";
import { findPeer } from "./peers.ts";
import { freePort, ServerProcess } from "./server_process.ts";

export interface MessagingOptions {
  repetitions: number;
  /** Of each measurement. */
  seconds: number;
  /** For the configuration of other servers. */
  folder: string;
  /** Where all the runs are written to, too. */
  json: string | undefined;
}

const LISTENERS = 100;

interface Run {
  what: string;
  askers: number;
  trips: Trips;
}

interface NewsRun {
  what: string;
  /** Deliveries per second, to all listeners together. */
  perSecond: number;
}

const here = import.meta.dirname;

/** A process of messaging_far.ts. */
function far(part: string, port: number): Promise<ServerProcess> {
  return ServerProcess.start({
    command: [Deno.execPath(), "run", "--allow-all", `${here}/messaging_far.ts`, part, `${port}`],
    core: null,
    ready: { clients: /^ready (\d+)/m },
  });
}

/** A Python that has ZeroMQ: Debian's own, where another stands before it in PATH. */
async function findPython(): Promise<string | undefined> {
  for (const python of ["/usr/bin/python3", findExecutable("python3")]) {
    if (python === null) continue;
    try {
      const { success } = await new Deno.Command(python, {
        args: ["-c", "import zmq"],
        stderr: "null",
      }).output();
      if (success) return python;
    } catch {
      // Not there.
    }
  }
  return undefined;
}

/** Networkzero's way: two Python programs. */
async function askZeroMq(python: string, seconds: number): Promise<Trips> {
  const program = `${here}/messaging_zmq.py`;
  const port = freePort();
  const server = await ServerProcess.start({
    command: [python, program, "reply", `${port}`],
    core: null,
    ready: { clients: /^ready (\d+)/m },
  });
  try {
    const { success, stdout, stderr } = await new Deno.Command(python, {
      args: [program, "ask", `${port}`, `${seconds}`, "x".repeat(64)],
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return JSON.parse(new TextDecoder().decode(stdout)) as Trips;
  } finally {
    await server.stop();
  }
}

/** Runs something with that process at its other side. */
async function withFar<T>(part: string, port: number, run: () => Promise<T>): Promise<T> {
  const process = await far(part, port);
  try {
    return await run();
  } finally {
    await process.stop();
  }
}

async function measureAll({ repetitions, seconds, folder }: MessagingOptions) {
  const runs: Run[] = [];
  const news: NewsRun[] = [];
  const python = await findPython();
  if (python === undefined) note("Left out: ZeroMQ (Debian: python3-zmq).");
  const nats = await findPeer("nats", { folder, core: null });
  if ("missingPackage" in nats) note(`Left out: NATS (Debian: ${nats.missingPackage}).`);
  for (let i = 0; i < repetitions; i++) {
    for (const askers of [1, 100]) {
      const add = (what: string, trips: Trips) => runs.push({ what, askers, trips });
      const port = freePort();
      add("talker, ask", await withFar("talker", port, () => askTalker(port, askers, seconds)));
      const other = freePort();
      add(
        "talker, sendMessage",
        await withFar("simple", other, () => sendTalker(other, askers, seconds)),
      );
      await hangUp();
      if (python !== undefined && askers === 1) {
        add("ZeroMQ in Python", await askZeroMq(python, seconds));
      }
      if ("missingPackage" in nats) continue;
      const server = await nats.start();
      const { clients } = server.ports as { clients: number };
      add("NATS", await withFar("nats", clients, () => askNats(clients, askers, seconds)));
      await server.stop();
    }
    const port = freePort();
    news.push({
      what: "talker",
      perSecond: await withFar("talker-news", port, () => hearTalker(port, LISTENERS, seconds)),
    });
    if ("missingPackage" in nats) continue;
    const server = await nats.start();
    const { clients } = server.ports as { clients: number };
    news.push({
      what: "NATS",
      perSecond: await withFar("nats-news", clients, () => hearNats(clients, LISTENERS, seconds)),
    });
    await server.stop();
  }
  return { runs, news };
}

/** How the median of one is to that of another. */
function ratio(own: number[], other: number[]): string {
  return own.length === 0 || other.length === 0 ? "–" : plain(median(own) / median(other));
}

function printRuns(runs: Run[], askers: number): void {
  const all = runs.filter((run) => run.askers === askers);
  const names = [...new Set(all.map(({ what }) => what))];
  const of = (what: string, value: (trips: Trips) => number) =>
    all.filter((run) => run.what === what).map(({ trips }) => value(trips));
  const own = "talker, ask";
  print(`\n## ${askers === 1 ? "One asker" : `${askers} askers at once`}, over one connection\n`);
  const rows = names.map((name) => [
    name,
    spread(of(name, (trips) => trips.perSecond), big),
    spread(of(name, (trips) => trips.p50), plain),
    spread(of(name, (trips) => trips.p99), plain),
    ...(name.startsWith("talker") ? ["–", "–"] : [
      ratio(of(own, (it) => it.perSecond), of(name, (it) => it.perSecond)),
      ratio(of(own, (it) => it.p99), of(name, (it) => it.p99)),
    ]),
  ]);
  const head = ["round trips/s", "p50 ms", "p99 ms", "talker's rate ÷ its", "p99 ÷ p99"];
  print(table(["way", ...head], rows));
}

/** Measures and prints. */
export async function benchMessaging(options: MessagingOptions): Promise<boolean> {
  const machine = describeMachine();
  const started = new Date();
  const { runs, news } = await measureAll(options);
  print(`# Messages between programs, measured\n\n${machine}. Nothing is pinned.`);
  print("64 bytes there and back as JSON; who asks and who answers are processes of their own, of");
  print("NATS the server is a third.");
  for (const askers of [1, 100]) printRuns(runs, askers);
  print(`\n## News to ${LISTENERS} listeners, each with a connection of its own\n`);
  const of = (name: string) => news.filter(({ what }) => what === name).map((it) => it.perSecond);
  const rows = [...new Set(news.map(({ what }) => what))].map((name) => [
    name,
    spread(of(name), big),
    ...(name === "talker" ? ["–"] : [ratio(of("talker"), of(name))]),
  ]);
  print(table(["way", "deliveries/s", "talker's ÷ its"], rows));
  if (options.json !== undefined) {
    const all = { started: started.toISOString(), machine, runs, news };
    await Deno.writeTextFile(options.json, JSON.stringify(all, null, 2) + "\n");
  }
  return true;
}
