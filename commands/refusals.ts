/**
 * Telling the log who was refused: who is refused may try on, and would fill it.
 *
 * @module
 */

import { RateLimiter } from "../lib/link/rate_limiter.ts";
import type { Endpoint } from "../lib/net/transport.ts";
import type { Rate } from "../lib/wire/limits.ts";

/** Servers try on by themselves: a host and reason are told some times, then once a minute. */
export const LINKS_REFUSED: Rate = { burst: 5, everyMs: 60_000 };
/** People try a few times, and look at the log after each. */
export const CLIENTS_REFUSED: Rate = { burst: 10, everyMs: 6_000 };

/** Calls `tell` for each host and reason, but not more often than `rate` allows. */
export function refusals(
  rate: Rate,
  tell: (from: string, why: string) => void,
): (remote: Endpoint, why: string) => void {
  const told = new RateLimiter(rate);
  return ({ hostname }, why) => {
    const what = `${hostname} ${why}`, now = performance.now();
    if (!told.allows(what, now)) return;
    told.use(what, now);
    tell(hostname, why);
  };
}
