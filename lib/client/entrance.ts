/**
 * What a client settles with a server when it comes or comes back: its nick, what it missed, who is
 * here. Pure.
 *
 * @module
 */

import type { CatchUp } from "./catch_up.ts";
import { harmless } from "./harmless.ts";
import type { NickKeeper } from "./nick_keeper.ts";
import type { People } from "./people.ts";
import { type Failure, type Ok, type Reply, type Said, saidInReply } from "./record.ts";

/** How long a history may take before live lines are shown without it, in milliseconds. */
export const HISTORY_MS = 10_000;
/** Lines of history on arrival. */
const ARRIVAL_HISTORY = 10;
/** Lines of history to look through where the server does not know our last line. */
const BLIND_HISTORY = 1000;
/** Commands of a server that are remembered for completion. */
const MAX_COMMANDS = 500;

/** What an {@linkcode Entrance} needs done. */
export interface EntranceHost {
  /** Sends a command under a new tag; gives the tag. */
  ask(command: string): string;
  /** Tells the user. */
  status(text: string): void;
  /** Nick and missed lines are settled. May be called more than once. */
  settled(): void;
  /** The nick that we had can't be had yet: the user's lines wait for it some time. */
  held(message: string): void;
  /** The nick that the user chose can't be had, for now or at all: we go on under another. */
  refused(message: string): void;
  /** Whether this line of ours is known to be said. */
  isConfirmed(said: Said): boolean;
}

/** What was asked. `blind`: the server did not know our last line, and was asked for all it has. */
type Question =
  | { readonly is: "nick"; readonly again: boolean }
  | { readonly is: "history"; readonly blind: boolean }
  | { readonly is: "baseline" | "who" | "help" };

/** Asks a server what there is to be asked, and takes the answers. */
export class Entrance {
  /** The names of the server's commands, as far as it told them. */
  readonly commands = new Set<string>();
  readonly #host: EntranceHost;
  readonly #nick: NickKeeper;
  readonly #catchUp: CatchUp;
  readonly #people: People;
  readonly #questions = new Map<string, Question>();
  #named = false;
  /** It has been said that lines wait for the nick. */
  #isHoldTold = false;
  #caughtUp = false;
  #historyUntil = Infinity;

  /** The parts are shared with the client. */
  constructor(
    parts: { nick: NickKeeper; catchUp: CatchUp; people: People },
    host: EntranceHost,
  ) {
    this.#host = host;
    this.#nick = parts.nick;
    this.#catchUp = parts.catchUp;
    this.#people = parts.people;
  }

  /** The user's lines may go out: they will be said under the right nick, and none twice. */
  get isSettled(): boolean {
    return this.#named && this.#caughtUp;
  }

  /** When {@linkcode tick} is to be called; Infinity where it needn't be. */
  get due(): number {
    return Math.min(this.#historyUntil, this.#nick.retryAt);
  }

  /**
   * The server has welcomed us. `again`: we have been there before. `interactive`: a person is to be
   * served. `returns`: the client would come back after a loss, and must know from which line on.
   */
  enter(
    { again, interactive, returns, now }: {
      again: boolean;
      interactive: boolean;
      returns: boolean;
      now: number;
    },
  ): void {
    this.#named = this.#nick.toAsk === undefined;
    this.#caughtUp = !again;
    this.#isHoldTold = false;
    if (!this.#named) this.#askNick(again);
    if (again) {
      const { lastId } = this.#catchUp;
      this.#askHistory(lastId === undefined ? BLIND_HISTORY : `since=${lastId}`, false, now);
    } else if (interactive) this.#askHistory(ARRIVAL_HISTORY, false, now);
    else if (returns) this.#ask({ is: "baseline" }, "/history 1");
    if (!interactive) return;
    this.#ask({ is: "who" }, "/who");
    if (this.commands.size === 0) this.#ask({ is: "help" }, "/help");
  }

  /** The connection is gone: no answers will come. */
  forget(): void {
    this.#questions.clear();
    this.#historyUntil = Infinity;
    this.#catchUp.abandon();
  }

  /** Does what is due. */
  tick(now: number): void {
    if (now >= this.#historyUntil) this.#historyEnded();
    if (now >= this.#nick.retryAt) this.#askNick(true);
  }

  /** Takes an answer. False where it is none of an own question. */
  answer(event: Reply | Ok | Failure, now: number): boolean {
    const question = this.#questions.get(event.tag ?? "");
    if (question === undefined) return false;
    if (event.type !== "reply") this.#questions.delete(event.tag ?? "");
    if (question.is === "nick") this.#nickAnswer(question.again, event, now);
    else if (question.is === "history") this.#historyAnswer(question.blind, event, now);
    else if (event.type === "reply") this.#detail(question.is, event);
    return true;
  }

  #ask(question: Question, command: string): void {
    this.#questions.set(this.#host.ask(command), question);
  }

  #askNick(again: boolean): void {
    const { toAsk } = this.#nick;
    if (toAsk === undefined) return;
    this.#nick.asked(toAsk);
    this.#ask({ is: "nick", again }, `/nick ${toAsk}`);
  }

  #askHistory(which: string | number, blind: boolean, now: number): void {
    this.#catchUp.begin();
    this.#historyUntil = now + HISTORY_MS;
    this.#ask({ is: "history", blind }, `/history ${which}`);
  }

  #detail(what: "baseline" | "who" | "help", reply: Reply): void {
    const { nick, command } = reply.raw;
    if (what === "baseline") {
      const said = saidInReply(reply);
      if (said !== undefined) this.#catchUp.baseline(said);
    } else if (what === "who") {
      if (typeof nick === "string") this.#people.met(harmless(nick));
    } else if (typeof command === "string" && /^[a-z-]{1,40}$/.test(command)) {
      if (this.commands.size < MAX_COMMANDS) this.commands.add(command);
    }
  }

  #historyAnswer(blind: boolean, event: Reply | Ok | Failure, now: number): void {
    if (event.type === "reply") {
      const said = saidInReply(event);
      if (said === undefined) this.#host.status(event.text);
      else if (this.#host.isConfirmed(said)) return;
      else if (blind) this.#catchUp.recalledAnew(said);
      else this.#catchUp.recalled(said);
      return;
    }
    if (event.type === "error" && !blind && this.#catchUp.lastId !== undefined) {
      this.#host.status("The server does not know what was heard here last: lines may be missing");
      return this.#askHistory(BLIND_HISTORY, true, now);
    }
    this.#historyEnded();
  }

  #historyEnded(): void {
    this.#historyUntil = Infinity;
    this.#catchUp.end();
    this.#caughtUp = true;
    this.#host.settled();
  }

  #nickAnswer(again: boolean, event: Reply | Ok | Failure, now: number): void {
    if (event.type === "reply") return;
    if (event.type === "ok") this.#nick.granted();
    else if (again && event.code === "taken") {
      const what = this.#nick.refused(now);
      if (what === "hold") {
        if (!this.#isHoldTold) this.#host.held(event.text);
        this.#isHoldTold = true;
        return;
      }
      // It is said when the wait for it ends, and no more.
      if (!this.#named && what === "later") this.#host.refused(event.text);
    } else {
      this.#nick.giveUp();
      this.#host.refused(event.text);
    }
    this.#named = true;
    this.#host.settled();
  }
}
