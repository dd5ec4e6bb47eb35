/**
 * One connection between two programs that carries frames both ways: reads, writes, and what waits
 * to be written, within bounds. It decides nothing: its owner does.
 *
 * @module
 */

import { getLogger } from "../log/mod.ts";
import { formatAddress } from "../net/address.ts";
import { closeQuietly } from "../net/close.ts";
import type { Connection } from "../net/transport.ts";
import { endOfTurn, type Turn } from "../net/turn.ts";
import { RemoteFault } from "../wire/errors.ts";
import { FRAME_HEADER_BYTES, FrameDecoder, writeFrameHeader } from "../wire/frame_codec.ts";

const log = getLogger(["talker", "link"]);

/** Buffers for reading and writing, in bytes: they begin small, since a stranger can open many links, and grow with what comes. */
const SMALL_BYTES = 4 * 1024, LARGE_BYTES = 256 * 1024;
/**
 * Bytes that are read in one turn of the event loop at the most. A read of what is there already takes
 * no turn: a sender that is fast enough would leave those no time who are to deal with what came.
 */
const READ_PER_TURN = 1024 * 1024;
/** How long the rest of what was sent may take when the link is closed, in milliseconds. */
const FLUSH_MS = 1_000;

/** Whoever owns a link. What its methods throw ends the link, and is logged. */
export interface LinkOwner {
  /** A frame came; `body` is valid during the call only. */
  frame(link: FramedLink, body: Uint8Array): void;
  /** Bytes came, if only a part of a frame. */
  heard(link: FramedLink): void;
  /** Bytes were taken by the other side: {@linkcode FramedLink.queued} has shrunk. */
  sent(link: FramedLink): void;
  /** What came is no frame: the owner is to tell the other side why, and {@linkcode FramedLink.finish}. */
  broken(link: FramedLink, reason: string): void;
  /** The connection has ended, by the other side or by an error. Said once; not after {@linkcode FramedLink.close}. */
  ended(link: FramedLink, reason: string): void;
  /**
   * The other side will send nothing more. Where an owner wants to be told, the link stays, so that
   * it can still send; else it ends.
   */
  heardAll?(link: FramedLink): void;
}

/** A connection that carries frames. */
export class FramedLink {
  /** The connection's number, given by the owner. */
  readonly id: number;
  /** When something was last taken by the other side, or first given to it, in monotonic milliseconds. */
  progressAt: number;
  /** Resolves when the connection is closed, by whichever side. */
  readonly closed: Promise<void>;
  #settleClosed!: () => void;
  readonly #connection: Connection;
  readonly #owner: LinkOwner;
  readonly #decoder: FrameDecoder | undefined;
  /** Length of what stands before each body. */
  readonly #header: number;
  #queue: Uint8Array[] = [];
  #queued = 0;
  #buffer = new Uint8Array(SMALL_BYTES);
  #writing = false;
  #armed: Turn | undefined;
  #nextTurn: Turn | undefined;
  #paused = false;
  #resume: (() => void) | undefined;
  #closing = false;
  #closed = false;

