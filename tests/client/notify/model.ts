/** A model of a server with notifications, that one subscriber is connected to through a bad line. */

import { SubscriberRig } from "./rig.ts";

type Json = Record<string, unknown>;

interface Note {
  id: string;
  topic: string;
  text: string;
}

/** What happens next in a history. */
export type Happening =
  | { do: "publish"; topic: "hits" | "offers"; count: number }
  /** So many records reach the client; `pushFirst`: pushes overtake answers. */
  | { do: "deliver"; count: number; pushFirst: boolean }
  /** The server takes so many commands. */
  | { do: "take"; count: number }
  | { do: "handle"; ok: boolean }
  /** Some notification of the past is pushed once more. */
  | { do: "repeat"; pick: number }
  /** The answer that was sent last is sent once more. */
  | { do: "answer twice" }
  | { do: "cut" }
  | { do: "pass"; ms: number };

/** The mode that the server has for the session. */
interface Mode {
  until: number;
}

/** The server, the line and the subscriber. */
export class BadLine {
  readonly rig: SubscriberRig;
  /** Everything published, in its order. */
  readonly board: Note[] = [];
  readonly acknowledged = new Set<string>();
  /** How often each was handled, as its handler sees it. */
  readonly handled = new Map<string, number>();
  readonly #named: boolean;
  readonly #modeMs: number;
  #up = false;
  /** How many connections the client had dropped when this one was made. */
  #dropped = 0;
  #json = false;
  #mode: Mode | undefined;
  #toClient: Json[] = [];
  #lastAnswer: Json | undefined;

  constructor(
    { named, details, modeMs = 8000 }: { named: boolean; details: boolean; modeMs?: number },
  ) {
    this.#named = named;
    this.#modeMs = modeMs;
    const begin = named ? { as: "ann" } : { since: "all" };
    this.rig = new SubscriberRig({ ...begin, details, patient: true });
    this.#connect();
  }

  /** Lets something happen. */
  happen(happening: Happening): void {
    switch (happening.do) {
      case "publish":
        for (let i = 0; i < happening.count; i++) this.#publish(happening.topic);
        break;
      case "deliver":
        for (let i = 0; i < happening.count; i++) this.#deliver(happening.pushFirst);
        break;
      case "take":
        for (let i = 0; i < happening.count; i++) this.#take();
        break;
      case "handle":
        this.#handle(happening.ok);
        break;
      case "repeat": {
        const note = this.board[happening.pick % Math.max(1, this.board.length)];
        if (note !== undefined && this.#mode !== undefined) this.#push(note);
        break;
      }
      case "answer twice":
        if (this.#lastAnswer !== undefined) this.#toClient.push(this.#lastAnswer);
        break;
      case "cut":
        if (this.#up) this.#cut();
        break;
      case "pass":
        this.#pass(happening.ms);
    }
    this.#connect();
  }

  /** All goes well from now on, for long enough. */
  settle(): void {
    for (let i = 0; i < 200; i++) {
      for (let j = 0; j < 100; j++) {
        this.#take();
        this.#deliver(false);
        this.#handle(true);
      }
      this.#pass(500);
      this.#connect();
    }
  }

  #connect(): void {
    const { rig } = this;
    if (this.#up && rig.dropped > this.#dropped) {
      this.#up = false;
      this.#mode = undefined;
      this.#toClient = [];
    }
    this.#dropped = rig.dropped;
    if (this.#up || !rig.connecting) return;
    this.#up = true;
    this.#json = false;
    this.#toClient = [];
    rig.sent = [];
    rig.caller.connected(rig.now);
  }

  #cut(): void {
    this.#up = false;
    this.#mode = undefined;
    this.#toClient = [];
    this.rig.sent = [];
    this.rig.lose();
  }

  #pass(ms: number): void {
    this.rig.pass(ms);
    if (this.#mode === undefined || this.rig.now < this.#mode.until) return;
    this.#mode = undefined;
    const text = "Notifications off after 8 s: /notify goes on";
    this.#toClient.push({ type: "notice", text, notifications: false });
  }

  #handle(ok: boolean): void {
    const [one] = this.rig.handling;
    if (one === undefined) return;
    if (ok) this.handled.set(one.id, (this.handled.get(one.id) ?? 0) + 1);
    this.rig.done(ok);
  }

  #publish(topic: string): void {
    const number = this.board.length + 1;
    const note = { id: `k.1.${number}`, topic, text: `text ${number}` };
    this.board.push(note);
    if (this.#mode !== undefined) this.#push(note);
  }

  #push(note: Note): void {
    this.#toClient.push({ type: "notify", ...note });
  }

  #deliver(pushFirst: boolean): void {
    const wanted = (record: Json) => (record.type === "notify") === pushFirst;
    const at = Math.max(0, this.#toClient.findIndex(wanted));
    const [record] = this.#toClient.splice(at, 1);
    if (record !== undefined) this.rig.receive(record);
  }

  #take(): void {
    const record = this.rig.sent.shift();
    if (record === undefined || !this.#up) return;
    const [, tag, name, rest = ""] = /^@(\w+) \/(\S+) ?(.*)$/.exec(record) ?? [];
    // Without a tag there is no answer.
    if (name === undefined) return;
    const reply = (more: Json) => this.#toClient.push({ type: "reply", tag, text: "", ...more });
    const answer = (more: Json) => {
      this.#lastAnswer = { tag, ...more };
      this.#toClient.push(this.#lastAnswer);
    };
    const ok = () => answer({ type: "ok" });
    switch (name) {
      case "format":
        this.#json = true;
        return ok();
      case "notify":
        return this.#enter(rest, reply, ok);
      case "normal":
        this.#mode = undefined;
        return ok();
      case "ack":
        if (!this.board.some(({ id }) => id === rest)) throw new Error(`It acknowledges ${rest}`);
        this.acknowledged.add(rest);
        return ok();
      case "offer":
        if (this.#mode !== undefined) throw new Error("It asks for details in the mode");
        reply({ details: `details of ${rest}` });
        return ok();
      default:
        return ok();
    }
  }

  #enter(rest: string, reply: (more: Json) => void, ok: () => void): void {
    if (!this.#json) throw new Error("It enters the mode before it speaks JSON");
    const since = /since=(\S+)/.exec(rest)?.[1];
    this.#mode = { until: this.rig.now + this.#modeMs };
    reply({ timeout: this.#modeMs / 1000 });
    ok();
    const at = this.board.findIndex(({ id }) => id === since);
    for (const [index, note] of this.board.entries()) {
      if (this.#named ? !this.acknowledged.has(note.id) : index > at) this.#push(note);
    }
  }
}
