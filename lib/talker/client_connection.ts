/**
 * One client's connection: bytes in to lines, what is queued out. One read and one write are under way
 * at the most.
 *
 * @module
 */

import { closeQuietly } from "../net/close.ts";
import type { Connection } from "../net/transport.ts";
import { RemoteFault } from "../wire/errors.ts";
import { FrameDecoder } from "../wire/frame_codec.ts";
import { LineDecoder, type LineSink } from "../wire/line_codec.ts";
import { isPlain } from "../wire/text.ts";
import type { LineServer } from "./line_server.ts";
import type { LossNotice } from "./outbox.ts";
import type { Session, SessionHost } from "./session.ts";

/** A quiet client's read buffer, in bytes: there are thousands of them. */
const SMALL_BUFFER = 128;
/** A busy client's read buffer, in bytes. */
const LARGE_BUFFER = 64 * 1024;
/** A read that brings less than this lets the large buffer go, in bytes. */
const LITTLE = 4 * 1024;
/** Large buffers that are kept for the next busy client. */
const SPARE_BUFFERS = 64;

const spare: Uint8Array<ArrayBuffer>[] = [];

/** Carries one session over one connection. Made and driven by {@linkcode LineServer}. */
export class ClientConnection implements SessionHost, LineSink, LossNotice {
  /** Where the client comes from. */
  readonly address: string;
  /** Is it of this machine? */
  readonly local: boolean;
  /** The session, from its arrival on. */
  session!: Session;
  /** When the client last took something, or was first given something, in monotonic milliseconds. */
  tookAt = 0;
  /** True while it waits in the server's list of those to be served. */
  waiting = false;
  /** When it is closed at the latest; undefined while the session goes on. */
  deadline: number | undefined;

  readonly #server: LineServer;
  readonly #connection: Connection;
  readonly #framed: boolean;
  /** Made when the client first says something: many never do. */
  #lines: LineDecoder | undefined;
  #frames: FrameDecoder | undefined;
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array(SMALL_BUFFER);
  /** What is being written, and isn't written yet. */
  #writing: Uint8Array | undefined;
  /** The turn in which that write was begun. */
  #writtenIn = 0;
  /** Bytes read but not looked at, because speakers are to wait; 0 when there are none. */
  #held = 0;
  /** Lines that were read but not looked at, for the same reason as `#paused`; undefined: one too long. */
  #postponed: ({ bytes: Uint8Array; plain: boolean } | undefined)[] | undefined;
  /** No read is under way, because the client does not read its answers, or they wait for the disk. */
  #paused = false;
  /** The client has said that it will send nothing more. */
  #ended = false;
  /** Everything is written, and the client knows that nothing will follow. */
  #drained = false;
  #closed = false;

  /** A connection that has just been accepted. */
  constructor(
    server: LineServer,
    connection: Connection,
    address: string,
    local: boolean,
    framed: boolean,
  ) {
    this.#server = server;
    this.#connection = connection;
    this.address = address;
    this.local = local;
    this.#framed = framed;
  }

