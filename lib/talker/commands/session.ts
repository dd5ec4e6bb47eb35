/**
 * Commands about one's own session.
 *
 * @module
 */

import { MAX_NICK_CHARACTERS } from "../../wire/limits.ts";
import type { Command, Outcome } from "../command.ts";
import { parseNick } from "../../wire/nick.ts";
import { usage } from "./usage.ts";

const nick: Command = {
  name: "nick",
  parameters: "NAME",
  summary: "be called NAME",
  details: [
    `NAME is 1 to ${MAX_NICK_CHARACTERS} letters, digits, - and _. Case makes no difference.`,
  ],
  run({ talker, session, tag, rest, reply }) {
    const name = parseNick(rest);
    if (name === undefined) {
      return usage(nick, `1 to ${MAX_NICK_CHARACTERS} letters, digits, - and _`);
    }
    if (name === session.nick) {
      reply(`You are already ${name}`, { nick: name });
      return {};
    }
    const old = session.nick;
    if (!talker.rename(session, name)) return { error: "taken", text: `Nick ${name} is taken` };
    // Who hears no chat is answered with what it would have heard.
    if (tag === undefined && !session.hearsChat) {
      session.send({ type: "renamed", time: talker.wall, server: talker.name, old, nick: name });
    }
    return {};
  },
};

const format: Command = {
  name: "format",
  parameters: "text|json",
  summary: "lines as text, or as one JSON object each",
  run({ talker, session, rest }) {
    if (rest !== "text" && rest !== "json") return usage(format);
    talker.setFormat(session, rest === "json");
    if (rest === "json") talker.welcome(session);
    return {};
  },
};

const echo: Command = {
  name: "echo",
  parameters: "on|off",
  summary: "hear your own lines, or don't",
  run({ session, rest }) {
    if (rest !== "on" && rest !== "off") return usage(echo);
    session.echo = rest === "on";
    return {};
  },
};

const service: Command = {
  name: "service",
  parameters: "",
  summary: "for programs, as the first line: be in no list and hear no chat",
  hidden: true,
  run({ talker, session }): Outcome {
    if (session.state !== "arriving") {
      return { error: "usage", text: "/service must be the first line" };
    }
    talker.serve(session);
    return {};
  },
};

const quit: Command = {
  name: "quit",
  parameters: "",
  summary: "leave",
  details: ["What you asked before is still answered."],
  // As in IRC, people say something with it.
  takesAnything: true,
  run: () => ({ kept: [{ text: "Goodbye" }], last: true }),
};

/** `/nick` and all about one's own session. */
export const sessionCommands: readonly Command[] = [nick, format, echo, service, quit];
