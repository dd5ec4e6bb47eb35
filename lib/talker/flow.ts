/**
 * Slow and dead clients: whom the speakers wait for, who loses lines, who is disconnected. Arithmetic
 * over what is queued and what was taken; no sockets, no timers.
 *
 * A client whose queue grows is *doubtful* at first: it may be slow or it may have stopped, and the
 * system's own buffers (some MiB on one machine) hide which for a while. So its queue may run on for a
 * moment, at nobody's cost. When it takes something it is *slow*: speakers are held back so that its
 * queue does not grow further, and it loses nothing. When it takes nothing, or less than the least
 * rate, it is *stalled*: nobody waits for it, and it loses what goes over its queue.
 *
 * @module
 */

import { MAX_QUEUED_BYTES, MIB } from "../wire/limits.ts";

/** A queue above this is watched, in bytes. */
export const WATCH_BYTES = 1 * MIB;
/** A queue below this is no longer watched, in bytes. */
export const CALM_BYTES = 256 * 1024;
/** How long a client may take nothing before it counts as stalled, in milliseconds. */
export const DOUBT_MS = 3_000;
/** How far the queue of a doubtful client may grow before speakers wait for it after all, in bytes. */
export const DOUBT_BYTES = 64 * MIB;
/** Who takes at least this many bytes in a second loses nothing. */
export const LEAST_RATE = 64 * 1024;
/** A rate is judged over this long, in milliseconds, and with a quarter's allowance. */
export const RATE_WINDOW_MS = 3_000;
/** Who takes nothing for this long with a full queue is disconnected, in milliseconds. */
export const CUT_MS = 10_000;
/** A stalled client's queue is cut back to this, in bytes, so that it isn't cut back for each line. */
const KEEP_BYTES = MAX_QUEUED_BYTES - 1 * MIB;
/** A queue that is cut back again and again is full all the time, in bytes. */
const FULL_BYTES = MAX_QUEUED_BYTES - 2 * MIB;

/** What a watched client is. */
export type FlowState = "doubtful" | "slow" | "stalled";

interface Watched {
  state: FlowState;
  queued: number;
  /** When it last took something. */
  tookAt: number;
  /** Beginning of the window over which its rate is judged, and bytes taken in it. */
  windowAt: number;
  windowBytes: number;
  /** Speakers wait while the queue of a slow client is above this. */
  ceiling: number;
  /** Since when its queue has been full without its taking anything. */
  fullSince: number | undefined;
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
  cut: C[];
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
 * flow.check(4_000);
 * assert(flow.state("bob") === "stalled");
 * ```
 */
export class Flow<C> {
  #watched = new Map<C, Watched>();
  #congested = false;

  /** True while speakers are to wait. */
  get congested(): boolean {
    return this.#congested;
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
   * `client` has `queued` bytes waiting. `full`: it can't be given more, however little that is (it
   * does not read its answers). `tookAt`: when it last took something, or was given something to take.
   */
  queued(client: C, queued: number, full: boolean, tookAt: number, now: number): void {
    let watched = this.#watched.get(client);
    if (watched === undefined) {
      if (queued <= WATCH_BYTES && !full) return;
      watched = {
        state: "doubtful",
        queued,
        tookAt,
        windowAt: now,
        windowBytes: 0,
        ceiling: WATCH_BYTES,
        fullSince: undefined,
      };
      this.#watched.set(client, watched);
    }
    this.#set(watched, queued, full, now);
    if (this.#holds(watched)) this.#congested = true;
  }

  /**
   * `client` took `bytes`, and has `queued` waiting; `full` as above. `prompt`: it took all that it was
   * given, at once, so that how little that was is not its fault (a busy server gives it little).
   * Returns true when speakers need not wait any more.
   */
  took(
    client: C,
    bytes: number,
    queued: number,
    full: boolean,
    prompt: boolean,
    now: number,
  ): boolean {
    const watched = this.#watched.get(client);
    if (watched === undefined) return false;
    this.#set(watched, queued, full, now);
    watched.tookAt = now;
    if (prompt) {
      watched.windowAt = now;
      watched.windowBytes = 0;
      if (watched.state === "stalled") {
        watched.state = "slow";
        watched.ceiling = ceilingFor(queued);
      }
    } else watched.windowBytes += bytes;
    if (watched.state === "doubtful") {
      watched.state = "slow";
      watched.ceiling = Math.max(WATCH_BYTES, queued);
      watched.windowAt = now;
      watched.windowBytes = bytes;
    }
    if (queued <= CALM_BYTES && !full) this.#watched.delete(client);
    return this.#congested && !this.#stillCongested();
  }

  /** `client` is gone. Returns true when speakers need not wait any more. */
  forget(client: C): boolean {
    return this.#watched.delete(client) && this.#congested && !this.#stillCongested();
  }

  /** A look at all watched clients; to be taken some times a second while there are any. */
  check(now: number): FlowVerdict<C> {
    const drop: C[] = [], cut: C[] = [];
    for (const [client, watched] of this.#watched) {
      this.#judge(watched, now);
      if (watched.state === "stalled" && watched.queued > MAX_QUEUED_BYTES) {
        drop.push(client);
      }
      if (
        watched.fullSince !== undefined &&
        now - Math.max(watched.fullSince, watched.tookAt) >= CUT_MS
      ) cut.push(client);
    }
    this.#stillCongested();
    return { congested: this.#congested, drop, keep: KEEP_BYTES, cut };
  }

  #set(watched: Watched, queued: number, full: boolean, now: number): void {
    watched.queued = queued;
    if (full || queued >= FULL_BYTES) watched.fullSince ??= now;
    else watched.fullSince = undefined;
  }

  #judge(watched: Watched, now: number): void {
    if (watched.state !== "stalled" && now - watched.tookAt >= DOUBT_MS) watched.state = "stalled";
    const elapsed = now - watched.windowAt;
    if (elapsed < RATE_WINDOW_MS) return;
    const fast = watched.windowBytes >= LEAST_RATE * 0.75 * (elapsed / 1000);
    if (watched.state === "slow" && !fast) watched.state = "stalled";
    else if (watched.state === "stalled" && fast) {
      watched.state = "slow";
      watched.ceiling = ceilingFor(watched.queued);
    }
    watched.windowAt = now;
    watched.windowBytes = 0;
  }

  #holds(watched: Watched): boolean {
    if (watched.state === "stalled") return false;
    return watched.queued > (watched.state === "doubtful" ? DOUBT_BYTES : watched.ceiling);
  }

  /** Speakers go on when every slow client has an eighth of room again. */
  #stillCongested(): boolean {
    let held = false;
    for (const watched of this.#watched.values()) {
      if (watched.state === "stalled") continue;
      const limit = watched.state === "doubtful" ? DOUBT_BYTES : watched.ceiling;
      if (watched.queued > (this.#congested ? limit - limit / 8 : limit)) held = true;
    }
    return this.#congested = held;
  }
}

/** A client that comes back among those who are waited for has at most its own queue left. */
function ceilingFor(queued: number): number {
  return Math.max(WATCH_BYTES, Math.min(queued, MAX_QUEUED_BYTES));
}
