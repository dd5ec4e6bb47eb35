/**
 * `talker client`: the terminal client, and the tool for scripts.
 *
 * @module
 */

import { commonFlags } from "../lib/cli/common_flags.ts";
import { EXIT, UsageError } from "../lib/cli/exit.ts";
import { defineCommand, type FlagValues, parseCommand } from "../lib/cli/flags.ts";
import type { Io } from "../lib/cli/io.ts";
import { startLog } from "../lib/cli/log.ts";
import { MAX_RECORD_BYTES } from "../lib/messaging/carrier.ts";
import type { ClientHost, ClientOptions, Outcome } from "../lib/client/host.ts";
import { isAnswer, plainJson, plainText } from "../lib/client/plain.ts";
import { LineDecoder } from "../lib/wire/line_codec.ts";
import { decodeText } from "../lib/wire/text.ts";
import { ask, ASK_TIMEOUT_S } from "./client_ask.ts";
import { beaconFlags } from "./beacon_flags.ts";
import { Driver, type UserLine } from "./client_driver.ts";
import { clientTarget } from "./client_target.ts";
import { askComplaint, nickComplaint } from "./flag_checks.ts";
import { securityFlags, wantsSecurity } from "./security_flags.ts";

/** The subcommand and its flags. */
export const clientCommand = defineCommand({
  name: "client",
  summary: "Talk to a server: in a terminal, or from scripts.",
  usage: "talker client [FLAGS] [TARGET]",
  details: [
    "TARGET is the name of a server on the local network, or host:port, [v6]:port, :port or a port (on " +
    "this machine). Without one servers are looked for: the only one is taken, several are listed.",
    "In a terminal: type to talk, /help lists the server's commands, /ignore NICK hides somebody, " +
    "Tab completes, Ctrl-D or /quit leaves. Where stdin is no terminal each of its lines is sent, " +
    "and at its end the client waits until the server has taken them all.",
  ],
  positionals: { min: 0, max: 1 },
  flags: {
    nick: {
      kind: "string",
      placeholder: "NAME",
      defaultText: "a guest",
      help: "Your nick.",
      check: nickComplaint,
    },
    send: {
      kind: "strings",
      placeholder: "LINE",
      mayBeEmpty: true,
      help: "Send this line instead of those of stdin; print only the answers to commands.",
    },
    ask: {
      kind: "string",
      placeholder: "TEXT",
      defaultText: "nothing",
      once: true,
      check: askComplaint,
      help:
        "Ask the server's --answer command (or @SERVER TEXT: another's), print the answer and exit: " +
        `3 when there is none within --timeout (${ASK_TIMEOUT_S} s).`,
    },
    count: {
      kind: "integer",
      min: 1,
      defaultText: "no limit",
      help: "Exit with 0 after so many received lines of speech or whispers.",
    },
    timeout: {
      kind: "seconds",
      defaultText: "no limit",
      help: "Exit with 3 when not done after S seconds.",
    },
    reconnect: {
      kind: "boolean",
      default: true,
      help: "Exit with 1 when the connection is lost, instead of coming back.",
    },
    framed: { kind: "boolean", help: "Talk to a port for framed clients." },
    ...securityFlags,
    ...beaconFlags,
    ...commonFlags("warning"),
  },
  examples: [
    "talker client kitchen --nick ann",
    "echo 'the tea is ready' | talker client :8889",
    "talker client :8889 --send '/who' --json",
    "talker client :8889 --count 1 --timeout 60",
  ],
});

type Flags = FlagValues<typeof clientCommand.flags>;

