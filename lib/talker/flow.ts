/**
 * Slow and dead clients: whom the speakers wait for, who loses lines, who is disconnected. Arithmetic
 * over what is queued and what was taken; no sockets, no timers.
 *
 * All that can be seen of a client is when a write completes. The system takes some MiB at once, and a
 * blocked write goes on only when a third of that is free again: a client that reads steadily is seen
 * to take in *gulps* (on one machine 1.4 MB: every 7 s at 200 KiB/s). Between two gulps it looks dead.
 * So a client is judged by whole gulps, and its own tell how long the next one may take.
 *
 * A client whose queue grows is *doubtful* at first: its queue may run on for a while, at nobody's
 * cost. When it takes what it is given at the least rate it is *slow*: speakers go on as fast as it
 * reads, and it loses nothing. When its next gulp is overdue it is doubtful again. When doubt has
 * lasted, or it takes less than the least rate, it is *stalled*: nobody waits for it, and it loses what
 * goes over its queue.
 *
 * @module
 */

import { MAX_QUEUED_BYTES, MIB } from "../wire/limits.ts";

/** A queue above this is watched, in bytes. */
export const WATCH_BYTES = 1 * MIB;
/** A queue below this is no longer watched, in bytes. */
const CALM_BYTES = 256 * 1024;
/**
 * How long a client may be doubtful, in milliseconds: until the first gulp of one that reads 200 KiB/s,
 * with what a busy machine adds. Not longer: who has stopped is to lose lines, and be told.
 */
export const DOUBT_MS = 7_500;
/** How far the queue of a doubtful client may grow, in bytes. */
export const DOUBT_BYTES = 64 * MIB;
/**
 * There speakers wait for it after all, until it has been doubtful for so long, in milliseconds: only
 * as fast as 21 MiB/s can they come there, and only who reads 470 KiB/s shows it in that time.
 */
export const DOUBT_HOLDS_MS = 3_000;
/** Who takes at least this many bytes in a second loses nothing. */
const LEAST_RATE = 64 * 1024;
/** A rate is judged over at least this long, in milliseconds, and with a quarter's allowance. */
const RATE_WINDOW_MS = 3_000;
/** Who takes nothing for this long with a full queue is disconnected, in milliseconds. */
export const CUT_MS = 10_000;
/** The same for a client of this machine, where the system's buffers are at their largest. */
export const CUT_LOCAL_MS = 15_000;
/** Longest time that gulps justify, in milliseconds: that of 1.4 MB at the least rate, and some. */
export const PATIENCE_MS = 25_000;
/** What a slow reader's first gulps tell is worth knowing after this long, in milliseconds. */
const FIRST_WINDOW_MS = 1_000;
/** The first of all comes early, before the system's buffers are as they will be: the next ones take so much longer. */
const FIRST_SCALE = 4 / 3;
/** Speakers wait for the next gulp for a quarter longer than the longest lately took, and this, in milliseconds. */
const HOLD_MS = 250;
/** After this long without taking more a gulp is over, in milliseconds. */
const SETTLED_MS = 50;
/** Speakers that waited go on when there is so much room, in bytes, so that they don't stop for each line. */
const ROOM_BYTES = WATCH_BYTES / 8;
/** A stalled client's queue is cut back to this, in bytes, so that it isn't cut back for each line. */
const KEEP_BYTES = MAX_QUEUED_BYTES - 1 * MIB;
/** A queue that is cut back again and again is full all the time, in bytes. */
const FULL_BYTES = MAX_QUEUED_BYTES - 2 * MIB;

/** What a watched client is. */
export type FlowState = "doubtful" | "slow" | "stalled";

/** A client's taking something. */
export interface Taking {
  /** What it took, in bytes. */
  bytes: number;
  /** What it has waiting, in bytes. */
  queued: number;
  /** It can't be given more, however little that is (it does not read its answers). */
  full: boolean;
  /** It took what it was given at once: how long that took is our own doing (a busy server). */
  prompt: boolean;
  /** It has more of what it was given to take; else it is our turn. */
  busy: boolean;
}

interface Watched {
  state: FlowState;
  queued: number;
  /** Since when it has been doubtful. */
  doubtAt: number;
  /** When it last took something. */
  tookAt: number;
  /** Since when it has been taking what it was given last; undefined: it is our turn. */
  since: number | undefined;
  /** Beginning of the window over which its rate is judged, bytes taken in it, and time that it took for them. */
  windowAt: number;
  windowBytes: number;
  windowMs: number;
  /** Longest time for a gulp in this window. */
  windowLongest: number;
  /** Bytes in a millisecond, and longest time for a gulp, in the last window. */
  rate: number;
  longest: number;
  /** Windows that were good. */
  windows: number;
  /** Speakers wait while the queue of a slow client is above this. */
  ceiling: number;
  /** Since when its queue has been full. */
  fullSince: number | undefined;
}

