/**
 * The help texts. Pure.
 *
 * @module
 */

import { EXIT_HELP } from "./exit.ts";
import type { Flag } from "./flag_values.ts";
import { placeholder } from "./flag_values.ts";
import { type Command, envName, shownName } from "./flags.ts";

/** The width that help is wrapped to, in columns. */
const WIDTH = 80;
/** The column where the explanation of a flag begins. */
const HELP_COLUMN = 28;
/** The column where what a subcommand does begins. */
const SUMMARY_COLUMN = 14;

/** The help of a subcommand: usage, every flag with its default, examples, environment, exit codes. */
export function commandHelp(command: Command): string {
  const flags = Object.entries(command.flags);
  const lines = [
    `talker ${command.name}: ${command.summary}`,
    "",
    `Usage: ${command.usage}`,
  ];
  for (const paragraph of command.details ?? []) lines.push("", ...wrap(paragraph, WIDTH));
  lines.push("", "Flags:");
  for (const [property, flag] of flags) lines.push(...flagHelp(property, flag));
  lines.push(...entry("--help, -h", "Show this help."));
  lines.push("", "Examples:", ...command.examples.map((example) => `  ${example}`));
  const words = flags.filter(([property]) => /[A-Z]/.test(property));
  const sample = words.find(([, flag]) => flag.kind !== "boolean") ?? words[0] ?? flags[0];
  if (sample !== undefined) {
    const name = shownName(...sample);
    lines.push(
      "",
      ...wrap(
        `Every flag can also be an environment variable: --${name} is ${envName(name)}. The flag ` +
          "wins. Of a flag that may be repeated the variable holds all values, separated by commas.",
        WIDTH,
      ),
    );
  }
  lines.push("", "Exit codes:", ...EXIT_HELP.map((line) => `  ${line}`));
  return lines.join("\n") + "\n";
}

/** A subcommand as the general help lists it. */
export interface Summary {
  readonly name: string;
  readonly summary: string;
}

/** The help of `talker` itself. */
export function generalHelp(subcommands: readonly Summary[]): string {
  const lines = [
    "talker: boxes on a network find each other, talk, call and notify each other",
    "",
    "Usage: talker SUBCOMMAND [FLAGS] [ARGUMENTS]",
    "",
    "Subcommands:",
    ...subcommands.flatMap(({ name, summary }) => entry(name, summary, SUMMARY_COLUMN)),
    "",
    "Flags:",
    "  --help, -h  Show this help; behind a subcommand, the help of that.",
    "  --version   Show the version.",
    "",
    "Examples:",
    "  talker server --name kitchen",
    "  talker client :8889",
    "",
    "Exit codes:",
    ...EXIT_HELP.map((line) => `  ${line}`),
  ];
  return lines.join("\n") + "\n";
}

function flagHelp(property: string, flag: Flag): string[] {
  const name = "--" + shownName(property, flag);
  const head = flag.kind === "boolean" ? name : `${name} ${placeholder(flag)}`;
  const repeated = flag.kind === "strings" ? " May be repeated." : "";
  return entry(head, `${flag.help}${repeated} (default: ${defaultText(flag)})`);
}

function defaultText(flag: Flag): string {
  if (flag.defaultText !== undefined) return flag.defaultText;
  if (flag.kind === "boolean") return "off";
  if (flag.default === undefined) return "none";
  if (flag.kind === "strings") return flag.default.join(",") || "none";
  return flag.kind === "seconds" ? `${flag.default} s` : String(flag.default);
}

function entry(head: string, text: string, column = HELP_COLUMN): string[] {
  const lines = wrap(text, WIDTH - column);
  const first = `  ${head}`;
  const indent = " ".repeat(column);
  // A head that reaches into the explanations has a line of its own.
  if (first.length + 1 >= column) return [first, ...lines.map((line) => indent + line)];
  return lines.map((line, i) => (i === 0 ? first.padEnd(column) : indent) + line);
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  if (line !== "") lines.push(line);
  return lines;
}
