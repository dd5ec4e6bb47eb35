/** A client core in virtual time, and a model of a server to talk to. No sockets. */

import { Client } from "../../lib/client/client.ts";
import type { ClientOptions, Outcome } from "../../lib/client/host.ts";
import { plainText } from "../../lib/client/plain.ts";
import type { Shown } from "../../lib/client/shown.ts";

/** A client, all that it wanted done, and a clock that stands still unless it is moved. */
export class ClientRig {
  readonly client: Client;
  /** Records that were sent and not looked at. */
  sent: string[] = [];
  readonly shown: Shown[] = [];
  readonly debugged: string[] = [];
  outcome: Outcome | undefined;
  /** An attempt to connect, or a connection, is wanted. */
  connecting = false;
  dropped = 0;
  now = 1000;

  /** `showing` is called when something is shown. */
  constructor(options: Partial<ClientOptions> = {}, showing = () => {}) {
    const defaults = { target: "kitchen:1", interactive: false, random: () => 0.5 };
    this.client = new Client({ ...defaults, ...options }, {
      connect: () => this.connecting = true,
      disconnect: () => {
        this.connecting = false;
        this.dropped++;
      },
      send: (record) => this.sent.push(record),
      show: (shown) => {
        this.shown.push(shown);
        showing();
      },
      finish: (outcome) => this.outcome = outcome,
      debug: (message) => this.debugged.push(message),
    });
    this.client.start(this.now);
  }

  /** What was shown, as text for a pipe, stderr marked with `!`. */
  get lines(): string[] {
    return this.shown.flatMap((shown) => {
      const { out, err } = plainText(shown);
      return out !== undefined ? [out] : err !== undefined ? [`!${err}`] : [];
    });
  }

  /** What was sent since the last look. */
  take(): string[] {
    const sent = this.sent;
    this.sent = [];
    return sent;
  }

  /** The tag of the one record among those sent that has this command. */
  tagOf(command: string): string {
    const found = this.sent.filter((record) => record.replace(/^@\S+ /, "") === command);
    if (found.length !== 1) {
      throw new Error(`${command} is not once in ${JSON.stringify(this.sent)}`);
    }
    return /^@(\S+) /.exec(found[0] ?? "")?.[1] ?? "";
  }

  connected(): void {
    this.client.connected(this.now);
  }

  receive(...records: (string | Record<string, unknown>)[]): void {
    for (const record of records) {
      const text = typeof record === "string" ? record : JSON.stringify(record);
      this.client.received(text, this.now);
    }
  }

  welcome(nick = "guest1", server = "kitchen"): void {
    this.receive({ type: "welcome", nick, server, time: TIME, text: `Welcome, ${nick}` });
  }

  /** Connected, welcomed and ready; nothing is left to look at. */
  ready(nick = "guest1"): this {
    this.connected();
    this.welcome(nick);
    for (const record of this.take()) {
      this.receive({ type: "ok", tag: /^@(\S+) /.exec(record)?.[1] ?? "" });
    }
    this.shown.length = 0;
    return this;
  }

  lose(reason = "the server closed it"): void {
    this.client.disconnected(reason, this.now);
  }

  line(...texts: string[]): void {
    for (const text of texts) this.client.line(text, this.now);
  }

  say(nick: string, text: string, id?: string, more: Record<string, unknown> = {}): void {
    this.receive({ type: "speech", id, time: TIME, nick, server: "kitchen", text, ...more });
  }

  /** Time goes on; what falls due meanwhile is done when it is due. */
  pass(ms: number): void {
    const end = this.now + ms;
    for (let i = 0; this.client.due <= end; i++) {
      if (i > 10_000) throw new Error(`The client is due for ever in state ${this.client.state}`);
      this.now = Math.max(this.now, this.client.due);
      this.client.tick(this.now);
    }
    this.now = end;
    this.client.tick(end);
  }
}

/** A moment. */
export const TIME = "2026-01-02T03:04:05.678Z";

interface ModelLine {
  id: string;
  nick: string;
  kind: "speech" | "action";
  said: string;
}

/** A session whose client is gone, which the server does not know. */
interface Lingering {
  readonly nick: string;
  /** Records of the client that are still under way. */
  underWay: string[];
}

/**
 * A server that one client is connected to, at the most; others speak through `other`. Former sessions
 * of the client may linger.
 */