/** A client that is to be disconnected. */
export interface Cut<C> {
  client: C;
  /** It has taken nothing for so long, in milliseconds. */
  idle: number;
}

/** What is to be done after a look at all watched clients. */
export interface FlowVerdict<C> {
  /** Speakers are to wait. */
  congested: boolean;
  /** Clients whose queue is to be cut back, to `keep` bytes. */
  drop: C[];
  /** Bytes that those keep. */
  keep: number;
  /** Clients to disconnect. */
  cut: Cut<C>[];
}

/**
 * The clients with growing queues. `C` is whatever stands for a client.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { Flow } from "./flow.ts";
 * const flow = new Flow<string>();
 * flow.queued("bob", 2 * 1024 * 1024, false, 0, 0);
 * assert(flow.state("bob") === "doubtful");
 * flow.check(8_000);
 * assert(flow.state("bob") === "stalled");
 * ```
 */
export class Flow<C> {
  readonly #isLocal: (client: C) => boolean;
  #watched = new Map<C, Watched>();
  #congested = false;
  #room = Infinity;

  /** Nobody is watched. `isLocal`: is a client of this machine? */
  constructor(isLocal: (client: C) => boolean = () => false) {
    this.#isLocal = isLocal;
  }

  /** True while speakers are to wait. */
  get congested(): boolean {
    return this.#congested;
  }

  /** So many bytes may be said before speakers are to wait, and maybe more. */
  get room(): number {
    return this.#room;
  }

  /** Clients that are watched. */
  get size(): number {
    return this.#watched.size;
  }

  /** What `client` is; undefined when all is well with it. */
  state(client: C): FlowState | undefined {
    return this.#watched.get(client)?.state;
  }

