/**
 * The part of `@std/cli/parse-args` that talker uses. The npm re-publication of the standard
 * library has no types, so they enter here.
 */
export interface ParseOptions {
  /** Flags whose value is text. */
  string?: readonly string[];
  /** Flags without a value. */
  boolean?: readonly string[];
  /** Flags that may be repeated: all their values are kept. */
  collect?: readonly string[];
  /** Flags that `--no-NAME` sets to false. */
  negatable?: readonly string[];
}

/** Parses arguments. `_` holds what is not a flag. */
export function parseArgs(
  args: readonly string[],
  options?: ParseOptions,
): Record<string, unknown> & { _: (string | number)[] };
