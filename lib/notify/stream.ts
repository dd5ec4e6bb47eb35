/**
 * Where a notification comes from: PURE. What a server publishes in one life is a stream
 * (`NODEID.INCARNATION`); the notifications in it are numbered, with holes, since a server says other things,
 * too. A clock says how far each stream had come.
 *
 * @module
 */

/** The place of a notification. */
export interface Stamp {
  /** `NODEID.INCARNATION` */
  readonly stream: string;
  readonly sequence: number;
}

/** The last sequence of each stream that had arrived somewhere at some moment. */
export type Clock = ReadonlyMap<string, number>;

const ID = /^([0-9a-f]{16}\.(?:0|[1-9][0-9]{0,15}))\.([1-9][0-9]{0,15})$/;
const STREAM = /^[0-9a-f]{16}\.(?:0|[1-9][0-9]{0,15})$/;

/**
 * Takes the id of a notification apart; undefined when it is none.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parseId } from "./stream.ts";
 * assertEquals(parseId("00000000000000aa.1.7"), { stream: "00000000000000aa.1", sequence: 7 });
 * assertEquals(parseId("kitchen"), undefined);
 * ```
 */
export function parseId(id: string): Stamp | undefined {
  const match = ID.exec(id);
  if (match === null) return undefined;
  const sequence = Number(match[2]);
  return Number.isSafeInteger(sequence) ? { stream: match[1]!, sequence } : undefined;
}

/** The id of a notification. */
export function formatId({ stream, sequence }: Stamp): string {
  return `${stream}.${sequence}`;
}

/** Whether this is the name of a stream. */
export function isStream(text: string): boolean {
  return STREAM.test(text);
}

/** Whether what is at `stamp` had arrived when the clock was read. */
export function covers(clock: Clock, { stream, sequence }: Stamp): boolean {
  const last = clock.get(stream);
  return last !== undefined && sequence <= last;
}

/** A number that tells a stream (or any text) from others: FNV-1a, 32 bits. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** A number that tells a place from others, given the hash of its stream: 32 bits, to be put together by XOR. */
export function hashStamp(stream: number, sequence: number): number {
  let hash = Math.imul(
    stream ^ sequence ^ Math.imul(Math.floor(sequence / 2 ** 32), 0x9e3779b1),
    0x85ebca6b,
  );
  hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35);
  return (hash ^ (hash >>> 13)) >>> 0;
}
