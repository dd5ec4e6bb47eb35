/**
 * Who is here: the sessions by nick.
 *
 * @module
 */

import { foldNick } from "./nick.ts";
import type { Session } from "./session.ts";

/**
 * The sessions that are listed, by nick. Two nicks that differ in case only are the same.
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

  /** Sessions listed. */
  get size(): number {
    return this.#byNick.size;
  }

  /** A nick of the form `guest` + a number that nobody has. */
  guestNick(): string {
    let nick: string;
    do {
      nick = `guest${++this.#guests}`;
    } while (this.#byNick.has(nick));
    return nick;
  }

  /** The session of that nick. */
  find(nick: string): Session | undefined {
    return this.#byNick.get(foldNick(nick));
  }

  /** Lists a session under its nick, which must be free. */
  add(session: Session): void {
    this.#byNick.set(foldNick(session.nick), session);
  }

  /** Takes a session from the list. */
  remove(session: Session): void {
    const key = foldNick(session.nick);
    if (this.#byNick.get(key) === session) this.#byNick.delete(key);
  }

  /** Gives a listed session another nick. False when another session has it. */
  rename(session: Session, nick: string): boolean {
    const holder = this.find(nick);
    if (holder !== undefined && holder !== session) return false;
    this.remove(session);
    session.nick = nick;
    this.add(session);
    return true;
  }

  /** The nicks, sorted (by UTF-16 code units). */
  nicks(): string[] {
    return Array.from(this.#byNick.values(), (session) => session.nick).sort();
  }

  /** Every session listed. */
  sessions(): Iterable<Session> {
    return this.#byNick.values();
  }
}
