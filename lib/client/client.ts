/**
 * The client without its sockets, terminal and clock: what happens goes in, what is to be done comes
 * out through a {@linkcode ClientHost}. Pure: time and randomness are passed in.
 *
 * @module
 */

import { Conversation } from "./conversation.ts";
import { Entrance } from "./entrance.ts";
import { harmless } from "./harmless.ts";
import type { ClientHost, ClientOptions, Outcome } from "./host.ts";
import { Outage } from "./outage.ts";
import type { People } from "./people.ts";
import { parseRecord, type ServerEvent, type Welcome } from "./record.ts";
import { type State, transition } from "./state.ts";
import { type LossKind, troubleText } from "./trouble.ts";

/** How long a server may take to answer at all, in milliseconds. */
export const GREETING_MS = 10_000;
/** After so long without a record the server is asked for a sign of life; after as long again it is dead. */
export const IDLE_MS = 10_000;
/** How long the server may take, when we leave, to answer anything or to say goodbye, in milliseconds. */
export const GOODBYE_MS = 2000;
/** The user leaves. With a tag there is an answer to be seen, where there is a server. */
const QUIT = /^(@[A-Za-z0-9]{1,32} )?\/quit(?:\s|$)/i;

/**
 * A client.
 *
 * @example
 * ```ts ignore
 * const client = new Client({ target: ":8889", interactive: false, random: Math.random }, host);
 * client.start(now);
 * client.connected(now);
 * client.received('{"type":"welcome","nick":"guest1","server":"kitchen"}', now);
 * client.line("hello", now); // host.send("@c3 /say hello")
 * ```
 */
export class Client {
  readonly #options: ClientOptions;
  readonly #host: ClientHost;
  readonly #talk: Conversation;
  readonly #entrance: Entrance;
  readonly #outage: Outage;
  /** Tags whose answers tell nothing beyond that the server lives. */
  readonly #quietTags = new Set<string>();
  #state: State = { is: "new" };
  #now = 0;
  #tags = 0;
  #deadline = Infinity;
  #lastHeard = 0;
  /** A sign of life has been asked for since. */
  #pinged = false;
  /** A connection has been ready once. */
  #wasReady = false;
  /** The last line of a server that has not answered as a talker yet. */
  #strangeLine = "";