  /**
   * A link over `connection`, whose frames are at most `limit` bytes; without a limit there are no
   * frames: bytes come and go as they are. {@linkcode start} begins to read.
   */
  constructor(id: number, connection: Connection, owner: LinkOwner, limit: number | undefined) {
    this.id = id;
    this.#connection = connection;
    this.#owner = owner;
    this.#decoder = limit === undefined ? undefined : new FrameDecoder(limit);
    this.#header = limit === undefined ? 0 : FRAME_HEADER_BYTES;
    this.progressAt = performance.now();
    this.closed = new Promise((resolve) => this.#settleClosed = resolve);
  }

  /** Where the other side is. */
  get remote(): { hostname: string; port: number } {
    return this.#connection.remoteAddr;
  }

  /** Bytes that wait to be taken. */
  get queued(): number {
    return this.#queued;
  }

  /** Begins to read. */
  start(): void {
    void this.#read();
  }

  /** Sends the body of one frame, behind what was sent before. It must not be changed any more. */
  send(body: Uint8Array): void {
    if (this.#closing || this.#closed) return;
    if (this.#queued === 0) this.progressAt = performance.now();
    this.#queue.push(body);
    this.#queued += this.#header + body.length;
    if (this.#writing || this.#armed !== undefined) return;
    // What is sent in one turn of the event loop goes out together.
    this.#armed = endOfTurn(() => {
      this.#armed = undefined;
      if (!this.#writing) void this.#write();
    });
  }

  /** Stops reading, or goes on: what the other side sends meanwhile waits there. */
  pause(paused: boolean): void {
    this.#paused = paused;
    if (!paused) {
      this.#resume?.();
      this.#resume = undefined;
    }
  }

  /** Closes when what was sent is taken, within a second. */
  finish(): void {
    if (this.#closing || this.#closed) return;
    this.#closing = true;
    this.pause(false);
    if (this.#queued === 0) this.close();
    else this.#late = setTimeout(() => this.close(), FLUSH_MS);
  }
  #late: ReturnType<typeof setTimeout> | undefined;

  /** Closes at once. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#armed?.cancel();
    this.#nextTurn?.cancel();
    clearTimeout(this.#late);
    this.#settleClosed();
    this.#queue = [];
    this.#queued = 0;
    this.pause(false);
    closeQuietly(this.#connection);
  }

  #end(reason: string): void {
    if (this.#closed) return;
    const silent = this.#closing;
    this.close();
    if (!silent) this.#tell(() => this.#owner.ended(this, reason));
  }

  /** Tells the owner. What it throws is no fault of the connection, but a mistake of this program: it ends this link alone. */
  #tell(what: () => void): void {
    try {
      what();
    } catch (error) {
      const { hostname: host, port } = this.remote;
      const reason = `this program made a mistake: ${messageOf(error)}`;
      log.error("The link with {address} ends: {reason}", {
        address: formatAddress({ host, port }),
        reason,
      });
      log.debug("{stack}", { stack: error instanceof Error ? error.stack : error });
      this.#end(reason);
    }
  }

  async #read(): Promise<void> {
    let buffer = new Uint8Array(SMALL_BYTES);
    let read = 0;
    try {
      while (!this.#closed) {
        if (read >= READ_PER_TURN) {
          read = 0;
          await new Promise<void>((resolve) => this.#nextTurn = endOfTurn(resolve));
        }
        const count = await this.#connection.read(buffer);
        if (count === null) {
          if (this.#owner.heardAll === undefined || this.#closing) {
            return this.#end("the other side closed the connection");
          }
          if (!this.#closed) this.#tell(() => this.#owner.heardAll?.(this));
          return;
        }
        read += count;
        if (this.#paused) await new Promise<void>((resolve) => this.#resume = resolve);
        if (this.#closed) return;
        // What comes while the link is being closed is passed over.
        if (this.#closing) continue;
        this.#tell(() => this.#owner.heard(this));
        if (this.#decoder === undefined) this.#frame(buffer.subarray(0, count));
        else {
          this.#decoder.push(buffer.subarray(0, count), (bytes, start, end) => {
            this.#frame(bytes.subarray(start, end));
          });
        }
        if (count === buffer.length && count < LARGE_BYTES) buffer = new Uint8Array(8 * count);
      }
    } catch (error) {
      const message = messageOf(error);
      if (error instanceof RemoteFault && !this.#closing) {
        this.#tell(() => this.#owner.broken(this, message));
      } else this.#end(`the connection failed: ${message}`);
    }
  }

  #frame(body: Uint8Array): void {
    if (!this.#closing && !this.#closed) this.#tell(() => this.#owner.frame(this, body));
  }

  async #write(): Promise<void> {
    this.#writing = true;
    try {
      while (this.#queue.length > 0) {
        const [bytes, used] = this.#gather();
        for (let at = 0; at < bytes.length;) {
          at += await this.#connection.write(at === 0 ? bytes : bytes.subarray(at));
          if (this.#closed) return;
          this.progressAt = performance.now();
        }
        this.#queue.splice(0, used);
        this.#queued -= bytes.length;
        this.#tell(() => this.#owner.sent(this));
        if (this.#closed) return;
      }
      if (this.#closing) this.close();
    } catch (error) {
      this.#end(`the connection failed: ${messageOf(error)}`);
    } finally {
      this.#writing = false;
    }
  }

  /** The next bytes to write, and how many frames they are. Small frames are put together. */
  #gather(): [Uint8Array, number] {
    let size = 0, frames = 0;
    for (const { length } of this.#queue) {
      if (frames > 0 && size + this.#header + length > LARGE_BYTES) break;
      size += this.#header + length;
      frames++;
    }
    let target = this.#buffer;
    if (size > target.length) {
      target = new Uint8Array(Math.max(size, Math.min(LARGE_BYTES, 2 * target.length)));
      if (target.length <= LARGE_BYTES) this.#buffer = target;
    }
    let at = 0;
    for (let i = 0; i < frames; i++) {
      const body = this.#queue[i] as Uint8Array;
      if (this.#header > 0) writeFrameHeader(target, at, body.length);
      target.set(body, at + this.#header);
      at += this.#header + body.length;
    }
    return [target.subarray(0, at), frames];
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
