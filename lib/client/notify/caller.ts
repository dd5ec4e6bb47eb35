/**
 * A connection to a server that is asked things: made, kept up, and watched for silence. What is asked
 * is the business of a {@linkcode Task}. Pure: time and randomness are passed in.
 *
 * @module
 */

import type { Backoff } from "../backoff.ts";
import type { Outcome } from "../host.ts";
import { harmless } from "../harmless.ts";
import { Outage } from "../outage.ts";
import { parseRecord, type ServerEvent } from "../record.ts";
import { type LossKind, troubleText } from "../trouble.ts";
import { type Asked, Requests } from "./requests.ts";
import { isUp, type State, transition } from "./state.ts";

/** How long an answer may take, in milliseconds: then the server counts as gone. */
export const ANSWER_MS = 10_000;
/** After so long without a record the server is asked for a sign of life, in milliseconds. */
export const IDLE_MS = 10_000;

/** How much it matters what a {@linkcode CallerHost} is to log. */
export type Level = "debug" | "info";

/** What a {@linkcode Caller} needs done. */
export interface CallerHost {
  /** Try to connect; `connected` or `disconnected` tells how it went. */
  connect(): void;
  /** Drop the connection, if there is one; nothing more is to be told of it. */
  disconnect(): void;
  /** Send a record. */
  send(record: string): void;
  /** Tell the user, in one line. */
  status(text: string): void;
  /** Something for the log. */
  log(level: Level, message: string, properties?: Record<string, unknown>): void;
  /** It is over. Called once, after `disconnect`. */
  finish(outcome: Outcome): void;
}

/** How a server is called. */
export interface CallerOptions {
  /** The server, as it is named in messages. */
  readonly target: string;
  /** The nick to have. @default that of a guest */
  readonly nick?: string | undefined;
  /** Come back when the connection is lost, once there was one. @default true */
  readonly reconnect?: boolean | undefined;
  /** Keep trying also before the first connection. @default false */
  readonly patient?: boolean | undefined;
  /** Numbers from 0 up to but not 1. */
  readonly random: () => number;
  readonly backoff?: Backoff | undefined;
}

/** What is done over the connection. All is called in states that {@linkcode Task} itself has set, but `greeted`. */
export interface Task {
  /** The connection is there, and speaks JSON: the task begins, by going to a state of its own. */
  greeted(): void;
  /** The connection is lost, and with it all that was asked and not answered. */
  lost(): void;
  /** Something that is no answer. */
  event(event: ServerEvent): void;
  /** When `tick` is to be called; Infinity where it needn't. */
  readonly due: number;
  /** Does what is due. */
  tick(): void;
}

/** Calls a server. */
export class Caller {
  readonly #options: CallerOptions;
  readonly #host: CallerHost;
  readonly #task: Task;
  readonly #requests = new Requests();
  readonly #outage: Outage;
  #state: State = { is: "new" };
  #now = 0;
  #lastHeard = 0;
  /** When the task could begin on this connection. */
  #upSince = 0;
  #wasReady = false;
  /** The last line of a server that has not answered as a talker yet. */
  #strangeLine = "";

  /** One that has not started. */
  constructor(options: CallerOptions, host: CallerHost, task: Task) {
    this.#options = options;
    this.#host = host;
    this.#outage = new Outage(options);
    this.#task = task;
  }

  /** Where it is. */
  get state(): State {
    return this.#state;
  }

  /** The time of the event that is being taken. */
  get now(): number {
    return this.#now;
  }

