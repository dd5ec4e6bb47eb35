/**
 * The end of this program: what is to be said before it.
 *
 * A program that comes to its end, or calls `Deno.exit`, sends the event `unload`. One that a signal ends
 * sends nothing: only its own handler can know whether that is meant, and so handles it.
 *
 * @module
 */

/** Has `say` called when the program ends, until what this gives is called. Nothing that has to be waited for happens any more then. */
export function atExit(say: () => void): () => void {
  globalThis.addEventListener("unload", say);
  return () => globalThis.removeEventListener("unload", say);
}
