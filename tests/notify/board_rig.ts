/** A board in virtual time, and the same after a restart. */
import { Board, type BoardOptions } from "../../lib/notify/board.ts";
import type { MemoryNotificationStore } from "../support/notify_store.ts";
import { HandClock } from "./reader.ts";

/** In ms. */
export const HOUR = 3_600_000;

/** A board, its clock, and what tests do with it. */
export function setUp(options: Partial<BoardOptions> = {}) {
  const clock = new HandClock();
  const board = new Board({ clock, ...options });
  const say = (topic: string, ...texts: string[]) =>
    texts.map((text) => board.publish({ topic, text, nick: "eve" }));
  const pass = (ms: number) => {
    clock.pass(ms);
    board.tick(clock.now());
  };
  return { clock, board, say, pass };
}

/** The same server after it was killed. */
export function restart(store: MemoryNotificationStore, clock: HandClock, incarnation = 2): Board {
  const node = { id: "0".repeat(16), incarnation, name: "server" };
  return new Board({ clock, store, node });
}
