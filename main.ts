/**
 * The program `talker`: picks the subcommand, tells errors, exits.
 *
 * @module
 */

import { CommandError, EXIT, HelpRequested, UsageError } from "./lib/cli/exit.ts";
import { generalHelp } from "./lib/cli/help.ts";
import { type Io, processIo } from "./lib/cli/io.ts";
import { reason } from "./lib/cli/reason.ts";
import { VERSION } from "./lib/version.ts";
import { nearest } from "./lib/wire/nearest.ts";
import { visible } from "./lib/wire/text.ts";

/** What a module of `commands/` exports. */
interface CommandModule {
  /** Runs the subcommand; the number is the exit code. */
  run(args: readonly string[], io: Io): Promise<number>;
}

interface Subcommand {
  readonly name: string;
  readonly summary: string;
  /** Loads the code of this subcommand alone: starting up is quick. */
  readonly load: () => Promise<CommandModule>;
}

const SUBCOMMANDS: readonly Subcommand[] = [
  {
    name: "server",
    summary: "Run a chat server (for nc, telnet, talker client), alone or in a mesh.",
    load: () => import("./commands/server.ts"),
  },
  {
    name: "client",
    summary: "Talk to a server: in a terminal, or from scripts.",
    load: () => import("./commands/client.ts"),
  },
  {
    name: "peer",
    summary: "Join the mesh without line clients: a relay, an observer, a voice.",
    load: () => import("./commands/peer.ts"),
  },
  {
    name: "discover",
    summary: "Find, list, watch and advertise services on the local network.",
    load: () => import("./commands/discover.ts"),
  },
  {
    name: "notify",
    summary: "Wait for notifications, act on them, publish them.",
    load: () => import("./commands/notify.ts"),
  },
];

/** How long output may still take after Ctrl-C or SIGTERM, in milliseconds. */
const FLUSH_AFTER_STOP_MS = 1000;

async function run(args: readonly string[], io: Io): Promise<number> {
  const [first, ...rest] = args;
  if (first === undefined) {
    io.stderr.write(generalHelp(SUBCOMMANDS));
    return EXIT.usage;
  }
  if (first === "--version" || first === "-V") {
    io.stdout.write(`talker ${VERSION}\n`);
    return EXIT.ok;
  }
  if (first === "--help" || first === "-h") throw new HelpRequested(generalHelp(SUBCOMMANDS));
  // What people try: `talker help`, `talker help client`.
  if (first === "help") return await run(rest.length === 0 ? ["--help"] : [...rest, "--help"], io);
  const subcommand = SUBCOMMANDS.find(({ name }) => name === first);
  if (subcommand === undefined) {
    const names = SUBCOMMANDS.map(({ name }) => name);
    const kind = first.startsWith("-") ? "flag" : "subcommand";
    const known = first.startsWith("-") ? ["--help", "--version"] : names;
    throw new UsageError(
      `Unknown ${kind} "${first.slice(0, 80)}"; the nearest is ${nearest(first, known)} ` +
        `(talker --help lists them)`,
    );
  }
  return await (await subcommand.load()).run(rest, io);
}

/** Runs, and turns whatever is thrown into one line and an exit code. */
async function guarded(args: readonly string[], io: Io): Promise<number> {
  try {
    return await run(args, io);
  } catch (error) {
    if (error instanceof HelpRequested) {
      io.stdout.write(error.text);
      return EXIT.ok;
    }
    if (io.stdout.closed) return EXIT.ok;
    const message = error instanceof Error ? error.message : String(error);
    const line = visible(message.replaceAll("\n", " "));
    io.stderr.write(
      `talker: ${error instanceof CommandError ? line : `unexpected error: ${line}`}\n`,
    );
    if (wantsStack(args, io)) io.stderr.write(`${stackOf(error)}\n`);
    return error instanceof CommandError ? error.exitCode : EXIT.failed;
  }
}

/** Whether `--log-level debug` is given; the arguments may be those that are in error. */
function wantsStack(args: readonly string[], io: Io): boolean {
  const at = args.lastIndexOf("--log-level");
  return args[at + 1] === "debug" && at >= 0 || args.includes("--log-level=debug") ||
    io.env("TALKER_LOG_LEVEL") === "debug";
}

function stackOf(error: unknown): string {
  const stack = error instanceof Error ? error.stack ?? error.message : String(error);
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? stack : `${stack}\nCaused by: ${stackOf(cause)}`;
}

/** Settles some time after the signal to stop: a reader that is stuck must not keep the process. */
async function patience(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) {
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  }
  await new Promise((resolve) => setTimeout(resolve, FLUSH_AFTER_STOP_MS));
}

if (import.meta.main) {
  const io = processIo((code) => Deno.exit(code));
  const code = await guarded(Deno.args, io);
  const patient = patience(io.signal);
  await Promise.race([io.stdout.flush(), patient]);
  const { failure } = io.stdout;
  if (failure !== undefined) {
    io.stderr.write(`talker: Cannot write to stdout: ${visible(reason(failure))}\n`);
  }
  await Promise.race([io.stderr.flush(), patient]);
  Deno.exit(failure === undefined ? code : EXIT.failed);
}
