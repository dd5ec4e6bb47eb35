/**
 * The messages of the key exchange, written and read (docs/PROTOCOL.md). Pure.
 *
 * ```text
 * opening     00 "TALKENC" | lowest, highest version | purpose | n | session (16) | key (32) | n shares (32 each)
 * reply       00 "TALKENC" | status 0 | version | m | key (32) | m shares (32 each) | max(1, n·m) proofs (32 each)
 *             00 "TALKENC" | status, not 0: refused
 * conclusion  status | which of the proofs | proof (32)
 * ```
 *
 * @module
 */

import { concat } from "./bytes.ts";

/** The version of the key exchange. */
export const VERSION = 1;
/** What an encrypted connection begins with: a byte that no text begins with, and a name. */
export const MAGIC: Uint8Array = Uint8Array.of(0, ...[..."TALKENC"].map((c) => c.charCodeAt(0)));
/** Secrets that are valid at a time: the present one, and the one before. */
export const MAX_SECRETS = 2;
/** Bytes of a session's number. */
export const SESSION_BYTES = 16;
/** Bytes of keys, shares and proofs. */
export const PROOF_BYTES = 32;

/** What a connection is for, by its number. */
export const PURPOSES = ["none", "client", "peer", "program"] as const;
/** What a connection is for: a client of the talker, a link between servers, a program's messages. */
export type Purpose = Exclude<typeof PURPOSES[number], "none">;

/** Why there is no encrypted connection. */
export type FailureCode =
  | "plain"
  | "version"
  | "purpose"
  | "secret-needed"
  | "no-secret"
  | "refused"
  | "busy";

/** How a message says how it went. */
export const STATUS = {
  ok: 0,
  plain: 1,
  version: 2,
  purpose: 3,
  "secret-needed": 4,
  "no-secret": 5,
  refused: 6,
  busy: 7,
} as const;

/** Why it failed, for the log or the user. */
export interface Failure {
  readonly code: FailureCode;
  /** One sentence without a full stop. */
  readonly text: string;
}

/** The reason in words, for a connection of that purpose; `told` by the other side, or `found` on this one. */
export function failure(code: FailureCode, by: "told" | "found", purpose: Purpose): Failure {
  if (code === "refused" && purpose === "peer") return { code, text: OTHER_SECRET_OR_MESH };
  return { code, text: by === "told" ? TOLD[code] : FOUND[code] };
}

const OTHER_SECRET_OR_MESH = "Refused: the secret, or the name of the mesh, is another one there";

const TOLD: Readonly<Record<FailureCode, string>> = {
  plain: "The other side does not encrypt: start it with --encrypted or --secret-file as here, " +
    "or leave that out here",
  version: "The other side has a version that does not fit this one: update the older one",
  purpose: "The other side serves something else at that port",
  "secret-needed": "The other side asks for a secret: give --secret-file",
  "no-secret": "The other side has no secret: leave out --secret-file here, or give it one",
  refused: "Refused: the secret is another one there",
  busy: "The other side takes nobody from here for a moment: too many wrong secrets came from here",
};

const FOUND: Readonly<Record<FailureCode, string>> = {
  ...TOLD,
  plain: "The other side does not encrypt: only encrypted connections are taken (--encrypted)",
  version: "The other side has a version that does not fit this one: update the older one",
  purpose: "The other side wants something else than is served at this port",
  "secret-needed": "The other side has no secret: give it --secret-file",
  "no-secret":
    "The other side has a secret, this one has none: give --secret-file here, or not there",
};

/** An opening. */
export interface OpeningMessage {
  /** Bytes of the message. */
  readonly length: number;
  /** Lowest and highest that is spoken. */
  readonly versions: readonly [number, number];
  readonly purpose: Purpose | undefined;
  readonly session: Uint8Array;
  readonly key: Uint8Array;
  readonly shares: readonly Uint8Array[];
}

const OPENING_HEAD = MAGIC.length + 4 + SESSION_BYTES + PROOF_BYTES;

/** Writes an opening. */
export function writeOpening(
  opening: Omit<OpeningMessage, "length" | "purpose"> & { purpose: Purpose },
): Uint8Array {
  const { versions, purpose, session, key, shares } = opening;
  const numbers = Uint8Array.of(...versions, PURPOSES.indexOf(purpose), shares.length);
  return concat(MAGIC, numbers, session, key, ...shares);
}