  /** Bytes that wait, in all. */
  get queued(): number {
    return this.session.outbox.queued + (this.#writing?.length ?? 0);
  }

  /** True while a write is under way. */
  get busy(): boolean {
    return this.#writing !== undefined;
  }

  /** Begins to read. */
  start(): void {
    this.#read();
  }

  // The session's side.

  wake(): void {
    this.#server.serve(this);
  }

  finish(): void {
    this.#server.finishing(this);
  }

  lossNotice(lost: number): Uint8Array {
    return this.#server.talker.lossNotice(this.session.format, lost);
  }

  // The decoder's side.

  line(bytes: Uint8Array, start: number, end: number, plain: boolean): void {
    const { session } = this;
    // What was read at once may be thousands of commands, and the answer to one of them megabytes.
    if (session.waits || this.#postponed !== undefined) {
      (this.#postponed ??= []).push({ bytes: bytes.slice(start, end), plain });
    } else this.#server.talker.line(session, bytes, start, end, plain);
  }

  tooLong(): void {
    if (this.#postponed !== undefined) this.#postponed.push(undefined);
    else this.#server.talker.tooLong(this.session);
  }

  // The server's side.

  /** Writes what is queued, unless a write is under way. */
  flush(now: number): void {
    if (this.#writing !== undefined || this.#closed || this.#drained) return;
    const bytes = this.session.outbox.take(this);
    if (bytes !== undefined) {
      this.tookAt = now;
      this.#write(bytes);
    } else if (this.deadline !== undefined && this.session.unconfirmed === 0) this.#drain();
    this.#unpause();
  }

  /** Speakers may go on. */
  resume(): void {
    const held = this.#held;
    if (held === 0) return;
    this.#held = 0;
    this.#took(held);
  }

  /** Closes at once. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#writing = undefined;
    this.#keepBuffer();
    closeQuietly(this.#connection);
    this.#server.closed(this);
  }

  #write(bytes: Uint8Array): void {
    this.#writing = bytes;
    this.#writtenIn = this.#server.turn;
    this.#connection.write(bytes).then(this.#wrote, this.#broken);
  }

  readonly #wrote = (count: number): void => {
    const bytes = this.#writing;
    if (bytes === undefined || this.#closed) return;
    if (count < bytes.length) {
      this.#write(bytes.subarray(count));
      this.#server.took(this, count, false);
      return;
    }
    this.#writing = undefined;
    this.#server.took(this, count, this.#server.turn - this.#writtenIn <= 1);
    this.#unpause();
    if (this.deadline !== undefined || !this.session.outbox.empty) this.#server.serve(this);
  };

  /** Reads on, where that was stopped and need not be any more. */
  #unpause(): void {
    if (!this.#paused || this.session.waits || !this.#takePostponed()) return;
    this.#paused = false;
    this.#read();
  }

  /** Looks at the lines that had to wait; false when the rest must wait on. */
  #takePostponed(): boolean {
    const lines = this.#postponed;
    if (lines === undefined) return true;
    const { talker } = this.#server;
    this.#server.setTime();
    try {
      for (const [i, line] of lines.entries()) {
        if (this.#closed) return false;
        // What follows the end of a session is passed over.
        if (this.deadline !== undefined || this.session.isQuitting) break;
        if (this.session.waits) {
          this.#postponed = lines.slice(i);
          return false;
        }
        if (line === undefined) talker.tooLong(this.session);
        else talker.line(this.session, line.bytes, 0, line.bytes.length, line.plain);
      }
    } catch (error) {
      this.#server.failed(this, error);
      return false;
    }
    this.#postponed = undefined;
    return true;
  }

  readonly #broken = (error: unknown): void => {
    // Who just goes is no news; what was altered on its way is.
    if (error instanceof RemoteFault && !this.#closed) this.#server.broken(this, error);
    this.close();
  };

  #read(): void {
    this.#connection.read(this.#buffer).then(this.#got, this.#broken);
  }

  readonly #got = (count: number | null): void => {
    if (this.#closed) return;
    if (count === null) {
      this.#ended = true;
      this.#server.setTime();
      if (this.#drained) this.close();
      else {
        // It may be half of what was meant: so an end looks, too, when a program was killed.
        const left = this.#lines?.end() ?? 0;
        if (left > 0 && this.deadline === undefined) {
          this.#server.talker.unfinished(this.session);
        }
        this.#server.talker.ended(this.session);
      }
    } else if (this.deadline !== undefined || this.session.isQuitting) this.#read();
    else if (this.#server.congested) {
      this.#held = count;
      this.#server.hold(this);
    } else this.#took(count);
  };

  /** Looks at the first `count` bytes of the buffer, and reads on. */
  #took(count: number): void {
    const buffer = this.#buffer;
    this.#server.reading(count);
    this.#server.setTime();
    const bytes = buffer.subarray(0, count);
    try {
      if (this.#framed) this.#records(bytes);
      else (this.#lines ??= new LineDecoder()).push(bytes, this);
    } catch (error) {
      this.#server.failed(this, error);
      return;
    }
    if (count === buffer.length && buffer.length === SMALL_BUFFER) {
      this.#buffer = spare.pop() ?? new Uint8Array(LARGE_BUFFER);
    } else if (count < LITTLE && buffer.length === LARGE_BUFFER) {
      this.#keepBuffer();
      this.#buffer = new Uint8Array(SMALL_BUFFER);
    }
    if (this.deadline === undefined && (this.session.waits || this.#postponed !== undefined)) {
      this.#paused = true;
      this.#server.serve(this);
    } else this.#read();
  }

  #records(bytes: Uint8Array): void {
    try {
      (this.#frames ??= new FrameDecoder()).push(
        bytes,
        (record, start, end) => this.line(record, start, end, isPlain(record, start, end)),
      );
    } catch (error) {
      if (!(error instanceof RemoteFault)) throw error;
      if (this.session.isQuitting) return;
      this.session.send({ type: "error", code: "bad-frame", text: error.message });
      this.#server.talker.dismiss(this.session);
    }
  }

  /** Everything is written. The other side is told, and what it still sends is passed over until it closes. */
  #drain(): void {
    this.#drained = true;
    if (this.#ended) this.close();
    else {
      this.#server.drained(this);
      this.#connection.closeWrite().catch(this.#broken);
    }
  }

  #keepBuffer(): void {
    if (this.#buffer.length === LARGE_BUFFER && spare.length < SPARE_BUFFERS) {
      spare.push(this.#buffer);
    }
  }
}
