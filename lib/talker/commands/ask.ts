/**
 * Questions to a server, which its `--answer` command answers.
 *
 * @module
 */

import { visible } from "../../wire/text.ts";
import type { Answer } from "../answerer.ts";
import type { Command, CommandContext, Outcome } from "../command.ts";
import { foldNick } from "../../wire/nick.ts";
import { labelsOf } from "../server_names.ts";
import { usage } from "./usage.ts";

const ask: Command = {
  name: "ask",
  parameters: "[@SERVER] TEXT",
  summary: "ask a server (this one) something: its --answer command answers",
  details: [
    "Programs answer here, not people: talker server --answer CMD runs CMD for each question.",
    "@SERVER asks another server of the mesh. To ask this one something that begins with @, name it.",
  ],
  work: "question",
  run: put,
};

async function put(context: CommandContext): Promise<Outcome> {
  const { talker, session, rest } = context;
  const match = /^(?:@(\S+)\s+)?(.+)$/s.exec(rest);
  if (match === null || /^@\S+$/.test(rest)) return usage(ask);
  const [, server, text] = match as unknown as [string, string | undefined, string];
  const { nick } = session;
  if (server === undefined || foldNick(server) === foldNick(talker.name)) {
    return show(context, talker.name, await talker.answer({ nick, server: talker.name, text }));
  }
  const found = talker.mesh?.serversCalled(server) ?? [];
  const [only, another] = found;
  if (only === undefined || talker.mesh === undefined) {
    return { error: "not-found", text: `No server called ${server}: /reachable lists them` };
  }
  if (another !== undefined) {
    const choices = labelsOf(found, talker.mesh.topology()).map((label) => `@${label}`).join(", ");
    return { error: "ambiguous", text: `Several servers are called ${server}: ${choices}` };
  }
  return show(context, only.name, await talker.mesh.ask(nick, only.id, text));
}

function show({ reply }: CommandContext, server: string, answer: Answer): Outcome {
  if ("error" in answer) return { error: answer.error, text: answer.text };
  const lines = answer.text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  for (const line of lines) reply(visible(line), { server });
  return {};
}

/** `/ask`. */
export const askCommands: readonly Command[] = [ask];
