/**
 * What the user says and what others say, whatever becomes of the connection meanwhile. Pure.
 *
 * @module
 */

import { MAX_LINE_BYTES } from "../wire/limits.ts";
import { CatchUp, RecentIds } from "./catch_up.ts";
import { harmless } from "./harmless.ts";
import { LOCAL_HELP, localCommand } from "./local_commands.ts";
import { mentions } from "./mention.ts";
import { NickKeeper } from "./nick_keeper.ts";
import { Outbox, WAITING } from "./outbox.ts";
import { type Outgoing, parseOutgoing, recordsFor } from "./outgoing.ts";
import { People } from "./people.ts";
import type { Failure, Ok, Renamed, Reply, Said, ServerEvent } from "./record.ts";
import type { Shown } from "./shown.ts";
import { Unacknowledged } from "./unacknowledged.ts";

/** What a {@linkcode Conversation} needs done. */
export interface ConversationHost {
  /** Sends a record. */
  send(record: string): void;
  /** A tag that was never used. */
  newTag(): string;
  /** Shows something. */
  show(shown: Shown): void;
  /** Something for the log at debug level. */
  debug(message: string, properties: Record<string, unknown>): void;
  /** The connection is back, yet what was missed is still coming in. */
  isComingBack(): boolean;
}

/** How a conversation is led. */
export interface ConversationOptions {
  readonly interactive: boolean;
  readonly nick?: string | undefined;
  readonly count?: number | undefined;
}

/** The lines of the user and those of others. */
export class Conversation {
  readonly people = new People();
  readonly nick: NickKeeper;
  /** Ids of notifications that were pushed, for completion. */
  readonly unacknowledged = new Unacknowledged();
  /** What was said, once each and in order. */
  readonly catchUp: CatchUp;
  readonly #options: ConversationOptions;
  readonly #host: ConversationHost;
  readonly #outbox: Outbox;
  /** Ids of our lines that the server has confirmed. */
  readonly #confirmed = new RecentIds();
  /** The `/notify` of the user that is in force on this connection. */
  #notify: string | undefined;
  #inputEnded = false;
  /** The user's `/quit`. */
  #quit: "none" | "waits" | "sent" = "none";
  #received = 0;
  #failed = false;

