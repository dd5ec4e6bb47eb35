/**
 * Who is announced when: arrivals with their first line or after half a second, departures at once,
 * crowds together ({@linkcode Crowd}). Time is passed in.
 *
 * @module
 */

import { type Announcement, Crowd } from "./crowd.ts";
import { Queue } from "../wire/queue.ts";
import type { Session } from "./session.ts";

/** A session that says nothing is announced after this long, in milliseconds. */
const ANNOUNCE_AFTER_MS = 500;
/** Departures wait this long for others, so that a crowd is known before its first one is announced. */
const GATHER_LEAVERS_MS = 100;

/** Takes the announcements. */
export type Announce = (verb: "joined" | "left", announcement: Announcement) => void;

/** The arrivals and departures that are still to be announced. */
export class Presence {
  readonly #announce: Announce;
  readonly #arrivals = new Crowd();
  readonly #departures = new Crowd();
  // Both in order of time.
  readonly #arriving = new Queue<Session>();
  readonly #leaving = new Queue<{ nick: string; due: number }>();

  /** Announcements go to `announce`, from within the calls. */
  constructor(announce: Announce) {
    this.#announce = announce;
  }

  /** When {@linkcode tick} is to be called next, on the clock of `now`; Infinity when it needn't. */
  get due(): number {
    this.#skipSettled();
    const arriving = this.#arriving.first;
    return Math.min(
      arriving === undefined ? Infinity : arriving.arrivedAt + ANNOUNCE_AFTER_MS,
      this.#leaving.first?.due ?? Infinity,
      this.#arrivals.due,
      this.#departures.due,
    );
  }

  /** A client has connected. */
  arrived(session: Session, now: number): void {
    this.#arrivals.happened(now);
    this.#arriving.push(session);
  }

  /** Its first line came, or its half second is over: it is present. */
  settle(session: Session, now: number): void {
    session.state = "present";
    // Who takes the nick of somebody who has just left is announced after that.
    this.#flushLeavers(Infinity, now);
    const one = this.#arrivals.announce(session.nick, now);
    if (one !== undefined) this.#announce("joined", one);
  }

  /** Somebody takes another nick: who has left with it is announced before. */
  renaming(now: number): void {
    this.#flushLeavers(Infinity, now);
  }

  /** A client that had been announced is gone. */
  left(nick: string, now: number): void {
    this.#departures.happened(now);
    this.#leaving.push({ nick, due: now + GATHER_LEAVERS_MS });
  }

  /** Announces what is due. */
  tick(now: number): void {
    for (;;) {
      this.#skipSettled();
      const session = this.#arriving.first;
      if (session === undefined || session.arrivedAt + ANNOUNCE_AFTER_MS > now) break;
      this.settle(session, now);
    }
    this.#flushLeavers(now, now);
    const joined = this.#arrivals.flush(now);
    if (joined !== undefined) this.#announce("joined", joined);
    const left = this.#departures.flush(now);
    if (left !== undefined) this.#announce("left", left);
  }

  /** Departures due by `due`. */
  #flushLeavers(due: number, now: number): void {
    for (;;) {
      const leaver = this.#leaving.first;
      if (leaver === undefined || leaver.due > due) break;
      this.#leaving.shift();
      const one = this.#departures.announce(leaver.nick, now);
      if (one !== undefined) this.#announce("left", one);
    }
  }

  /** Passes over sessions at the front that are announced or gone. */
  #skipSettled(): void {
    while (this.#arriving.first !== undefined && this.#arriving.first.state !== "arriving") {
      this.#arriving.shift();
    }
  }
}
