/**
 * Commands that tell something.
 *
 * @module
 */

import { MAX_HISTORY_REPLY, MAX_RANDOM_NUMBERS } from "../../wire/limits.ts";
import type { Command, CommandContext, Outcome } from "../command.ts";
import { isoTime } from "../event.ts";
import { censusLines } from "../census.ts";
import type { Census } from "../mesh.ts";
import { randomBetween } from "../random.ts";
import { usage, wholeNumber, words } from "./usage.ts";

/** Lines that `/history` gives when it isn't told. */
const DEFAULT_HISTORY = 10;

const who: Command = {
  name: "who",
  parameters: "",
  summary: "who is here, on all servers",
  work: "question",
  run(context) {
    const { mesh } = context.talker;
    if (mesh === undefined || mesh.alone) return showWho(context, { servers: [], silent: [] });
    return mesh.who().then((census) => showWho(context, census));
  },
};

function showWho({ talker, reply }: CommandContext, { servers, silent }: Census): Outcome {
  const here = { server: talker.name, nicks: talker.roster.nicks() };
  for (const { text, more } of censusLines({ servers: [here, ...servers], silent })) {
    reply(text, more);
  }
  return {};
}

const history: Command = {
  name: "history",
  parameters: "[N] [since=ID]",
  summary: `the last N lines (${DEFAULT_HISTORY}), or those after ID, with their times`,
  run: showHistory,
};

function showHistory({ talker, rest, reply }: CommandContext): Outcome {
  let most: number | undefined, id: string | undefined;
  for (const word of words(rest)) {
    const [, since] = /^since=(.+)$/s.exec(word) ?? [];
    if (since !== undefined && id === undefined) id = since;
    else if (most === undefined && /^[0-9]{1,9}$/.test(word)) most = Number(word);
    else return usage(history);
  }
  let said;
  if (id === undefined) {
    said = talker.history.last(Math.min(most ?? DEFAULT_HISTORY, MAX_HISTORY_REPLY), talker.wall);
  } else {
    const found = talker.history.since(id, most ?? MAX_HISTORY_REPLY, talker.wall);
    if (found === undefined) {
      return { error: "not-found", text: `No line with the id ${id} is known here` };
    }
    said = found.said;
    if (found.missed) reply("… older lines are no longer remembered", { missed: true });
  }
  for (const line of said) {
    const { id, nick, server, kind, text } = line;
    const shown = kind === "action" ? `* ${nick} ${text}` : `${nick}: ${text}`;
    const time = isoTime(line.time);
    reply(`${time} ${shown}`, {
      id,
      time,
      nick,
      server,
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
    const wrong = given.find((word) => wholeNumber(word) === undefined);
    if (wrong !== undefined) return usage(random, `${wrong} is no whole number, or too large`);
    if (count < 1 || count > MAX_RANDOM_NUMBERS) {
      return usage(random, `N from 1 to ${MAX_RANDOM_NUMBERS}`);
    }
    if (given.length === 2) return usage(random, "MIN and MAX, or neither");
    if (given.length > 3) return usage(random, "three numbers at the most");
    if (min > max) return usage(random, "MIN not above MAX");
    if (max - min >= Number.MAX_SAFE_INTEGER) {
      return usage(random, "MIN and MAX are too far apart");
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
  run({ session, tag, rest, reply }) {
    const text = rest === "" ? "pong" : `pong ${rest}`;
    if (tag !== undefined && session.hasSpoken) {
      session.hasSpoken = false;
      return { kept: [{ text }] };
    }
    reply(text);
    return {};
  },
};

/** `/who` and all that tells something. */
export const infoCommands: readonly Command[] = [
  who,
  history,
  time,
  random,
  ping,
];
