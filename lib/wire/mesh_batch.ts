/**
 * The batch: consecutive messages of one origin in one frame. It is the only frame on the hot
 * path, so it is decoded by offsets, its payloads are views, and a relay sends on the bytes it
 * received.
 *
 * ```text
 *  0  type         u8   0x10 push, 0x11 reply
 *  1  kind         u8
 *  2  count        u16  messages, at least 1
 *  4  origin       8 bytes
 * 12  incarnation  u64
 * 20  first        u64  sequence of the first message, at least 1
 * 28  time         u64  when they were said, ms since 1970 by the origin's clock
 * 36  count times: length u32, payload
 * ```
 */
import {
  MeshFrameError,
  type NodeId,
  readNodeId,
  readU32,
  readU64,
  writeNodeId,
  writeU32,
  writeU64,
} from "./mesh_bytes.ts";
import { BATCH_TARGET_BYTES, MAX_BATCH_COUNT, MAX_MESH_PAYLOAD } from "./mesh_limits.ts";

/** The type byte of a batch that travels along the tree. */
export const TYPE_PUSH = 0x10;
/** The type byte of a batch that was asked for. */
export const TYPE_REPLY = 0x11;

/** Dates have this many milliseconds at the most; a later one could be told to no client. */
const MAX_TIME = 8.64e15;

/** Bytes before the first message of a batch. */
const BATCH_HEADER_BYTES = 36;

/** What all messages of a batch have in common. */
export interface BatchHeader {
  /** The node that said them. */
  readonly origin: NodeId;
  /** Which life of that node. */
  readonly incarnation: number;
  /** Sequence of the first message; the others follow without a hole. */
  readonly first: number;
  /** What they are about: the observers of this kind get them. */
  readonly kind: number;
  /** When they were said: ms since 1970 by the origin's clock. */
  readonly time: number;
}

/** Consecutive messages of one origin, kind and moment, as they are on the wire. */
export class Batch implements BatchHeader {
  readonly origin: NodeId;
  readonly incarnation: number;
  readonly first: number;
  readonly count: number;
  readonly kind: number;
  readonly time: number;

  /** Made by {@linkcode decodeBatch} and {@linkcode encodeBatches}, which checked `body`. */
  constructor(readonly body: Uint8Array) {
    this.kind = body[1]!;
    this.count = (body[2]! << 8) | body[3]!;
    this.origin = readNodeId(body, 4);
    this.incarnation = readU64(body, 12);
    this.first = readU64(body, 20);
    this.time = readU64(body, 28);
  }

  /** Sequence of the last message. */
  get last(): number {
    return this.first + this.count - 1;
  }

  /** Calls `visit` with each payload (a view of the frame) and its sequence. */
  forEach(visit: (payload: Uint8Array, sequence: number) => void): void {
    const { body, first, count } = this;
    for (let i = 0, at = BATCH_HEADER_BYTES; i < count; i++) {
      const start = at + 4;
      at = start + readU32(body, at);
      visit(body.subarray(start, at), first + i);
    }
  }

  /** The payloads, as views of the frame. */
  payloads(): Uint8Array[] {
    const found: Uint8Array[] = [];
    this.forEach((payload) => found.push(payload));
    return found;
  }

  /**
   * The messages from sequence `from` to `to`, both included: this batch itself when that is all,
   * else a copy, of type push.
   */
  slice(from: number, to: number): Batch {
    if (from <= this.first && to >= this.last) return this;
    const { body } = this;
    let at = BATCH_HEADER_BYTES;
    let start = at;
    for (let sequence = this.first; sequence <= to; sequence++) {
      if (sequence === from) start = at;
      at += 4 + readU32(body, at);
    }
    const part = new Uint8Array(BATCH_HEADER_BYTES + at - start);
    part.set(body.subarray(0, BATCH_HEADER_BYTES));
    part.set(body.subarray(start, at), BATCH_HEADER_BYTES);
    const count = to - from + 1;
    part[0] = TYPE_PUSH;
    part[2] = count >>> 8;
    part[3] = count;
    writeU64(part, 20, from);
    return new Batch(part);
  }

  /** The frame with this type byte: the same bytes when it has it already, else a copy. */
  bodyAs(type: typeof TYPE_PUSH | typeof TYPE_REPLY): Uint8Array {
    if (this.body[0] === type) return this.body;
    const copy = this.body.slice();
    copy[0] = type;
    return copy;
  }

  /** A copy that may be kept, of type push: the received bytes belong to the reader's buffer. */
  owned(): Batch {
    const copy = this.body.slice();
    copy[0] = TYPE_PUSH;
    return new Batch(copy);
  }
}

/**
 * Encodes payloads as one batch, or as several when they are more than `BATCH_TARGET_BYTES`
 * together. Each payload is copied once.
 *
 * @throws {RangeError} when there is no payload, or one is longer than `MAX_MESH_PAYLOAD`.
 * @example
 * ```ts
 * import { encodeBatches } from "./mesh_batch.ts";
 * const head = { origin: "00000000000000aa", incarnation: 1, first: 1, kind: 1, time: 0 };
 * const [batch] = encodeBatches(head, [new Uint8Array([1, 2])]);
 * if (batch!.last !== 1) throw new Error();
 * ```
 */
