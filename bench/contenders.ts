/** The servers that are measured: talker, a talker of before, the minimal C server, the peers. */

import { programPath } from "./build.ts";
import { ServerProcess } from "./server_process.ts";

/** What the load generator speaks with a server. */
export type Protocol = "line" | "irc" | "nats" | "resp" | "mqtt";

export interface Contender {
  name: string;
  protocol: Protocol;
  version: string;
  start: () => Promise<ServerProcess>;
}

/** The checkout that this file is part of. */
const checkout = `${import.meta.dirname}/..`;

/** Deno and its permissions for `talker server`, as the checkout's own task has them. */
async function serverTask(folder: string): Promise<string[]> {
  const config: unknown = JSON.parse(await Deno.readTextFile(`${folder}/deno.json`));
  const task = (config as { tasks?: { server?: string | { command: string } } }).tasks?.server;
  const command = typeof task === "string" ? task : task?.command;
  const [deno, ...rest] = command?.split(" ") ?? [];
  if (deno !== "deno") throw new Error(`${folder}/deno.json: no task "server" that runs deno`);
  return [Deno.execPath(), ...rest];
}

/** How talker is started: the executable in `TALKER_BIN`, or the sources of a checkout. */
async function talkerCommand(folder: string | undefined): Promise<string[]> {
  const executable = Deno.env.get("TALKER_BIN");
  if (folder === undefined && executable) return [executable, "server"];
  return await serverTask(folder ?? checkout);
}

/** A talker's place in a mesh. */
export interface MeshPlace {
  name: string;
  /** Where it takes links; 0: at any port that is free. */
  listen: number;
  /** Where those listen to which it keeps a link. */
  peers: number[];
}

export interface TalkerStart {
  core: number | null;
  folder?: string;
  /** Has a port for frames, too. */
  framed?: boolean;
  /** Encrypts, with this secret. */
  secret?: string | undefined;
  /** Keeps its data in this directory. */
  data?: string | undefined;
  /** Is linked to others; `ports.peers` is where it takes links. */
  mesh?: MeshPlace;
}

/** Starts a talker on free ports of 127.0.0.1. */
export async function startTalker(options: TalkerStart): Promise<ServerProcess> {
  const command = await talkerCommand(options.folder);
  command.push("--port", "0", "--host", "127.0.0.1", "--log-level", "warning");
  const ready: Record<string, RegExp> = {
    clients: /^talker server \S+ listening on 127\.0\.0\.1:(\d+)$/m,
  };
  if (options.framed) {
    command.push("--framed", "127.0.0.1:0");
    ready.framed = /^talker server \S+ listening for framed clients on 127\.0\.0\.1:(\d+)$/m;
  }
  if (options.data !== undefined) command.push("--data", options.data);
  if (options.mesh !== undefined) {
    const { name, listen, peers } = options.mesh;
    command.push("--name", name, "--peer-listen", `127.0.0.1:${listen}`);
    command.push(...peers.flatMap((port) => ["--peer", `127.0.0.1:${port}`]));
    ready.peers = /^talker server \S+ listening for peers on 127\.0\.0\.1:(\d+)$/m;
  }
  return await ServerProcess.start({
    command,
    core: options.core,
    cwd: options.folder ?? checkout,
    env: {
      // Nothing of a measurement leaves this machine.
      TALKER_NO_ADVERTISE: "1",
      TALKER_INTERFACE: "lo",
      ...(options.secret === undefined ? {} : { TALKER_SECRET: options.secret }),
    },
    ready,
  });
}

/** Talker from this checkout (or `TALKER_BIN`), or from another one as `talker-before`. */
export function talker(options: { core: number | null; folder?: string }): Contender {
  const executable = options.folder === undefined ? Deno.env.get("TALKER_BIN") : undefined;
  return {
    name: options.folder === undefined ? "talker" : "talker-before",
    protocol: "line",
    version: executable ?? options.folder ?? "this checkout",
    start: () => startTalker(options),
  };
}

/** The minimal C server. */
export function minimal(core: number | null): Contender {
  return {
    name: "minimal",
    protocol: "line",
    version: "minimal.c",
    start: () =>
      ServerProcess.start({
        command: [programPath("minimal"), "0"],
        core,
        ready: { clients: /^minimal listening on 127\.0\.0\.1:(\d+)$/m },
      }),
  };
}
