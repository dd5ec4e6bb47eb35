/**
 * The client's own nick: which it has, which it wants, and when to ask for it again. Pure.
 *
 * @module
 */

/** How long the user's lines wait for the nick to be free again, in milliseconds: for a person, for a script. */
export const HOLD_MS = { person: 10_000, script: 60_000 } as const;
/** Between two attempts to take the nick back while lines wait, in milliseconds. */
export const RETRY_HELD_MS = 1000;
/** Between two attempts later, in milliseconds. */
export const RETRY_LATER_MS = 5000;

/** Under which nicks a line may be said, and on which server. */
export interface Speaker {
  /** The nick that we have, and those that were asked for before the line was sent. */
  readonly nicks: readonly string[];
  readonly server: string;
}

/** What to do after a server refused the nick that we had before. */
export type Refused =
  /** Lines wait; it will be asked for again. */
  | "hold"
  /** Go on under another nick; it will be asked for again, until it is free. */
  | "later"
  /** Go on under another nick for good: nobody chose the one that we had. */
  | "never";

/** Keeps the nick over connections. */
export class NickKeeper {
  readonly #holdMs: number;
  #wanted: string | undefined;
  #chosen: boolean;
  #mine = "";
  /** What we were called before: the news of it may come after the confirmation. */
  #before = "";
  #server = "";
  #retryAt = Infinity;
  /** When the nick was refused for the first time since we had it. */
  #refusedAt: number | undefined;
  /** Nicks that the server is asked for. */
  #asked: readonly string[] = [];
  #speaker: Speaker | undefined;

  /** @param chosen The nick that the user wants, if there is one. */
  constructor(chosen: string | undefined, interactive: boolean) {
    this.#wanted = chosen;
    this.#chosen = chosen !== undefined;
    this.#holdMs = interactive ? HOLD_MS.person : HOLD_MS.script;
  }

  /** The nick that the server calls us by. */
  get mine(): string {
    return this.#mine;
  }

  /** The server that we are on. */
  get server(): string {
    return this.#server;
  }

  /** As whom the server has us say what is sent now. The same object while nothing changes. */
  get speaker(): Speaker {
    return this.#speaker ??= { nicks: [this.#mine, ...this.#asked], server: this.#server };
  }

  /** When the nick is to be asked for again; Infinity when it isn't. */
  get retryAt(): number {
    return this.toAsk === undefined ? Infinity : this.#retryAt;
  }

  /** The nick to be asked for; undefined where we have the one we want, or want none. */
  get toAsk(): string | undefined {
    return this.#wanted === this.#mine ? undefined : this.#wanted;
  }

  /** The server calls us by this nick on a new connection. */
  welcomed(nick: string, server: string): void {
    this.#mine = nick;
    this.#server = server;
    this.#retryAt = Infinity;
    this.#asked = [];
    this.#speaker = undefined;
  }

  /** The connection is settled: the nick that we have now is the one to come back with. */
  settled(): void {
    this.#wanted ??= this.#mine;
  }

  /** Whether a nick on a server is we. */
  isMe(nick: string, server: string): boolean {
    return nick === this.#mine && isSameServer(server, this.#server);
  }

  /** Somebody is renamed; if it is us we know. Returns whether it is. */
  renamed(old: string, nick: string, server: string): boolean {
    const isLate = nick === this.#mine && old === this.#before;
    if (!isLate && !this.isMe(old, server)) return false;
    this.#become(nick);
    if (nick === this.#wanted) this.#taken();
    return true;
  }

  /** The server is asked for a nick: what is sent from here on is said under it, if it agrees. */
  asked(nick: string): void {
    this.#asked = [...this.#asked, nick];
    this.#speaker = undefined;
    if (nick === this.#wanted) this.#retryAt = Infinity;
  }

  /** The server does not give us a nick that the user asked for. */
  denied(nick: string): void {
    this.#asked = this.#asked.filter((one) => one !== nick);
    this.#speaker = undefined;
  }

  /** The user has chosen another nick, and the server has agreed. */
  chose(nick: string): void {
    this.#become(nick);
    this.#wanted = nick;
    this.#chosen = true;
    this.#taken();
  }

  /** The server has given us the nick that we asked for. */
  granted(): void {
    if (this.#wanted !== undefined) this.#become(this.#wanted);
    this.#taken();
  }

  /** The nick can't be had: we take what we have. */
  giveUp(): void {
    if (this.#wanted !== undefined) this.denied(this.#wanted);
    this.#wanted = this.#mine;
    this.#chosen = false;
    this.#taken();
  }

  /** The server refused the nick that we had on the last connection: our old session may linger. */
  refused(now: number): Refused {
    // The nick that a server made up is not worth a wait.
    if (!this.#chosen) {
      this.giveUp();
      return "never";
    }
    if (this.#wanted !== undefined) this.denied(this.#wanted);
    this.#refusedAt ??= now;
    const holds = now - this.#refusedAt < this.#holdMs;
    this.#retryAt = now + (holds ? RETRY_HELD_MS : RETRY_LATER_MS);
    return holds ? "hold" : "later";
  }

  /** We have the nick that we want. */
  #taken(): void {
    this.#retryAt = Infinity;
    this.#refusedAt = undefined;
  }

  #become(nick: string): void {
    this.denied(nick);
    if (nick === this.#mine) return;
    this.#before = this.#mine;
    this.#mine = nick;
  }
}

/** Whether two names are of the same server; who does not tell a name is taken to be there. */
export function isSameServer(one: string, other: string): boolean {
  return one === other || one === "" || other === "";
}
