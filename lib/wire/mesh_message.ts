/**
 * Every message between two servers, its encoding and its checks. The layouts are described
 * byte by byte in `docs/PROTOCOL.md`. Each message is the body of one length-prefixed frame, and
 * its first byte is its type.
 */
import { type Batch, decodeBatch, TYPE_PUSH, TYPE_REPLY } from "./mesh_batch.ts";
import { ByteReader, ByteWriter, MeshFrameError, type NodeId } from "./mesh_bytes.ts";
import {
  MAX_LIST_ENTRIES,
  MAX_MESH_FRAME,
  MAX_MESH_PAYLOAD,
  MAX_NAME_BYTES,
  MAX_PATH_NODES,
  MAX_REASON_BYTES,
} from "./mesh_limits.ts";

/** The versions of the protocol that this implementation speaks, both included. */
export const PROTOCOL_VERSIONS = { min: 1, max: 1 } as const;

/** The types of messages, as their first byte. */
export const TYPE = {
  iAm: 0x01,
  refuse: 0x02,
  goodbye: 0x03,
  ping: 0x04,
  pong: 0x05,
  push: TYPE_PUSH,
  reply: TYPE_REPLY,
  iHave: 0x12,
  summary: 0x13,
  want: 0x14,
  end: 0x15,
  prune: 0x16,
  graft: 0x17,
  state: 0x18,
  names: 0x19,
  routed: 0x20,
} as const;

/** Who a node says it is: the first message on each link, in both directions. */
export interface IAm {
  readonly type: "iAm";
  /** Lowest and highest version of the protocol that it speaks. */
  readonly minVersion: number;
  readonly maxVersion: number;
  readonly id: NodeId;
  readonly incarnation: number;
  /** A random number for this connection, at most 2⁵³ − 1: decides between double links. */
  readonly nonce: number;
  readonly name: string;
  readonly mesh: string;
}

/** Why a link is refused or dropped, as a number for programs. */
export const REFUSAL = {
  self: 1,
  mesh: 2,
  version: 3,
  clone: 4,
  duplicate: 5,
  protocol: 6,
  forged: 7,
  silent: 8,
  greeting: 9,
  slow: 10,
  full: 11,
  operator: 12,
  encryption: 13,
} as const;

/** Name of a reason in {@linkcode REFUSAL}. */
export type RefusalCode = keyof typeof REFUSAL;

/** A stream: what one origin says in one life. */
export interface StreamId {
  readonly origin: NodeId;
  readonly incarnation: number;
}

/** Which messages of a stream a node has: those up to `head` but for one range. */
export interface Holding {
  /** The highest sequence that it has, or knows to exist. */
  readonly head: number;
  /** First and last sequence that it still misses; 0 and 0 when it misses none. */
  readonly lackFrom: number;
  readonly lackTo: number;
}

/** What a node has of a stream. */
export interface Announcement extends StreamId, Holding {}

/** Messages of a stream, both ends included. */
export interface StreamRange extends StreamId {
  readonly from: number;
  readonly to: number;
}

/** Messages of a stream that a node wants. */
export interface WantedRange extends StreamRange {
  /**
   * When not 0, what the node that is asked has forgotten is to be sought elsewhere, and this names
   * the search: a random number of 2³¹ or more.
   */
  readonly token: number;
}

/** Messages of a stream that a node could not send. */
export interface Lack extends StreamRange {
  /** Whether it expects to have them soon, and to send them on then. */
  readonly later: boolean;
}

/** The latest version of what one node says about itself, of one kind. */
export interface StateRecord extends StreamId {
  readonly kind: number;
  readonly version: number;
  readonly payload: Uint8Array;
}

/** What a routed message is for. */
const PURPOSE = { message: 0, request: 1, answer: 2, ack: 3, failure: 4, part: 5 } as const;

/** Name of a purpose in {@linkcode PURPOSE}. */
export type Purpose = keyof typeof PURPOSE;

/** What a node is called that can't tell it itself. */
export interface NamedNode {
  readonly id: NodeId;
  readonly name: string;
}

/** A message for one node, with the path that it takes. */
export interface Routed {
  readonly type: "routed";
  readonly purpose: Purpose;
  readonly kind: number;
  /** Index in `path` of the node that receives this frame. */
  readonly hop: number;
  /** From the source to the destination, both included. */
  readonly path: readonly NodeId[];
  readonly incarnation: number;
  /** Of this message; unique for the source and its incarnation, and growing. */
  readonly number: number;
  /** The number of the message that this one answers, acknowledges or failed; else 0. */
  readonly correlation: number;
  readonly payload: Uint8Array;
}

/** Any server-to-server message. */
export type MeshMessage =
  | IAm
  | { readonly type: "refuse"; readonly code: RefusalCode; readonly reason: string }
  | { readonly type: "goodbye" }
  | { readonly type: "ping" | "pong"; readonly token: number }
  | { readonly type: "push" | "reply"; readonly batch: Batch }
  | { readonly type: "iHave" | "summary" | "graft"; readonly entries: readonly Announcement[] }
  | { readonly type: "want"; readonly request: number; readonly ranges: readonly WantedRange[] }
  | { readonly type: "end"; readonly request: number; readonly lacks: readonly Lack[] }
  | { readonly type: "prune"; readonly streams: readonly StreamId[] }
  | { readonly type: "state"; readonly records: readonly StateRecord[] }
  | { readonly type: "names"; readonly nodes: readonly NamedNode[] }
  | Routed;

