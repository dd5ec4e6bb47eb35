/**
 * How a talker is made, and what it counts.
 *
 * @module
 */

import type { Notifications } from "../notify/notifications.ts";
import type { Mesh } from "./mesh.ts";
import type { RandomBits } from "./random.ts";

/** How a talker is made. */
export interface TalkerOptions {
  /** Name of this server. */
  name: string;
  /** What the ids of lines begin with, where there is no mesh to say it. */
  origin?: string;
  /** The other servers. Default: there are none. */
  mesh?: Mesh | undefined;
  /** Do speakers hear themselves, unless they say `/echo off`? Default true. */
  echo?: boolean;
  /** Topics, subscribers and the notice board. Default: there are none. */
  notifications?: Notifications | undefined;
  /**
   * Resolves when everything that was done so far is on disk; rejects with the reason when it can't be.
   * What changes something is confirmed only then. Default: nothing is kept on disk.
   */
  durable?: (() => Promise<void>) | undefined;
  /** Random bits for `/random`. */
  random: RandomBits;
  /** Called when a feed got something: everybody is to be served. */
  wakeAll: () => void;
  /** Called when `turnEnds` is to be called at the end of this turn. */
  endOfTurn?: () => void;
  /** Called when what had to wait goes on by itself: sets the time. */
  clock?: () => void;
}

/** Counters since the start, for the status line and `/stats`. */
export interface TalkerCounters {
  /** Clients that came. */
  arrivals: number;
  /** Lines said (speech and actions). */
  lines: number;
  /** Commands given. */
  commands: number;
  /** Lines that were too long. */
  tooLong: number;
  /** Lines that slow readers missed, as far as they have read on and were told. */
  dropped: number;
}
