/**
 * Connections that carry bytes: as they are, or as frames, each preceded by its length as ten
 * characters (Python's `b'%10d' % len(message)`). For programs that know nothing of messages.
 *
 * @module
 */

import type { EncryptionOptions } from "./encryption.ts";
import { FramedLink, type LinkOwner } from "../link/framed_link.ts";
import { formatAddress } from "../net/address.ts";
import { endWith } from "../net/signals.ts";
import type { Connection } from "../net/transport.ts";
import { LocalFault } from "../wire/errors.ts";
import {
  MAX_FRAME_BYTES,
  MAX_INBOX_BYTES,
  MAX_INBOX_MESSAGES,
  SEND_STUCK_MS,
} from "../wire/limits.ts";
import { encodeText } from "../wire/text.ts";
import { type Address, targetOf } from "./address.ts";
import { AskError } from "./ask_error.ts";
import { open, patiently } from "./dial.ts";
import { ProgramPort } from "./program_port.ts";
import { Room } from "./room.ts";
import type { SessionMaker } from "./session.ts";
import { Events, type SessionEvent } from "./session_event.ts";
import { isClass, runSession } from "./session_runner.ts";
import { Stream } from "./stream.ts";
import { Wake } from "./wake.ts";

/**
 * What is on the wire: `frames`, each with its length in front, or `bytes`, in pieces as they come.
 */
export type RawForm = "frames" | "bytes";

/** What raw connections of both sides have in common. */
export interface RawOptions extends EncryptionOptions {
  /** What is on the wire. */
  raw: RawForm;
  /** Runs for each connection. A function: when it returns, the connection is closed. */
  session?: SessionMaker<RawSession> | undefined;
  /** Told of each event. */
  onEvent?: ((event: SessionEvent<RawSession>) => void) | undefined;
  /** Ends it all. */
  signal?: AbortSignal | undefined;
  /** True: open connections alone do not keep the program alive. @default false */
  background?: boolean;
}

/** How {@linkcode listen} listens for raw connections. */
export interface RawListenOptions extends RawOptions {
  /** What runs for each connection. */
  session: SessionMaker<RawSession>;
}

/** How {@linkcode connect} makes a raw connection. */
export interface RawConnectOptions extends RawOptions {
  /** Tries again for so long, in milliseconds, where nobody listens yet. @default 0: tries once */
  wait?: number;
}

/** A connection that carries bytes. */
export interface RawSession extends AsyncDisposable {
  /** The address of the other side. */
  readonly remote: string;
  /**
   * The frames that come, or the pieces. They end when the other side sends no more. Where a session
   * function runs for the connection, it can still send then; else the connection has ended.
   */
  readonly frames: Stream<Uint8Array>;
  /** Aborted when the connection has ended. */
  readonly signal: AbortSignal;
  /** Resolves when the connection has ended. Never rejects. */
  readonly ended: Promise<SessionEvent<RawSession>>;
  /**
   * Sends a frame, or bytes; text as UTF-8. Resolves when there is room for more. An other side that
   * takes nothing for 10 s is given up.
   *
   * @throws {LocalFault} for a frame of more than 1 MiB
   * @throws {AskError} `lost` when the connection has ended
   */
  send(data: Uint8Array | string): Promise<void>;
  /** Ends the connection, when what was sent is taken. */
  close(reason?: string): void;
}

/** A program that listens for raw connections. Disposing of it ends it, with all of them. */
export interface RawListener extends AsyncDisposable {
  /** Where, with the port that the system chose where it was 0. */
  readonly address: string;
  /**
   * `accepted`, `closed`, `abandoned`, `notListening`; `notConnected` for who was refused, since only one
   * side encrypts, or their secrets differ.
   */
  readonly events: Stream<SessionEvent<RawSession>>;
  /** The connections that are up. */
  readonly sessions: ReadonlySet<RawSession>;
  /** Ends it, with all its connections. */
  close(): void;
}

let lastNumber = 0;

interface RawLinkSessionOptions {
  /** Only tests give it up sooner or later. */
  stuckMs?: number;
  /** What runs for it, if anything does. */
  maker?: SessionMaker<RawSession> | undefined;
}

/** A {@linkcode RawSession} over a {@linkcode FramedLink}. */
export class RawLinkSession implements RawSession {
  readonly remote: string;
  readonly frames: Stream<Uint8Array>;
  readonly ended: Promise<SessionEvent<RawSession>>;
  /** What its session function gave, for the event at its end. */
  result: unknown;
  readonly #form: RawForm;
  readonly #link: FramedLink;
  readonly #room: Room;
  readonly #abort = new AbortController();
  readonly #tell: (event: SessionEvent<RawSession>) => void;
  readonly #stuckMs: number;
  /** A session function runs: at its return the connection ends, whatever the other side does. */
  readonly #mayLinger: boolean;
  #hasHeardAll = false;
  readonly #wake = new Wake(() => this.#look());
  #settle!: (event: SessionEvent<RawSession>) => void;
  #waiting = 0;
  #isDeaf = false;
  #isOver = false;

