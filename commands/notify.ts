/**
 * `talker notify`: waits for notifications and acts on them, or publishes them.
 *
 * @module
 */

import { commonFlags } from "../lib/cli/common_flags.ts";
import { UsageError } from "../lib/cli/exit.ts";
import { defineCommand, type FlagValues, parseCommand } from "../lib/cli/flags.ts";
import type { Io } from "../lib/cli/io.ts";
import { startLog } from "../lib/cli/log.ts";
import { isId } from "../lib/client/notify/notification.ts";
import { modeCommand } from "../lib/client/notify/mode.ts";
import type { ConnectionOptions } from "../lib/messaging/notifications.ts";
import { parsePattern } from "../lib/wire/topic.ts";
import { MAX_LINE_BYTES, MAX_NOTIFY_S, MAX_PATTERNS } from "../lib/wire/limits.ts";
import { encodeText, visible } from "../lib/wire/text.ts";
import { beaconFlags } from "./beacon_flags.ts";
import { clientTarget } from "./client_target.ts";
import { dial } from "./dial.ts";
import { nickComplaint } from "./flag_checks.ts";
import { ENCRYPTED_ONLY, securityFlags, wantsSecurity } from "./security_flags.ts";

/** How long a handler may take unless it is told otherwise, in seconds. */
const EXEC_TIMEOUT_S = 60;

/** The subcommand and its flags. */
export const notifyCommand = defineCommand({
  name: "notify",
  summary: "Wait for notifications, act on them, publish them.",
  usage: "talker notify [FLAGS] TARGET [TOPIC… | --publish TOPIC TEXT]",
  details: [
    "TARGET is the name of a server on the local network, or host:port, [v6]:port, :port or a port (on " +
    "this machine). TOPIC is a name, such as hits or door/front; door/* is one level, door/** any. " +
    "Without one: those that --as NAME had before, else all.",
    "Each notification is printed as TOPIC: TEXT and acknowledged. With --exec nothing is printed but " +
    "what the handler prints; the notification is in its environment (TALKER_ID, TALKER_TOPIC, " +
    "TALKER_TEXT, TALKER_FROM, TALKER_SERVER, TALKER_TIME, with --details TALKER_DETAILS) and its text " +
    "on its stdin.",
    "--publish prints the id of what it published; with --need-ack also a table of who got it, and " +
    "exits with 4 when acknowledgements are missing, also when Ctrl-C ends the waiting.",
  ],
  positionals: { min: 1, max: 1 + MAX_PATTERNS },
  flags: {
    as: {
      kind: "string",
      placeholder: "NAME",
      defaultText: "nobody",
      help: "Subscribe under this name: what is published while nobody is there under it waits.",
      check: nickComplaint,
    },
    since: {
      kind: "string",
      placeholder: "ID|all",
      defaultText: "from now on",
      help: "Also those after this one, or all that are remembered.",
      check: (text) => isId(text) ? undefined : "it must be the id of a notification, or all",
    },
    count: {
      kind: "integer",
      min: 1,
      defaultText: "no limit",
      help: "Exit with 0 after so many were handled.",
    },
    timeout: {
      kind: "seconds",
      defaultText: "no limit; 30 with --need-ack",
      help: "Exit with 3 when not done after S seconds.",
    },
    exec: {
      kind: "string",
      placeholder: "CMD",
      defaultText: "print",
      once: true,
      help: "Run this for each notification (sh -c CMD), one at a time; " +
        "it is acknowledged when that exits with 0.",
    },
    execTimeout: {
      kind: "seconds",
      default: EXEC_TIMEOUT_S,
      help: "End a handler that takes longer.",
    },
    details: {
      kind: "boolean",
      help: "Fetch the details of offers (topic offers) before they are handled.",
    },
    publish: {
      kind: "string",
      placeholder: "TOPIC TEXT",
      defaultText: "nothing",
      once: true,
      help: "Publish TEXT on TOPIC; where TEXT is - each line of stdin.",
    },
    needAck: {
      kind: "string",
      placeholder: "N|all",
      defaultText: "none",
      help: "Wait until so many have acknowledged what is published.",
    },
    nick: {
      kind: "string",
      placeholder: "NAME",
      defaultText: "a guest",
      help: "Your nick.",
      check: nickComplaint,
    },
    reconnect: {
      kind: "boolean",
      default: true,
      help: "Exit with 1 when the connection is lost, instead of coming back.",
    },
    modeTimeout: {
      kind: "seconds",
      min: 1,
      max: MAX_NOTIFY_S,
      defaultText: "that of the server, 60",
      help: "Stay in notification mode so long before it is entered anew.",
    },
    ...securityFlags,
    ...beaconFlags,
    ...commonFlags("warning"),
  },
  examples: [
    "talker notify kitchen door/* --as bell --exec './ring.sh'",
    "talker notify :8889 offers --details",
    "talker notify kitchen --publish door/front 'somebody is there' --need-ack 1 --timeout 10",
    "date | talker notify kitchen --publish clock -",
  ],
});

