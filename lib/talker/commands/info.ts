/**
 * Commands that tell something.
 *
 * @module
 */

import { MAX_HISTORY_REPLY, MAX_RANDOM_NUMBERS } from "../../wire/limits.ts";
import type { Command, CommandContext, Outcome } from "../command.ts";
import { isoTime } from "../event.ts";
import { randomBetween } from "../random.ts";
import { usage, wholeNumber, words } from "./usage.ts";

/** Lines that `/history` gives when it isn't told. */
const DEFAULT_HISTORY = 10;

const who: Command = {
  name: "who",
  parameters: "",
  summary: "who is here",
  run({ talker, reply }) {
    const nicks = talker.roster.nicks();
    const servers = 1;
    reply(`There are ${nicks.length} users online on ${servers} servers:`, {
      users: nicks.length,
      servers,
    });
    reply(`  Server: ${talker.name}`, { server: talker.name });
    for (const nick of nicks) reply(`    ${nick}`, { server: talker.name, nick });
    return {};
  },
};

const peers: Command = {
  name: "peers",
  parameters: "",
  summary: "the servers that this one is linked to",
  run({ reply }) {
    reply("There are 0 peers directly connected", { peers: 0 });
    return {};
  },
};

const reachable: Command = {
  name: "reachable",
  parameters: "",
  summary: "the servers that can be reached, this one included",
  run({ talker, reply }) {
    reply("There are 1 reachable peers:", { peers: 1 });
    reply(`  ${talker.name}`, { server: talker.name });
    return {};
  },
};

const topology: Command = {
  name: "topology",
  parameters: "",
  summary: "which server is linked to which",
  run({ talker, reply }) {
    reply(talker.name, { server: talker.name });
    return {};
  },
};

const history: Command = {
  name: "history",
  parameters: "[N] [since=ID]",
  summary: `the last N lines (${DEFAULT_HISTORY}), or those after ID, with their times`,
  run: showHistory,
};

function showHistory({ talker, rest, reply }: CommandContext): Outcome {
  let most: number | undefined, id: string | undefined;
  for (const word of words(rest)) {
    if (word.startsWith("since=") && id === undefined) id = word.slice("since=".length);
    else if (most === undefined && /^[0-9]{1,9}$/.test(word)) most = Number(word);
    else return usage(history);
  }
  let said;
  if (id === undefined) {
    said = talker.history.last(Math.min(most ?? DEFAULT_HISTORY, MAX_HISTORY_REPLY), talker.wall);
  } else {
    const sequence = talker.sequenceOf(id);
    const found = sequence === undefined
      ? undefined
      : talker.history.since(sequence, most ?? MAX_HISTORY_REPLY, talker.wall);
    if (found === undefined) {
      return { error: "not-found", text: `No line with the id ${id} is known here` };
    }
    said = found.said;
    if (found.missed > 0 && most === undefined) {
      reply(`… ${found.missed} lines are no longer remembered`, { missed: found.missed });
    }
  }
  for (const line of said) {
    const { nick, kind, text } = line;
    const shown = kind === "action" ? `* ${nick} ${text}` : `${nick}: ${text}`;
    const time = isoTime(line.time);
    reply(`${time} ${shown}`, {
      id: talker.idOf(line),
      time,
      nick,
      server: talker.name,
      kind,
      said: text,
    });
  }
  return {};
}

const time: Command = {
  name: "time",
  parameters: "",
  summary: "the time at the server (ISO 8601)",
  run({ talker, reply }) {
    const now = isoTime(talker.wall);
    reply(now, { time: now });
    return {};
  },
};

const random: Command = {
  name: "random",
  parameters: "[N [MIN MAX]]",
  summary: "N random whole numbers (1), from MIN to MAX (1 to 100)",
  details: [`N is at most ${MAX_RANDOM_NUMBERS}; MIN and MAX are both included.`],
  run({ talker, rest, reply }) {
    const given = words(rest);
    const [count = 1, min = 1, max = 100] = given.map(wholeNumber);
    if (
      given.length === 2 || given.length > 3 ||
      given.some((word) => wholeNumber(word) === undefined) ||
      count < 1 || count > MAX_RANDOM_NUMBERS
    ) {
      return usage(random, `N from 1 to ${MAX_RANDOM_NUMBERS}`);
    }
    if (min > max || max - min >= Number.MAX_SAFE_INTEGER) {
      return usage(random, "MIN not above MAX");
    }
    const numbers = Array.from({ length: count }, () => randomBetween(talker.random, min, max));
    reply(numbers.join(" "), { numbers });
    return {};
  },
};

const ping: Command = {
  name: "ping",
  parameters: "[TEXT]",
  summary: "answered with pong TEXT",
  run({ rest, reply }) {
    reply(rest === "" ? "pong" : `pong ${rest}`);
    return {};
  },
};

/** `/who` and all that tells something. */
export const infoCommands: readonly Command[] = [
  who,
  peers,
  reachable,
  topology,
  history,
  time,
  random,
  ping,
];
