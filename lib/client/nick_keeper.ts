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
/** After so long nobody gives the nick back any more, in milliseconds. */
export const GIVE_UP_MS = 120_000;

/** What to do after a server refused the nick that we had before. */
export type Refused =
  /** Lines wait; it will be asked for again. */
  | "hold"
  /** Go on under another nick; it will be asked for again. */
  | "later"
  /** Go on under another nick for good. */
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
  /** When the nick was first refused on this connection. */
  #refusedAt: number | undefined;

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

  /** When the nick is to be asked for again; Infinity when it isn't. */
  get retryAt(): number {
    return this.#retryAt;
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
    this.#refusedAt = undefined;
  }

  /** The connection is settled: the nick that we have now is the one to come back with. */
  settled(): void {
    this.#wanted ??= this.#mine;
  }

  /** Whether a nick on a server is we. */
  isMe(nick: string, server: string): boolean {
    return nick === this.#mine && (server === this.#server || server === "" || this.#server === "");
  }

  /** Somebody is renamed; if it is us we know. Returns whether it is. */
  renamed(old: string, nick: string, server: string): boolean {
    const isLate = nick === this.#mine && old === this.#before;
    if (!isLate && !this.isMe(old, server)) return false;
    this.#become(nick);
    if (nick === this.#wanted) this.#retryAt = Infinity;
    return true;
  }

  /** The user has chosen another nick, and the server has agreed. */
  chose(nick: string): void {
    this.#become(nick);
    this.#wanted = nick;
    this.#chosen = true;
    this.#retryAt = Infinity;
  }

  /** The server has given us the nick that we asked for. */
  granted(): void {
    if (this.#wanted !== undefined) this.#become(this.#wanted);
    this.#retryAt = Infinity;
  }

  /** The nick can't be had: we take what we have. */
  giveUp(): void {
    this.#wanted = this.#mine;
    this.#chosen = false;
    this.#retryAt = Infinity;
  }

  #become(nick: string): void {
    if (nick === this.#mine) return;
    this.#before = this.#mine;
    this.#mine = nick;
  }

  /** Asked for: no more until the answer. */
  asked(): void {
    this.#retryAt = Infinity;
  }

  /** The server refused the nick that we had on the last connection: our old session may linger. */
  refused(now: number): Refused {
    this.#refusedAt ??= now;
    const waited = now - this.#refusedAt;
    // The nick that a server made up is not worth a wait.
    if (!this.#chosen || waited >= GIVE_UP_MS) {
      this.giveUp();
      return "never";
    }
    const holds = waited < this.#holdMs;
    this.#retryAt = now + (holds ? RETRY_HELD_MS : RETRY_LATER_MS);
    return holds ? "hold" : "later";
  }
}
