/**
 * What programs say to each other: each frame is one JSON object, whose `kind` says what it is.
 * docs/PROTOCOL.md, section 7. Pure.
 *
 * @module
 */

import { RemoteFault } from "../wire/errors.ts";
import { MAX_NEWS_TOPIC, MAX_TYPE_NAME } from "../wire/limits.ts";
import { visible } from "../wire/text.ts";
import { BadMember, decodeJson, type JsonText } from "./json.ts";

/** The version of these messages that this program speaks. */
export const MESSAGING_VERSION = 1;

/** Which end of a connection: who made it, or who took it. */
export type Role = "connects" | "listens";

/** Longest reason, in characters; what is longer is cut. */
const MAX_REASON = 1_000;
/** Longest code of a refusal, in characters. */
const MAX_CODE = 32;

/** What is said; `Body` is the text of a JSON value when sent, the value when received. */
export type EnvelopeOf<Body> =
  /** First, from both sides: the lowest and the highest version spoken, and which end this is. */
  | { readonly kind: "hello"; readonly versions: readonly [number, number]; readonly role: Role }
  /** A question. Its number is the asker's, and new on this connection. */
  | { readonly kind: "ask"; readonly id: number; readonly type: string; readonly body: Body }
  /** The answer to the question of that number. */
  | { readonly kind: "answer"; readonly id: number; readonly body: Body }
  /** The question of that number, or what else came (no number), is not taken. */
  | {
    readonly kind: "refuse";
    readonly id: number | undefined;
    readonly code: string;
    readonly reason: string;
  }
  /** Nobody waits for the answer any more. */
  | { readonly kind: "cancel"; readonly id: number }
  /** A message without an answer. */
  | { readonly kind: "tell"; readonly type: string; readonly body: Body }
  /** The other side is to send the news whose topic begins so. */
  | { readonly kind: "subscribe"; readonly prefix: string }
  | { readonly kind: "unsubscribe"; readonly prefix: string }
  /** News; before it `missed` were left out, since they were not read in time. */
  | {
    readonly kind: "news";
    readonly topic: string | undefined;
    readonly body: Body;
    readonly missed: number;
  }
  /** Are you there? Yes. */
  | { readonly kind: "ping" }
  | { readonly kind: "pong" }
  /** Last: this side ends the connection. */
  | { readonly kind: "goodbye"; readonly reason: string };

/** What is received. */
export type Envelope = EnvelopeOf<unknown>;
/** What is sent. */
export type Outgoing = EnvelopeOf<JsonText>;

const encoder = new TextEncoder();

/**
 * The body of a frame.
 *
 * @example
 * ```ts
 * import { encodeEnvelope } from "./envelope.ts";
 * import { encodeJson } from "./json.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = encodeEnvelope({ kind: "ask", id: 1, type: "message", body: encodeJson("World") });
 * assertEquals(
 *   new TextDecoder().decode(bytes),
 *   '{"kind":"ask","id":1,"type":"message","body":"World"}',
 * );
 * ```
 */
export function encodeEnvelope(envelope: Outgoing): Uint8Array {
  return encoder.encode(write(envelope));
}

function write(envelope: Outgoing): string {
  const { kind } = envelope;
  switch (kind) {
    case "ask":
      return `{"kind":"ask","id":${envelope.id},"type":${text(envelope.type)},` +
        `"body":${envelope.body}}`;
    case "answer":
      return `{"kind":"answer","id":${envelope.id},"body":${envelope.body}}`;
    case "tell":
      return `{"kind":"tell","type":${text(envelope.type)},"body":${envelope.body}}`;
    case "news": {
      const topic = envelope.topic === undefined ? "" : `"topic":${text(envelope.topic)},`;
      const missed = envelope.missed === 0 ? "" : `"missed":${envelope.missed},`;
      return `{"kind":"news",${topic}${missed}"body":${envelope.body}}`;
    }
    case "refuse":
    case "goodbye":
      return text({ ...envelope, reason: envelope.reason.slice(0, MAX_REASON) });
    default:
      return text(envelope);
  }
}

const text = JSON.stringify;

type Members = Readonly<Record<string, unknown>>;

