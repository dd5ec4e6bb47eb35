/**
 * Speech in the mesh: lines said here go to all servers, lines said elsewhere to the clients here.
 *
 * The payload of one line: a byte of flags (1: an action), a byte with the length of what stands
 * before the text (`bob: `, or `* bob `), that, and the text. So the record that clients get lies in it
 * as it is.
 *
 * @module
 */

import type { Gap } from "../../mesh/context.ts";
import type { MeshDriver } from "../../mesh/driver.ts";
import type { Delivery } from "../../mesh/observers.ts";
import { MAX_LINE_BYTES } from "../../wire/limits.ts";
import { BatchBuilder } from "../../wire/mesh_batch.ts";
import { decodeText, isPlain, visible } from "../../wire/text.ts";
import type { Origin } from "../history.ts";
import { parseNick } from "../../wire/nick.ts";
import type { Talker } from "../talker.ts";
import { KIND } from "./kinds.ts";

/** Longest text of a line from another server, in bytes: a line of the most bytes, all of them replaced. */
const MAX_TEXT_BYTES = 3 * MAX_LINE_BYTES;
/** Starts of servers whose names are remembered. */
const MAX_ORIGINS = 10_000;

const ACTION = 1;

/** Sends and receives lines. */
export class SpeechObserver {
  /** This server's. */
  readonly origin: Origin;
  readonly #driver: MeshDriver;
  readonly #talker: () => Talker;
  readonly #before: () => void;
  readonly #origins = new Map<string, Origin>();
  /** Those of servers whose names aren't known yet, by their ids. */
  readonly #nameless = new Map<string, Origin[]>();
  /** What was said in this turn, at one time: a batch has one for all its lines. */
  readonly #collected = new BatchBuilder();
  #time = 0;
  /** Number of the next line that is said here. */
  #next = 0;
  // The nick of the line before: most lines are by the same speaker as the one before.
  #lastNickBytes = new Uint8Array(0);
  #lastNick = "";

  /** Observes speech in the mesh of `driver`; `before` is called when what was said here is about to be sent. */
  constructor(driver: MeshDriver, talker: () => Talker, before: () => void = () => {}) {
    this.#driver = driver;
    this.#talker = talker;
    this.#before = before;
    const { id, incarnation, name } = driver.node.identity;
    this.origin = { prefix: `${id}.${incarnation}.`, server: name };
    driver.collects(() => this.flush());
    driver.node.observe(KIND.speech, { delivered: (delivery) => this.#delivered(delivery) });
  }

  /** A line was said here, at `time` (ms since 1970). Returns its number. */
  said(
    action: boolean,
    prefix: Uint8Array,
    bytes: Uint8Array,
    start: number,
    end: number,
    time: number,
  ): number {
    const length = 2 + prefix.length + end - start;
    const builder = this.#collected;
    if (time !== this.#time || builder.isFull(length)) this.flush();
    if (builder.count === 0) {
      this.#next = this.#driver.node.nextSequence;
      this.#time = time;
    }
    let at = builder.open(length);
    const target = builder.bytes;
    target[at++] = action ? ACTION : 0;
    target[at++] = prefix.length;
    for (let i = 0; i < prefix.length; i++) target[at++] = prefix[i] as number;
    if (end - start > 200) target.set(bytes.subarray(start, end), at);
    else for (let i = start; i < end; i++) target[at++] = bytes[i] as number;
    return this.#next++;
  }

  /** Sends what was said in this turn. */
  flush(): void {
    if (this.#collected.count === 0) return;
    this.#before();
    const time = this.#time;
    this.#driver.now((node, now) => node.publishBatch(KIND.speech, this.#collected, { now, time }));
    this.#driver.published();
  }

  /** Tells the clients what they will never get. */
  gap({ origin, incarnation, from, to, past }: Gap): void {
    // What was said before this server knew of the origin was to be in the history only.
    if (past) return;
    const { server } = this.#origin(origin, incarnation);
    this.#talker().notice(`… ${to - from + 1} lines from ${server} were missed`);
  }

  /** Tells the talker what was remembered over the restart, for its history. Returns the number of lines. */
  restore(): number {
    const talker = this.#talker();
    let lines = 0;
    this.#driver.now((node, now) => {
      for (const { batch, age, past } of node.retained(KIND.speech, now)) {
        const origin = this.#origin(batch.origin, batch.incarnation);
        batch.forEach((payload, sequence) => {
          const record = this.#record(payload, past);
          if (record === undefined) return;
          talker.recall(origin, sequence, batch.time, record, age);
          lines++;
        });
      }
    });
    return lines;
  }

  #delivered({ batch, past, local }: Delivery): void {
    if (local) return;
    const origin = this.#origin(batch.origin, batch.incarnation);
    const talker = this.#talker();
    batch.forEach((payload, sequence) => {
      const record = this.#record(payload, past);
      if (record !== undefined) talker.remoteLine(origin, sequence, batch.time, record, past);
    });
  }

  /** What came, checked: members of a mesh trust each other, and still send no control characters on. */
  #record(payload: Uint8Array, past: boolean): RemoteRecord | undefined {
    const prefixed = 2 + (payload[1] ?? 0);
    if (payload.length < prefixed || payload.length - prefixed > MAX_TEXT_BYTES) return undefined;
    const action = ((payload[0] as number) & ACTION) === ACTION;
    const nick = this.#nick(payload, action ? 4 : 2, prefixed - (action ? 1 : 2));
    if (nick === "") return undefined;
    if (isPlain(payload, 2, payload.length)) {
      return { action, nick, bytes: payload, start: 2, text: prefixed, past };
    }
    const prefix = action ? `* ${nick} ` : `${nick}: `;
    const text = visible(decodeText(payload, prefixed));
    const encoder = new TextEncoder();
    return {
      action,
      nick,
      bytes: encoder.encode(prefix + text),
      start: 0,
      text: encoder.encode(prefix).length,
      past,
    };
  }

