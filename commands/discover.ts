/**
 * `talker discover`: find, list, watch and advertise services on the local network.
 *
 * @module
 */

import { commonFlags } from "../lib/cli/common_flags.ts";
import { UsageError } from "../lib/cli/exit.ts";
import { defineCommand, type FlagValues, parseCommand } from "../lib/cli/flags.ts";
import type { Io } from "../lib/cli/io.ts";
import { startLog } from "../lib/cli/log.ts";
import { BEACON_NAME_FORM, isBeaconName, isBeaconPattern } from "../lib/wire/beacon_name.ts";
import { visible } from "../lib/wire/text.ts";
import { beaconFlags } from "./beacon_flags.ts";
import { advertComplaint } from "./flag_checks.ts";

/** The subcommand and its flags. */
export const discoverCommand = defineCommand({
  name: "discover",
  summary: "Find, list, watch and advertise services on the local network.",
  usage: "talker discover [FLAGS] [NAME]",
  details: [
    "Without other flags: prints the address of NAME alone, as soon as NAME is there; exits with 1 " +
    "when it isn't found in time, or Ctrl-C comes first. With --all and --watch NAME may be a " +
    "pattern, 'robot/*' (* stands for any characters), or be left out.",
    "What Python's networkzero advertises is found as well, for as long as UDP port 9999 can be had.",
  ],
  positionals: { min: 0, max: 1 },
  flags: {
    wait: {
      kind: "seconds",
      defaultText: "5 s; --all 2.5 s; --doctor 4 s; --watch no limit",
      help: "How long to look.",
    },
    all: { kind: "boolean", help: "List what is there: name, kind, addresses, age." },
    watch: {
      kind: "boolean",
      help: "Print + NAME ADDRESS and - NAME as they come and go, until Ctrl-C.",
    },
    advertise: {
      kind: "string",
      placeholder: "ADDRESS",
      help:
        "Advertise NAME there until Ctrl-C: HOST:PORT, or a PORT at all of this machine's addresses.",
      check: advertComplaint,
    },
    doctor: {
      kind: "boolean",
      help: "Say what can be seen of the network, and why NAME may not be found.",
    },
    networkzero: {
      kind: "boolean",
      help: "With --advertise: also advertise to programs that use Python's networkzero.",
    },
    ...beaconFlags,
    ...commonFlags("warning"),
  },
  examples: [
    "talker discover kitchen",
    "talker discover --all 'robot/*' --json",
    "talker discover hello --advertise 4567",
    "talker discover --doctor kitchen",
  ],
});

/** The values of the flags. */
export type DiscoverFlags = FlagValues<typeof discoverCommand.flags>;

/** What the parts of this command get. */
export interface Discovering {
  readonly flags: DiscoverFlags;
  /** NAME, or a pattern; undefined where it isn't given. */
  readonly name: string | undefined;
  readonly io: Io;
}

/** Longest text that is quoted in an error, in characters. */
const MAX_QUOTED = 80;

/** Runs `talker discover`. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const { flags, rest } = parseCommand(discoverCommand, args, io.env);
  const [name] = rest;
  const what: Discovering = { flags, name, io };
  const mode = modeOf(flags);
  checkName(mode, name);
  await using _log = await startLog(flags, io.stderr);
  switch (mode) {
    case "advertise":
      return await (await import("./discover_advertise.ts")).advertise(what);
    case "doctor":
      return await (await import("./discover_doctor.ts")).doctor(what);
    case "all":
      return await (await import("./discover_list.ts")).list(what);
    case "watch":
      return await (await import("./discover_watch.ts")).watch(what);
    case "find":
      return await (await import("./discover_find.ts")).find(what);
  }
}

type Mode = "all" | "watch" | "advertise" | "doctor" | "find";

function modeOf(flags: DiscoverFlags): Mode {
  const given: Mode[] = [];
  if (flags.all) given.push("all");
  if (flags.watch) given.push("watch");
  if (flags.advertise !== undefined) given.push("advertise");
  if (flags.doctor) given.push("doctor");
  const [mode = "find", other] = given;
  if (other !== undefined) throw new UsageError(`--${mode} and --${other} exclude each other`);
  return mode;
}

function checkName(mode: Mode, name: string | undefined): void {
  if (name === undefined) {
    if (mode === "advertise") throw new UsageError("--advertise needs a NAME to advertise");
    if (mode === "find") {
      throw new UsageError("What is to be found? Give a NAME, or --all, --watch or --doctor");
    }
    return;
  }
  const quoted = `"${visible(name).slice(0, MAX_QUOTED)}"`;
  if (mode === "all" || mode === "watch") {
    // Names of networkzero may have blanks.
    if (isBeaconPattern(name.replaceAll(" ", "_"))) return;
    throw new UsageError(`${quoted} is no pattern for names: ${BEACON_NAME_FORM} (but for the *)`);
  }
  if (isBeaconName(name)) return;
  if (name.includes("*") && mode === "find") {
    throw new UsageError(`${quoted} is a pattern: talker discover --all '${visible(name)}' lists`);
  }
  if (mode === "find" && isBeaconName(name.replaceAll(" ", "_"))) return;
  throw new UsageError(`${quoted} is no name: it must be ${BEACON_NAME_FORM}`);
}