/** How each kind is read; throws for what is not so. */
const READERS: { readonly [K in Envelope["kind"]]: (members: Members) => Envelope } = {
  hello: ({ versions, role }) => {
    const [low, high] = Array.isArray(versions) ? versions : [];
    if (!isNumber(low) || !isNumber(high) || low > high) throw bad("versions", versions);
    if (role !== "connects" && role !== "listens") throw bad("role", role);
    return { kind: "hello", versions: [low, high], role };
  },
  ask: (members) => ({
    kind: "ask",
    id: readId(members),
    type: readName(members.type, "type"),
    body: members.body ?? null,
  }),
  answer: (members) => ({ kind: "answer", id: readId(members), body: members.body ?? null }),
  refuse: (members) => ({
    kind: "refuse",
    id: members.id === undefined ? undefined : readId(members),
    code: readCode(members.code),
    reason: readReason(members.reason),
  }),
  cancel: (members) => ({ kind: "cancel", id: readId(members) }),
  tell: (members) => ({
    kind: "tell",
    type: readName(members.type, "type"),
    body: members.body ?? null,
  }),
  subscribe: ({ prefix }) => ({ kind: "subscribe", prefix: readTopic(prefix, "prefix") }),
  unsubscribe: ({ prefix }) => ({ kind: "unsubscribe", prefix: readTopic(prefix, "prefix") }),
  news: ({ topic, body, missed = 0 }) => {
    if (!isNumber(missed)) throw bad("missed", missed);
    const about = topic === undefined ? undefined : readTopic(topic, "topic");
    return { kind: "news", topic: about, body: body ?? null, missed };
  },
  ping: () => ({ kind: "ping" }),
  pong: () => ({ kind: "pong" }),
  goodbye: ({ reason }) => ({ kind: "goodbye", reason: readReason(reason) }),
};

/**
 * Reads the body of a frame. Members that are not known are ignored; a body that is left out is
 * null.
 *
 * @throws {RemoteFault} for what is no such message; its code is that of {@linkcode decodeJson},
 * `unknown-kind` or `bad-message`; a {@linkcode BodyFault} where the question is known
 *
 * @example
 * ```ts
 * import { decodeEnvelope } from "./envelope.ts";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const decode = (text: string) => decodeEnvelope(new TextEncoder().encode(text));
 * assertEquals(decode('{"kind":"cancel","id":7}'), { kind: "cancel", id: 7 });
 * assertThrows(() => decode('{"kind":"cancel","id":-7}'), Error, "id: -7");
 * ```
 */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  const members = parse(bytes);
  if (typeof members !== "object" || members === null || Array.isArray(members)) {
    throw new RemoteFault("bad-message", "A message must be a JSON object");
  }
  const { kind } = members as Members;
  if (typeof kind !== "string" || !Object.hasOwn(READERS, kind)) {
    throw new RemoteFault("unknown-kind", `No such kind of message: ${brief(kind)}`);
  }
  return READERS[kind as Envelope["kind"]](members as Members);
}

/** A question or an answer that can't be taken for what is in its body. */
export class BodyFault extends RemoteFault {
  readonly kind: "ask" | "answer";
  /** The number of the question. */
  readonly id: number;

  constructor({ code, message }: RemoteFault, about: { kind: "ask" | "answer"; id: number }) {
    super(code, message);
    this.kind = about.kind;
    this.id = about.id;
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return decodeJson(bytes);
  } catch (error) {
    if (!(error instanceof BadMember)) throw error;
    const { kind, id } = Object(error.value) as Members;
    const isQuestion = (kind === "ask" || kind === "answer") && isNumber(id);
    throw isQuestion ? new BodyFault(error, { kind, id }) : error;
  }
}

function brief(value: unknown): string {
  const written = visible(JSON.stringify(value) ?? "none");
  return written.length > 80 ? `${written.slice(0, 80)}…` : written;
}

function bad(member: string, value: unknown): RemoteFault {
  return new RemoteFault("bad-message", `Not as it should be: ${member}: ${brief(value)}`);
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function readId({ id }: Members): number {
  if (!isNumber(id)) throw bad("id", id);
  return id;
}

function readName(value: unknown, member: string): string {
  if (!isTypeName(value)) throw bad(member, value);
  return value;
}

function readTopic(value: unknown, member: string): string {
  if (typeof value !== "string" || value.length > MAX_NEWS_TOPIC) throw bad(member, value);
  return value;
}

function readCode(value: unknown): string {
  if (typeof value !== "string" || !/^[a-z][a-z-]*$/.test(value) || value.length > MAX_CODE) {
    throw bad("code", value);
  }
  return value;
}

function readReason(value: unknown): string {
  if (typeof value !== "string") throw bad("reason", value);
  return visible(value.slice(0, MAX_REASON));
}

/** Is that a name of a message type? 1 to 64 characters, without control characters. */
export function isTypeName(value: unknown): value is string {
  return typeof value === "string" && value.length >= 1 && value.length <= MAX_TYPE_NAME &&
    visible(value) === value && !value.includes("\t");
}
