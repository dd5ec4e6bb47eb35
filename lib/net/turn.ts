/**
 * The end of the present turn of the event loop: what can be read now is read by then, and what is sent
 * in answer to it can go out together.
 *
 * @module
 */

import { clearImmediate, setImmediate } from "node:timers";

/** An action that is to be done at the end of the turn. */
export interface Turn {
  /** It is not to be done. Harmless when it is done already. */
  cancel(): void;
}

/** Before Deno 2.7 `setImmediate` waits for a timer: more than a millisecond. */
const [major = 0, minor = 0] = Deno.version.deno.split(".").map(Number);
const isSlow = major < 2 || (major === 2 && minor < 7);

/**
 * Calls `action` at the end of this turn, in the order of the calls. It is awaited by the program's end.
 *
 * @example
 * ```ts
 * import { endOfTurn } from "./turn.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const done: string[] = [];
 * await new Promise<void>((resolve) => {
 *   endOfTurn(() => resolve(void done.push("later")));
 *   endOfTurn(() => done.push("never")).cancel();
 *   done.push("now");
 * });
 * assertEquals(done, ["now", "later"]);
 * ```
 */
export const endOfTurn: (action: () => void) => Turn = isSlow ? await slowRuntime() : immediate;

function immediate(action: () => void): Turn {
  const immediate = setImmediate(action);
  return { cancel: () => clearImmediate(immediate) };
}

/** A message to oneself takes 20 µs there. */
async function slowRuntime(): Promise<typeof immediate> {
  const { MessageChannel } = await import("node:worker_threads");
  const { port1, port2 } = new MessageChannel();
  let waiting: { action: () => void; isCancelled: boolean }[] = [];
  port2.on("message", () => {
    const due = waiting;
    waiting = [];
    port2.unref();
    for (const one of due) if (!one.isCancelled) one.action();
  });
  port2.unref();
  return (action) => {
    const one = { action, isCancelled: false };
    if (waiting.push(one) === 1) {
      port2.ref();
      port1.postMessage(0);
    }
    return { cancel: () => void (one.isCancelled = true) };
  };
}
