/** Subscribers and publishers in virtual time. No sockets. */

import type { Outcome } from "../../../lib/client/host.ts";
import type { Caller, CallerHost } from "../../../lib/client/notify/caller.ts";
import type { Notified } from "../../../lib/client/notify/notification.ts";
import {
  type Published,
  Publisher,
  type PublisherOptions,
} from "../../../lib/client/notify/publisher.ts";
import type { Receipts } from "../../../lib/client/notify/receipts.ts";
import { Subscriber, type SubscriberOptions } from "../../../lib/client/notify/subscriber.ts";
import { TIME } from "../../support/client_rig.ts";

type Json = Record<string, unknown>;

/** A machine, all that it wanted done, and a clock that stands still unless it is moved. */
export abstract class Rig {
  abstract readonly caller: Caller;
  /** Records that were sent and not looked at. */
  sent: string[] = [];
  readonly statuses: string[] = [];
  readonly logged: string[] = [];
  outcome: Outcome | undefined;
  /** An attempt to connect, or a connection, is wanted. */
  connecting = false;
  dropped = 0;
  now = 1000;

  protected readonly host: CallerHost = {
    connect: () => {
      if (this.connecting) throw new Error("It connects twice");
      this.connecting = true;
    },
    disconnect: () => {
      this.connecting = false;
      this.dropped++;
    },
    send: (record) => this.sent.push(record),
    status: (text) => this.statuses.push(text),
    log: (_level, message) => this.logged.push(message),
    finish: (outcome) => {
      if (this.outcome !== undefined) throw new Error("It ends twice");
      this.outcome = outcome;
    },
  };

  /** What was sent since the last look, without tags. */
  commands(): string[] {
    return this.take().map(({ command }) => command);
  }

  /** What was sent since the last look; without a tag there is no answer. */
  take(): { tag: string; command: string }[] {
    const sent = this.sent.splice(0);
    return sent.map((record) => {
      const [, tag = "", command = record] = /^@(\w+) (.*)$/.exec(record) ?? [];
      return { tag, command };
    });
  }

  /** The tag of the one thing that was sent since the last look; it must be this. */
  asked(command: string): string {
    const taken = this.take();
    const [first] = taken;
    if (taken.length !== 1 || first?.command !== command) {
      throw new Error(`Not just ${command} was sent but ${JSON.stringify(taken)}`);
    }
    return first.tag;
  }

  receive(...records: (string | Json)[]): void {
    for (const record of records) {
      const text = typeof record === "string" ? record : JSON.stringify(record);
      this.caller.received(text, this.now);
    }
  }

  ok(tag: string, reply?: Json): void {
    if (reply !== undefined) this.receive({ type: "reply", text: "", tag, ...reply });
    this.receive({ type: "ok", tag, id: reply?.id });
  }

  error(tag: string, code: string, text = code): void {
    this.receive({ type: "error", tag, code, text });
  }

  /** Connected, and it speaks JSON. */
  greet(): this {
    this.caller.connected(this.now);
    this.receive("Welcome, guest1");
    let isJson = false;
    for (const { tag, command } of this.take()) {
      if (command === "/format json") {
        isJson = true;
        this.receive({ type: "welcome", nick: "guest1", server: "kitchen", time: TIME, text: "" });
      }
      // A server speaks text until it is asked for JSON.
      if (isJson) this.ok(tag);
      else if (tag !== "") this.receive(`@${tag} ok`);
    }
    return this;
  }

  lose(reason = "the server closed it"): void {
    this.connecting = false;
    this.caller.disconnected(reason, this.now);
  }

  /** Time goes on; what falls due meanwhile is done when it is due. */
  pass(ms: number): void {
    const end = this.now + ms;
    for (let i = 0; this.caller.due <= end; i++) {
      if (i > 10_000) throw new Error(`It is due for ever in state ${this.caller.state.is}`);
      this.now = Math.max(this.now, this.caller.due);
      this.caller.tick(this.now);
    }
    this.now = end;
    this.caller.tick(end);
  }

  /** Connections are lost and refused until it tries again. */
  comeBack(): void {
    this.lose();
    this.pass(20_000);
    if (!this.connecting) throw new Error("It does not come back");
    this.sent = [];
  }
}

/** A subscriber; its handler is the test. */
export class SubscriberRig extends Rig {
  readonly subscriber: Subscriber;
  /** What is to be handled, and not yet answered for. */
  readonly handling: Notified[] = [];
  /** Everything that was ever to be handled, as `topic: text`. */
  readonly given: string[] = [];

  constructor(options: Partial<SubscriberOptions> = {}) {
    super();
    const defaults = { target: "kitchen:1", topics: [], random: () => 0.5 };
    this.subscriber = new Subscriber({ ...defaults, ...options }, {
      ...this.host,
      handle: (notification) => {
        if (this.handling.length > 0) throw new Error("It handles two at once");
        this.handling.push(notification);
        this.given.push(`${notification.topic}: ${notification.text}`);
      },
    });
    this.subscriber.start(this.now);
  }

  get caller(): Caller {
    return this.subscriber.caller;
  }

  /** In the mode for the first time; nothing is left to look at. */
  listen(reply: Json = { timeout: 60 }): this {
    this.greet();
    const [asked] = this.take();
    if (asked === undefined) throw new Error("It does not ask for the mode");
    this.ok(asked.tag, reply);
    return this;
  }

  push(id: number, topic = "hits", text = `text ${id}`): void {
    this.receive({ type: "notify", id: `k.1.${id}`, topic, text, time: TIME, nick: "bob" });
  }

  /** What is being handled was, or failed. */
  done(ok = true): void {
    this.handling.shift();
    this.subscriber.handled(ok, this.now);
  }
}

/** A publisher. */
export class PublisherRig extends Rig {
  readonly publisher: Publisher;
  readonly published: Published[] = [];
  readonly receipts: Receipts[] = [];

  constructor(options: Partial<PublisherOptions> = {}) {
    super();
    this.publisher = new Publisher({ target: "kitchen:1", random: () => 0.5, ...options }, {
      ...this.host,
      published: (published) => this.published.push(published),
      receipts: (receipts) => this.receipts.push(receipts),
    });
    this.publisher.start(this.now);
  }

  get caller(): Caller {
    return this.publisher.caller;
  }

  publish(...texts: string[]): void {
    for (const text of texts) this.publisher.publish("hits", text, this.now);
  }

  endInput(): void {
    this.publisher.endInput(this.now);
  }
}
