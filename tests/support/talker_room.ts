/**
 * A talker in virtual time, with clients that are texts in and texts out.
 *
 * @module
 */

import type { Session } from "../../lib/talker/session.ts";
import { Talker } from "../../lib/talker/talker.ts";
import type { TalkerOptions } from "../../lib/talker/talker_options.ts";
import { decodeText, encodeText, isPlain } from "../../lib/wire/text.ts";

/** 2026-01-02T03:04:05.000Z */
export const WALL = Date.UTC(2026, 0, 2, 3, 4, 5);

/** How a client connects. */
export type RoomClientOptions = { operator?: boolean; framed?: boolean; source?: string };

/** A client of a {@linkcode Room}. */
export class RoomClient {
  /** Has the server ended the session? */
  finished = false;
  readonly session: Session;
  readonly #room: Room;

  constructor(room: Room, options: RoomClientOptions = {}) {
    this.#room = room;
    this.session = room.talker.arrive({
      operator: options.operator ?? false,
      framed: options.framed ?? false,
      source: options.source,
      host: { wake() {}, finish: () => void (this.finished = true) },
    });
  }

  /** Says lines; returns what this client got since it was last asked. */
  say(...lines: string[]): string[] {
    for (const line of lines) {
      const bytes = encodeText(line);
      this.#room.talker.line(this.session, bytes, 0, bytes.length, isPlain(bytes, 0, bytes.length));
    }
    return this.got();
  }

  /** What this client got since it was last asked. */
  got(): string[] {
    let text = "";
    const notice = { lossNotice: () => new Uint8Array(0) };
    for (;;) {
      const bytes = this.session.outbox.take(notice);
      if (bytes === undefined) break;
      text += decodeText(bytes);
      this.session.mode?.took();
    }
    if (!this.session.format.framed) return text.split("\r\n").slice(0, -1);
    const records: string[] = [];
    for (let bytes = encodeText(text); bytes.length > 0;) {
      const length = Number(decodeText(bytes.subarray(0, 10)));
      records.push(decodeText(bytes.subarray(10, 10 + length)));
      bytes = bytes.subarray(10 + length);
    }
    return records;
  }

  /** As {@linkcode got}, as JSON. */
  objects(): Record<string, unknown>[] {
    return this.got().map((line) => JSON.parse(line));
  }
}

/** A talker called `kitchen`; time passes when it is told. */
export class Room {
  readonly talker: Talker;
  now = 0;

  constructor(options: Partial<TalkerOptions> = {}) {
    let draw = 0;
    this.talker = new Talker({
      name: "kitchen",
      origin: "k.1.",
      random: () => draw++,
      wakeAll() {},
      ...options,
    });
    this.talker.setTime(0, WALL);
  }

  /** Time passes, in milliseconds; what is due is done when it is due. */
  pass(milliseconds: number): void {
    const until = this.now + milliseconds;
    while (this.talker.due <= until) {
      this.now = Math.max(this.now, this.talker.due);
      this.talker.setTime(this.now, WALL + this.now);
      this.talker.tick();
    }
    this.now = until;
    this.talker.setTime(this.now, WALL + this.now);
  }

  /** A client that has connected and said nothing. */
  arrive(options: RoomClientOptions = {}): RoomClient {
    return new RoomClient(this, options);
  }

  /** A client that is announced, called `nick`; everything about that has been read. */
  client(nick: string, options: RoomClientOptions = {}): RoomClient {
    const client = this.arrive(options);
    client.say(`/nick ${nick}`);
    return client;
  }
}
