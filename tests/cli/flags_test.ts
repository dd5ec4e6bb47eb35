import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import fc from "fast-check";
import { commonFlags } from "../../lib/cli/common_flags.ts";
import { EXIT, HelpRequested, UsageError } from "../../lib/cli/exit.ts";
import { defineCommand, envName, flagName, parseCommand } from "../../lib/cli/flags.ts";

const short = (text: string) => text.length > 3 ? "it must be short" : undefined;

const command = defineCommand({
  name: "server",
  summary: "a chat server",
  usage: "talker server [FLAGS] [TARGET]",
  positionals: { min: 0, max: 1 },
  flags: {
    name: {
      kind: "string",
      placeholder: "NAME",
      default: undefined,
      defaultText: "the host name",
      help: "Its name.",
    },
    port: { kind: "port", default: 8889, help: "The port." },
    echo: { kind: "boolean", default: true, help: "Keep speech from its speaker." },
    verbose: { kind: "boolean", help: "More." },
    send: { kind: "strings", placeholder: "LINE", mayBeEmpty: true, help: "Send this." },
    count: { kind: "integer", min: 1, help: "So many." },
    offset: { kind: "integer", default: 0, help: "Any." },
    timeout: { kind: "seconds", help: "So long." },
    admin: { kind: "choice", choices: ["any", "local"], default: "local", help: "Who." },
    peerListen: { kind: "string", help: "Where." },
    ask: { kind: "string", once: true, check: short, help: "What." },
    peer: { kind: "strings", check: short, help: "Who." },
    ...commonFlags("info"),
  },
  examples: ["talker server", "talker server --port 0"],
});

function parse(args: string[], env: Record<string, string> = {}) {
  return parseCommand(command, args, (name) => env[name]);
}

function usageError(args: string[], env: Record<string, string> = {}): string {
  const error = assertThrows(() => parse(args, env), UsageError);
  assertEquals(error.exitCode, EXIT.usage);
  assert(!error.message.includes("\n"), "one line");
  return error.message;
}

Deno.test("Without arguments every flag has its default", () => {
  const { flags, rest } = parse([]);
  assertEquals(flags, {
    name: undefined,
    port: 8889,
    echo: true,
    verbose: false,
    send: [],
    count: undefined,
    offset: 0,
    timeout: undefined,
    admin: "local",
    peerListen: undefined,
    ask: undefined,
    peer: [],
    json: false,
    logLevel: "info",
    logFormat: "text",
    logFile: undefined,
  });
  assertEquals(rest, []);
});

Deno.test("The types of the values are inferred", () => {
  const { flags } = parse([]);
  const port: number = flags.port;
  const name: string | undefined = flags.name;
  const echo: boolean = flags.echo;
  const send: readonly string[] = flags.send;
  const count: number | undefined = flags.count;
  const admin: "any" | "local" = flags.admin;
  // @ts-expect-error without a default it may be missing
  const missing: number = flags.count;
  // @ts-expect-error there is no such flag
  const none = flags.nothing;
  assertEquals([port, name, echo, send, count, admin, missing, none].length, 8);
});

Deno.test("A value may follow or stand behind =", () => {
  for (const args of [["--port", "1"], ["--port=1"], ["--port=2", "--port", "1"]]) {
    assertEquals(parse(args).flags.port, 1);
  }
  assertEquals(parse(["--peer-listen", ":0"]).flags.peerListen, ":0");
  assertEquals(parse(["--send="]).flags.send, [""]);
  assertEquals(parse(["--name=a=b"]).flags.name, "a=b");
  assertEquals(parse(["--timeout", "0.5"]).flags.timeout, 0.5);
});

Deno.test("Booleans can be switched on and off", () => {
  assertEquals(parse(["--no-echo"]).flags.echo, false);
  assertEquals(parse(["--no-echo", "--echo"]).flags.echo, true);
  assertEquals(parse(["--echo=false"]).flags.echo, false);
  assertEquals(parse(["--no-echo=false"]).flags.echo, true);
  assertEquals(parse(["--verbose", "true"]).rest, ["true"], "a boolean takes no next argument");
  assertEquals(parse(["--verbose"]).flags.verbose, true);
  assertEquals(parse(["--no-json"], { TALKER_JSON: "1" }).flags.json, false);
});

Deno.test("A flag may be repeated where it says so", () => {
  assertEquals(parse(["--send", "a", "--send=b,c"]).flags.send, ["a", "b,c"]);
});

Deno.test("What looks like a flag can be a value", () => {
  assertEquals(parse(["--offset", "-5"]).flags.offset, -5);
  assertEquals(parse(["--offset=-5"]).flags.offset, -5);
  assertEquals(parse(["--send", "-x"]).flags.send, ["-x"]);
  assertEquals(parse(["--send", "--"]).flags.send, ["--"]);
  assertEquals(parse(["--send", "--unlike-any"]).flags.send, ["--unlike-any"]);
  assertEquals(parse(["--send=--port"]).flags.send, ["--port"]);
  assertEquals(parse(["--send", "__proto__"]).flags.send, ["__proto__"]);
});

Deno.test("-- ends the flags", () => {
  assertEquals(parse(["--port=1", "--", "--help"]).rest, ["--help"]);
  assertEquals(parse(["-"]).rest, ["-"]);
  assertEquals(parse(["-1"]).rest, ["-1"]);
});

Deno.test("--help wins anywhere, even behind errors", () => {
  for (const args of [["--help"], ["-h"], ["x", "--bogus", "--help"], ["--port", "--help"]]) {
    assertThrows(() => parse(args), HelpRequested);
  }
});

