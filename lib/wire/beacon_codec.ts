/**
 * The datagrams of beacons, drawn byte by byte in docs/PROTOCOL.md. Pure.
 *
 * A datagram is a header and records: each has a type, a length and a body. Records of types that
 * aren't known here, and bytes behind the fields of a body that are, come from later releases and are
 * skipped; a datagram of another version is not for us at all.
 *
 * @module
 */

import { formatIp, isNobody, parseIp } from "./beacon_address.ts";
import {
  type Advert,
  type BeaconAddress,
  BeaconFault,
  type BeaconMessage,
  type BeaconRecord,
  CAST_METHODS,
  type CastMethod,
  isBeaconKind,
  isText,
  whyNoProperties,
} from "./beacon_message.ts";
import { isBeaconName, isBeaconPattern } from "./beacon_name.ts";
import {
  MAX_BEACON_ADDRESSES,
  MAX_BEACON_HOST_BYTES,
  MAX_BEACON_IDS,
  MAX_BEACON_KEY_BYTES,
  MAX_BEACON_KIND_BYTES,
  MAX_BEACON_NAME,
  MAX_BEACON_PROPERTIES,
  MAX_BEACON_PROPERTIES_BYTES,
  MAX_BEACON_RECEIVE_BYTES,
} from "./limits.ts";
import { ByteReader, ByteWriter, writeU32 } from "./mesh_bytes.ts";

export * from "./beacon_message.ts";

/** The version of the format. */
const BEACON_VERSION = 1;
/** `TLKB`, the first four bytes. */
const MAGIC = 0x544c4b42;
/** Bytes of the header. */
export const BEACON_HEADER_BYTES = 22;
/** Where the header says how the datagram is sent; see {@linkcode markMethod}. */
const METHOD_AT = 5;
/** Where the header has the checksum of all but the checksum itself. */
const CHECKSUM_AT = 6;
const MAX_NAME_BYTES = 4 * MAX_BEACON_NAME;

const TYPES = { beacon: 1, advert: 2, goodbye: 3, query: 4, known: 5, heard: 6 } as const;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The bytes of a record: so that datagrams can be filled up to their limit. */
export function encodeRecord(record: BeaconRecord): Uint8Array {
  const body = new ByteWriter();
  switch (record.type) {
    case "beacon":
      body.u32(record.revision).u16(record.adverts).text(record.host, MAX_BEACON_HOST_BYTES);
      break;
    case "advert":
      writeAdvert(body, record.advert);
      break;
    case "goodbye":
      body.text(record.name, MAX_NAME_BYTES);
      break;
    case "query":
      body.u8(record.toAll ? 1 : 0).text(record.pattern, MAX_NAME_BYTES)
        .text(record.kind, MAX_BEACON_KIND_BYTES);
      break;
    case "known":
      body.u8(record.beacons.length);
      for (const { id, revision } of record.beacons) body.nodeId(id).u32(revision);
      break;
    case "heard":
      body.u8(record.complete ? 1 : 0).u8(record.ids.length);
      for (const id of record.ids) body.nodeId(id);
      break;
  }
  const bytes = body.finish();
  return new ByteWriter(bytes.length + 3).u8(TYPES[record.type]).u16(bytes.length).raw(bytes)
    .finish();
}

function writeAdvert(body: ByteWriter, advert: Advert): void {
  body.u8(advert.claiming ? 1 : 0).u16(advert.ttl).u64(advert.since)
    .text(advert.name, MAX_NAME_BYTES).text(advert.kind, MAX_BEACON_KIND_BYTES)
    .u8(advert.addresses.length);
  for (const { ip, port } of advert.addresses) {
    const bytes = parseIp(ip) as Uint8Array;
    body.u8(bytes.length).raw(bytes).u16(port);
  }
  const properties = Object.entries(advert.properties);
  body.u8(properties.length);
  for (const [key, value] of properties) {
    body.text(key, MAX_BEACON_KEY_BYTES).text(value, MAX_BEACON_PROPERTIES_BYTES);
  }
}

