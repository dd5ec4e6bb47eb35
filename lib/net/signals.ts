/**
 * Abort signals put together, and what they end.
 *
 * @module
 */

/**
 * A signal that is aborted as soon as one of these is, for the same reason. Undefined ones don't count.
 *
 * `AbortSignal.any` does the same, but Deno 2.4 collects its result as garbage while only its own
 * listeners wait for it, and then the abort never comes. Here the sources hold it. What is listened for
 * ends with the first abort, so of the sources one should end in time where another lives long.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { anySignal } from "./signals.ts";
 * const stop = new AbortController();
 * const either = anySignal(stop.signal, undefined, AbortSignal.timeout(60_000));
 * stop.abort("enough");
 * assert(either.aborted && either.reason === "enough");
 * ```
 */
export function anySignal(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  const either = new AbortController();
  const sources = signals.filter((signal) => signal !== undefined);
  const end = ({ reason }: AbortSignal) => {
    for (const source of sources) source.removeEventListener("abort", aborted);
    either.abort(reason);
  };
  const aborted = ({ target }: Event) => end(target as AbortSignal);
  for (const source of sources) source.addEventListener("abort", aborted, { once: true });
  const over = sources.find((source) => source.aborted);
  if (over !== undefined) end(over);
  return either.signal;
}

/**
 * Calls `end` when `signal` is aborted, at once where it was; not after `over`: what has ended by other
 * means leaves nothing on a signal that lives long.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { endWith } from "./signals.ts";
 * const program = new AbortController(), over = new AbortController();
 * let ends = 0;
 * endWith(program.signal, () => ends++, over.signal);
 * over.abort();
 * program.abort();
 * assertEquals(ends, 0);
 * ```
 */
export function endWith(
  signal: AbortSignal | undefined,
  end: () => void,
  over: AbortSignal,
): void {
  if (over.aborted) return;
  if (signal?.aborted) return end();
  signal?.addEventListener("abort", () => end(), { once: true, signal: over });
}