export function encodeBatches(header: BatchHeader, payloads: readonly Uint8Array[]): Batch[] {
  if (payloads.length === 0) throw new RangeError("Cannot publish: no payload given");
  const batches: Batch[] = [];
  let from = 0;
  while (from < payloads.length) {
    let bytes = 0;
    let to = from;
    while (to < payloads.length && to - from < MAX_BATCH_COUNT) {
      const { length } = payloads[to]!;
      if (length > MAX_MESH_PAYLOAD) {
        throw new RangeError(
          `Cannot publish a payload of ${length} bytes: at most ${MAX_MESH_PAYLOAD} fit`,
        );
      }
      if (to > from && bytes + length > BATCH_TARGET_BYTES) break;
      bytes += 4 + length;
      to++;
    }
    batches.push(encodeOne(header, header.first + from, payloads, from, to, bytes));
    from = to;
  }
  return batches;
}

function encodeOne(
  header: BatchHeader,
  first: number,
  payloads: readonly Uint8Array[],
  from: number,
  to: number,
  bytes: number,
): Batch {
  const body = new Uint8Array(BATCH_HEADER_BYTES + bytes);
  writeBatchHeader(body, header, first, to - from);
  let at = BATCH_HEADER_BYTES;
  for (let i = from; i < to; i++) {
    const payload = payloads[i]!;
    writeU32(body, at, payload.length);
    body.set(payload, at + 4);
    at += 4 + payload.length;
  }
  return new Batch(body);
}

/**
 * Collects messages as they are on the wire, without an object for each: for what is published in
 * great numbers.
 *
 * @example
 * ```ts
 * import { BatchBuilder } from "./mesh_batch.ts";
 * const builder = new BatchBuilder();
 * const at = builder.open(2);
 * builder.bytes.set([1, 2], at);
 * const batch = builder.finish({ origin: "00000000000000aa", incarnation: 1, first: 7, kind: 1, time: 0 });
 * if (batch.last !== 7 || builder.count !== 0) throw new Error();
 * ```
 */
export class BatchBuilder {
  /** What was collected; messages are written here at the place that {@linkcode open} gives. */
  bytes: Uint8Array = new Uint8Array(BATCH_HEADER_BYTES + 4 * 1024);
  #used = BATCH_HEADER_BYTES;
  #count = 0;

  /** Messages collected. */
  get count(): number {
    return this.#count;
  }

  /** Whether a message of `length` bytes should go into the next batch. */
  isFull(length: number): boolean {
    return this.#count > 0 &&
      (this.#used + length > BATCH_TARGET_BYTES || this.#count === MAX_BATCH_COUNT);
  }

  /** Makes room for a message of `length` bytes; returns where in {@linkcode bytes} it is to be written. */
  open(length: number): number {
    const at = this.#used + 4;
    const end = at + length;
    if (end > this.bytes.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.bytes.length));
      larger.set(this.bytes.subarray(0, this.#used));
      this.bytes = larger;
    }
    writeU32(this.bytes, this.#used, length);
    this.#used = end;
    this.#count++;
    return at;
  }

  /** The batch of what was collected, of type push; the builder is empty again. */
  finish(header: BatchHeader): Batch {
    const body = this.bytes.slice(0, this.#used);
    writeBatchHeader(body, header, header.first, this.#count);
    this.#used = BATCH_HEADER_BYTES;
    this.#count = 0;
    return new Batch(body);
  }
}

function writeBatchHeader(
  body: Uint8Array,
  header: BatchHeader,
  first: number,
  count: number,
): void {
  body[0] = TYPE_PUSH;
  body[1] = header.kind;
  body[2] = count >>> 8;
  body[3] = count;
  writeNodeId(body, 4, header.origin);
  writeU64(body, 12, header.incarnation);
  writeU64(body, 20, first);
  writeU64(body, 28, Math.max(0, Math.floor(header.time)));
}

/**
 * Checks a received frame of type push or reply. The batch aliases `body`.
 *
 * @throws {MeshFrameError} when a field is invalid or the lengths do not fill the frame exactly.
 */
export function decodeBatch(body: Uint8Array): Batch {
  if (body.length < BATCH_HEADER_BYTES) throw new MeshFrameError("Batch ends inside its header");
  const batch = new Batch(body);
  if (batch.count === 0) throw new MeshFrameError("Batch without a message");
  if (batch.first === 0) throw new MeshFrameError("Sequences begin with 1");
  if (!Number.isSafeInteger(batch.first + batch.count)) {
    throw new MeshFrameError(`Sequence ${batch.first} is too large`);
  }
  if (batch.time > MAX_TIME) throw new MeshFrameError(`Time ${batch.time} is no date`);
  let at = BATCH_HEADER_BYTES;
  for (let i = 0; i < batch.count; i++) {
    if (at + 4 > body.length) throw new MeshFrameError("Batch ends inside a length");
    const length = readU32(body, at);
    if (length > MAX_MESH_PAYLOAD) {
      throw new MeshFrameError(`Payload of ${length} bytes, at most ${MAX_MESH_PAYLOAD} allowed`);
    }
    at += 4 + length;
  }
  if (at !== body.length) {
    throw new MeshFrameError(`Batch of ${body.length} bytes, its lengths say ${at}`);
  }
  return batch;
}
