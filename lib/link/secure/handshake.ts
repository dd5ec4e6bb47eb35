/**
 * The key exchange that begins an encrypted connection: a pure state machine. X25519 gives fresh keys
 * for each connection; where there is a secret, CPace mixes in that both sides know it. Everything that
 * was sent, the version, the purpose and the name of the mesh go into the keys, so that whatever is
 * altered on the way makes the other side's proof wrong. docs/PROTOCOL.md draws the messages,
 * docs/SECURITY.md says what this protects from.
 *
 * @module
 */

import { encodeText } from "../../wire/text.ts";
import { concat, lengthPrefixed } from "./bytes.ts";
import { commonKey, type CpaceTranscript, share } from "./cpace.ts";
import {
  type Failure,
  failure,
  MAX_SECRETS,
  type OpeningMessage,
  OpeningReader,
  PROOF_BYTES,
  type Purpose,
  PURPOSES,
  ReplyReader,
  SESSION_BYTES,
  STATUS,
  VERSION,
  writeConclusion,
  writeOpening,
  writeRefusal,
  writeReply,
} from "./handshake_messages.ts";
import type { Sodium } from "./sodium.ts";

/** What both sides agree in, and what they know. */
export interface HandshakeOptions {
  readonly sodium: typeof Sodium;
  readonly purpose: Purpose;
  /** Name of the mesh, for links between servers. Default: none. */
  readonly mesh?: string;
  /** Stretched secrets, the present one first, at most {@linkcode MAX_SECRETS}; none: whoever comes. */
  readonly secrets: readonly Uint8Array[];
  /** So many random bytes. */
  readonly random: (bytes: number) => Uint8Array;
}

/** Keys of one connection, of 32 bytes. */
export interface SessionKeys {
  readonly sending: Uint8Array;
  readonly receiving: Uint8Array;
}

/** What is to be done after some bytes came. */
export type HandshakeStep =
  | { readonly is: "more"; readonly send?: Uint8Array }
  | {
    readonly is: "done";
    readonly send?: Uint8Array;
    readonly keys: SessionKeys;
    /** What came behind the handshake. */
    readonly rest: Uint8Array;
  }
  | { readonly is: "failed"; readonly send?: Uint8Array; readonly failure: Failure };

/** One side of a handshake. */
export interface Handshake {
  /**
   * Bytes came.
   *
   * @throws {Error} when it is over
   */
  push(chunk: Uint8Array): HandshakeStep;
  /**
   * Will pushing these bytes cost a millisecond or two of computing, that a stranger caused? Then how
   * many guesses at the secret the answer lets the stranger test; else undefined.
   */
  works(chunk: Uint8Array): { readonly guesses: number } | undefined;
}

type State =
  | { readonly is: "waiting"; readonly received: Uint8Array }
  | { readonly is: "over" };

/** A pair of keys of X25519, and a scalar of CPace. */
class Ephemeral {
  readonly secret: Uint8Array;
  readonly public: Uint8Array;
  readonly scalar: Uint8Array;

  constructor(private readonly sodium: typeof Sodium, random: (bytes: number) => Uint8Array) {
    this.secret = random(32);
    this.public = sodium.crypto_scalarmult_base(this.secret);
    // Reduced from twice its length, so that all scalars are alike probable.
    this.scalar = sodium.crypto_core_ristretto255_scalar_reduce(random(64));
  }

  /** The common secret of X25519; undefined where the other side's key is of small order. */
  meet(theirs: Uint8Array): Uint8Array | undefined {
    try {
      const common = this.sodium.crypto_scalarmult(this.secret, theirs);
      return this.sodium.is_zero(common) ? undefined : common;
    } catch {
      return undefined;
    }
  }

  /** Nothing of it is needed any more. */
  forget(): void {
    this.sodium.memzero(this.secret);
    this.sodium.memzero(this.scalar);
  }
}

/** What the keys of a connection are made from. */
interface KeyMaterial {
  readonly sodium: typeof Sodium;
  readonly channel: Uint8Array;
  readonly common: Uint8Array;
  /** CPace's key, empty without a secret. */
  readonly proven: Uint8Array;
  /** Hash of the messages so far. */
  readonly transcript: Uint8Array;
}

const KEY_SCHEDULE = encodeText("talker encrypted connection 1");

interface Keys {
  readonly initiator: Uint8Array;
  readonly responder: Uint8Array;
  readonly initiatorProof: Uint8Array;
  readonly responderProof: Uint8Array;
}