  /** A conversation in which nothing was said. */
  constructor(options: ConversationOptions, host: ConversationHost) {
    this.#options = options;
    this.#host = host;
    this.#outbox = new Outbox(options.interactive ? WAITING.person : WAITING.script);
    this.nick = new NickKeeper(options.nick, options.interactive);
    this.catchUp = new CatchUp((said, past) => this.#said(said, past));
  }

  /** There is room for more lines of the user. */
  get wantsInput(): boolean {
    return !this.#inputEnded && this.#outbox.hasRoom;
  }

  /** Lines of the user that wait to be sent. */
  get unsent(): number {
    return this.#outbox.waiting;
  }

  /** A command of the user went wrong. */
  get failed(): boolean {
    return this.#failed;
  }

  /** The user's `/quit` is sent: the server will close. */
  get isQuitting(): boolean {
    return this.#quit === "sent";
  }

  /** There is a `/quit` of the user: nothing more is said. */
  get willQuit(): boolean {
    return this.#quit !== "none";
  }

  /** All lines of the user are taken, and as many received as were wanted. */
  get isDone(): boolean {
    if (!this.#inputEnded || this.#outbox.size > 0) return false;
    return this.#options.count === undefined || this.#isFull() || this.isQuitting;
  }

  /** Takes a line of the user; gives it back if it is to be sent as soon as that can be. */
  line(text: string): Outgoing | undefined {
    if (this.#inputEnded) return undefined;
    const outgoing = parseOutgoing(text);
    if (outgoing === undefined) return undefined;
    if ("most" in outgoing) {
      const { bytes, most, isTagged } = outgoing;
      const whose = isTagged ? " for a command, which the client gives a tag" : "";
      return this.#refuse(`Line too long: ${bytes} bytes, and ${most} are the most${whose}`);
    }
    const { command, rest, tag } = outgoing;
    if (command === "format") {
      return this.#refuse("/format is the client's own affair; --json prints JSON", tag);
    }
    if (this.#options.interactive) {
      const answer = command && localCommand(this.people, command, rest);
      if (answer) return this.#status(answer);
      if (!this.#outbox.hasRoom) return this.#refuse("Too much waits to be sent already", tag);
    }
    this.#outbox.push(outgoing);
    if (command === "quit") {
      this.#inputEnded = true;
      this.#quit = "waits";
    }
    return outgoing;
  }

  /** A line of the user is longer than `bytes`, and was not kept. */
  lineTooLong(bytes: number): void {
    if (this.#inputEnded) return;
    this.#refuse(`Line too long: more than ${bytes} bytes, and ${MAX_LINE_BYTES} are the most`);
  }

  /** There will be no more lines of the user. */
  endInput(): void {
    this.#inputEnded = true;
  }

  /** Sends what waits, as far as the window goes. */
  flush(): void {
    while (true) {
      const outgoing = this.#outbox.peek();
      if (outgoing === undefined) return;
      if (outgoing.command === "quit") {
        // Answers that take their time come before the goodbye.
        if (this.#outbox.unanswered > 0) return;
        this.#quit = "sent";
      }
      const tag = this.#host.newTag();
      this.#outbox.sent(tag, this.nick.speaker);
      if (outgoing.command === "nick") this.nick.asked(nickIn(outgoing));
      for (const record of recordsFor(outgoing, tag)) this.#host.send(record);
    }
  }

  /**
   * The connection is lost: what is not known to be said will be sent again. The mode that the user asked
   * for is not entered again: since when and for how long is the user's to say.
   */
  lost(): void {
    this.#outbox.lost();
    if (this.#notify === undefined) return;
    this.#status(`Notifications ended with the connection: ${this.#notify} goes on`);
    this.#notify = undefined;
  }

  /** Whether a line is one of ours that the server has confirmed. */
  isConfirmed({ id }: Said): boolean {
    return id !== undefined && this.#confirmed.has(id);
  }

  /** Something happened that is no answer. */
  event(event: Exclude<ServerEvent, { type: "welcome" | "reply" | "ok" | "error" }>): void {
    switch (event.type) {
      case "speech":
      case "action":
        return this.catchUp.live(event);
      case "whisper":
        this.people.met(event.nick);
        if (!this.people.isIgnored(event.nick)) this.#count({ kind: "whisper", event });
        return;
      case "joined":
      case "left": {
        this.people.crowd(event);
        const nick = event.count === 1 ? event.nicks[0] ?? "" : "";
        const own = event.count === 1 && this.nick.isMe(nick, event.server);
        if (!this.people.isIgnored(nick)) this.#show({ kind: "presence", event, own });
        return;
      }
      case "renamed":
        return this.#renamed(event);
      case "notice":
        if (event.endsNotifications) this.#notify = undefined;
        return this.#show({ kind: "notice", event });
      case "notify":
        this.unacknowledged.add(event.notification.id);
        return this.#show({ kind: "notify", event });
      case "unknown":
        return this.#show({ kind: "unknown", event });
    }
  }

  /** An answer to a line of the user. False where its tag belongs to none that waits for one. */
  answer(tag: string, event: Reply | Ok | Failure): boolean {
    const item = this.#outbox.find(tag);
    if (item === undefined) return false;
    const { outgoing } = item;
    if (event.type === "reply") {
      // The answer to the ping behind a bare line is of no interest.
      if (!outgoing.bare) this.#host.show({ kind: "reply", event, tag: outgoing.tag });
      return true;
    }
    this.#outbox.answered(tag);
    if (event.type === "error") {
      if (outgoing.command === "nick") this.nick.denied(nickIn(outgoing));
      this.#failed = true;
      this.#host.show({ kind: "failed", text: event.text, tag: outgoing.tag, raw: event.raw });
      return true;
    }
    if (event.id !== undefined) this.#confirmed.add(event.id);
    if (outgoing.command === "notify") this.#notify = `/notify ${outgoing.rest}`.trimEnd();
    if (outgoing.command === "normal") this.#notify = undefined;
    if (outgoing.command === "ack") this.unacknowledged.delete(outgoing.rest);
    if (outgoing.command === "nick") this.nick.chose(nickIn(outgoing));
    if (outgoing.command === "help" && outgoing.rest === "" && this.#options.interactive) {
      for (const text of LOCAL_HELP) this.#status(text);
    }
    if (outgoing.tag !== undefined) {
      this.#host.show({ kind: "confirmed", raw: event.raw, tag: outgoing.tag });
    }
    if (!item.heard) this.#showOwn(event, outgoing);
    return true;
  }

  /** Where the server does not echo, a person sees the own line when it is confirmed. */
  #showOwn({ id, raw }: Ok, { said }: Outgoing): void {
    if (said === undefined || !this.#options.interactive) return;
    if (id !== undefined && this.catchUp.knows(id)) return;
    if (id !== undefined) this.catchUp.remember(id);
    const { mine: nick, server } = this.nick;
    const { kind: type, text } = said;
    const event: Said = { type, id, time: undefined, nick, server, text, raw };
    this.#show({ kind: "said", event, own: true, mention: false, past: false });
  }

  #renamed(event: Renamed): void {
    const own = this.nick.renamed(event.old, event.nick, event.server);
    const hidden = this.people.isIgnored(event.old);
    this.people.renamed(event);
    if (!hidden) this.#show({ kind: "presence", event, own });
  }

  #said(event: Said, past: boolean): void {
    const own = this.#isOwn(event, past);
    const { interactive } = this.#options;
    if (interactive) this.people.met(event.nick);
    if (this.people.isIgnored(event.nick)) return;
    const mention = !own && interactive && mentions(event.text, this.nick.mine);
    const shown: Shown = { kind: "said", event, own, mention, past };
    // What was said before we came is no received line; what was said while we were away is.
    if (past && !this.#host.isComingBack()) this.#show(shown);
    else this.#count(shown);
  }

  /** Whether we said this; so it needn't be sent again. */
  #isOwn(event: Said, past: boolean): boolean {
    const isMe = this.nick.isMe(event.nick, event.server);
    if (this.isConfirmed(event)) return true;
    if (isMe && !past && this.#outbox.heard(event)) return true;
    // What we sent on an earlier connection may come while our old session still has our nick.
    return this.#outbox.recalled(event) || isMe;
  }

  /** Shows a line that counts. */
  #count(shown: Shown): void {
    if (this.#isFull()) return;
    this.#received++;
    this.#host.show(shown);
    if (this.#isFull()) this.#inputEnded = true;
  }

  /** Shows what others do, unless enough was received: then nothing more is. */
  #show(shown: Shown): void {
    if (!this.#isFull()) this.#host.show(shown);
  }

  /** All lines that were to be received are there. */
  #isFull(): boolean {
    return this.#received >= (this.#options.count ?? Infinity);
  }

  /** A line of the user never goes to the server. */
  #refuse(text: string, tag?: string): undefined {
    this.#failed = true;
    this.#host.show({ kind: "failed", text, tag, raw: undefined });
  }

  #status(text: string): undefined {
    this.#host.show({ kind: "status", text: harmless(text) });
  }
}

/** The nick that a `/nick` asks for. */
function nickIn({ rest }: Outgoing): string {
  return rest.normalize("NFKC");
}
