/**
 * Asking until there is an answer, or the patience is over: what is under the simple functions that send.
 *
 * @module
 */

import type { Address } from "./address.ts";
import { AskError } from "./ask_error.ts";
import { Caller } from "./caller.ts";
import type { MessageType } from "./message_type.ts";
import { Patience, pause, type WaitOptions } from "./patience.ts";
import { warn } from "../net/warn.ts";

/** After so long without an answer, in milliseconds, a program that waits says so, once. */
const STILL_WAITING_MS = 5_000;

/** The longest delays before it is asked again where too many wait, in milliseconds. */
const BUSY_MS = { first: 20, longest: 250 } as const;

/**
 * How long to wait before it is asked again where there was no room, in milliseconds: longer after each
 * attempt, and the longer the more others wait for the same, so that together they ask about once a
 * millisecond, however many they are. Pure.
 */
export function busyDelay(
  { attempts, crowd }: { attempts: number; crowd: number },
  random: () => number,
): number {
  const ceiling = Math.min(BUSY_MS.longest, BUSY_MS.first * 2 ** Math.min(attempts, 10));
  return random() * Math.max(ceiling, crowd);
}

/** What is asked, and how long. */
export interface Asked {
  readonly body: unknown;
  readonly options: WaitOptions;
}

/** Asks until there is an answer; nothing when there is none in time, which is told. */
export async function request(
  address: Address | null,
  type: MessageType,
  { body, options }: Asked,
): Promise<{ reply: unknown } | undefined> {
  const caller = Caller.of(address);
  using patience = new Patience(options);
  using _use = caller.use();
  const { signal } = patience;
  let asking: "not yet" | "asked" | "no room" = "not yet";
  const why = () => {
    if (asking === "no room") return "too many wait there already";
    return asking === "asked" ? "it does not answer" : caller.reason ?? "it does not answer";
  };
  const still = setTimeout(
    () => warn("messaging", `Still waiting for ${caller.address}: ${why()}`),
    STILL_WAITING_MS,
  );
  try {
    for (let attempts = 0;;) {
      const session = await caller.session(signal);
      asking = "asked";
      try {
        return { reply: await session.ask(type, body, { wait: patience.left, signal }) };
      } catch (error) {
        if (!(error instanceof AskError)) throw error;
        if (error.code === "timed-out") break;
        if (error.code === "busy") {
          asking = "no room";
          using crowd = caller.join();
          await pause(busyDelay({ attempts: attempts++, crowd: crowd.size }, Math.random), signal);
        } else if (error.code === "lost") asking = "not yet";
        else {
          warn("messaging", error.message);
          return undefined;
        }
      }
    }
  } catch (error) {
    if (!patience.isOver) throw error;
  } finally {
    clearTimeout(still);
  }
  warn(
    "messaging",
    `No reply from ${caller.address} within ${(options.wait ?? 0) / 1000} s: ${why()}`,
  );
  return undefined;
}
