/**
 * Closing what may be closed already.
 *
 * @module
 */

/**
 * Closes a connection that may be closed already, by this side or the other.
 *
 * @example
 * ```ts
 * import { closeQuietly } from "./close.ts";
 * closeQuietly({ close: () => { throw new Deno.errors.BadResource("closed"); } });
 * ```
 */
export function closeQuietly(connection: { close(): void }): void {
  try {
    connection.close();
  } catch {
    // It was.
  }
}
