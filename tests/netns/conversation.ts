/** People who talk at a steady rate with numbered lines, and what everybody gets of it. */

import { assertEquals } from "@std/assert";
import type { HostClient } from "../support/netns.ts";

/** Milliseconds from one line of a speaker to the next. */
const EVERY_MS = 20;
/** A line may take as long as this once there is a way for it, in milliseconds. */
export const LATE_MS = 2_000;
/** All that was said until the cable was back is to be there after this long, in milliseconds. */
const WHOLE_MS = 5_000;
/** A line that comes again within this time is a failure, in milliseconds. */
const AGAIN_MS = 5_000;

/** Somebody at a server; those who speak are listeners, too. */
export interface Person {
  nick: string;
  /** Name of the server. */
  at: string;
  client: HostClient;
  speaks: boolean;
}

/** A time in which some servers could not reach each other. */
export interface Cut {
  /** Groups of servers that could reach each other. */
  parts: readonly (readonly string[])[];
  /** When it began, when it was repaired, and when the servers were linked again. */
  from: number;
  mended: number;
  linked: number;
}

/** A conversation, from the first line on. */
export class Conversation {
  readonly #people: readonly Person[];
  /** When each line of a speaker was said; the first has the number 1. */
  readonly #said = new Map<string, number[]>();
  readonly #started = performance.now();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Begins. */
  constructor(people: readonly Person[]) {
    this.#people = people;
    for (const { nick, speaks } of people) if (speaks) this.#said.set(nick, []);
    this.#timer = setInterval(() => this.#speak(), EVERY_MS);
  }

  #speak(): void {
    const now = performance.now();
    const due = Math.floor((now - this.#started) / EVERY_MS);
    for (const { nick, client } of this.#people) {
      const said = this.#said.get(nick);
      if (said === undefined) continue;
      const lines: string[] = [];
      while (said.length < due) lines.push(`line ${said.push(now)}`);
      // A speaker whose server was killed is found out at the end: its lines never come.
      if (lines.length > 0) client.send(...lines).catch(() => {});
    }
  }

  /** Lets them talk for so long. */
  go(milliseconds: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  /** They fall silent. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  /**
   * Waits until everybody has everything, and then for lines that come again. Fails when a line is lost,
   * late, out of its speaker's order, or there twice. Returns what was measured.
   */
  async check(cut?: Cut): Promise<string> {
    this.stop();
    const total = [...this.#said.values()].reduce((sum, { length }) => sum + length, 0);
    const due = performance.now() + WHOLE_MS + LATE_MS;
    const incomplete = () => this.#people.filter(({ client }) => heard(client).length < total);
    while (incomplete().length > 0 && performance.now() < due) await this.go(20);
    await this.go(AGAIN_MS);

    const worst = { before: 0, during: 0, after: 0 };
    let complete = 0;
    for (const person of this.#people) {
      const lines = heard(person.client);
      for (const [nick, said] of this.#said) {
        const theirs = lines.filter((line) => line.nick === nick);
        const name = `${nick}'s lines at ${person.nick}@${person.at}`;
        assertEquals(
          summary(theirs.map(({ number }) => number)),
          summary(said.map((_, index) => index + 1)),
          name,
        );
        const from = this.#people.find((other) => other.nick === nick)?.at as string;
        for (const { number, time } of theirs) {
          const at = said[number - 1] as number;
          const limit = deadline(cut, from, person.at, at);
          if (time > limit) {
            throw new Error(`${name}: ${number} came ${Math.round(time - limit)} ms late`);
          }
          if (limit === at + LATE_MS) {
            const when = cut === undefined || at < cut.from
              ? "before"
              : at < cut.linked
              ? "during"
              : "after";
            worst[when] = Math.max(worst[when], time - at);
          }
          if (cut !== undefined && at < cut.linked) complete = Math.max(complete, time);
        }
      }
    }
    const spans = Object.entries(worst).map(([when, span]) => `${when} ${Math.round(span)} ms`);
    const shown = `${total} lines to each of ${this.#people.length}; slowest line ${
      spans.join(", ")
    }`;
    if (cut === undefined) return shown;
    const after = (time: number) => `${Math.round(time - cut.mended)} ms`;
    return `${shown}; repaired → linked ${after(cut.linked)} → complete ${after(complete)}`;
  }
}

/** When a line that was said `at` must be there. */
function deadline(cut: Cut | undefined, from: string, to: string, at: number): number {
  if (cut === undefined || at >= cut.linked) return at + LATE_MS;
  const together = cut.parts.some((part) => part.includes(from) && part.includes(to));
  // What was under way when the cable was cut may have been lost on it.
  if (together || at + LATE_MS < cut.from) return at + LATE_MS;
  const linked = cut.linked + LATE_MS;
  return at < cut.mended ? Math.min(linked, cut.mended + WHOLE_MS) : linked;
}

function heard(client: HostClient): { nick: string; number: number; time: number }[] {
  const found: { nick: string; number: number; time: number }[] = [];
  client.all.forEach((line, index) => {
    const match = /^(\S+): line (\d+)$/.exec(line);
    if (match === null) return;
    const [, nick, number] = match as unknown as [string, string, string];
    found.push({ nick, number: Number(number), time: client.times[index] as number });
  });
  return found;
}

/** `1–500`, or `1–99 150–151 100–149`: so that a failure can be read. */
function summary(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const number of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && number === last[1] + 1) last[1] = number;
    else ranges.push([number, number]);
  }
  return ranges.slice(0, 20).map(([from, to]) => `${from}–${to}`).join(" ");
}
