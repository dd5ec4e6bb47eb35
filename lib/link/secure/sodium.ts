// deno-lint-ignore-file no-import-prefix -- lib/log/mod.ts says why
/**
 * The one library that does the cryptography: libsodium, compiled to WebAssembly by its own authors
 * (docs/SECURITY.md says why this one). It is loaded when it is needed first.
 *
 * @module
 */

import type Sodium from "npm:libsodium-wrappers-sumo@0.8.4";

/** libsodium, ready for use. */
export type { Sodium };

let loading: Promise<typeof Sodium> | undefined;

/** Loads libsodium: some milliseconds, once. */
export function loadSodium(): Promise<typeof Sodium> {
  return loading ??= (async () => {
    const { default: sodium } = await import("npm:libsodium-wrappers-sumo@0.8.4");
    await sodium.ready;
    return sodium;
  })();
}
