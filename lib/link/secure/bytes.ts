/**
 * Bytes put together and told apart, as the key exchange writes them. Pure.
 *
 * @module
 */

/** The pieces in a row. */
export function concat(...pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** The pieces in a row, each behind its length in LEB128: no two lists give the same bytes. */
export function lengthPrefixed(...pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return concat(...pieces.flatMap((piece) => [leb128(piece.length), piece]));
}

/** A number, seven bits a byte, the lowest first. */
function leb128(value: number): Uint8Array {
  const bytes: number[] = [];
  do {
    bytes.push((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
    value >>>= 7;
  } while (value > 0);
  return Uint8Array.from(bytes);
}
