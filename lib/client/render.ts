/**
 * What is shown, as lines for a person at a terminal. Pure, but for the local time zone.
 *
 * @module
 */

import { harmless } from "./harmless.ts";
import { foldNick } from "../wire/nick.ts";
import { type Said, saidInReply } from "./record.ts";
import type { Shown } from "./shown.ts";

/** How lines are rendered. */
export interface RenderOptions {
  /** With colours. Without them marks alone tell own lines and mentions apart. */
  readonly colours: boolean;
  /** The time now, in milliseconds since 1970. */
  readonly now: number;
}

/** Marks between the time and the line. */
const MARK = { none: " ", own: "›", forUs: "!", notice: "-" } as const;
type Mark = keyof typeof MARK;

// ANSI colours that are readable on light and on dark: no black, no white, no dark blue.
const NICK_COLOURS = [31, 32, 33, 35, 36, 91, 92, 94, 95, 96] as const;
const BOLD = 1, DIM = 2, RED = 31, YELLOW = 33, MAGENTA = 35;

/**
 * The lines for what is shown; none for what a person need not see. They are free of control
 * characters but for colours.
 *
 * @example
 * ```ts
 * import { render } from "./render.ts";
 * import { parseRecord } from "./record.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const event = parseRecord('{"type":"notice","text":"The server stops"}');
 * if (event?.type === "notice") {
 *   const [line] = render({ kind: "notice", event }, { colours: false, now: 0 });
 *   assertEquals(line?.slice(5), " - The server stops");
 * }
 * ```
 */
export function render(shown: Shown, options: RenderOptions): string[] {
  return linesOf(shown, options).map(spaced);
}

function linesOf(shown: Shown, options: RenderOptions): string[] {
  const line = (mark: Mark, time: string | undefined, text: string) => [
    `${paint(options, timeText(time, options.now), DIM)} ${MARK[mark]} ${text}`,
  ];
  switch (shown.kind) {
    case "said": {
      const mark = shown.own ? "own" : shown.mention ? "forUs" : "none";
      return line(mark, shown.event.time, saidText(shown.event, shown.own, shown.mention, options));
    }
    case "whisper": {
      const { nick, text, time } = shown.event;
      const whole = paint(options, ` whispers: ${text}`, MAGENTA);
      return line("forUs", time, nickText(nick, options) + whole);
    }
    case "presence": {
      const { event, own } = shown;
      if (!own) return line("none", event.time, paint(options, event.text, DIM));
      if (event.type !== "renamed") return [];
      return line("notice", event.time, `You are ${event.nick} now`);
    }
    case "welcome": {
      const { nick, server, time } = shown.event;
      return line("notice", time, `You are ${nick} on ${server}; /help helps, Ctrl-D leaves`);
    }
    case "notice":
      return line("notice", shown.event.time, shown.event.text);
    case "notify": {
      const { id, topic, text } = shown.event.notification;
      const head = paint(options, `NOTIFY ${id}`, DIM);
      return line("forUs", shown.event.time, `${head} ${paint(options, topic, BOLD)} ${text}`);
    }
    case "status":
      return line("notice", undefined, paint(options, shown.text, YELLOW));
    case "reply": {
      const said = saidInReply(shown.event);
      if (said !== undefined) return line("none", said.time, saidText(said, false, false, options));
      return [tagged(shown.tag, shown.event.text)];
    }
    case "confirmed": {
      const { id } = shown.raw;
      return [tagged(shown.tag, typeof id === "string" ? `ok ${harmless(id)}` : "ok")];
    }
    case "failed":
      return [paint(options, tagged(shown.tag, shown.text), RED)];
    case "fault":
      return [paint(options, shown.event.text, RED)];
    case "unknown":
      return [];
  }
}

/** A command of the user, above its answer. */
export function renderCommand(command: string, options: RenderOptions): string {
  return spaced(paint(options, `> ${harmless(command)}`, DIM));
}

/** The prompt, and how many characters of it are to be seen. */
export function renderPrompt(
  nick: string,
  connected: boolean,
  options: RenderOptions,
): { text: string; plain: string } {
  // Before the first welcome there is no nick.
  const words = connected ? [nick] : [nick, "(offline)"];
  const plain = `${words.filter((word) => word !== "").join(" ")}> `;
  return { plain, text: paint(options, plain, connected ? BOLD : DIM) };
}

/** The colour of a nick: the same wherever and whenever it is shown. An SGR number. */
export function nickColour(nick: string): number {
  // FNV-1a (Fowler, Noll, Vo), 32 bits, over UTF-16 units.
  let hash = 0x811c9dc5;
  for (const unit of foldNick(nick).split("")) {
    hash = Math.imul(hash ^ unit.charCodeAt(0), 0x01000193);
  }
  return NICK_COLOURS[(hash >>> 0) % NICK_COLOURS.length] ?? BOLD;
}

function saidText(said: Said, own: boolean, mention: boolean, options: RenderOptions): string {
  const nick = own ? paint(options, said.nick, BOLD) : nickText(said.nick, options);
  const text = mention ? paint(options, said.text, BOLD, YELLOW) : said.text;
  return said.type === "speech" ? `${nick}: ${text}` : `* ${nick} ${text}`;
}

function nickText(nick: string, options: RenderOptions): string {
  return paint(options, nick, nickColour(nick));
}

function paint({ colours }: RenderOptions, text: string, ...codes: readonly number[]): string {
  return colours ? `\u001b[${codes.join(";")}m${text}\u001b[0m` : text;
}

function tagged(tag: string | undefined, text: string): string {
  return tag === undefined ? text : `@${tag} ${text}`;
}

/** Tabs have no fixed width at a terminal. */
function spaced(text: string): string {
  return text.replaceAll("\t", "    ");
}

/** `HH:MM` in local time; with the day before it where that is not today. */
function timeText(time: string | undefined, now: number): string {
  const today = new Date(now);
  const when = time === undefined ? today : new Date(time);
  const two = (number: number) => String(number).padStart(2, "0");
  const clock = `${two(when.getHours())}:${two(when.getMinutes())}`;
  if (when.toDateString() === today.toDateString()) return clock;
  return `${when.getFullYear()}-${two(when.getMonth() + 1)}-${two(when.getDate())} ${clock}`;
}