Deno.test("Errors name the flag, the value and what is expected", () => {
  const table: [string[], RegExp][] = [
    [["--prot", "1"], /Unknown flag --prot; the nearest is --port /],
    [["--prot=1"], /Unknown flag --prot; the nearest is --port /],
    [["--no-ecko"], /nearest is --no-echo /],
    [["--hepl"], /nearest is --help /],
    [["-port", "1"], /Unknown flag -port; the nearest is --port /],
    [["-x"], /Unknown flag -x; the nearest is --/],
    [["--no-port"], /Unknown flag --no-port/],
    [["--port", "x"], /^--port is "x"; it must be a port number from 0 to 65535$/],
    [["--port", "65536"], /--port is "65536"/],
    [["--port", "1e3"], /--port is "1e3"/],
    [["--port", ""], /--port is ""/],
    [["--count", "0"], /^--count is "0"; it must be a whole number, 1 or more$/],
    [["--count", "1.5"], /--count is "1.5"/],
    [["--timeout", "-1"], /^--timeout is "-1"; it must be a number of seconds from 0 /],
    [["--timeout", "1h"], /--timeout is "1h"/],
    [["--admin", "all"], /^--admin is "all"; it must be one of any, local$/],
    [["--echo=maybe"], /^--echo is "maybe"; it must be true or false$/],
    [["--port"], /^--port needs a value: PORT$/],
    [
      ["--name", "--port"],
      /^--name needs a value: NAME; to give it "--port", write --name=--port$/,
    ],
    [["--log-level", "loud"], /one of debug, info, warning, error/],
    [["a", "b"], /^Unexpected argument "b"; usage: talker server/],
    [["--port", "\u001b[2J\n"], /--port is "\uFFFD\[2J\uFFFD"/],
    [["--ask", "much", "--peer=a"], /^--ask is "much"; it must be short$/],
    [["--ask=a", "--ask", "b"], /^--ask is given twice; give it once$/],
    [["--peer=a", "--peer", "much"], /^--peer is "much"; it must be short$/],
    [["--log-file="], /^--log-file is ""; it must not be empty$/],
    [["--name", ""], /^--name is ""; it must not be empty$/],
    [["--peer=a", "--peer="], /^--peer is ""; it must not be empty$/],
    [["--constructor"], /Unknown flag --constructor/],
    [["--__proto__=1"], /Unknown flag --__proto__/],
  ];
  for (const [args, expected] of table) assertMatch(usageError(args), expected);
});

Deno.test("The environment fills in what is not given", () => {
  const env = {
    TALKER_PORT: "7000",
    TALKER_PEER_LISTEN: ":1",
    TALKER_SEND: "a, b,,c",
    TALKER_LOG_LEVEL: "debug",
    TALKER_NAME: "",
    TALKER_NO_ECHO: "true",
  };
  const { flags } = parse(["--peer-listen", ":2"], env);
  assertEquals(flags.port, 7000);
  assertEquals(flags.peerListen, ":2", "the flag wins");
  assertEquals(flags.send, ["a", "b", "c"]);
  assertEquals(flags.logLevel, "debug");
  assertEquals(flags.name, undefined, "empty is as good as none");
  assertEquals(flags.echo, false);
  assertEquals(parse([], { TALKER_ECHO: "no" }).flags.echo, false);
  assertEquals(parse(["--echo"], env).flags.echo, true, "the flag wins");
});

Deno.test("A bad value in the environment is an error that names the variable", () => {
  assertMatch(usageError([], { TALKER_PORT: "x" }), /^TALKER_PORT is "x"; it must be a port/);
  assertMatch(usageError([], { TALKER_NO_ECHO: "x" }), /^TALKER_NO_ECHO is "x"; /);
  assertMatch(
    usageError([], { TALKER_ASK: "much" }),
    /^TALKER_ASK is "much"; it must be short \(it stands for --ask of talker server, which wins\)$/,
  );
  assertMatch(
    usageError([], { TALKER_PEER: "a,much" }),
    /^TALKER_PEER is "much"; it must be short \(it stands for --peer of talker server, /,
  );
  assertEquals(parse(["--ask=b"], { TALKER_ASK: "a" }).flags.ask, "b", "the flag wins");
  assertEquals(parse(["--port=1"], { TALKER_PORT: "x" }).flags.port, 1);
});

Deno.test("Too few arguments", () => {
  const one = defineCommand({ ...command, positionals: { min: 1, max: 2 } });
  assertThrows(() => parseCommand(one, [], () => undefined), UsageError, "Too few arguments");
});

Deno.test("The names of flags and variables", () => {
  assertEquals(flagName("peerListen"), "peer-listen");
  assertEquals(envName("peer-listen"), "TALKER_PEER_LISTEN");
});

Deno.test("Any text can be a value behind =, and comes out as it went in", () => {
  fc.assert(fc.property(fc.array(fc.string({ unit: "binary" })), (values) => {
    const args = values.map((value) => `--send=${value}`);
    assertEquals(parse(args).flags.send, values);
  }));
});

Deno.test("Whatever the arguments, there is a result, help, or a usage error", () => {
  const piece = fc.constantFrom(
    "--port",
    "--send",
    "--no-echo",
    "--",
    "-",
    "=",
    "5",
    "--help",
    "x",
  );
  const args = fc.array(fc.oneof(piece, fc.string()), { maxLength: 6 });
  fc.assert(fc.property(args, (given) => {
    try {
      parse(given);
    } catch (error) {
      assert(error instanceof UsageError || error instanceof HelpRequested, String(error));
    }
  }));
});