/** Do these bytes begin as the magic does, as far as they go? */
export function beginsLikeMagic(bytes: Uint8Array): boolean {
  const length = Math.min(bytes.length, MAGIC.length);
  for (let i = 0; i < length; i++) if (bytes[i] !== MAGIC[i]) return false;
  return true;
}

/** Reads an opening. */
export class OpeningReader {
  /** What came so far. */
  constructor(private readonly bytes: Uint8Array) {}

  /** The opening; undefined while it isn't all there; what is wrong with it. */
  read(): OpeningMessage | { readonly refused: FailureCode } | undefined {
    const { bytes } = this;
    if (!beginsLikeMagic(bytes)) return { refused: "plain" };
    if (bytes.length < OPENING_HEAD) return undefined;
    const [lowest, highest, purpose, count] = bytes.subarray(MAGIC.length) as unknown as [
      number,
      number,
      number,
      number,
    ];
    if (lowest > highest || lowest === 0) return { refused: "version" };
    // Another version may look different from here on.
    if (lowest > VERSION || highest < VERSION) return { refused: "version" };
    if (count > MAX_SECRETS) return { refused: "refused" };
    const length = OPENING_HEAD + count * PROOF_BYTES;
    if (bytes.length < length) return undefined;
    const at = MAGIC.length + 4;
    return {
      length,
      versions: [lowest, highest],
      purpose: PURPOSES[purpose] === "none" ? undefined : PURPOSES[purpose] as Purpose | undefined,
      session: bytes.slice(at, at + SESSION_BYTES),
      key: bytes.slice(at + SESSION_BYTES, OPENING_HEAD),
      shares: pieces(bytes, OPENING_HEAD, count),
    };
  }
}

/** A reply that takes the opening. */
export interface ReplyMessage {
  readonly length: number;
  readonly key: Uint8Array;
  readonly shares: readonly Uint8Array[];
  readonly proofs: readonly Uint8Array[];
  /** The message up to its proofs. */
  readonly unproven: Uint8Array;
}

const REPLY_HEAD = MAGIC.length + 3 + PROOF_BYTES;

/** Writes a reply up to its proofs. */
export function writeReply({ key, shares }: Pick<ReplyMessage, "key" | "shares">): Uint8Array {
  return concat(MAGIC, Uint8Array.of(STATUS.ok, VERSION, shares.length), key, ...shares);
}

/** Writes a reply that refuses. */
export function writeRefusal(code: FailureCode): Uint8Array {
  return concat(MAGIC, Uint8Array.of(STATUS[code]));
}

/** Reads a reply to an opening with `offered` shares. */
export class ReplyReader {
  /** What came so far. */
  constructor(private readonly bytes: Uint8Array, private readonly offered: number) {}

  /** The reply; undefined while it isn't all there; why there is none. */
  read(): ReplyMessage | { readonly refused: FailureCode } | undefined {
    const { bytes, offered } = this;
    if (!beginsLikeMagic(bytes)) return { refused: "plain" };
    if (bytes.length <= MAGIC.length) return undefined;
    const status = bytes[MAGIC.length];
    if (status !== STATUS.ok) return { refused: codeOf(status) };
    if (bytes.length < REPLY_HEAD) return undefined;
    if (bytes[MAGIC.length + 1] !== VERSION) return { refused: "version" };
    const count = bytes[MAGIC.length + 2] as number;
    // Who was offered a proof of a secret and gives none is not let off with it.
    if (count > MAX_SECRETS || (count === 0) !== (offered === 0)) return { refused: "refused" };
    const proofs = Math.max(1, offered * count);
    const head = REPLY_HEAD + count * PROOF_BYTES;
    const length = head + proofs * PROOF_BYTES;
    if (bytes.length < length) return undefined;
    return {
      length,
      key: bytes.slice(MAGIC.length + 3, REPLY_HEAD),
      shares: pieces(bytes, REPLY_HEAD, count),
      proofs: pieces(bytes, head, proofs),
      unproven: bytes.slice(0, head),
    };
  }
}

/** Writes a conclusion. */
export function writeConclusion(status: number, pair: number, proof: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(status, pair), proof);
}

function codeOf(status: number | undefined): FailureCode {
  const found = Object.entries(STATUS).find(([, number]) => number === status)?.[0];
  return found === undefined || found === "ok" ? "refused" : found as FailureCode;
}

function pieces(bytes: Uint8Array, from: number, count: number): Uint8Array[] {
  return Array.from(
    { length: count },
    (_, i) => bytes.slice(from + i * PROOF_BYTES, from + (i + 1) * PROOF_BYTES),
  );
}
