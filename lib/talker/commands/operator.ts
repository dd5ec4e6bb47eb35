/**
 * Commands for operators.
 *
 * @module
 */

import type { Command } from "../command.ts";
import { usage } from "./usage.ts";

const kill: Command = {
  name: "kill",
  parameters: "NICK",
  summary: "disconnect NICK",
  operator: true,
  run({ talker, session, rest, reply }) {
    if (rest === "" || /\s/.test(rest)) return usage(kill);
    const victim = talker.roster.find(rest);
    if (victim === undefined) return { error: "not-found", text: `Nobody called ${rest}` };
    reply(`${victim.nick} is disconnected`, { nick: victim.nick });
    if (victim !== session) {
      victim.send({
        type: "notice",
        time: talker.wall,
        text: "You were disconnected by an operator",
      });
    }
    return { end: victim };
  },
};

const stats: Command = {
  name: "stats",
  parameters: "",
  summary: "how the server is doing",
  operator: true,
  run({ talker, reply }) {
    const { arrivals, lines, commands, tooLong } = talker.counters;
    reply(`clients: ${talker.roster.size} now, ${arrivals} since the start`);
    reply(`lines: ${lines} said, ${tooLong} too long; commands: ${commands}`);
    reply(`history: ${talker.history.size} lines, ${talker.history.bytes} bytes`);
    if (talker.confirmations !== undefined) {
      const { size, refused, reason } = talker.confirmations;
      const state = reason === undefined ? "" : ` (${reason})`;
      reply(`confirmations: ${size} wait for the disk, ${refused} refused${state}`);
    }
    for (const line of talker.stats()) reply(line);
    return {};
  },
};

/** `/kill`, `/stats`. */
export const operatorCommands: readonly Command[] = [kill, stats];
