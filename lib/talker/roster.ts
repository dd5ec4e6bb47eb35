/**
 * Who is here: the sessions by nick.
 *
 * @module
 */

import { foldNick } from "../wire/nick.ts";
import type { Session } from "./session.ts";

/**
 * The sessions by nick. Two nicks that differ in case only are the same. Services are not listed and
 * not found, but nobody else gets their nick.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { Roster } from "./roster.ts";
 * const roster = new Roster();
 * assert(roster.guestNick() === "guest1");
 * assert(roster.find("guest1") === undefined);
 * ```
 */
export class Roster {
  #byNick = new Map<string, Session>();
  #guests = 0;
  #hidden = 0;

  /** Sessions listed. */
  get size(): number {
    return this.#byNick.size - this.#hidden;
  }

  /** A nick of the form `guest` + a number that nobody has. */
  guestNick(): string {
    let nick: string;
    do {
      nick = `guest${++this.#guests}`;
    } while (this.#byNick.has(nick));
    return nick;
  }

  /** The listed session of that nick. */
  find(nick: string): Session | undefined {
    const session = this.#byNick.get(foldNick(nick));
    return session?.state === "service" ? undefined : session;
  }

  /** Lists a session under its nick, which must be free. */
  add(session: Session): void {
    this.#byNick.set(foldNick(session.nick), session);
  }

  /** The session becomes a service: it is no longer listed, and keeps its nick. */
  hide(session: Session): void {
    session.state = "service";
    this.#hidden++;
  }

  /** Takes a session from the list, and its nick is free. */
  remove(session: Session): void {
    const key = foldNick(session.nick);
    if (this.#byNick.get(key) !== session) return;
    this.#byNick.delete(key);
    if (session.state === "service") this.#hidden--;
  }

  /** Gives a session another nick. False when another session has it. */
  rename(session: Session, nick: string): boolean {
    const key = foldNick(nick), holder = this.#byNick.get(key);
    if (holder !== undefined && holder !== session) return false;
    this.#byNick.delete(foldNick(session.nick));
    session.nick = nick;
    this.#byNick.set(key, session);
    return true;
  }

  /** The nicks, sorted (by UTF-16 code units). */
  nicks(): string[] {
    const nicks: string[] = [];
    for (const { nick, state } of this.#byNick.values()) if (state !== "service") nicks.push(nick);
    return nicks.sort();
  }

  /** Every session that is listed. */
  sessions(): Session[] {
    return [...this.#byNick.values()].filter((session) => session.state !== "service");
  }
}