  /** A client that has not started. */
  constructor(options: ClientOptions, host: ClientHost) {
    this.#options = options;
    this.#host = host;
    this.#outage = new Outage(options);
    this.#talk = new Conversation(options, {
      send: (record) => host.send(record),
      show: (shown) => host.show(shown),
      debug: (message, properties) => host.debug(message, properties),
      newTag: () => this.#newTag(),
      isComingBack: () => this.#wasReady && this.#state.is === "entering",
    });
    this.#entrance = new Entrance(this.#talk, {
      ask: (command) => this.#ask(command),
      status: (text) => this.#status(text),
      settled: () => this.#settle(),
      held: (message) => {
        if (options.interactive) this.#status(`${message}; your lines wait for it a moment`);
      },
      refused: (message) => this.#nickRefused(message),
      isConfirmed: (said) => this.#talk.isConfirmed(said),
    });
  }

  /** The server, as it is named in messages. */
  get target(): string {
    return this.#options.target;
  }

  /** Who is here. */
  get people(): People {
    return this.#talk.people;
  }

  /** Ids of notifications that were shown and not acknowledged, the oldest first. */
  get unacknowledged(): readonly string[] {
    return this.#talk.unacknowledged.ids;
  }

  /** Our nick at the moment; empty before the first welcome. */
  get nick(): string {
    return this.#talk.nick.mine;
  }

  /** The names of the server's commands, as far as it told them. */
  get commands(): ReadonlySet<string> {
    return this.#entrance.commands;
  }

  /** What the client is doing. */
  get state(): State["is"] {
    return this.#state.is;
  }

  /** There is room for more lines of the user. */
  get wantsInput(): boolean {
    return this.#state.is !== "finished" && this.#talk.wantsInput;
  }

  /** When {@linkcode tick} is to be called, on the clock of `now`; Infinity where it needn't be. */
  get due(): number {
    const { is } = this.#state;
    if (is === "new" || is === "finished") return Infinity;
    return Math.min(this.#deadline, dueIn(this.#state, this.#lifeSign(), this.#entrance.due));
  }

  /** Begins. */
  start(now: number): void {
    this.#now = now;
    this.#deadline = now + (this.#options.timeoutMs ?? Infinity);
    this.#connect();
  }

  /** The connection is there. */
  connected(now: number): void {
    this.#now = now;
    this.alive(now);
    this.#go({ is: "greeting", until: now + GREETING_MS });
    this.#strangeLine = "";
    this.#askQuietly("/format json");
  }

  /** There is no connection, or no longer. */
  disconnected(reason: string, now: number, kind: LossKind = "passing"): void {
    this.#now = now;
    const state = this.#state;
    if (state.is === "finished" || state.is === "new" || state.is === "waiting") return;
    if (state.is === "leaving") return this.#left();
    if (state.is === "ready" && this.#talk.isQuitting) return this.#done();
    const { interactive, reconnect = true } = this.#options;
    if (interactive && this.#talk.willQuit) return this.#left();
    const trouble = this.#troubleIn(state.is, reason);
    if (kind === "hopeless" || !reconnect || !(this.#wasReady || interactive)) {
      const is = kind === "unauthorised" ? kind : "failed";
      return this.#finish({ is, message: trouble });
    }
    this.#quietTags.clear();
    this.#entrance.forget();
    const upSince = state.is === "ready" ? state.since : now;
    const { until, isNews } = this.#outage.lost(trouble, now, upSince);
    // What is shown tells where we are now.
    this.#go({ is: "waiting", until });
    if (isNews) this.#status(`${trouble}${stop(trouble)} Trying again …`);
    this.#talk.lost();
    this.#checkDone();
  }

  /** The server does not take us as we are: there is no use in trying again. */
  unauthorised(why: string, now: number): void {
    this.#now = now;
    this.#finish({ is: "unauthorised", message: `${this.#options.target}: ${why}` });
  }

  /** The server is there, as far as can be known: something came, or reading had to wait. */
  alive(now: number): void {
    this.#lastHeard = now;
    this.#pinged = false;
  }

  /** A record of the server, without its line end or frame header. */
  received(record: string, now: number): void {
    this.#now = now;
    this.alive(now);
    const state = this.#state;
    if (state.is === "finished" || state.is === "waiting" || state.is === "new") return;
    const event = parseRecord(record);
    if (event === undefined) {
      if (state.is === "greeting") this.#strangeLine = harmless(record.slice(0, 200));
      else this.#host.debug("A record that is no JSON of the protocol", { record });
      return;
    }
    if (state.is !== "greeting") this.#event(event);
    else if (event.type === "welcome") this.#enter(event);
    this.#checkDone();
  }

  /** A line of the user. */
  line(text: string, now: number): void {
    this.#now = now;
    const { is } = this.#state;
    if (is === "finished" || is === "leaving") return;
    const { interactive } = this.#options;
    const quit = QUIT.exec(text);
    if (interactive && quit !== null && (quit[1] === undefined || is !== "ready")) {
      return this.leave(now);
    }
    const outgoing = this.#talk.line(text);
    if (outgoing === undefined) return;
    if (is === "ready") this.#talk.flush();
    else if (interactive) this.#status(`Will be sent when connected: ${harmless(text)}`);
  }

  /** A line of the user is longer than `bytes`: too long by far, and not kept. */
  lineTooLong(bytes: number, now: number): void {
    this.#now = now;
    const { is } = this.#state;
    if (is !== "finished" && is !== "leaving") this.#talk.lineTooLong(bytes);
  }

  /** There will be no more lines of the user. */
  endInput(now: number): void {
    this.#now = now;
    this.#talk.endInput();
    this.#checkDone();
  }

  /** The user leaves. */
  leave(now: number): void {
    this.#now = now;
    const { is } = this.#state;
    if (is === "finished" || is === "leaving") return;
    if (is === "ready") this.#sayGoodbye();
    else this.#left();
  }

  /** Does what is due. */
  tick(now: number): void {
    this.#now = now;
    const state = this.#state;
    if (state.is === "finished" || state.is === "new") return;
    if (now >= this.#deadline) {
      const seconds = (this.#options.timeoutMs ?? 0) / 1000;
      return this.#finish({ is: "timeout", message: `Timed out after ${seconds} s` });
    }
    if (now < this.due) return;
    switch (state.is) {
      case "connecting":
        return;
      case "greeting":
        return this.#drop("no answer in time");
      case "waiting":
        return this.#connect();
      case "leaving":
        return this.#left();
      case "entering":
      case "ready":
        return this.#tickConnected();
    }
  }

  #tickConnected(): void {
    if (this.#now >= this.#lifeSign()) {
      if (this.#pinged) return this.#drop(`no sign of life for ${2 * IDLE_MS / 1000} s`);
      this.#pinged = true;
      this.#askQuietly("/ping");
    }
    this.#entrance.tick(this.#now);
    this.#checkDone();
  }

  /** When the server must have been heard of: then it is asked for, or given up. */
  #lifeSign(): number {
    return this.#lastHeard + (this.#pinged ? 2 : 1) * IDLE_MS;
  }

  #connect(): void {
    this.#go({ is: "connecting" });
    this.#host.connect();
  }

  /** The connection is of no use: ends it from this side. */
  #drop(reason: string): void {
    this.#host.disconnect();
    this.disconnected(reason, this.#now);
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

  #enter(welcome: Welcome): void {
    const again = this.#wasReady;
    const { interactive, reconnect: returns = true } = this.#options;
    this.#talk.nick.welcomed(welcome.nick, welcome.server);
    this.#go({ is: "entering" });
    // Who sits there knows where; a program wants to know that it happened.
    if (!again || !interactive) this.#host.show({ kind: "welcome", event: welcome });
    const seconds = this.#outage.over(this.#now);
    if (seconds !== undefined) {
      this.#status(`Connected${again ? " again" : ""} after ${seconds} s`);
    }
    this.#entrance.enter({ again, interactive, returns, now: this.#now });
    this.#settle();
  }

  /** Something that the user's lines waited for is settled; perhaps all of it. */
  #settle(): void {
    if (this.#state.is !== "entering" || !this.#entrance.isSettled) return;
    this.#talk.nick.settled();
    this.#wasReady = true;
    this.#go({ is: "ready", since: this.#now });
    this.#talk.flush();
  }

  #nickRefused(message: string): void {
    // A script is to speak under its nick; but once it has begun, a nick is no reason to stop.
    if (!this.#options.interactive && !this.#wasReady) {
      return this.#finish({ is: "failed", message });
    }
    const { mine, retryAt } = this.#talk.nick;
    this.#status(`${message}; you are ${mine}${retryAt < Infinity ? " until it is free" : ""}`);
  }

  #event(event: ServerEvent): void {
    switch (event.type) {
      case "welcome":
        this.#talk.nick.welcomed(event.nick, event.server);
        return this.#host.show({ kind: "welcome", event });
      case "reply":
      case "ok":
      case "error":
        break;
      default:
        return this.#talk.event(event);
    }
    const { tag } = event;
    if (tag === undefined) {
      if (event.type === "error") this.#host.show({ kind: "fault", event });
      else this.#host.debug("A reply that nobody asked for", { record: event.raw });
    } else if (this.#quietTags.has(tag)) {
      if (event.type !== "reply") this.#quietTags.delete(tag);
    } else if (this.#talk.answer(tag, event)) {
      if (this.#state.is === "ready") this.#talk.flush();
      else if (this.#state.is === "leaving") this.#sayGoodbye();
    } else if (!this.#entrance.answer(event, this.#now)) {
      this.#host.debug("An answer to an unknown tag", { record: event.raw });
    }
  }

  /** Sends what the user said before leaving, as far as the window goes, and at its end `/quit`. */
  #sayGoodbye(): void {
    this.#talk.flush();
    const said = this.#state.is === "leaving" && this.#state.quits;
    const quits = this.#talk.unsent === 0;
    this.#go({ is: "leaving", until: this.#now + GOODBYE_MS, quits });
    if (quits && !said) this.#askQuietly("/quit");
  }

  /** The user has left. */
  #left(): void {
    const { unsent } = this.#talk;
    const message = `Lines that were not sent: ${unsent}`;
    this.#finish(unsent > 0 ? { is: "done", message } : { is: "done" });
  }

  /** When all is said and heard it is over, even where the connection is lost by then. */
  #checkDone(): void {
    const { is } = this.#state;
    if (is === "leaving" || is === "finished") return;
    if (this.#wasReady && this.#talk.isDone) this.#done();
  }

  #done(): void {
    this.#finish({ is: this.#talk.failed && !this.#options.interactive ? "failed" : "done" });
  }

  #finish(outcome: Outcome): void {
    // The nick may be refused while the connection is being given up.
    if (this.#state.is === "finished") return;
    this.#go({ is: "finished" });
    this.#host.disconnect();
    this.#host.finish(outcome);
  }

  #status(text: string): void {
    this.#host.show({ kind: "status", text });
  }

  #ask(command: string): string {
    const tag = this.#newTag();
    this.#host.send(`@${tag} ${command}`);
    return tag;
  }

  #askQuietly(command: string): void {
    this.#quietTags.add(this.#ask(command));
  }

  #newTag(): string {
    return "c" + (++this.#tags).toString(36);
  }

  #go(state: State): void {
    this.#state = transition(this.#state, state);
  }
}

/** When a state ends by itself. */
function dueIn(state: State, lifeSign: number, entrance: number): number {
  switch (state.is) {
    case "new":
    case "connecting":
    case "finished":
      return Infinity;
    case "greeting":
    case "waiting":
    case "leaving":
      return state.until;
    case "entering":
    case "ready":
      return Math.min(lifeSign, entrance);
  }
}

/** What ends a sentence that ends with no question mark. */
function stop(sentence: string): string {
  return sentence.endsWith("?") ? "" : ".";
}
