/**
 * The end of this program: what is to be said before it.
 *
 * A program ends by itself, or by `Deno.exit`: both send the event `unload`. Or it ends by a signal, of
 * which it hears only where it listens; and whoever listens has to end it. So while there is something
 * to say this listens; where the program has a handler of its own the end is left to that. To know
 * whether it has, `Deno.addSignalListener` is looked over from when this module is loaded.
 *
 * @module
 */

import process from "node:process";

/** What somebody has to say at the end. */
export interface LastWords {
  /** Says it at once: nothing that has to be waited for happens any more. */
  now(): void;
  /** Says it with the time that it needs. */
  inTime(): Promise<void>;
}

/** How long the end waits for last words, in milliseconds. */
const WAIT_MS = 500;

/** The signals by which people and systems end programs, with their numbers. */
const NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;
type Ending = keyof typeof NUMBERS;
/** Windows has no other. */
const ENDINGS: readonly Ending[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];

const all = new Set<LastWords>();
const listeners = new Map<Ending, () => void>();
let isEnding = false;

// Which handlers the program itself has.
const { addSignalListener, removeSignalListener } = Deno;
const others = new Map<string, Set<() => void>>();
Deno.addSignalListener = (signal, handler) => {
  addSignalListener(signal, handler);
  const those = others.get(signal) ?? new Set();
  others.set(signal, those.add(handler));
};
Deno.removeSignalListener = (signal, handler) => {
  removeSignalListener(signal, handler);
  others.get(signal)?.delete(handler);
};

/** Has the program a handler of its own, of Deno's or Node's kind? */
function isHandled(signal: Ending): boolean {
  return (others.get(signal)?.size ?? 0) > 0 || process.listenerCount(signal) > 0;
}

/** Has these words said when the program ends, until what it gives is called. */
export function atExit(words: LastWords): () => void {
  if (all.size === 0) listen();
  all.add(words);
  return () => {
    if (all.delete(words) && all.size === 0) unlisten();
  };
}

function listen(): void {
  globalThis.addEventListener("unload", sayNow);
  for (const signal of ENDINGS) {
    const listener = () => void end(signal);
    try {
      addSignalListener(signal, listener);
      listeners.set(signal, listener);
    } catch {
      // Not to be had here: then others notice in some seconds.
    }
  }
}

function unlisten(): void {
  globalThis.removeEventListener("unload", sayNow);
  for (const [signal, listener] of listeners) removeSignalListener(signal, listener);
  listeners.clear();
}

function sayNow(): void {
  for (const words of [...all]) words.now();
}

/** Ends the program as the signal would have, if nobody else sees to it. */
async function end(signal: Ending): Promise<void> {
  if (isHandled(signal)) return;
  if (!isEnding) {
    isEnding = true;
    const late = new Promise((resolve) => setTimeout(resolve, WAIT_MS));
    await Promise.race([Promise.allSettled([...all].map((words) => words.inTime())), late]);
  }
  all.clear();
  unlisten();
  // Whoever has started it is to see that a signal ended it; else a number that says the same.
  if (mayKill()) Deno.kill(Deno.pid, signal);
  else Deno.exit(128 + NUMBERS[signal]);
}

/** Without asking anybody. */
function mayKill(): boolean {
  if (Deno.build.os === "windows") return false;
  const { state, partial } = Deno.permissions.querySync({ name: "run" });
  return state === "granted" && partial !== true;
}
