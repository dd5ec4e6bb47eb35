/**
 * Where notifications wait that were said before this server knew their publisher, and those that follow them:
 * until it knows from its peers who has acknowledged them already. Without that, a server that was started anew
 * without its memory would push to named subscribers all that they had long ago; and the newest first.
 *
 * @module
 */

import { MAX_NOTIFICATIONS } from "../wire/limits.ts";
import type { Board } from "./board.ts";
import type { Notification } from "./notification.ts";
import type { After } from "./room_mesh.ts";
import type { Stamp } from "./stream.ts";

/** They wait for so long, in milliseconds, for a peer to be compared with. */
const WAIT_MS = 1_000;
/** They wait no longer than this, in milliseconds. */
const MAX_WAIT_MS = 10_000;

interface Parked {
  readonly notification: Notification;
  readonly stamp: Stamp;
  readonly isPast: boolean;
}

/** Notifications that wait. */
export class Parking {
  /** Is there a peer that may still tell more? */
  isHeld: () => boolean = () => false;
  readonly #board: Board;
  readonly #after: After;
  #parked: Parked[] = [];
  readonly #streams = new Set<string>();
  #until = Infinity;

  /** What is released goes to `board`. */
  constructor(board: Board, after: After) {
    this.#board = board;
    this.#after = after;
  }

  /** Is this one to wait? `isPast`: it was said before its server was known here. */
  holds({ stream }: Stamp, isPast: boolean): boolean {
    if (isPast || this.#streams.has(stream)) return true;
    return this.isHeld() && !this.#board.memory.knows(stream);
  }

  /** A notification waits. */
  park(notification: Notification, stamp: Stamp, isPast: boolean): void {
    if (this.#parked.length === 0) {
      this.#until = this.#board.clock.now() + MAX_WAIT_MS;
      this.#after(WAIT_MS, () => this.#look());
    }
    this.#parked.push({ notification, stamp, isPast });
    this.#streams.add(stamp.stream);
    if (this.#parked.length >= MAX_NOTIFICATIONS) this.release();
  }

  #look(): void {
    if (this.#parked.length === 0) return;
    if (this.isHeld() && this.#board.clock.now() < this.#until) {
      this.#after(WAIT_MS, () => this.#look());
    } else this.release();
  }

  /** They go to the board, those of each server in their order. */
  release(): void {
    if (this.#parked.length === 0) return;
    const byStream = new Map([...this.#streams].map((stream) => [stream, [] as Parked[]]));
    for (const parked of this.#parked) byStream.get(parked.stamp.stream)!.push(parked);
    this.#parked = [];
    this.#streams.clear();
    for (const group of byStream.values()) {
      group.sort((a, b) => a.stamp.sequence - b.stamp.sequence);
      for (const { notification, stamp, isPast } of group) {
        this.#board.take(notification, stamp, { isPast });
      }
    }
  }
}
