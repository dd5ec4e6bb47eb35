/**
 * Fills datagrams with records. Pure.
 *
 * @module
 */

import { BEACON_HEADER_BYTES, type BeaconRecord, encodeRecord } from "../wire/beacon_codec.ts";
import { MAX_BEACON_SEND_BYTES } from "../wire/limits.ts";

/**
 * Distributes records among datagrams, as few as can be in their order.
 *
 * @param records what is to be sent; none, no datagram
 * @param options `head` is repeated in each datagram, `first` is in the first one only
 */
export function packRecords(
  records: readonly BeaconRecord[],
  { head = [], first = [] }: {
    readonly head?: readonly BeaconRecord[];
    readonly first?: readonly BeaconRecord[];
  } = {},
): Uint8Array[][] {
  if (records.length === 0) return [];
  const heads = head.map(encodeRecord);
  let current = [...heads, ...first.map(encodeRecord)];
  let bytes = BEACON_HEADER_BYTES + sizeOf(current);
  const datagrams = [current];
  let filled = false;
  for (const record of records) {
    const encoded = encodeRecord(record);
    // A datagram has one record at least; none alone is too large for it.
    if (bytes + encoded.length > MAX_BEACON_SEND_BYTES && (filled || first.length > 0)) {
      current = [...heads];
      bytes = BEACON_HEADER_BYTES + sizeOf(current);
      datagrams.push(current);
    }
    current.push(encoded);
    bytes += encoded.length;
    filled = true;
  }
  return datagrams;
}

function sizeOf(records: readonly Uint8Array[]): number {
  return records.reduce((sum, { length }) => sum + length, 0);
}