const codeOf = new Map(
  Object.entries(REFUSAL).map(([name, code]) => [code as number, name as RefusalCode]),
);
const purposeOf = new Map(
  Object.entries(PURPOSE).map(([name, code]) => [code as number, name as Purpose]),
);

/** Offset of the hop in a routed frame, so that a relay can count it in a copy. */
export const ROUTED_HOP_OFFSET = 3;

/** Encodes one message as the body of a frame. */
export function encodeMeshMessage(message: MeshMessage): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter().u8(TYPE[message.type]);
  switch (message.type) {
    case "iAm":
      out.u8(message.minVersion).u8(message.maxVersion).nodeId(message.id)
        .u64(message.incarnation).u64(message.nonce)
        .text(message.name, MAX_NAME_BYTES).text(message.mesh, MAX_NAME_BYTES);
      break;
    case "refuse":
      out.u8(REFUSAL[message.code]).text(message.reason, MAX_REASON_BYTES);
      break;
    case "goodbye":
      break;
    case "ping":
    case "pong":
      out.u64(message.token);
      break;
    case "push":
    case "reply":
      return message.batch.bodyAs(message.type === "push" ? TYPE_PUSH : TYPE_REPLY).slice();
    case "iHave":
    case "summary":
    case "graft":
      for (const entry of message.entries) {
        stream(out, entry).u64(entry.head).u64(entry.lackFrom).u64(entry.lackTo);
      }
      break;
    case "want":
      out.u32(message.request);
      for (const range of message.ranges) {
        stream(out, range).u64(range.from).u64(range.to).u32(range.token);
      }
      break;
    case "end":
      out.u32(message.request);
      for (const lack of message.lacks) {
        stream(out, lack).u64(lack.from).u64(lack.to).u8(lack.later ? 1 : 0);
      }
      break;
    case "prune":
      for (const id of message.streams) stream(out, id);
      break;
    case "state":
      for (const record of message.records) out.raw(encodeStateRecord(record));
      break;
    case "names":
      for (const { id, name } of message.nodes) out.nodeId(id).text(name, MAX_NAME_BYTES);
      break;
    case "routed":
      out.u8(PURPOSE[message.purpose]).u8(message.kind).u16(message.hop)
        .u16(message.path.length).u64(message.incarnation).u64(message.number)
        .u64(message.correlation);
      for (const id of message.path) out.nodeId(id);
      out.raw(message.payload);
      break;
  }
  return out.finish();
}

function stream(out: ByteWriter, id: StreamId): ByteWriter {
  return out.nodeId(id.origin).u64(id.incarnation);
}

/** Encodes one record of a state frame: records can be encoded once and sent to many. */
export function encodeStateRecord(record: StateRecord): Uint8Array<ArrayBuffer> {
  return new ByteWriter(29 + record.payload.length)
    .nodeId(record.origin).u64(record.incarnation).u8(record.kind).u64(record.version)
    .u32(record.payload.length).raw(record.payload).finish();
}

/** A state frame of records that {@linkcode encodeStateRecord} encoded. */
export function joinStateRecords(records: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter(1 + records.reduce((sum, { length }) => sum + length, 0));
  out.u8(TYPE.state);
  for (const record of records) out.raw(record);
  return out.finish();
}

/**
 * Decodes and checks the body of one frame. Payloads alias `body`.
 *
 * @throws {MeshFrameError} when the frame is not a valid message.
 */
export function decodeMeshMessage(body: Uint8Array): MeshMessage {
  if (body.length > MAX_MESH_FRAME) {
    throw new MeshFrameError(`Frame of ${body.length} bytes, at most ${MAX_MESH_FRAME} allowed`);
  }
  const type = body[0];
  if (type === TYPE_PUSH) return { type: "push", batch: decodeBatch(body) };
  if (type === TYPE_REPLY) return { type: "reply", batch: decodeBatch(body) };
  const input = new ByteReader(body);
  switch (input.remaining > 0 ? input.u8() : -1) {
    case TYPE.iAm:
      return decodeIAm(input);
    case TYPE.refuse: {
      const code = codeOf.get(input.u8()) ?? "protocol";
      return { type: "refuse", code, reason: input.text(MAX_REASON_BYTES) };
    }
    case TYPE.goodbye:
      return { type: "goodbye" };
    case TYPE.ping:
      return { type: "ping", token: input.u64() };
    case TYPE.pong:
      return { type: "pong", token: input.u64() };
    case TYPE.iHave:
      return { type: "iHave", entries: list(input, readAnnouncement) };
    case TYPE.summary:
      return { type: "summary", entries: list(input, readAnnouncement) };
    case TYPE.want:
      return { type: "want", request: input.u32(), ranges: list(input, readWanted) };
    case TYPE.end:
      return { type: "end", request: input.u32(), lacks: list(input, readLack) };
    case TYPE.prune:
      return { type: "prune", streams: list(input, readStream) };
    case TYPE.graft:
      return { type: "graft", entries: list(input, readAnnouncement) };
    case TYPE.state:
      return { type: "state", records: list(input, readStateRecord) };
    case TYPE.names:
      return { type: "names", nodes: list(input, readNamed) };
    case TYPE.routed:
      return decodeRouted(input);
    default:
      throw new MeshFrameError(
        type === undefined ? "Empty frame" : `Unknown type of message 0x${type.toString(16)}`,
      );
  }
}