  /** Takes the connection over; its end is told with `tell`. */
  constructor(
    connection: Connection,
    form: RawForm,
    tell: (event: SessionEvent<RawSession>) => void,
    { stuckMs = SEND_STUCK_MS, maker }: RawLinkSessionOptions = {},
  ) {
    this.#form = form;
    this.#tell = tell;
    this.#stuckMs = stuckMs;
    this.#mayLinger = maker !== undefined && !isClass(maker);
    const { hostname: host, port } = connection.remoteAddr;
    this.remote = formatAddress({ host, port });
    this.frames = new Stream({ taken: ({ length }) => this.#taken(length) });
    this.ended = new Promise((resolve) => this.#settle = resolve);
    const limit = form === "frames" ? MAX_FRAME_BYTES : undefined;
    this.#link = new FramedLink(++lastNumber, connection, this.#owner, limit);
    this.#room = new Room(this.#link, this.remote);
    this.#link.start();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  readonly #owner: LinkOwner = {
    frame: (_link, body) => {
      this.#waiting += body.length;
      // It belongs to the link.
      this.frames.push(body.slice());
      this.#judge();
    },
    heard: () => {},
    sent: () => {
      this.#room.taken();
      this.#judgeEnd();
    },
    broken: (_link, reason) => this.#end("us", reason),
    ended: (_link, reason) => this.#end("them", reason),
    heardAll: () => {
      this.frames.end();
      this.#hasHeardAll = true;
      this.#judgeEnd();
    },
  };

  /**
   * The other side will say nothing more. It may still wait for what a session function has to say; but
   * whether it has ended its half, or is gone, can't be told from here.
   */
  #judgeEnd(): void {
    if (!this.#hasHeardAll || this.#mayLinger || this.#link.queued > 0) return;
    this.#end("them", "the other side closed the connection");
  }

  #taken(length: number): void {
    this.#waiting -= length;
    if (this.#isDeaf) this.#judge();
  }

  /** Stops reading, or goes on. */
  #judge(): void {
    const isDeaf = this.#waiting >= MAX_INBOX_BYTES || this.frames.size >= MAX_INBOX_MESSAGES;
    if (isDeaf === this.#isDeaf) return;
    this.#isDeaf = isDeaf;
    this.#link.pause(isDeaf);
  }

  async send(data: Uint8Array | string): Promise<void> {
    const bytes = typeof data === "string" ? encodeText(data) : data.slice();
    if (this.#form === "frames" && bytes.length > MAX_FRAME_BYTES) {
      throw new LocalFault(
        `Cannot send a frame of ${bytes.length} bytes: the limit is ${MAX_FRAME_BYTES}`,
      );
    }
    if (!this.#room.isFree) await this.#room.wait();
    if (this.#isOver) throw new AskError("lost", `The connection with ${this.remote} has ended`);
    this.#link.send(bytes);
    this.#look();
    if (!this.#room.isFree) await this.#room.wait();
  }

  /** Looks whether the other side still takes what is sent, and when to look again. */
  #look(): void {
    if (this.#isOver || this.#link.queued === 0) return;
    const due = this.#link.progressAt + this.#stuckMs;
    if (due > performance.now()) return this.#wake.at(due);
    this.#end("them", `nothing was taken for ${this.#stuckMs / 1000} s`);
  }

  close(reason = "closed"): void {
    this.#end("us", reason);
  }

  #end(by: "us" | "them", reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#wake.stop();
    this.#link.finish();
    this.#room.end(true);
    this.frames.end();
    const event: SessionEvent<RawSession> = by === "us"
      ? { type: "closed", session: this, reason, result: this.result }
      : { type: "abandoned", session: this, reason };
    this.#abort.abort(new AskError("lost", `The connection with ${this.remote} ended: ${reason}`));
    this.#tell(event);
    this.#settle(event);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await Promise.all([this.ended, this.#link.closed]);
  }
}

/** See {@linkcode connect}. */
export async function connectRaw(
  address: Address | null,
  options: RawConnectOptions,
): Promise<RawSession> {
  const to = targetOf(address);
  const events = new Events(options.onEvent);
  const { raw, signal, session: maker, background, encrypted, secret } = options;
  const connection = await patiently(to, options, async (signal) => {
    try {
      return await open(to, { encrypted, secret, signal });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      events.tell({ type: "notConnected", address: formatAddress(to), reason });
      throw error;
    }
  });
  if (background) connection.unref?.();
  const session = new RawLinkSession(connection, raw, (event) => events.tell(event), { maker });
  events.tell({ type: "connected", session });
  endWith(signal, () => session.close(), session.signal);
  if (maker !== undefined) void runSession<RawSession & RawLinkSession>(session, maker);
  return session;
}

/** See {@linkcode listen}. */
export async function listenRaw(
  address: Address | null,
  options: RawListenOptions,
): Promise<RawListener> {
  options.signal?.throwIfAborted();
  return await Promise.resolve(new RawLinkListener(address, options));
}

class RawLinkListener implements RawListener {
  readonly address: string;
  readonly events: Stream<SessionEvent<RawSession>>;
  readonly sessions: Set<RawLinkSession> = new Set();
  readonly #port: ProgramPort<RawSession>;
  readonly #options: RawListenOptions;

  constructor(address: Address | null, options: RawListenOptions) {
    this.#options = options;
    this.#port = new ProgramPort(address, options, {
      take: (connection) => this.#take(connection),
      end: (reason) => {
        for (const session of [...this.sessions]) session.close(reason);
      },
    });
    this.address = this.#port.address;
    this.events = this.#port.events;
  }

  #take(connection: Connection): Promise<unknown> {
    const { raw, session: maker } = this.#options;
    const session = new RawLinkSession(connection, raw, (event) => {
      this.sessions.delete(session);
      this.#port.tell(event);
    }, { maker });
    this.sessions.add(session);
    this.#port.tell({ type: "accepted", session });
    void runSession<RawSession & RawLinkSession>(session, maker);
    return session.ended;
  }

  close(): void {
    this.#port.close("it listens no more");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const sessions = [...this.sessions];
    this.close();
    const ends = sessions.map((session) => session[Symbol.asyncDispose]());
    await Promise.all([...ends, this.#port.ended]);
  }
}