export class ModelServer {
  readonly history: ModelLine[] = [];
  /** Records on their way to the client. */
  out: string[] = [];
  echo = true;
  json = false;
  nick = "";
  /** Part of the ids of lines. */
  incarnation = 1;
  /** Somebody else has this nick. */
  taken = new Set<string>();
  #lingering: Lingering[] = [];
  #guests = 0;

  /** A new connection. */
  connect(): void {
    this.json = false;
    this.nick = `guest${++this.#guests}`;
    this.out = [`Welcome, ${this.nick}`];
  }

  /** The client is gone; its session stays, and these records still come to it. */
  linger(underWay: readonly string[]): void {
    this.#lingering.push({ nick: this.nick, underWay: [...underWay] });
  }

  /** Former sessions take so many of the records that are under way to them. */
  takeLate(count = Infinity): void {
    for (const { nick, underWay } of this.#lingering) {
      for (const record of underWay.splice(0, count)) {
        const [, name = "", rest = ""] = /^(?:@\w+ )?\/(\S*) ?(.*)$/s.exec(record) ?? [];
        if (name === "say") this.#say(nick, "speech", rest.trim(), false);
        else if (name === "me") this.#say(nick, "action", rest.trim(), false);
        else if (name === "") this.#say(nick, "speech", record, false);
      }
    }
  }

  /** What is under way to former sessions is lost. */
  dropLate(): void {
    for (const session of this.#lingering) session.underWay = [];
  }

  /** Former sessions end. */
  bury(): void {
    this.#lingering = [];
  }

  /** Somebody else says something. */
  other(text: string): void {
    this.#say("other", "speech", text, false);
  }

  #isTaken(nick: string): boolean {
    return this.taken.has(nick) || this.#lingering.some((session) => session.nick === nick);
  }

  /** Takes a record of the client. */
  take(record: string): void {
    const [, tag, command = ""] = /^(?:@(\w+) )?(.*)$/s.exec(record) ?? [];
    const [, name, rest = ""] = /^\/(\S*) ?(.*)$/s.exec(command) ?? [];
    if (name === undefined) {
      this.#say(this.nick, "speech", record);
      return;
    }
    const reply = (more: Record<string, unknown>) => this.#send({ type: "reply", tag, ...more });
    const ok = (id?: string) => this.#send({ type: "ok", tag, id });
    const error = (code: string, text: string) => this.#send({ type: "error", tag, code, text });
    switch (name) {
      case "format":
        this.json = true;
        this.#send({ type: "welcome", nick: this.nick, server: "kitchen", time: TIME, text: "" });
        return ok();
      case "nick":
        if (this.#isTaken(rest)) return error("taken", `Nick ${rest} is taken`);
        this.#send({
          type: "renamed",
          old: this.nick,
          nick: rest,
          server: "kitchen",
          time: TIME,
          text: `${this.nick} renames themself as ${rest}`,
        });
        this.nick = rest;
        return ok();
      case "say":
        return ok(this.#say(this.nick, "speech", rest.trim()));
      case "me":
        return ok(this.#say(this.nick, "action", rest.trim()));
      case "history": {
        const since = /^since=(.*)$/.exec(rest)?.[1];
        const at = this.history.findIndex(({ id }) => id === since);
        if (since !== undefined && at < 0) return error("not-found", `No line ${since}`);
        const lines = since === undefined
          ? this.history.slice(-Number(rest))
          : this.history.slice(at + 1);
        for (const { id, nick, kind, said } of lines) {
          reply({ text: said, id, time: TIME, nick, server: "kitchen", kind, said });
        }
        return ok();
      }
      case "ping":
        reply({ text: "pong" });
        return ok();
      default:
        return error("unknown-command", `Unknown command: /${name}`);
    }
  }

  #say(nick: string, kind: "speech" | "action", text: string, isOwn = true): string {
    const id = `k.${this.incarnation}.${this.history.length + 1}`;
    this.history.push({ id, nick, kind, said: text });
    if (!isOwn || this.echo) {
      this.#send({ type: kind, id, time: TIME, nick, server: "kitchen", text });
    }
    return id;
  }

  #send(event: Record<string, unknown>): void {
    this.out.push(this.json ? JSON.stringify(event) : `text ${event.text ?? event.type}`);
  }
}