/** Keys for both directions and both proofs, by BLAKE2b. */
function deriveKeys({ sodium, channel, common, proven, transcript }: KeyMaterial): Keys {
  const material = lengthPrefixed(channel, common, proven, transcript);
  const root = sodium.crypto_generichash(64, material, KEY_SCHEDULE);
  const key = (label: string) => sodium.crypto_generichash(PROOF_BYTES, encodeText(label), root);
  return {
    initiator: key("initiator sends"),
    responder: key("responder sends"),
    initiatorProof: key("initiator proves"),
    responderProof: key("responder proves"),
  };
}

function channelOf({ purpose, mesh = "" }: HandshakeOptions): Uint8Array {
  return lengthPrefixed(
    encodeText("talker"),
    Uint8Array.of(VERSION, PURPOSES.indexOf(purpose)),
    encodeText(mesh),
  );
}

/** The side that made the connection. */
export class Initiator implements Handshake {
  /** What it sends first. */
  readonly opening: Uint8Array;
  readonly #options: HandshakeOptions;
  readonly #own: Ephemeral;
  readonly #session: Uint8Array;
  readonly #shares: readonly Uint8Array[];
  #state: State = { is: "waiting", received: new Uint8Array(0) };

  /** Begins a handshake. */
  constructor(options: HandshakeOptions) {
    const { sodium, purpose, secrets, random } = options;
    this.#options = options;
    this.#own = new Ephemeral(sodium, random);
    this.#session = random(SESSION_BYTES).slice();
    this.#shares = secrets.slice(0, MAX_SECRETS).map((password) =>
      share(sodium, this.#own.scalar, {
        password,
        channel: channelOf(options),
        session: this.#session,
      })
    );
    this.opening = writeOpening({
      versions: [VERSION, VERSION],
      purpose,
      session: this.#session,
      key: this.#own.public,
      shares: this.#shares,
    });
  }

  push(chunk: Uint8Array): HandshakeStep {
    if (this.#state.is === "over") throw new Error("The handshake is over");
    const received = concat(this.#state.received, chunk);
    const reply = new ReplyReader(received, this.#shares.length).read();
    if (reply === undefined) {
      this.#state = { is: "waiting", received };
      return { is: "more" };
    }
    this.#state = { is: "over" };
    const step = "refused" in reply
      ? { is: "failed", failure: failure(reply.refused, "told", this.#options.purpose) } as const
      : this.#conclude(reply, received);
    this.#own.forget();
    return step;
  }

  works(): undefined {
    return undefined;
  }

  #conclude(
    reply: Exclude<ReturnType<ReplyReader["read"]>, undefined | { refused: unknown }>,
    received: Uint8Array,
  ): HandshakeStep {
    const { sodium } = this.#options;
    const refuse = (): HandshakeStep => ({
      is: "failed",
      send: writeConclusion(STATUS.refused, 0, new Uint8Array(PROOF_BYTES)),
      failure: failure("refused", "found", this.#options.purpose),
    });
    const common = this.#own.meet(reply.key);
    if (common === undefined) return refuse();
    const transcript = sodium.crypto_hash_sha512(concat(this.opening, reply.unproven));
    const channel = channelOf(this.#options);
    // All pairs are tried whichever fits, so that the time tells nothing.
    let found: { keys: Keys; pair: number } | undefined;
    reply.proofs.forEach((proof, pair) => {
      const theirs = reply.shares.length;
      const ours = Math.floor(pair / Math.max(1, theirs));
      const proven = this.#shares.length === 0 ? new Uint8Array(0) : commonKey(sodium, {
        scalar: this.#own.scalar,
        received: reply.shares[pair % theirs] as Uint8Array,
        session: this.#session,
      }, {
        initiator: this.#shares[ours] as Uint8Array,
        initiatorData: this.#own.public,
        responder: reply.shares[pair % theirs] as Uint8Array,
        responderData: reply.key,
      });
      if (proven === undefined) return;
      const keys = deriveKeys({ sodium, channel, common, proven, transcript });
      if (sodium.memcmp(keys.responderProof, proof)) found = { keys, pair };
    });
    if (found === undefined) return refuse();
    const { keys, pair } = found;
    return {
      is: "done",
      send: writeConclusion(STATUS.ok, pair, keys.initiatorProof),
      keys: { sending: keys.initiator, receiving: keys.responder },
      rest: received.slice(reply.length),
    };
  }
}

/** The side that accepted the connection. */
export class Responder implements Handshake {
  readonly #options: HandshakeOptions;
  #state: State = { is: "waiting", received: new Uint8Array(0) };
  /** The keys for each pair of secrets, once the opening came. */
  #candidates: readonly (Keys | undefined)[] | undefined;

  /** Waits for an opening. */
  constructor(options: HandshakeOptions) {
    this.#options = options;
  }

  push(chunk: Uint8Array): HandshakeStep {
    if (this.#state.is === "over") throw new Error("The handshake is over");
    const received = concat(this.#state.received, chunk);
    const candidates = this.#candidates;
    const step = candidates === undefined
      ? this.#opened(received)
      : this.#concluded(received, candidates);
    if (step.is !== "more") this.#state = { is: "over" };
    return step;
  }

  works(chunk: Uint8Array): { readonly guesses: number } | undefined {
    if (this.#state.is === "over" || this.#candidates !== undefined) return undefined;
    const opening = new OpeningReader(concat(this.#state.received, chunk)).read();
    if (opening === undefined || "refused" in opening || this.#objection(opening) !== undefined) {
      return undefined;
    }
    return { guesses: opening.shares.length };
  }

  #opened(received: Uint8Array): HandshakeStep {
    const opening = new OpeningReader(received).read();
    if (opening === undefined) {
      this.#state = { is: "waiting", received };
      return { is: "more" };
    }
    const refused = "refused" in opening ? opening.refused : this.#objection(opening);
    if (refused !== undefined) {
      const send = refused === "plain" ? undefined : writeRefusal(refused);
      return {
        is: "failed",
        failure: failure(refused, "found", this.#options.purpose),
        ...(send && { send }),
      };
    }
    const send = this.#reply(opening as OpeningMessage, received);
    if (send === undefined) {
      return {
        is: "failed",
        failure: failure("refused", "found", this.#options.purpose),
        send: writeRefusal("refused"),
      };
    }
    // Nothing may follow before the other side has proved itself; what does is the conclusion.
    const rest = received.slice((opening as OpeningMessage).length);
    this.#state = { is: "waiting", received: new Uint8Array(0) };
    if (rest.length === 0) return { is: "more", send };
    const step = this.push(rest);
    return { ...step, send: concat(send, step.send ?? new Uint8Array(0)) };
  }

  #objection({ versions, purpose, shares }: OpeningMessage) {
    if (versions[0] > VERSION || versions[1] < VERSION) return "version" as const;
    if (purpose !== this.#options.purpose) return "purpose" as const;
    const secrets = this.#options.secrets.length;
    if (secrets > 0 && shares.length === 0) return "secret-needed" as const;
    if (secrets === 0 && shares.length > 0) return "no-secret" as const;
    return undefined;
  }

  #reply(opening: OpeningMessage, received: Uint8Array): Uint8Array | undefined {
    const { sodium, random } = this.#options;
    const own = new Ephemeral(sodium, random);
    const common = own.meet(opening.key);
    if (common === undefined) return undefined;
    const channel = channelOf(this.#options);
    const { session } = opening;
    const shares = this.#options.secrets.slice(0, MAX_SECRETS).map((password) =>
      share(sodium, own.scalar, { password, channel, session })
    );
    const unproven = writeReply({ key: own.public, shares });
    const transcript = sodium.crypto_hash_sha512(
      concat(received.subarray(0, opening.length), unproven),
    );
    const derive = (proven: Uint8Array | undefined) =>
      proven && deriveKeys({ sodium, channel, common, proven, transcript });
    const proven = (initiator: Uint8Array, responder: Uint8Array) =>
      commonKey(
        sodium,
        { scalar: own.scalar, received: initiator, session },
        {
          initiator,
          initiatorData: opening.key,
          responder,
          responderData: own.public,
        } satisfies CpaceTranscript,
      );
    const candidates = shares.length === 0
      ? [derive(new Uint8Array(0))]
      : opening.shares.flatMap((theirs) => shares.map((ours) => derive(proven(theirs, ours))));
    own.forget();
    this.#candidates = candidates;
    // Where there is no key the proof is random: it looks like any other.
    const proofs = candidates.map((keys) => keys?.responderProof ?? random(PROOF_BYTES));
    return concat(unproven, ...proofs);
  }

  #concluded(
    received: Uint8Array,
    candidates: readonly (Keys | undefined)[],
  ): HandshakeStep {
    const length = 2 + PROOF_BYTES;
    if (received.length < length) {
      this.#state = { is: "waiting", received };
      return { is: "more" };
    }
    const [status, pair] = received as unknown as [number, number];
    const keys = status === STATUS.ok ? candidates[pair] : undefined;
    const proof = received.subarray(2, length);
    if (keys === undefined || !this.#options.sodium.memcmp(keys.initiatorProof, proof)) {
      return {
        is: "failed",
        failure: failure("refused", status === STATUS.ok ? "found" : "told", this.#options.purpose),
      };
    }
    return {
      is: "done",
      keys: { sending: keys.responder, receiving: keys.initiator },
      rest: received.slice(length),
    };
  }
}