  /** There is a server that answers. */
  get isUp(): boolean {
    return isUp(this.#state);
  }

  /** It is over. */
  get isOver(): boolean {
    return this.#state.is === "ended";
  }

  /** When {@linkcode tick} is to be called, on the clock of `now`; Infinity where it needn't be. */
  get due(): number {
    const state = this.#state;
    if (state.is === "new" || state.is === "ended") return Infinity;
    const own = state.is === "waiting" ? state.until : this.#requests.due;
    return Math.min(own, this.#lifeSign(), this.#task.due);
  }

  /** Something happens at this time that is no affair of the connection. */
  at(now: number): void {
    this.#now = now;
  }

  /** Begins. */
  start(now: number): void {
    this.#now = now;
    this.#connect();
  }

  /** The connection is there. */
  connected(now: number): void {
    this.#now = this.#lastHeard = now;
    if (this.#state.is !== "connecting") return;
    this.go({ is: "greeting" });
    this.#strangeLine = "";
    // The first line: so the session is in no list and hears no chat. Without a tag, since what would
    // answer it is no JSON yet.
    this.#host.send("/service");
    this.ask("/format json", {
      done: (answer) => {
        if (answer.type === "error") this.drop(`it refuses JSON: ${answer.text}`);
        else this.#takeNick();
      },
    });
  }

  /** There is no connection, or no longer. */
  disconnected(reason: string, now: number, kind: LossKind = "passing"): void {
    this.#now = now;
    const { is } = this.#state;
    if (is === "ended" || is === "new" || is === "waiting") return;
    const trouble = this.#troubleIn(is, reason);
    const wasUp = this.isUp;
    this.#requests.forget();
    this.#task.lost();
    // Going may have been what the task waited for.
    if (this.isOver) return;
    const { reconnect = true, patient = false } = this.#options;
    if (kind === "hopeless" || !reconnect || !(this.#wasReady || patient)) {
      return this.end({ is: kind === "unauthorised" ? kind : "failed", message: trouble });
    }
    const { until, isNews } = this.#outage.lost(trouble, now, wasUp ? this.#upSince : now);
    if (isNews) this.#host.status(`${trouble.replace(/;.*/, "")}. Trying again …`);
    this.go({ is: "waiting", until });
  }

  /** The server does not take us as we are: there is no use in trying again. */
  unauthorised(why: string, now: number): void {
    this.#now = now;
    this.end({ is: "unauthorised", message: `${this.#options.target}: ${why}` });
  }

  /** A record of the server, without its line end or frame header. */
  received(record: string, now: number): void {
    this.#now = this.#lastHeard = now;
    if (this.#state.is !== "greeting" && !this.isUp) return;
    const event = parseRecord(record);
    if (event === undefined) {
      if (this.#state.is === "greeting") this.#strangeLine = harmless(record.slice(0, 200));
      else this.#host.log("info", "A record that is no JSON of the protocol", { record });
      return;
    }
    switch (event.type) {
      case "reply":
      case "ok":
      case "error":
        return this.#answer(event);
      case "welcome":
        return;
      default:
        if (this.isUp) this.#task.event(event);
    }
  }

  /** Does what is due. */
  tick(now: number): void {
    this.#now = now;
    const state = this.#state;
    if (state.is === "new" || state.is === "ended") return;
    if (state.is === "waiting" && now >= state.until) this.#connect();
    else if (now >= this.#requests.due) {
      const command = this.#requests.overdue(now);
      if (command !== undefined) {
        const word = command.split(" ", 1)[0];
        return this.drop(`no answer to ${word} in time`);
      }
    }
    if (now >= this.#lifeSign()) this.ask("/ping", {});
    if (now >= this.#task.due) this.#task.tick();
  }

  /** Asks the server; the connection is given up when the end of the answer takes too long. */
  ask(command: string, asked: Asked, patienceMs = ANSWER_MS): void {
    this.#host.send(this.#requests.ask(command, this.#now + patienceMs, asked));
  }

  /** The next state. */
  go(state: State): State {
    return this.#state = transition(this.#state, state);
  }

  /** The task is under way: from now on the connection is worth coming back to. */
  ready(): void {
    this.#wasReady = true;
    const seconds = this.#outage.over(this.#now);
    if (seconds !== undefined) this.#host.status(`Connected again after ${seconds} s`);
  }

  /** The connection is of no use: ends it from this side. */
  drop(reason: string): void {
    this.#host.disconnect();
    this.disconnected(reason, this.#now);
  }

  /** It is over. */
  end(outcome: Outcome): void {
    if (this.isOver) return;
    this.go({ is: "ended" });
    this.#requests.forget();
    this.#host.disconnect();
    this.#host.finish(outcome);
  }

  #connect(): void {
    this.go({ is: "connecting" });
    this.#host.connect();
  }

  #takeNick(): void {
    const { nick } = this.#options;
    if (nick === undefined) return this.#greeted();
    this.ask(`/nick ${nick}`, {
      done: (answer) => {
        if (answer.type === "error") {
          if (!this.#wasReady) return this.end({ is: "failed", message: answer.text });
          // It may be our own former session that has it.
          this.#host.status(`${answer.text}; going on without it`);
        }
        this.#greeted();
      },
    });
  }

  #greeted(): void {
    this.#upSince = this.#now;
    this.#task.greeted();
  }

  #answer(event: Extract<ServerEvent, { type: "reply" | "ok" | "error" }>): void {
    const matched = this.#requests.answer(event);
    if (matched === "taken") return;
    const { raw } = event;
    if (event.type === "error" && event.tag === undefined) {
      this.#strangeLine = event.text;
      this.#host.log("info", `An error that belongs to no request: ${event.text}`, { raw });
    } else if (matched === "second") {
      this.#host.log("info", "A second answer to a request that is answered", { raw });
    } else this.#host.log("info", "An answer that nobody asked for", { raw });
  }

  /** When the server is to be asked for a sign of life. An answer that is awaited will be one. */
  #lifeSign(): number {
    return this.isUp && this.#requests.size === 0 ? this.#lastHeard + IDLE_MS : Infinity;
  }

  #troubleIn(state: State["is"], reason: string): string {
    return troubleText({
      target: this.#options.target,
      reached: state === "connecting" || state === "greeting" ? state : "up",
      reason,
      wasReady: this.#wasReady,
      strangeLine: this.#strangeLine,
    });
  }
}
