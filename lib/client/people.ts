/**
 * Who is here, as far as the client knows, and whom the user does not want to hear. Pure.
 *
 * @module
 */

import { foldNick } from "../wire/nick.ts";
import type { Crowd, Renamed } from "./record.ts";

/** Nicks that are remembered for completion. */
const MAX_NICKS = 5000;
/** Nicks that can be ignored. */
const MAX_IGNORED = 1000;

/** The nicks that are known, the last heard first, and those that are ignored. */
export class People {
  /** By the folded nick; the last heard is the last. */
  readonly #nicks = new Map<string, string>();
  readonly #ignored = new Map<string, string>();

  /** The nicks that are known, the last heard first. */
  get nicks(): string[] {
    return [...this.#nicks.values()].reverse();
  }

  /** The nicks that are ignored, in the order in which they were. */
  get ignored(): string[] {
    return [...this.#ignored.values()];
  }

  /** Somebody is here. */
  met(nick: string): void {
    const key = foldNick(nick);
    this.#nicks.delete(key);
    this.#nicks.set(key, nick);
    if (this.#nicks.size <= MAX_NICKS) return;
    for (const oldest of this.#nicks.keys()) {
      this.#nicks.delete(oldest);
      break;
    }
  }

  /** Some have come or gone. */
  crowd({ type, nicks }: Crowd): void {
    for (const nick of nicks) {
      if (type === "joined") this.met(nick);
      else this.#nicks.delete(foldNick(nick));
    }
  }

  /** Who is ignored stays so under another nick. */
  renamed({ old, nick }: Renamed): void {
    this.#nicks.delete(foldNick(old));
    this.met(nick);
    if (this.#ignored.delete(foldNick(old))) this.ignore(nick);
  }

  /** From now on this one is ignored. False when too many are. */
  ignore(nick: string): boolean {
    if (this.#ignored.size >= MAX_IGNORED) return false;
    this.#ignored.set(foldNick(nick), nick);
    return true;
  }

  /** This one is heard again. False when it was not ignored. */
  unignore(nick: string): boolean {
    return this.#ignored.delete(foldNick(nick));
  }

  /** Is this one ignored? */
  isIgnored(nick: string): boolean {
    return this.#ignored.size > 0 && this.#ignored.has(foldNick(nick));
  }
}
