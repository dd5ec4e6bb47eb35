/** Encryption beside none, in one run: fan-out, links of the mesh, and a flood of half-open connections. */

import { startTalker } from "./contenders.ts";
import { build } from "./build.ts";
import { Chain, hopLoads } from "./hops.ts";
import { describeMachine } from "./machine.ts";
import { big, median, plain, print, table } from "./output.ts";
import { pause } from "./probe.ts";
import type { ServerProcess } from "./server_process.ts";
import { Visitor } from "./visitor.ts";

/** How it is measured. */
export interface SecureOptions {
  repetitions: number;
  seconds: number;
}

const SECRET = "four blue turntables";
const LISTENERS = [1, 10, 100];
/** Half-open connections and connections that send garbage, of the flood. */
const HALF_OPEN = 10_000, GARBAGE = 1_000;
/** Pings before and during the flood. */
const PINGS = 200;

/** Measures; returns whether everything could be. */
export async function benchSecure({ repetitions, seconds }: SecureOptions): Promise<boolean> {
  await build(["fanout"]);
  print(`# Encryption beside none\n\n${describeMachine()}.\n`);
  const kinds = [undefined, SECRET];
  const rows: string[][] = [];
  for (const listeners of LISTENERS) {
    const rates: number[][] = [[], []];
    for (let i = 0; i < repetitions; i++) {
      for (const [k, secret] of kinds.entries()) {
        rates[k]!.push(await fanout(secret, listeners, seconds));
      }
    }
    rows.push(row(`one speaker, ${listeners} encrypted listeners`, rates));
  }
  for (const load of hopLoads(seconds, 0.5).filter(({ kind }) => kind === "flat")) {
    const rates: number[][] = [[], []];
    for (let i = 0; i < repetitions; i++) {
      for (const [k, secret] of kinds.entries()) {
        const chain = await Chain.start(1, secret);
        try {
          const { flow, problem } = await chain.run(load, i);
          if (flow === null) throw new Error(problem ?? "no result");
          rates[k]!.push(flow.deliveriesPerSecond);
        } finally {
          await chain.stop();
        }
      }
    }
    rows.push(row(`${load.name} through one encrypted link`, rates));
  }
  print(table(["what", "plain, deliveries/s", "encrypted", "ratio"], rows));
  print();
  await flood();
  return true;
}

function row(what: string, [open, sealed]: number[][]): string[] {
  const [a, b] = [median(open!), median(sealed!)];
  return [what, big(a), big(b), plain(b / a)];
}

async function fanout(secret: string | undefined, listeners: number, seconds: number) {
  const server = await startTalker({ core: null, secret });
  try {
    const load = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--no-check", `${import.meta.dirname}/secure_load.ts`]
        .concat([`${server.ports.clients}`, secret ?? "-", `${listeners}`, `${seconds}`]),
      stdout: "piped",
      stderr: "inherit",
    });
    const { stdout } = await load.output();
    return (JSON.parse(new TextDecoder().decode(stdout)) as { perSecond: number }).perSecond;
  } finally {
    await server.stop();
  }
}

/** What clients who are in feel of a flood. */
async function flood(): Promise<void> {
  const server = await startTalker({ core: null, secret: SECRET });
  const port = server.ports.clients!;
  const before = server.rssKiB();
  const visitor = await Visitor.arrive(port, "pinger");
  const calm = await pings(visitor);
  const flooding = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-net", "--no-check", `${import.meta.dirname}/secure_flood.ts`]
      .concat([port, HALF_OPEN, GARBAGE].map(String)),
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  let isOver = false;
  const over = flooding.status.finally(() => isOver = true);
  const stormy: number[] = [];
  do stormy.push(...await pings(visitor)); while (!isOver);
  await over;
  stormy.sort((a, b) => a - b);
  const during = server.rssKiB();
  await pause(6_000);
  print(table(["", "calm", "in the flood"], [
    ["p50 of /ping, ms", plain(quantile(calm, 0.5)), plain(quantile(stormy, 0.5))],
    ["p99 of /ping, ms", plain(quantile(calm, 0.99)), plain(quantile(stormy, 0.99))],
    ["memory, MiB", plain(before / 1024), plain(during / 1024)],
  ]));
  print(
    `\n${HALF_OPEN} half-open connections and ${GARBAGE} with garbage. Memory 6 s after: ` +
      `${plain(server.rssKiB() / 1024)} MiB.`,
  );
  visitor.leave();
  await stopped(server);
}

async function stopped(server: ServerProcess): Promise<void> {
  if (!server.running) throw new Error(`The server ended: ${server.errors}`);
  await server.stop();
}

async function pings(visitor: Visitor): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < PINGS; i++) {
    const start = performance.now();
    await visitor.ask("/ping");
    times.push(performance.now() - start);
    await pause(5);
  }
  return times.sort((a, b) => a - b);
}

function quantile(sorted: number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!;
}