/** A datagram of records that were encoded; its method is `unicast` until {@linkcode markMethod} changes it. */
export function encodeDatagram(
  { id, sequence }: { readonly id: string; readonly sequence: number },
  records: readonly Uint8Array[],
): Uint8Array {
  const writer = new ByteWriter(512).u32(MAGIC).u8(BEACON_VERSION).u8(0).u32(0).nodeId(id)
    .u32(sequence);
  for (const record of records) writer.raw(record);
  const bytes = writer.finish();
  markMethod(bytes, "unicast");
  return bytes;
}

/** A datagram of records. */
export function encodeBeacon(message: BeaconMessage): Uint8Array {
  const bytes = encodeDatagram(message, message.records.map(encodeRecord));
  markMethod(bytes, message.method);
  return bytes;
}

/** Writes into a datagram how it is sent: each copy tells of itself. */
export function markMethod(bytes: Uint8Array, method: CastMethod): void {
  bytes[METHOD_AT] = CAST_METHODS.indexOf(method);
  writeU32(bytes, CHECKSUM_AT, checksum(bytes));
}

/** CRC-32 (that of Ethernet) of the datagram without the field itself: against accidents, not against malice. */
function checksum(bytes: Uint8Array): number {
  let crc = -1;
  for (let i = 0; i < bytes.length; i++) {
    if (i === CHECKSUM_AT) i += 4;
    crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ (bytes[i] as number)) & 0xff] as number);
  }
  return ~crc >>> 0;
}

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/**
 * What a datagram says. Nothing in the result aliases `bytes`.
 *
 * @throws {RemoteFault} and nothing else, when it breaks the format: code `version` for a datagram of
 *   another version of it
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { type BeaconMessage, decodeBeacon, encodeBeacon } from "./beacon_codec.ts";
 * const message: BeaconMessage = {
 *   id: "00000000000000aa",
 *   sequence: 7,
 *   method: "multicast",
 *   records: [{ type: "query", pattern: "robot/*", kind: "", toAll: false }],
 * };
 * assertEquals(decodeBeacon(encodeBeacon(message)), message);
 * ```
 */
export function decodeBeacon(bytes: Uint8Array): BeaconMessage {
  const header = decodeBeaconHeader(bytes);
  const reader = new ByteReader(bytes, BEACON_HEADER_BYTES);
  const records: BeaconRecord[] = [];
  while (reader.remaining > 0) {
    const type = reader.u8();
    const record = decodeRecord(type, reader.view(reader.u16()));
    if (record !== undefined) records.push(record);
  }
  return { ...header, records };
}

/**
 * What the header of a datagram says; the checksum, which is over all of it, is looked at. Copies of
 * one datagram needn't be decoded further.
 *
 * @throws {RemoteFault} as {@linkcode decodeBeacon} does
 */
export function decodeBeaconHeader(bytes: Uint8Array): Omit<BeaconMessage, "records"> {
  if (bytes.length > MAX_BEACON_RECEIVE_BYTES) {
    throw malformed(`Datagram of more than ${MAX_BEACON_RECEIVE_BYTES} bytes`);
  }
  const reader = new ByteReader(bytes);
  if (reader.u32() !== MAGIC) throw malformed("Not a beacon's datagram");
  const version = reader.u8();
  if (version !== BEACON_VERSION) {
    throw new BeaconFault("version", `Beacon of version ${version}, not ${BEACON_VERSION}`);
  }
  // A way of sending that isn't known here is no reason not to listen.
  const method = CAST_METHODS[reader.u8()] ?? "unicast";
  const sum = reader.u32();
  const id = reader.nodeId();
  const sequence = reader.u32();
  if (sum !== checksum(bytes)) throw malformed("Wrong checksum");
  return { id, sequence, method };
}