// What follows the last field is left for later versions: only the fields up to `mesh` are fixed
// for ever, so that nodes of different versions can refuse each other by name.
function decodeIAm(input: ByteReader): IAm {
  const minVersion = input.u8();
  const maxVersion = input.u8();
  const id = input.nodeId();
  const incarnation = input.u64();
  const nonce = input.u64();
  const name = input.nodeName(MAX_NAME_BYTES);
  const mesh = input.text(MAX_NAME_BYTES);
  if (minVersion > maxVersion) {
    throw new MeshFrameError(`Versions ${minVersion} to ${maxVersion} are none`);
  }
  return { type: "iAm", minVersion, maxVersion, id, incarnation, nonce, name, mesh };
}

function decodeRouted(input: ByteReader): Routed {
  const purpose = purposeOf.get(input.u8());
  if (purpose === undefined) throw new MeshFrameError("Unknown purpose of a routed message");
  const kind = input.u8();
  const hop = input.u16();
  const length = input.u16();
  if (length < 2 || length > MAX_PATH_NODES) {
    throw new MeshFrameError(`Path of ${length} nodes, 2 to ${MAX_PATH_NODES} allowed`);
  }
  if (hop < 1 || hop >= length) throw new MeshFrameError(`Hop ${hop} of ${length} is outside`);
  const incarnation = input.u64();
  const number = input.u64();
  const correlation = input.u64();
  const path: NodeId[] = [];
  for (let i = 0; i < length; i++) path.push(input.nodeId());
  if (new Set(path).size !== length) throw new MeshFrameError("Path visits a node twice");
  if (input.remaining > MAX_MESH_PAYLOAD) {
    throw new MeshFrameError(`Payload of ${input.remaining} bytes is too long`);
  }
  const payload = input.view(input.remaining);
  return { type: "routed", purpose, kind, hop, path, incarnation, number, correlation, payload };
}

function list<T>(input: ByteReader, read: (input: ByteReader) => T): T[] {
  const entries: T[] = [];
  while (input.remaining > 0) {
    if (entries.length === MAX_LIST_ENTRIES) {
      throw new MeshFrameError(`More than ${MAX_LIST_ENTRIES} entries in one frame`);
    }
    entries.push(read(input));
  }
  return entries;
}

function readStream(input: ByteReader): StreamId {
  return { origin: input.nodeId(), incarnation: input.u64() };
}

function readAnnouncement(input: ByteReader): Announcement {
  const entry = {
    origin: input.nodeId(),
    incarnation: input.u64(),
    head: input.u64(),
    lackFrom: input.u64(),
    lackTo: input.u64(),
  };
  const { head, lackFrom, lackTo } = entry;
  if (lackTo > head || lackFrom > lackTo || (lackFrom === 0) !== (lackTo === 0)) {
    throw new MeshFrameError(`Announcement of ${head} without ${lackFrom} to ${lackTo}`);
  }
  return entry;
}

function readRange(input: ByteReader): StreamRange {
  const range = {
    origin: input.nodeId(),
    incarnation: input.u64(),
    from: input.u64(),
    to: input.u64(),
  };
  if (range.from < 1 || range.to < range.from) {
    throw new MeshFrameError(`Range ${range.from} to ${range.to} is none`);
  }
  return range;
}

function readWanted(input: ByteReader): WantedRange {
  const wanted = { ...readRange(input), token: input.u32() };
  if (wanted.token !== 0 && wanted.token < 0x8000_0000) {
    throw new MeshFrameError(`Token ${wanted.token} is below 2^31`);
  }
  return wanted;
}

function readLack(input: ByteReader): Lack {
  return { ...readRange(input), later: (input.u8() & 1) === 1 };
}

function readNamed(input: ByteReader): NamedNode {
  return { id: input.nodeId(), name: input.nodeName(MAX_NAME_BYTES) };
}

function readStateRecord(input: ByteReader): StateRecord {
  const origin = input.nodeId();
  const incarnation = input.u64();
  const kind = input.u8();
  const version = input.u64();
  const length = input.u32();
  if (length > MAX_MESH_PAYLOAD) {
    throw new MeshFrameError(`State of ${length} bytes, at most ${MAX_MESH_PAYLOAD} allowed`);
  }
  return { origin, incarnation, kind, version, payload: input.view(length) };
}
