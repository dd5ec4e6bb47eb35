/**
 * Telling the log who was refused: who is refused may try on, and would fill it.
 *
 * @module
 */

import { RateLimiter } from "../lib/link/rate_limiter.ts";
import type { Endpoint } from "../lib/net/transport.ts";
import { MAX_RATED_ADDRESSES, type Rate } from "../lib/wire/limits.ts";

/** How often a host is told of with one reason. */
interface Telling extends Rate {
  /** After so long without an attempt it is another story, and told in any case. Milliseconds. */
  pauseMs: number;
}

/** Servers try on by themselves, every 2 s in a local network: that is told once a minute. */
export const LINKS_REFUSED: Telling = { burst: 1, everyMs: 60_000, pauseMs: 4_000 };
/** People try a few times, and look at the log after each. */
export const CLIENTS_REFUSED: Telling = { burst: 10, everyMs: 6_000, pauseMs: 60_000 };

/** Calls `tell` for each host and reason, but not more often than that. `clock` is monotonic, in milliseconds. */
export function refusals(
  telling: Telling,
  tell: (from: string, why: string) => void,
  clock: () => number = () => performance.now(),
): (remote: Endpoint, why: string) => void {
  const told = new RateLimiter(telling);
  /** When each was refused last, the latest at the end. */
  const lastOf = new Map<string, number>();
  return ({ hostname }, why) => {
    const what = `${hostname} ${why}`, now = clock();
    const last = lastOf.get(what) ?? -Infinity;
    lastOf.delete(what);
    lastOf.set(what, now);
    if (lastOf.size > MAX_RATED_ADDRESSES) lastOf.delete(lastOf.keys().next().value ?? "");
    const isNews = now - last >= telling.pauseMs;
    if (!isNews && !told.allows(what, now)) return;
    told.use(what, now);
    tell(hostname, why);
  };
}
