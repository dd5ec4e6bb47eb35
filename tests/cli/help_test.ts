import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { commonFlags } from "../../lib/cli/common_flags.ts";
import { defineCommand } from "../../lib/cli/flags.ts";
import { commandHelp, generalHelp } from "../../lib/cli/help.ts";

const command = defineCommand({
  name: "server",
  summary: "a chat server",
  usage: "talker server [FLAGS]",
  positionals: { min: 0, max: 0 },
  flags: {
    name: { kind: "string", placeholder: "NAME", defaultText: "the host name", help: "Its name." },
    port: { kind: "port", default: 8889, help: "The port. ".repeat(20).trim() },
    echo: { kind: "boolean", default: true, help: "Keep speech from its speaker." },
    timeout: { kind: "seconds", default: 2, help: "Patience." },
    send: { kind: "strings", placeholder: "LINE", help: "A line." },
    ...commonFlags(),
  },
  examples: ["talker server --name kitchen", "talker server --port 0"],
});

Deno.test("The help of a command shows usage, flags with defaults, examples, environment, codes", () => {
  const help = commandHelp(command);
  for (
    const part of [
      "talker server: a chat server\n",
      "Usage: talker server [FLAGS]\n",
      "  --name NAME",
      "(default: the host name)",
      "  --port PORT",
      "(default: 8889)",
      "  --no-echo",
      "(default: off)",
      "  --timeout S",
      "(default: 2 s)",
      "May be repeated. (default: none)",
      "  --log-level LEVEL",
      "(default: warning)",
      "--log-file PATH",
      "(default: stderr)",
      "--help",
      "  talker server --name kitchen\n  talker server --port 0\n",
      "TALKER_LOG_LEVEL",
      "2 wrong usage",
    ]
  ) assertStringIncludes(help, part);
  assertMatch(help, /[^\n]\n$/);
});

Deno.test("The variable that the help names works for the flag as it is shown", () => {
  const echo = { kind: "boolean", default: true, help: "Keep speech from its speaker." } as const;
  const all = { ...command, flags: { ...command.flags, autoPeer: echo } };
  assertStringIncludes(commandHelp(all), "--log-level is TALKER_LOG_LEVEL");
  const negated = { ...command, flags: { port: command.flags.port, autoPeer: echo } };
  assertMatch(commandHelp(negated), /--no-auto-peer is\s+TALKER_NO_AUTO_PEER\./);
});

Deno.test("No line of the help is wider than 80 columns", () => {
  const names = [{ name: "server", summary: "a chat server" }];
  for (const line of (commandHelp(command) + generalHelp(names)).split("\n")) {
    assert([...line].length <= 80, line);
  }
});

Deno.test("The general help lists the subcommands", () => {
  const help = generalHelp([{ name: "server", summary: "a chat server" }]);
  assertStringIncludes(help, "  server      a chat server\n");
  assertEquals(help.includes("--version"), true);
});
