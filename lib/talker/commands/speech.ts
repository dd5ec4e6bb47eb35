/**
 * Commands that say something.
 *
 * @module
 */

import type { Command, CommandContext, Outcome } from "../command.ts";
import { foldNick, parseNick } from "../../wire/nick.ts";
import { labelsOf } from "../server_names.ts";
import { usage } from "./usage.ts";

const say: Command = {
  name: "say",
  parameters: "TEXT",
  summary: "say TEXT, as a command: so that it can be tagged",
  details: ["Blanks at its beginning and end are said, too."],
  run: (context) => context.rest === "" ? usage(say) : speak(context, "speech", context.raw),
};

const me: Command = {
  name: "me",
  parameters: "TEXT",
  summary: "say what you do: * NICK TEXT",
  run: (context) => context.rest === "" ? usage(me) : speak(context, "action", context.rest),
};

function speak({ talker, session, tag }: CommandContext, type: "speech" | "action", text: string) {
  const id = talker.say(session, type, text);
  // Who hears no chat is answered with what it would have heard.
  if (tag === undefined && !session.hearsChat && session.echo) {
    const { nick } = session;
    session.send({ type, id, time: talker.wall, nick, server: talker.name, text });
  }
  return { id, kept: [] };
}

const tell: Command = {
  name: "tell",
  parameters: "NICK[@SERVER] TEXT",
  summary: "say TEXT to one person only",
  details: ["Servers of one name are told apart as in /topology: bob@kitchen[1644d5]."],
  work: "question",
  run: whisper,
};

function whisper(context: CommandContext): Outcome | Promise<Outcome> {
  const { talker, session, rest, reply } = context;
  const match = /^([^\s@]+)(?:@(\S+))?\s+(.+)$/s.exec(rest);
  if (match === null) return usage(tell);
  const [, nick, server, text] = match as unknown as [string, string, string | undefined, string];
  const here = server === undefined || foldNick(server) === foldNick(talker.name);
  const recipient = here ? talker.roster.find(nick) : undefined;
  if (recipient === undefined) return whisperAway(context, nick, server, text);
  if (!recipient.takesWhispers) {
    const reason = "does not read what is sent: nothing more can be whispered there now";
    return { error: "busy", text: `${recipient.nick} ${reason}` };
  }
  recipient.send({
    type: "whisper",
    time: talker.wall,
    nick: session.nick,
    server: talker.name,
    text,
  });
  reply(`You whisper to ${recipient.nick}: ${text}`, { nick: recipient.nick, server: talker.name });
  return {};
}

/** To somebody on another server: the one that is named, or the only one where there is such a nick. */
function whisperAway(
  { talker, session, reply }: CommandContext,
  nick: string,
  server: string | undefined,
  text: string,
): Outcome | Promise<Outcome> {
  const { mesh } = talker;
  const whom = server === undefined ? nick : `${nick}@${server}`;
  const nobody: Outcome = { error: "not-found", text: `Nobody called ${whom}` };
  if (mesh === undefined || mesh.alone || parseNick(nick) === undefined) return nobody;
  // It is from who said it, whatever the nick is when the recipient is found.
  const from = session.nick;
  const to = async (node: string, name: string): Promise<Outcome> => {
    const outcome = await mesh.whisper(from, node, nick, text);
    if ("error" in outcome) return outcome;
    reply(`You whisper to ${outcome.nick}@${name}: ${text}`, { nick: outcome.nick, server: name });
    return {};
  };
  const isNamed = server !== undefined;
  const choose = (found: readonly { id: string; name: string }[]): Outcome | Promise<Outcome> => {
    const [only, another] = found;
    if (only === undefined) return nobody;
    if (another === undefined) return to(only.id, only.name);
    const choices = labelsOf(found, mesh.topology()).map((label) => `${nick}@${label}`).join(", ");
    const what = isNamed ? `Several servers are called ${server}` : `${nick} is on several servers`;
    return { error: "ambiguous", text: `${what}: ${choices}` };
  };
  const there = isNamed
    ? mesh.serversCalled(server)
    : mesh.find(nick).then((found) =>
      found.map(({ node, server }) => ({ id: node, name: server }))
    );
  // To look for somebody takes its time: what is said to the same one after that does not overtake it.
  return session.whispers.run(foldNick(nick), there, choose);
}

/** `/say`, `/me`, `/tell`. */
export const speechCommands: readonly Command[] = [say, me, tell];
