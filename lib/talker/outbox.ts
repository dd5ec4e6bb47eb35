/**
 * What one client is still to get: its place in a {@linkcode Feed}, and what is for it alone, each
 * piece at its place between the records of the feed.
 *
 * @module
 */

import type { Feed, Segment } from "./feed.ts";

/** Most bytes that are put together where private pieces lie between those of the feed. */
const GATHER_BYTES = 64 * 1024;

/** Pieces up to this size are put together as they come: an array for each costs more than its bytes. */
const SMALL_BYTES = 1024;
/** Bytes of what is put together. */
const MAX_TOGETHER_BYTES = 16 * 1024;
/** Room of the first of them: a reply is often alone. */
const FIRST_ROOM = 256;

const encoder = new TextEncoder();

/** Something that happens when the reader comes to `at`. */
interface Mark {
  /** Position in the feed that is read when it comes up; records before it go out first. */
  at: number;
  /** Bytes for this client alone. */
  bytes?: Uint8Array;
  /** Or some pieces put together, with room for more; the first `used` bytes are theirs. */
  room?: Uint8Array;
  used: number;
  /** How many pieces it is. */
  pieces: number;
  /** Bytes of the feed that are passed over. */
  skip?: number;
  /** From here on another feed is read (undefined: none), from this place. */
  jump?: Jump;
}

/** Where a reader goes on in another feed. */
interface Jump {
  feed: Feed | undefined;
  segment: Segment | undefined;
  offset: number;
  /** Records of the old feed before the place from which it jumps. */
  recordsBefore: number;
}

/** Makes the notice that `lost` records were lost, in the client's format. */
export interface LossNotice {
  lossNotice(lost: number): Uint8Array;
}

/**
 * A client's reading of a feed.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { Feed } from "./feed.ts";
 * import { FORMATS } from "./format.ts";
 * import { Outbox } from "./outbox.ts";
 * const bytes = (text: string) => new TextEncoder().encode(text);
 * const feed = new Feed(FORMATS[0]);
 * const outbox = new Outbox(feed);
 * feed.append(bytes("bob: "), bytes("hi"));
 * outbox.push(bytes("pong\r\n"));
 * const out = outbox.take({ lossNotice: () => bytes("") });
 * assert(new TextDecoder().decode(out) === "bob: hi\r\npong\r\n");
 * ```
 */
export class Outbox {
  #feed: Feed | undefined;
  #segment: Segment | undefined;
  #offset = 0;
  #marks: Mark[] | undefined;
  #jumps = 0;
  #privateBytes = 0;
  #pieces = 0;
  #lost = 0;

  /** Reads `feed` from its present end on, or nothing but its own. */
  constructor(feed: Feed | undefined) {
    this.#attach(feed);
  }

  /** Bytes waiting that are for this client alone. */
  get privateBytes(): number {
    return this.#privateBytes;
  }

  /** Private pieces and other marks waiting. */
  get pieces(): number {
    return this.#pieces;
  }

  /** Records lost that the client has not been told of. */
  get lost(): number {
    return this.#lost;
  }

  /** Bytes waiting, in all. */
  get queued(): number {
    let feed = this.#feed, position = this.#position(), bytes = this.#privateBytes;
    for (const mark of this.#jumps > 0 ? this.#marks ?? [] : []) {
      if (mark.jump === undefined) continue;
      if (feed !== undefined) bytes += mark.at - position;
      feed = mark.jump.feed;
      position = (mark.jump.segment?.start ?? 0) + mark.jump.offset;
    }
    return feed === undefined ? bytes : bytes + feed.end - position;
  }

  /** True when nothing waits. */
  get empty(): boolean {
    return this.#marks === undefined && this.#lost === 0 && this.#feedDone();
  }

  /** Queues `bytes` for this client alone, behind everything that it is to get so far. */
  push(bytes: Uint8Array): void {
    const { length } = bytes;
    if (length > SMALL_BYTES) {
      this.#privateBytes += length;
      this.#mark({ at: this.#lastFeed()?.end ?? 0, bytes, used: length, pieces: 1 });
      return;
    }
    const mark = this.#open(length);
    mark.room!.set(bytes, mark.used);
    this.#grow(mark, length);
  }

