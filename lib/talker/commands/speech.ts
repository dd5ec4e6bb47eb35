/**
 * Commands that say something.
 *
 * @module
 */

import type { Command, CommandContext, Outcome } from "../command.ts";
import { foldNick } from "../nick.ts";
import { usage } from "./usage.ts";

const say: Command = {
  name: "say",
  parameters: "TEXT",
  summary: "say TEXT, as a command: so that it can be tagged",
  run: ({ talker, session, rest }) =>
    rest === "" ? usage(say) : { id: talker.say(session, "speech", rest) },
};

const me: Command = {
  name: "me",
  parameters: "TEXT",
  summary: "say what you do: * NICK TEXT",
  run: ({ talker, session, rest }) =>
    rest === "" ? usage(me) : { id: talker.say(session, "action", rest) },
};

const tell: Command = {
  name: "tell",
  parameters: "NICK[@SERVER] TEXT",
  summary: "say TEXT to one person only",
  run: whisper,
};

function whisper({ talker, session, rest, reply }: CommandContext): Outcome {
  const match = /^(\S+)\s+(.+)$/s.exec(rest);
  if (match === null) return usage(tell);
  const [, whom, text] = match as unknown as [string, string, string];
  const [nick, server] = whom.split("@", 2) as [string, string | undefined];
  const here = server === undefined || foldNick(server) === foldNick(talker.name);
  const recipient = here ? talker.roster.find(nick) : undefined;
  if (recipient === undefined) return { error: "not-found", text: `Nobody called ${whom}` };
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

/** `/say`, `/me`, `/tell`. */
export const speechCommands: readonly Command[] = [say, me, tell];