/** The values of the flags. */
export type NotifyFlags = FlagValues<typeof notifyCommand.flags>;

/** The server: how it is called in messages, where it is, and how to connect to it. */
export type Server =
  & { readonly target: string }
  & Pick<ConnectionOptions, "server" | "connect" | "refusal">;

/** Looks for the server; undefined where Ctrl-C ended that. */
export type FindServer = () => Promise<Server | undefined>;

/** Runs `talker notify`. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const { flags, rest } = parseCommand(notifyCommand, joinPublish(args), io.env);
  const [target, ...topics] = rest;
  const publishing = flags.publish !== undefined;
  if (publishing) checkPublishing(flags, topics);
  else checkListening(flags, topics);
  // Without it only what the user must know is told, and that goes to stderr by itself.
  const logs = flags.logLevel !== "warning" || flags.logFile !== undefined;
  await using _log = logs ? await startLog(flags, io.stderr) : undefined;
  const find = () => findServer(target, flags, io);
  if (publishing) return await (await import("./notify_publish.ts")).publish(flags, find, io);
  return await (await import("./notify_listen.ts")).listen({ flags, topics }, find, io);
}

async function findServer(
  target: string | undefined,
  flags: NotifyFlags,
  io: Io,
): Promise<Server | undefined> {
  const found = await clientTarget(target, { ...flags, framed: false }, io);
  if (found === undefined) return undefined;
  const secrets = wantsSecurity(flags, io.env)
    ? await (await import("./security.ts")).Secrets.open(flags, io)
    : undefined;
  let isFirst = true;
  return {
    target: found.shown,
    // Later attempts look again: what is known by its name may be elsewhere by then.
    server: (signal) => {
      if (!isFirst) return found.again(signal);
      isFirst = false;
      return Promise.resolve(found.address);
    },
    connect: (server, { signal }) => dial(server, { secrets, signal }),
    refusal: ENCRYPTED_ONLY,
  };
}

/** `--publish TOPIC TEXT`, a flag with two values, as one: the text may begin with a dash. */
function joinPublish(args: readonly string[]): string[] {
  const end = args.indexOf("--");
  const at = args.findIndex((arg) => /^--publish(=|$)/.test(arg));
  if (at < 0 || (end >= 0 && end < at)) return [...args];
  const [, topic] = /^--publish=(.*)$/s.exec(args[at] ?? "") ?? [];
  const next = at + (topic === undefined ? 2 : 1);
  const text = args[next];
  if (text === undefined) {
    throw new UsageError("--publish takes a TOPIC and a TEXT; quote a text of several words");
  }
  return [
    ...args.slice(0, at),
    `--publish=${topic ?? args[at + 1]} ${text}`,
    ...args.slice(next + 1),
  ];
}

function checkPublishing(flags: NotifyFlags, topics: readonly string[]): void {
  if (topics.length > 0) {
    const shown = visible(topics[0] ?? "");
    throw new UsageError(
      `Unexpected argument "${shown}": --publish takes one TOPIC and one TEXT; quote a text of several words`,
    );
  }
  const { as, since, count, exec, details } = flags;
  const given = Object.entries({ as, since, count, exec, details: details || undefined })
    .find(([, value]) => value !== undefined);
  if (given !== undefined) throw new UsageError(`--${given[0]} does not go with --publish`);
}

function checkListening(flags: NotifyFlags, topics: readonly string[]): void {
  const { as, needAck } = flags;
  if (needAck !== undefined) throw new UsageError("--need-ack goes with --publish only");
  for (const topic of topics) {
    if (parsePattern(topic) !== undefined) continue;
    throw new UsageError(
      `"${visible(topic)}" is no topic: it must be letters, digits, - _ and . in levels such as ` +
        "door/front; * is one level, ** at the end any",
    );
  }
  const command = modeCommand({ topics, as, modeSeconds: MAX_NOTIFY_S }, "x".repeat(64));
  if (encodeText(command).length > MAX_LINE_BYTES - 100) {
    throw new UsageError("The topics together are too long: use patterns such as door/*");
  }
}