function decodeRecord(type: number, body: Uint8Array): BeaconRecord | undefined {
  const reader = new ByteReader(body);
  switch (type) {
    case TYPES.beacon: {
      const [revision, adverts] = [reader.u32(), reader.u16()];
      return { type: "beacon", revision, adverts, host: readText(reader, MAX_BEACON_HOST_BYTES) };
    }
    case TYPES.advert:
      return { type: "advert", advert: readAdvert(reader) };
    case TYPES.goodbye:
      return { type: "goodbye", name: readName(reader) };
    case TYPES.query: {
      const toAll = (reader.u8() & 1) !== 0;
      const pattern = readText(reader, MAX_NAME_BYTES);
      if (!isBeaconPattern(pattern)) throw malformed("A query for what can't be a name");
      const kind = readText(reader, MAX_BEACON_KIND_BYTES);
      if (kind !== "" && !isBeaconKind(kind)) throw malformed("A query for what is no kind");
      return { type: "query", pattern, kind, toAll };
    }
    case TYPES.known: {
      const beacons = times(readCount(reader, MAX_BEACON_IDS, "beacons"), () => {
        return { id: reader.nodeId(), revision: reader.u32() };
      });
      return { type: "known", beacons };
    }
    case TYPES.heard: {
      const complete = (reader.u8() & 1) !== 0;
      const ids = times(readCount(reader, MAX_BEACON_IDS, "beacons"), () => reader.nodeId());
      return { type: "heard", ids, complete };
    }
    default:
      return undefined;
  }
}

function readAdvert(reader: ByteReader): Advert {
  const claiming = (reader.u8() & 1) !== 0;
  const [ttl, since] = [reader.u16(), reader.u64()];
  if (ttl === 0) throw malformed("An advert that is over when it comes");
  const name = readName(reader);
  const kind = readText(reader, MAX_BEACON_KIND_BYTES);
  if (!isBeaconKind(kind)) throw malformed("An advert of what is no kind");
  const addresses: BeaconAddress[] = [];
  for (let left = readCount(reader, MAX_BEACON_ADDRESSES, "addresses"); left > 0; left--) {
    const bytes = reader.view(reader.u8());
    const port = reader.u16();
    // Other lengths are for kinds of addresses that don't exist yet.
    if (bytes.length !== 4 && bytes.length !== 16) continue;
    if (port === 0 || isNobody(bytes)) throw malformed("An advert of an address of nobody");
    addresses.push({ ip: formatIp(bytes), port });
  }
  const entries = times(readCount(reader, MAX_BEACON_PROPERTIES, "properties"), () => {
    const key = readText(reader, MAX_BEACON_KEY_BYTES);
    return [key, readText(reader, MAX_BEACON_PROPERTIES_BYTES)] as const;
  });
  const properties = Object.fromEntries(entries);
  const why = Object.keys(properties).length < entries.length
    ? "The same property twice"
    : whyNoProperties(properties);
  if (why !== undefined) throw malformed(why);
  return { name, kind, addresses, properties, since, ttl, claiming };
}

function times<T>(count: number, read: () => T): T[] {
  return Array.from({ length: count }, read);
}

function readCount(reader: ByteReader, limit: number, what: string): number {
  const count = reader.u8();
  if (count > limit) throw malformed(`${count} ${what}, at most ${limit} allowed`);
  return count;
}

function readName(reader: ByteReader): string {
  const name = readText(reader, MAX_NAME_BYTES);
  if (!isBeaconName(name)) throw malformed("An advert of what can't be a name");
  return name;
}

function readText(reader: ByteReader, limit: number): string {
  const length = reader.u16();
  if (length > limit) throw malformed(`Text of ${length} bytes, at most ${limit} allowed`);
  const bytes = reader.view(length);
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    throw malformed("Text is not UTF-8");
  }
  if (!isText(text)) throw malformed("Text with control characters");
  return text;
}

function malformed(message: string): BeaconFault {
  return new BeaconFault("malformed", message);
}
