/**
 * The links of a node: for each its phase, its peer and what is under way on it.
 */
import type { NodeId } from "../wire/mesh_bytes.ts";
import type { IAm, RefusalCode } from "../wire/mesh_message.ts";
import type { LinkKey } from "./identity.ts";
import { GREETING_TIMEOUT, HEARTBEAT_EVERY, SILENT_AFTER, SUSPECT_AFTER } from "./limits.ts";
import type { Stream } from "./seen.ts";

/** The driver's number for a connection; never used again for another. */
export type LinkId = number;

/** Where a link is in its life. */
export type LinkPhase =
  | { readonly name: "greeting" }
  | { readonly name: "up"; readonly peer: IAm; readonly version: number; readonly since: number }
  | { readonly name: "closed" };

/** What can happen to a link. */
export type LinkEvent = "accept" | "refuse" | "close";

/** The transition table: from each phase, the events that are legal and where they lead. */
export const LINK_TRANSITIONS: Readonly<
  Record<LinkPhase["name"], Partial<Record<LinkEvent, LinkPhase["name"]>>>
> = {
  greeting: { accept: "up", refuse: "closed", close: "closed" },
  up: { refuse: "closed", close: "closed" },
  closed: {},
};

/** Heartbeats that may come back at a time: each is a second younger than the one before. */
const MAX_PINGS = 16;

/** A fetch that was sent and whose end has not come. */
export interface Fetch {
  readonly request: number;
  /** The streams asked for, and the first sequence that was missing. */
  readonly streams: Map<Stream, number>;
  /** When something of the answer last came. */
  heard: number;
  /** Whether anything came as an answer. */
  answered: boolean;
}

/** One connection to another node. */
export class Link {
  phase: LinkPhase = { name: "greeting" };
  /** What the other side said of itself, accepted or not. */
  hello: IAm | undefined;
  /** When anything was last received. */
  heard: number;
  /** When a heartbeat is due. */
  heartbeatDue: number;
  /** Round-trip time in ms, smoothed; undefined before the first heartbeat came back. */
  roundTrip: number | undefined;
  /** The fetch under way. */
  fetch: Fetch | null = null;
  /** Whether the peer has told all that it knows: only then it is told to others as a neighbour. */
  hasTold = false;
  /** When the heartbeats were sent that have not come back, by token. */
  readonly #pings = new Map<number, number>();
  #lastToken = 0;
  /** Records of state to be sent, by origin and kind, but those of the kind topology. */
  readonly states = new Map<string, Uint8Array>();
  /** Those of the kind topology, by origin: sent behind the others. */
  readonly topology = new Map<NodeId, Uint8Array>();

  constructor(
    /** The driver's number for it. */
    readonly id: LinkId,
    /** Whether this node made the connection. */
    readonly initiator: boolean,
    /** Our random number for it. */
    readonly nonce: number,
    /** When it was opened. */
    readonly opened: number,
  ) {
    this.heard = opened;
    this.heartbeatDue = opened + HEARTBEAT_EVERY;
  }

  /** The peer's id, once the link is up. */
  get peer(): NodeId | undefined {
    return this.phase.name === "up" ? this.phase.peer.id : undefined;
  }

  /** A heartbeat is sent now; gives its token. */
  ping(now: number): number {
    const token = ++this.#lastToken;
    this.#pings.set(token, now);
    this.#pings.delete(token - MAX_PINGS);
    return token;
  }

  /** A heartbeat came back. A token that was never sent, or came before, measures nothing. */
  pong(token: number, now: number): void {
    const sentAt = this.#pings.get(token);
    if (sentAt === undefined) return;
    this.#pings.delete(token);
    this.roundTrip = smoothRoundTrip(this.roundTrip, now - sentAt);
  }

  /** Moves to the next phase. @throws {Error} when the event is illegal, and nothing changes. */
  transition(event: LinkEvent, up?: { peer: IAm; version: number; since: number }): void {
    const next = LINK_TRANSITIONS[this.phase.name][event];
    if (next === undefined) {
      throw new Error(`A link that is ${this.phase.name} cannot ${event}`);
    }
    this.phase = next === "up" ? { name: "up", ...up! } : { name: next };
  }

  /** What decides between double links, the same on both sides. */
  key(self: NodeId, peer: IAm): LinkKey {
    return this.initiator
      ? { initiator: self, initiatorNonce: this.nonce, acceptorNonce: peer.nonce }
      : { initiator: peer.id, initiatorNonce: peer.nonce, acceptorNonce: this.nonce };
  }
}

/** What is to be done about a link's silence now. */
export type HeartbeatDecision =
  | { readonly type: "wait"; readonly until: number }
  | { readonly type: "ping" }
  | { readonly type: "drop"; readonly code: RefusalCode; readonly reason: string };

/**
 * Heartbeats, as arithmetic on times in ms: a link is pinged every second, and dead after 4 s
 * without a byte; before it is up, after 5 s without an I-AM.
 */
export function decideHeartbeat(
  link: Pick<Link, "phase" | "heard" | "heartbeatDue" | "opened">,
  now: number,
): HeartbeatDecision {
  if (link.phase.name !== "up") {
    const until = link.opened + GREETING_TIMEOUT;
    return now < until ? { type: "wait", until } : {
      type: "drop",
      code: "greeting",
      reason: `Nobody said I-AM within ${GREETING_TIMEOUT / 1000} s: is this a talker server?`,
    };
  }
  const dead = link.heard + SILENT_AFTER;
  if (now >= dead) {
    const reason = `${link.phase.peer.name} was silent for ${SILENT_AFTER / 1000} s`;
    return { type: "drop", code: "silent", reason };
  }
  if (now >= link.heartbeatDue) return { type: "ping" };
  return { type: "wait", until: Math.min(dead, link.heartbeatDue) };
}

/** Whether a link has been silent for so long that a new one may replace it. */
export function isSuspect(link: Pick<Link, "heard">, now: number): boolean {
  return now - link.heard >= SUSPECT_AFTER;
}

/** A smoothed round-trip time: an eighth of each new sample, as TCP does (RFC 6298). */
function smoothRoundTrip(previous: number | undefined, sample: number): number {
  return previous === undefined ? sample : previous + (sample - previous) / 8;
}