  /** As {@linkcode push}, for text: in UTF-8. */
  pushText(text: string): void {
    const { length } = text;
    if (length > SMALL_BYTES) return this.push(encoder.encode(text));
    const mark = this.#open(length);
    const { room, used } = mark as { room: Uint8Array; used: number };
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      // What was written until here lies behind `used`: it is nothing.
      if (code > 0x7f) return this.push(encoder.encode(text));
      room[used + i] = code;
    }
    this.#grow(mark, length);
  }

  /** The mark to which so many bytes are to be added; it has room for them. */
  #open(length: number): Mark {
    const at = this.#lastFeed()?.end ?? 0;
    const last = this.#marks?.at(-1);
    if (last?.room !== undefined && last.at === at) {
      const { room, used } = last;
      const needed = used + length;
      if (needed <= room.length) return last;
      if (needed <= MAX_TOGETHER_BYTES) {
        last.room = new Uint8Array(Math.max(2 * room.length, needed));
        last.room.set(room.subarray(0, used));
        return last;
      }
    }
    const mark = { at, room: new Uint8Array(Math.max(FIRST_ROOM, length)), used: 0, pieces: 0 };
    this.#mark(mark);
    return mark;
  }

  #grow(mark: Mark, length: number): void {
    mark.used += length;
    mark.pieces++;
    this.#pieces++;
    this.#privateBytes += length;
  }

  /** The last `bytes` bytes of the feed are not for this client. */
  skipLast(bytes: number): void {
    const feed = this.#lastFeed();
    if (feed === undefined) return;
    const at = feed.end - bytes;
    const last = this.#marks?.at(-1);
    if (last?.skip !== undefined && last.at + last.skip === at) last.skip += bytes;
    else this.#mark({ at, skip: bytes, used: 0, pieces: 1 });
  }

  /** From now on the client reads `feed`, from its present end; what it is to get so far still comes. */
  read(feed: Feed | undefined): void {
    const before = this.#lastFeed();
    if (feed === before) return;
    if (before !== undefined) before.readers--;
    if (feed !== undefined) feed.readers++;
    const jump = {
      feed,
      segment: feed?.tail,
      offset: feed?.tail.used ?? 0,
      recordsBefore: before?.records ?? 0,
    };
    this.#jumps++;
    this.#mark({ at: before?.end ?? 0, jump, used: 0, pieces: 1 });
  }

  /** The client is gone: it reads nothing any more. */
  close(): void {
    const feed = this.#lastFeed();
    if (feed !== undefined) feed.readers--;
    this.#feed = this.#segment = this.#marks = undefined;
    this.#privateBytes = this.#pieces = 0;
    this.#lost = this.#jumps = 0;
  }

  /**
   * Takes the next bytes to write out; undefined when nothing waits. The bytes may be shared with
   * other readers: they must not be changed.
   */
  take(notice: LossNotice): Uint8Array | undefined {
    if (this.#marks !== undefined || this.#lost > 0) return this.#gather(notice);
    if (this.#feedDone()) return undefined;
    const feed = this.#feed as Feed;
    const segment = this.#segment as Segment;
    const from = this.#offset;
    this.#offset = segment.used;
    return feed.view(segment, from, segment.used);
  }

  /**
   * Drops the oldest records of the feed until at most `keep` bytes wait (what is for this client alone
   * stays). Whole segments go, so some more than needed.
   */
  dropOldest(keep: number): void {
    while (this.#segment !== undefined && this.queued > keep) {
      if (this.#jumps > 0) {
        this.#dropToJump();
        continue;
      }
      const next = this.#segment.next;
      if (next === undefined) return;
      this.#lost += next.recordsBefore - this.#recordsRead();
      this.#segment = next;
      this.#offset = 0;
    }
  }

  /** Drops the rest of this feed, and goes on where another one is read. */
  #dropToJump(): void {
    const marks = this.#marks ?? [];
    const index = marks.findIndex((mark) => mark.jump !== undefined);
    const jump = marks[index]?.jump as Jump;
    this.#lost += jump.recordsBefore - this.#recordsRead();
    const kept: Mark[] = [];
    for (const mark of marks.slice(0, index + 1)) {
      const bytes = bytesOf(mark);
      if (bytes === undefined) this.#pieces -= mark.pieces;
      else kept.push({ at: 0, bytes, used: bytes.length, pieces: mark.pieces });
    }
    this.#jump(jump);
    marks.splice(0, index + 1, ...kept);
    if (marks.length === 0) this.#marks = undefined;
  }

  #jump(jump: Jump): void {
    this.#jumps--;
    this.#feed = jump.feed;
    this.#segment = jump.segment;
    this.#offset = jump.offset;
  }

  /** Records of the present feed up to the present place. */
  #recordsRead(): number {
    const segment = this.#segment;
    if (segment === undefined || this.#feed === undefined) return 0;
    return segment.recordsBefore + this.#feed.recordsUntil(segment, this.#offset);
  }

  /** Private pieces and pieces of the feed, in their order, as one. */
  #gather(notice: LossNotice): Uint8Array | undefined {
    const [only, another] = this.#marks ?? [];
    const alone = only && bytesOf(only);
    if (
      alone !== undefined && another === undefined && this.#lost === 0 &&
      (this.#feed === undefined || only!.at <= this.#position())
    ) {
      this.#marks = undefined;
      this.#privateBytes = this.#pieces = 0;
      return alone;
    }
    const pieces: Uint8Array[] = [];
    let size = 0;
    const add = (piece: Uint8Array) => {
      pieces.push(piece);
      size += piece.length;
    };
    if (this.#lost > 0) {
      add(notice.lossNotice(this.#lost));
      this.#lost = 0;
    }
    const marks = this.#marks ?? [];
    let used = 0;
    while (size < GATHER_BYTES) {
      const mark = marks[used];
      const position = this.#position();
      if (mark !== undefined && (this.#feed === undefined || mark.at <= position)) {
        used++;
        this.#pieces -= mark.pieces;
        const bytes = bytesOf(mark);
        if (bytes !== undefined) {
          add(bytes);
          this.#privateBytes -= bytes.length;
        } else if (mark.skip !== undefined) {
          this.#advance(mark.at + mark.skip);
        } else if (mark.jump !== undefined) {
          this.#jump(mark.jump);
        }
        continue;
      }
      if (this.#feedDone()) break;
      const segment = this.#segment as Segment;
      const to = Math.min(segment.used, (mark?.at ?? Infinity) - segment.start);
      add(segment.bytes.subarray(this.#offset, to));
      this.#offset = to;
    }
    if (used >= marks.length) this.#marks = undefined;
    else if (used > 0) marks.splice(0, used);
    if (pieces.length === 0) return undefined;
    if (pieces.length === 1) return pieces[0];
    const all = new Uint8Array(size);
    let at = 0;
    for (const piece of pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }

  /** Moves forward to `position`, which lies in the chain. */
  #advance(position: number): void {
    let segment = this.#segment;
    while (segment?.next !== undefined && position >= segment.next.start) {
      segment = segment.next;
      this.#offset = 0;
    }
    this.#segment = segment;
    if (segment !== undefined) this.#offset = Math.max(this.#offset, position - segment.start);
  }

  #position(): number {
    return (this.#segment?.start ?? 0) + this.#offset;
  }

  /** True when the feed has nothing more; steps into the next segment where this one is done. */
  #feedDone(): boolean {
    let segment = this.#segment;
    if (segment === undefined) return true;
    while (this.#offset === segment.used) {
      if (segment.next === undefined) return true;
      this.#segment = segment = segment.next;
      this.#offset = 0;
    }
    return false;
  }

  #lastFeed(): Feed | undefined {
    if (this.#jumps > 0 && this.#marks !== undefined) {
      for (let i = this.#marks.length - 1; i >= 0; i--) {
        const jump = this.#marks[i]?.jump;
        if (jump !== undefined) return jump.feed;
      }
    }
    return this.#feed;
  }

  #mark(mark: Mark): void {
    this.#pieces += mark.pieces;
    if (this.#marks === undefined) this.#marks = [mark];
    else this.#marks.push(mark);
  }

  #attach(feed: Feed | undefined): void {
    this.#feed = feed;
    this.#segment = feed?.tail;
    this.#offset = feed?.tail.used ?? 0;
    if (feed !== undefined) feed.readers++;
  }
}

/** What of a mark is for this client alone. */
function bytesOf({ bytes, room, used }: Mark): Uint8Array | undefined {
  return bytes ?? room?.subarray(0, used);
}
