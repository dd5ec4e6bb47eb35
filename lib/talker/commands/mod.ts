/**
 * All slash commands, by name. A new one is added to its file, or with a new file here.
 *
 * @module
 */

import { nearest } from "../../wire/nearest.ts";
import type { Command, CommandContext, Outcome } from "../command.ts";
import { askCommands } from "./ask.ts";
import { infoCommands } from "./info.ts";
import { meshCommands } from "./mesh.ts";
import { notifyCommands } from "./notify.ts";
import { offerCommands } from "./offers.ts";
import { operatorCommands } from "./operator.ts";
import { sessionCommands } from "./session.ts";
import { speechCommands } from "./speech.ts";

const help: Command = {
  name: "help",
  parameters: "[COMMAND]",
  summary: "the commands with one line each, or one in full",
  run: showHelp,
};

/** Every command, in the order of `/help`. */
export const COMMANDS: readonly Command[] = [
  help,
  ...speechCommands,
  ...infoCommands,
  ...notifyCommands,
  ...offerCommands,
  ...askCommands,
  ...meshCommands,
  ...sessionCommands,
  ...operatorCommands,
];

const byName = new Map(COMMANDS.map((command) => [command.name, command]));
const listed = COMMANDS.filter((command) => command.hidden !== true);

/** The command of that name (lower case, without the slash). */
export function findCommand(name: string): Command | undefined {
  return byName.get(name);
}

/** The name that is nearest to one that is no command. */
export function nearestCommand(name: string): string {
  return nearest(name, listed.map((command) => command.name)) ?? "help";
}

/** `/nick NAME`. */
function headline({ name, parameters }: Command): string {
  return parameters === "" ? `/${name}` : `/${name} ${parameters}`;
}

function showHelp({ rest, reply }: CommandContext): Outcome {
  if (rest === "") {
    reply("What does not begin with / is said to everybody. Commands:");
    const width = Math.max(...listed.map((command) => headline(command).length));
    for (const command of listed) {
      reply(`  ${headline(command).padEnd(width)}  ${command.summary}`, { command: command.name });
    }
    reply("//text says /text. @TAG before a command marks the lines of its answer: /help tags");
    return {};
  }
  const name = rest.replace(/^\//, "").toLowerCase();
  if (name === "tags") {
    reply("@TAG /COMMAND: every line of the answer begins with @TAG, and the last one is @TAG ok");
    reply(
      "or @TAG error CODE text. TAG is 1 to 32 letters and digits. Any number may be on their way.",
    );
    return {};
  }
  const command = findCommand(name);
  if (command === undefined) {
    return {
      error: "not-found",
      text: `No command is called /${name}; did you mean /${nearestCommand(name)}?`,
    };
  }
  reply(`${headline(command)}: ${command.summary}`, { command: command.name });
  for (const line of command.details ?? []) reply(`  ${line}`);
  if (command.operator === true) {
    reply("  For operators: by default, whoever is on the server's own machine.");
  }
  return {};
}
