/**
 * The notice board: offers are announced on the topic `offers`, and their details are kept.
 *
 * @module
 */

import type { Notification } from "../../notify/notification.ts";
import { MAX_HEADLINE_CHARACTERS } from "../../wire/limits.ts";
import { OFFERS_TOPIC } from "../../wire/topic.ts";
import type { Command, CommandContext, Outcome } from "../command.ts";
import { isoTime } from "../event.ts";
import { foldNick } from "../../wire/nick.ts";
import { NO_NOTIFICATIONS, TOO_MANY_KEPT } from "./notify.ts";
import { usage } from "./usage.ts";

const offer: Command = {
  name: "offer",
  parameters: "ID or post TEXT or withdraw ID",
  summary: "the details of an offer, or put one on the notice board",
  details: [
    "post TEXT: put TEXT on the board of all servers, and announce it on the topic offers.",
    "withdraw ID: take it off again; who posted it may, and operators.",
  ],
  run(context) {
    if (context.talker.notifications === undefined) return NO_NOTIFICATIONS;
    const [, word = "", more = ""] = /^(\S*)\s*(.*)$/s.exec(context.rest) ?? [];
    switch (word.toLowerCase()) {
      case "":
        return usage(offer);
      case "post":
        return more === "" ? usage(offer, "post what?") : post(context, more);
      case "withdraw":
        return more === "" ? usage(offer, "withdraw which?") : withdraw(context, more);
      default:
        return more === "" ? show(context, word) : usage(offer, `${word}: post or withdraw`);
    }
  },
};

function post({ talker, session }: CommandContext, details: string): Outcome {
  const { notifications } = talker;
  if (notifications === undefined) return NO_NOTIFICATIONS;
  if (!talker.rates.leaves(session, talker.now)) return TOO_MANY_KEPT;
  const text = headlineOf(details);
  const { id } = notifications.publish({ topic: OFFERS_TOPIC, text, nick: session.nick, details });
  return { id, kept: [{ text: `Offer ${id} posted`, more: { id } }] };
}

function show({ talker, reply }: CommandContext, id: string): Outcome {
  const found = find(talker.notifications?.offers() ?? [], id);
  if (found === undefined) return unknown(id);
  const { nick, server, details = found.text } = found;
  const time = isoTime(found.time);
  reply(`Offer ${id} by ${nick}@${server}, ${time}:`, { id, nick, server, time, details });
  reply(`  ${details}`);
  return {};
}

function withdraw({ talker, session }: CommandContext, id: string): Outcome {
  const found = find(talker.notifications?.offers() ?? [], id);
  if (found === undefined) return unknown(id);
  const { nick } = found;
  if (foldNick(nick) !== foldNick(session.nick) && !session.operator) {
    return {
      error: "denied",
      text: `Offer ${id} is by ${nick}: only ${nick} and operators withdraw it`,
    };
  }
  talker.notifications?.withdraw(id);
  return { id, kept: [{ text: `Offer ${id} withdrawn`, more: { id } }] };
}

const offers: Command = {
  name: "offers",
  parameters: "",
  summary: "the offers on the notice board",
  run({ talker, reply }) {
    const all = talker.notifications?.offers() ?? [];
    reply(`There are ${all.length} offers:`, { offers: all.length });
    for (const { id, text: headline, nick, server, time } of all) {
      reply(`  ${id} ${headline}`, { id, headline, nick, server, time: isoTime(time) });
    }
    return {};
  },
};

function find(offers: readonly Notification[], id: string): Notification | undefined {
  return offers.find((offer) => offer.id === id);
}

function unknown(id: string): Outcome {
  return { error: "not-found", text: `No offer ${id} is on the board: /offers lists them` };
}

/**
 * The beginning of a text: up to 60 characters, cut at a blank where there is one.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { headlineOf } from "./offers.ts";
 * assert(headlineOf("A bicycle") === "A bicycle");
 * assert(headlineOf("word ".repeat(20)) === `${"word ".repeat(12).trim()}…`);
 * ```
 */
export function headlineOf(text: string): string {
  // No more of it than is shown is looked at: it may have thousands.
  const characters = [...text.trim().slice(0, 2 * MAX_HEADLINE_CHARACTERS + 2)];
  if (characters.length <= MAX_HEADLINE_CHARACTERS) return characters.join("");
  const start = characters.slice(0, MAX_HEADLINE_CHARACTERS + 1);
  const blank = start.findLastIndex((character) => /\s/u.test(character));
  const cut = blank > 0 ? start.slice(0, blank) : start.slice(0, MAX_HEADLINE_CHARACTERS);
  return `${cut.join("").trimEnd()}…`;
}

/** `/offer`, `/offers`. */
export const offerCommands: readonly Command[] = [offer, offers];
