/**
 * Inputs for fuzzing, made by changing others: everything depends on the dice.
 *
 * An input is a list of pieces: a decoder takes one piece or the pieces as the chunks of a stream, a
 * state machine takes them as its messages, one after another.
 *
 * @module
 */

import type { Dice } from "../support/random.ts";

/** What a target is given. */
export type Input = readonly Uint8Array[];

/** What the mutations of one target may use, and how far they may go. */
export interface MutationOptions {
  /** Other inputs, from which pieces are taken. */
  readonly pool: readonly Input[];
  /** Words of the format. */
  readonly dictionary: readonly Uint8Array[];
  /** Most bytes of one piece. */
  readonly maxBytes: number;
  /** Most pieces. */
  readonly maxPieces: number;
}

/** Values at which programs err, as bytes in big-endian order. */
const EDGES: readonly (readonly number[])[] = [
  [0],
  [1],
  [0x7f],
  [0x80],
  [0xff],
  [0, 0],
  [0xff, 0xff],
  [0, 0, 0, 0],
  [0x7f, 0xff, 0xff, 0xff],
  [0x80, 0, 0, 0],
  [0xff, 0xff, 0xff, 0xff],
  [0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0, 0x20, 0, 0, 0, 0, 0, 0],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0xef, 0xbb, 0xbf],
  [0xed, 0xa0, 0x80],
  [0xf4, 0x90, 0x80, 0x80],
  [0xc0, 0x80],
];

/** One more input, made of `input` by some changes. */
export function mutate(input: Input, dice: Dice, options: MutationOptions): Input {
  let pieces = [...input];
  for (let changes = 1 + Math.floor(4 * dice.random() ** 2); changes > 0; changes--) {
    pieces = options.maxPieces > 1 && dice.chance(0.35)
      ? changeOrder(pieces, dice, options)
      : changeOne(pieces, dice, options);
  }
  return pieces.slice(0, options.maxPieces);
}

function changeOrder(pieces: Uint8Array[], dice: Dice, options: MutationOptions): Uint8Array[] {
  const out = [...pieces];
  const at = dice.int(0, out.length);
  switch (dice.int(0, 5)) {
    case 0:
      if (out.length > 1) out.splice(Math.min(at, out.length - 1), 1);
      break;
    case 1:
      if (out.length > 0) out.splice(at, 0, dice.pick(out));
      break;
    case 2: {
      const other = dice.pick(options.pool);
      if (other.length > 0) out.splice(at, 0, dice.pick(other));
      break;
    }
    case 3: {
      // The rest of another one.
      const other = dice.pick(options.pool);
      out.splice(at, out.length, ...other.slice(dice.int(0, other.length)));
      break;
    }
    case 4: {
      if (out.length < 2) break;
      const [one, two] = [dice.int(0, out.length - 1), dice.int(0, out.length - 1)];
      [out[one], out[two]] = [out[two]!, out[one]!];
      break;
    }
    default: {
      if (out.length === 0) break;
      const piece = dice.pick(out);
      const times = Math.min(1 << dice.int(0, 6), options.maxPieces - out.length);
      for (let i = 0; i < times; i++) out.push(piece);
    }
  }
  return out.length === 0 ? [new Uint8Array(0)] : out;
}

function changeOne(pieces: Uint8Array[], dice: Dice, options: MutationOptions): Uint8Array[] {
  if (pieces.length === 0) return [randomBytes(dice, dice.int(0, 64))];
  const at = dice.int(0, pieces.length - 1);
  const changed = changeBytes(pieces[at]!, dice, options).subarray(0, options.maxBytes);
  return pieces.with(at, changed);
}

function changeBytes(bytes: Uint8Array, dice: Dice, options: MutationOptions): Uint8Array {
  const at = dice.int(0, bytes.length);
  const to = Math.min(bytes.length, at + Math.floor(1 + 16 * dice.random() ** 2));
  switch (dice.int(0, 11)) {
    case 0:
      return replace(bytes, at, Math.min(at + 1, bytes.length), [
        (bytes[at] ?? 0) ^ (1 << dice.int(0, 7)),
      ]);
    case 1:
      return replace(bytes, at, Math.min(at + 1, bytes.length), [dice.int(0, 255)]);
    case 2:
      return replace(bytes, at, Math.min(at + 1, bytes.length), [
        (bytes[at] ?? 0) + dice.pick([-2, -1, 1, 2, 16]),
      ]);
    case 3: {
      const edge = dice.pick(EDGES);
      return replace(bytes, at, Math.min(bytes.length, at + edge.length), edge);
    }
    case 4:
      return replace(bytes, at, at, dice.pick(EDGES));
    case 5:
      return replace(bytes, at, to, []);
    case 6:
      return replace(bytes, at, at, randomBytes(dice, dice.int(1, 16)));
    case 7:
      return bytes.slice(0, at);
    case 8: {
      // A part again and again, now and then up to the limit.
      const part = bytes.subarray(at, to);
      const room = Math.max(0, options.maxBytes - bytes.length);
      const most = part.length === 0 ? 0 : Math.floor(room / part.length);
      const times = Math.min(most, 1 << dice.int(0, dice.chance(0.02) ? 20 : 7));
      const many = new Uint8Array(part.length * times);
      for (let i = 0; i < times; i++) many.set(part, i * part.length);
      return replace(bytes, at, at, many);
    }
    case 9: {
      const other = dice.pick(options.pool);
      const piece = other.length === 0 ? bytes : dice.pick(other);
      const from = dice.int(0, piece.length);
      const end = dice.chance(0.5) ? piece.length : dice.int(from, piece.length);
      return replace(bytes, at, dice.chance(0.5) ? to : bytes.length, piece.subarray(from, end));
    }
    default: {
      if (options.dictionary.length === 0) {
        return replace(bytes, at, to, randomBytes(dice, to - at));
      }
      return replace(bytes, at, dice.chance(0.5) ? at : to, dice.pick(options.dictionary));
    }
  }
}

function replace(
  bytes: Uint8Array,
  from: number,
  to: number,
  by: ArrayLike<number>,
): Uint8Array {
  const out = new Uint8Array(bytes.length - (to - from) + by.length);
  out.set(bytes.subarray(0, from));
  out.set(by, from);
  out.set(bytes.subarray(to), from + by.length);
  return out;
}

/** Random bytes. */
export function randomBytes(dice: Dice, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => dice.int(0, 255));
}

/** These bytes, cut anyhow. */
export function cutAnyhow(bytes: Uint8Array, dice: Dice): Uint8Array[] {
  if (bytes.length > 0 && bytes.length <= 512 && dice.chance(0.2)) {
    return Array.from(bytes, (byte) => Uint8Array.of(byte));
  }
  const cuts = Array.from({ length: dice.int(0, 8) }, () => dice.int(0, bytes.length));
  const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
  // Copies: what a decoder keeps of a chunk must not change when its buffer is used again.
  return places.slice(1).map((place, i) => bytes.slice(places[i], place));
}