  #nick(bytes: Uint8Array, start: number, end: number): string {
    const last = this.#lastNickBytes;
    let same = end - start === last.length;
    for (let i = 0; same && i < last.length; i++) same = bytes[start + i] === last[i];
    if (!same) {
      this.#lastNick = parseNick(decodeText(bytes, start, end)) ?? "";
      this.#lastNickBytes = bytes.slice(start, end);
    }
    return this.#lastNick;
  }

  /** A server is called so: also in the history, where its lines came before its name. */
  named(id: string, name: string): void {
    const nameless = this.#nameless.get(id);
    if (nameless === undefined) return;
    this.#nameless.delete(id);
    for (const origin of nameless) origin.server = name;
    this.#driver.node.keepName(id, name);
  }

  #origin(id: string, incarnation: number): Origin {
    const prefix = `${id}.${incarnation}.`;
    const known = this.#origins.get(prefix);
    if (known !== undefined) {
      // Its name may have come since, though it can't be reached yet.
      if (known.server === id) {
        const name = this.#driver.node.nameOf(id);
        if (name !== undefined) this.named(id, name);
      }
      return known;
    }
    if (this.#origins.size >= MAX_ORIGINS) {
      this.#origins.clear();
      this.#nameless.clear();
    }
    const { node } = this.#driver;
    // A line can come before its server has told its name to all; its peers know it by their link.
    const name = node.nameOf(id) ?? node.peers().find((peer) => peer.id === id)?.name;
    const origin = { prefix, server: name ?? id };
    this.#origins.set(prefix, origin);
    if (name === undefined) {
      const nameless = this.#nameless.get(id);
      if (nameless === undefined) this.#nameless.set(id, [origin]);
      else nameless.push(origin);
    } else if (id !== node.identity.id) node.keepName(id, name);
    return origin;
  }
}

/** A line of another server as clients get it: bytes[start…], with its text from `text` on. */
export interface RemoteRecord {
  action: boolean;
  nick: string;
  bytes: Uint8Array;
  start: number;
  text: number;
  /** Said before this server knew of the other: its place in the history is by its time. */
  past: boolean;
}
