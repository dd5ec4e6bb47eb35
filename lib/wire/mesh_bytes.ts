/**
 * Reading and writing the fields of server-to-server frames: big-endian integers, node ids,
 * and strings with a length.
 */

import { RemoteFault } from "./errors.ts";
import { visible } from "./text.ts";

/** A frame that breaks the format: the fault is the sender's, and ends its link. */
export class MeshFrameError extends RemoteFault {
  /** `message` says what is wrong, with the value. */
  constructor(message: string) {
    super("bad-frame", message);
  }
}

/** A node's id: eight random bytes, written as 16 lower-case hexadecimal digits. */
export type NodeId = string;

const TWO_32 = 2 ** 32;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Whether `text` is a node id: 16 lower-case hexadecimal digits. */
export function isNodeId(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text);
}

function hex8(value: number): string {
  return (value + TWO_32).toString(16).slice(1);
}

/** The 32-bit big-endian unsigned integer at `at`. */
export function readU32(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 0x1000000 + (bytes[at + 1]! << 16) + (bytes[at + 2]! << 8) + bytes[at + 3]!;
}

/** Writes a 32-bit big-endian unsigned integer at `at`. */
export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/**
 * The 64-bit big-endian unsigned integer at `at`, at most 2⁵³ − 1.
 *
 * @throws {MeshFrameError} when it is larger.
 */
export function readU64(bytes: Uint8Array, at: number): number {
  const high = readU32(bytes, at);
  if (high > 0x1fffff) throw new MeshFrameError(`Integer at byte ${at} exceeds 2^53 - 1`);
  return high * TWO_32 + readU32(bytes, at + 4);
}

/** Writes a 64-bit big-endian unsigned integer (a safe integer) at `at`. */
export function writeU64(bytes: Uint8Array, at: number, value: number): void {
  writeU32(bytes, at, Math.floor(value / TWO_32));
  writeU32(bytes, at + 4, value % TWO_32);
}

/** The node id in the eight bytes at `at`. */
export function readNodeId(bytes: Uint8Array, at: number): NodeId {
  return hex8(readU32(bytes, at)) + hex8(readU32(bytes, at + 4));
}

/** Writes a node id as eight bytes at `at`. */
export function writeNodeId(bytes: Uint8Array, at: number, id: NodeId): void {
  writeU32(bytes, at, parseInt(id.slice(0, 8), 16));
  writeU32(bytes, at + 4, parseInt(id.slice(8), 16));
}

/** Reads the fields of one frame, one after another, and never beyond its end. */
export class ByteReader {
  #at: number;

  /** Reads `bytes` from `at` on (default 0). Byte views that it returns alias `bytes`. */
  constructor(readonly bytes: Uint8Array, at = 0) {
    this.#at = at;
  }

  /** Bytes that have not been read. */
  get remaining(): number {
    return this.bytes.length - this.#at;
  }

  #take(count: number): number {
    const at = this.#at;
    if (at + count > this.bytes.length) {
      throw new MeshFrameError(`Frame ends at byte ${this.bytes.length}, inside a field`);
    }
    this.#at = at + count;
    return at;
  }

  u8(): number {
    return this.bytes[this.#take(1)]!;
  }

  u16(): number {
    const at = this.#take(2);
    return (this.bytes[at]! << 8) | this.bytes[at + 1]!;
  }

  u32(): number {
    return readU32(this.bytes, this.#take(4));
  }

  u64(): number {
    return readU64(this.bytes, this.#take(8));
  }

  nodeId(): NodeId {
    return readNodeId(this.bytes, this.#take(8));
  }

  /** The next `count` bytes, as a view. */
  view(count: number): Uint8Array {
    const at = this.#take(count);
    return this.bytes.subarray(at, at + count);
  }

  /** UTF-8 behind a 16-bit length of at most `limit`. */
  text(limit: number): string {
    const length = this.u16();
    if (length > limit) {
      throw new MeshFrameError(`Text of ${length} bytes, at most ${limit} allowed`);
    }
    try {
      // Names and reasons are shown on terminals: they carry no control characters.
      return visible(decoder.decode(this.view(length)));
    } catch (cause) {
      if (cause instanceof MeshFrameError) throw cause;
      throw new MeshFrameError("Text is not UTF-8");
    }
  }

  /** The name of a node: of one character at least, and no blanks, so that it stands for itself in any line. */
  nodeName(limit: number): string {
    const name = this.text(limit);
    if (!/^\S+$/u.test(name)) throw new MeshFrameError(`"${name}" is no name of a node`);
    return name;
  }

  /** @throws {MeshFrameError} when bytes are left over. */
  end(): void {
    if (this.remaining > 0) {
      throw new MeshFrameError(`${this.remaining} bytes behind the last field`);
    }
  }
}

/** Writes the fields of one frame into a buffer that grows. */
export class ByteWriter {
  #bytes: Uint8Array;
  #length = 0;

  /** Starts with room for `room` bytes (default 64). */
  constructor(room = 64) {
    this.#bytes = new Uint8Array(room);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  #grow(count: number): number {
    const at = this.#length;
    const needed = at + count;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
    }
    this.#length = needed;
    return at;
  }

  u8(value: number): this {
    const at = this.#grow(1);
    this.#bytes[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    writeU32(this.#bytes, at, value);
    return this;
  }

  u64(value: number): this {
    const at = this.#grow(8);
    writeU64(this.#bytes, at, value);
    return this;
  }

  nodeId(id: NodeId): this {
    const at = this.#grow(8);
    writeNodeId(this.#bytes, at, id);
    return this;
  }

  raw(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** UTF-8 behind a 16-bit length; what exceeds `limit` bytes is cut off between characters. */
  text(text: string, limit: number): this {
    let bytes = encoder.encode(text);
    if (bytes.length > limit) {
      let end = limit;
      while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--;
      bytes = bytes.subarray(0, end);
    }
    return this.u16(bytes.length).raw(bytes);
  }

  /** What was written. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length) as Uint8Array<ArrayBuffer>;
  }
}