  /**
   * `client` has `queued` bytes waiting, while it has been taking what it was given for as long as
   * since `since`. `full`: as in {@linkcode Taking}.
   */
  queued(client: C, queued: number, full: boolean, since: number, now: number): void {
    let watched = this.#watched.get(client);
    if (watched === undefined) {
      if (queued <= WATCH_BYTES && !full) return;
      watched = watch(queued, since);
      this.#watched.set(client, watched);
    }
    watched.since ??= since;
    setQueued(watched, queued, full, now);
    this.#room = Math.min(this.#room, roomOf(watched, now));
    if (this.#room < 0) this.#congested = true;
  }

  /** `client` is given something to take. */
  gave(client: C, now: number): void {
    const watched = this.#watched.get(client);
    if (watched !== undefined) watched.since = now;
  }

  /** `client` took something. Returns true when speakers need not wait any more. */
  took(client: C, { bytes, queued, full, prompt, busy }: Taking, now: number): boolean {
    const watched = this.#watched.get(client);
    if (watched === undefined) return false;
    setQueued(watched, queued, full, now);
    if (!prompt && watched.since !== undefined) {
      const waited = now - watched.since;
      watched.windowMs += waited;
      watched.windowLongest = Math.max(watched.windowLongest, waited);
    }
    watched.windowBytes += bytes;
    watched.tookAt = now;
    watched.since = busy ? now : undefined;
    // One gulp ends a doubt. Who was found too slow has to do better for a while.
    const judged = watched.state === "doubtful" ||
      watched.state === "stalled" && now - watched.windowAt >= RATE_WINDOW_MS;
    if (judged && isFast(watched)) becomeSlow(watched);
    if (queued <= CALM_BYTES && !full) return this.forget(client, now);
    // Where many are waited for, only the last of them has to look at the others.
    if (!this.#congested || roomOf(watched, now) < ROOM_BYTES) return false;
    return !this.#stillCongested(now);
  }

  /** `client` is gone. Returns true when speakers need not wait any more. */
  forget(client: C, now: number): boolean {
    if (!this.#watched.delete(client)) return false;
    if (this.#watched.size === 0) this.#room = Infinity;
    return this.#congested && !this.#stillCongested(now);
  }

  /** A look at all watched clients; to be taken some times a second while there are any. */
  check(now: number): FlowVerdict<C> {
    const drop: C[] = [], cut: Cut<C>[] = [];
    for (const [client, watched] of this.#watched) {
      judgeRate(watched, now);
      judgeWait(watched, now);
      if (watched.state === "stalled" && watched.queued > MAX_QUEUED_BYTES) drop.push(client);
      const { fullSince, since, tookAt } = watched;
      if (fullSince === undefined || since === undefined) continue;
      const patience = patienceWith(watched, this.#isLocal(client) ? CUT_LOCAL_MS : CUT_MS);
      if (now - Math.max(fullSince, since) >= patience) cut.push({ client, idle: now - tookAt });
    }
    return { congested: this.#stillCongested(now), drop, keep: KEEP_BYTES, cut };
  }

  #stillCongested(now: number): boolean {
    this.#room = Infinity;
    for (const watched of this.#watched.values()) {
      this.#room = Math.min(this.#room, roomOf(watched, now));
    }
    return this.#congested = this.#room < (this.#congested ? ROOM_BYTES : 0);
  }
}

function watch(queued: number, since: number): Watched {
  return {
    state: "doubtful",
    queued,
    doubtAt: since,
    tookAt: since,
    since,
    windowAt: since,
    windowBytes: 0,
    windowMs: 0,
    windowLongest: 0,
    rate: 0,
    longest: 0,
    windows: 0,
    ceiling: WATCH_BYTES,
    fullSince: undefined,
  };
}

function setQueued(watched: Watched, queued: number, full: boolean, now: number): void {
  watched.queued = queued;
  if (full || queued >= FULL_BYTES) watched.fullSince ??= now;
  else watched.fullSince = undefined;
}

/** Has it taken something in this window, and quickly enough? Time in which we gave it nothing does not count. */
function isFast({ windowBytes, windowMs }: Watched): boolean {
  return windowBytes > 0 && windowBytes >= LEAST_RATE * 0.75 * (windowMs / 1000);
}

function becomeSlow(watched: Watched): void {
  watched.ceiling = Math.max(WATCH_BYTES, watched.queued);
  watched.state = "slow";
}

/** Judges by what it took, as soon as there is enough of it. */
function judgeRate(watched: Watched, now: number): void {
  const elapsed = now - watched.windowAt;
  const first = watched.state === "slow" && watched.rate === 0;
  if (watched.windowBytes === 0 || elapsed < (first ? FIRST_WINDOW_MS : RATE_WINDOW_MS)) return;
  // In the midst of a gulp there would be but a part of it.
  const between = watched.since !== undefined && now - watched.since >= SETTLED_MS;
  if (!between && watched.windowLongest >= 3 * SETTLED_MS) return;
  const fast = isFast(watched);
  if (!fast && elapsed < RATE_WINDOW_MS) return;
  if (fast) {
    if (watched.state === "stalled") becomeSlow(watched);
    // Its waits tell about it where they are most of its time, and not where it mostly waits for us.
    const telling = watched.windowMs > ((watched.since ?? now) - watched.windowAt) / 2;
    const scale = watched.windows++ === 0 ? FIRST_SCALE : 1;
    watched.rate = telling ? watched.windowBytes / (watched.windowMs * scale) : 0;
    watched.longest = telling ? watched.windowLongest * scale : 0;
  } else {
    if (watched.state === "slow") watched.state = "stalled";
    watched.rate = watched.longest = 0;
  }
  watched.windowAt = now;
  watched.windowBytes = watched.windowMs = watched.windowLongest = 0;
}

/** Judges by how long it has been taking nothing. */
function judgeWait(watched: Watched, now: number): void {
  const { since } = watched;
  if (since === undefined) return;
  if (watched.state === "slow") {
    const longest = Math.max(watched.longest, watched.windowLongest);
    if (now - since < Math.min(1.25 * longest + HOLD_MS, PATIENCE_MS)) return;
    watched.state = "doubtful";
    watched.doubtAt = watched.windowAt = since;
    // What it took before may only have filled the system's buffers.
    watched.windowBytes = watched.windowMs = watched.windowLongest = 0;
  }
  if (watched.state !== "doubtful") return;
  const lasted = now - watched.doubtAt;
  if (
    lasted >= patienceWith(watched, DOUBT_MS) ||
    watched.queued > DOUBT_BYTES - ROOM_BYTES && lasted >= DOUBT_HOLDS_MS
  ) watched.state = "stalled";
}

/** At least `least`; but who is known for gulps may take each of them at the least rate. */
function patienceWith({ rate, longest }: Watched, least: number): number {
  const gulp = rate * longest;
  return Math.max(least, Math.min(gulp / LEAST_RATE * 1.25 * 1000, PATIENCE_MS));
}

/** So much more may wait for it before speakers do. */
function roomOf(watched: Watched, now: number): number {
  const { state, queued, since, rate, longest, ceiling } = watched;
  if (state === "stalled") return Infinity;
  if (state === "doubtful") return DOUBT_BYTES - queued;
  // What it has read since its last gulp can't be seen yet. So speakers go on as it reads, not by jerks.
  const waited = since === undefined ? 0 : now - since;
  return ceiling - queued + rate * Math.min(waited, longest);
}