/** Runs `talker client`. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const { flags, rest } = parseCommand(clientCommand, args, io.env);
  checkAsking(flags);
  const server = await clientTarget(rest[0], flags, io);
  if (server === undefined) return EXIT.ok;
  // Only for debugging does the client log anything: its own words go to stderr by themselves.
  const logs = flags.logLevel === "debug" || flags.logFile !== undefined;
  await using _log = logs ? await startLog(flags, io.stderr) : undefined;
  const secrets = wantsSecurity(flags, io.env)
    ? await (await import("./security.ts")).Secrets.open(flags, io)
    : undefined;
  if (flags.ask !== undefined) {
    const { ask: text, framed, json, timeout = ASK_TIMEOUT_S } = flags;
    const timeoutMs = timeout * 1000;
    return await ask({ server, framed, text, json, timeoutMs, secrets }, io);
  }
  const debug = flags.logLevel === "debug" ? await debugLogger() : () => {};

  const isTerminal = io.stdin.isTerminal && io.stdout.isTerminal && io.env("TERM") !== "dumb";
  const interactive = isTerminal && !flags.json && flags.send.length === 0;
  const options = clientOptions(flags, server.shown, interactive);
  let isFirst = true;
  const locate = (signal: AbortSignal) => {
    if (!isFirst) return server.again(signal);
    isFirst = false;
    return Promise.resolve(server.address);
  };
  const driver = new Driver(options, { locate, secrets, framed: flags.framed, io, debug });
  const outcome = interactive
    ? await (await import("./client_terminal.ts")).converse(driver, io)
    : await script(driver, flags, io);
  // The line being typed is to be gone from the terminal before.
  if (interactive) await io.stdout.flush();
  if (outcome.message !== undefined) io.stderr.write(`talker: ${outcome.message}\n`);
  return EXITS[outcome.is];
}

/** How a client ended, and its exit code. */
const EXITS: Readonly<Record<Outcome["is"], number>> = {
  done: EXIT.ok,
  partly: EXIT.partly,
  failed: EXIT.failed,
  timeout: EXIT.timeout,
  unauthorised: EXIT.unauthorised,
};

/** Asking is all that is done then. */
function checkAsking({ ask, send, count }: Flags): void {
  if (ask === undefined) return;
  const other = send.length > 0 ? "--send" : count === undefined ? undefined : "--count";
  if (other !== undefined) throw new UsageError(`${other} does not go with --ask`);
}

function clientOptions(flags: Flags, target: string, interactive: boolean): ClientOptions {
  return {
    target,
    interactive,
    nick: flags.nick,
    reconnect: flags.reconnect,
    count: flags.count,
    timeoutMs: flags.timeout === undefined ? undefined : flags.timeout * 1000,
    random: Math.random,
  };
}

async function debugLogger(): Promise<ClientHost["debug"]> {
  const { getLogger } = await import("@logtape/logtape");
  const logger = getLogger(["talker", "client"]);
  return (message, properties) => {
    logger.debug(
      `${message}: ${JSON.stringify(properties).slice(0, 500)}`.replace(/[{}]/g, "$&$&"),
    );
  };
}

/** Serves a script: lines of `--send` or of stdin go out, plain lines are printed. */
async function script(driver: Driver, flags: Flags, io: Io): Promise<Outcome> {
  const plain = flags.json ? plainJson : plainText;
  const onlyAnswers = flags.send.length > 0 && flags.count === undefined;
  const ended = driver.start((shown) => {
    if (onlyAnswers && !isAnswer(shown)) return;
    const { out, err } = plain(shown);
    if (out !== undefined) io.stdout.write(out + "\n");
    if (err !== undefined) io.stderr.write(err + "\n");
  });
  const input = flags.send.length > 0
    ? each(flags.send.flatMap((text) => text.split(/\r\n|\r|\n/)))
    : linesOf(io.stdin.chunks());
  // A stdin that stays open does not keep the client.
  await Promise.race([ended, driver.feed(input)]);
  return await ended;
}

async function* each(lines: readonly string[]): AsyncGenerator<readonly UserLine[]> {
  yield lines;
}

/** Lines as they come in, some at a time; the last one may lack its end. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<readonly UserLine[]> {
  const decoder = new LineDecoder(MAX_RECORD_BYTES, { telnet: false });
  let lines: UserLine[] = [];
  const sink = {
    line: (bytes: Uint8Array, start: number, end: number) => {
      lines.push(decodeText(bytes, start, end));
    },
    tooLong: () => void lines.push(MAX_RECORD_BYTES),
  };
  for await (const chunk of chunks) {
    decoder.push(chunk, sink);
    yield lines;
    lines = [];
  }
  decoder.push(new Uint8Array([0x0a]), sink);
  yield lines;
}
