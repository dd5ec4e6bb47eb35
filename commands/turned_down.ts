/**
 * Noticing that a node gets in nowhere: encryption or secrets do not fit, at every place that it was given.
 *
 * @module
 */

import { CommandError, EXIT } from "../lib/cli/exit.ts";
import type { MeshDriver } from "../lib/mesh/driver.ts";
import { keyOf } from "../lib/mesh/keepers.ts";
import type { Endpoint } from "../lib/net/transport.ts";
import { isNotAuthorised } from "./mesh_join.ts";

/** Knows of the targets of one node by which it was turned down, until it is linked to somebody. */
export class TurnedDown {
  readonly #targets: ReadonlySet<string>;
  readonly #everywhere: () => void;
  readonly #reasons = new Map<string, string>();
  #isIn = false;

  /** `everywhere` is called when all of the targets (some, at least) have turned it down. */
  constructor(targets: readonly Endpoint[], everywhere: () => void) {
    this.#targets = new Set(targets.map(keyOf));
    this.#everywhere = everywhere;
  }

  /** Notices from now on that `driver` gets in. */
  watch(driver: MeshDriver): void {
    driver.watch({ linksChanged: () => void (this.#isIn = true) });
  }

  /** Why a link could not be made. True when all have turned it down now: {@linkcode error} tells it. */
  readonly failed = (to: Endpoint, reason: string): boolean => {
    if (isNotAuthorised(reason)) this.#reasons.set(keyOf(to), reason);
    else this.#reasons.delete(keyOf(to));
    if (this.isEverywhere) this.#everywhere();
    return this.isEverywhere;
  };

  /** Did all of them turn it down? */
  get isEverywhere(): boolean {
    return !this.#isIn && this.#targets.size > 0 && this.#reasons.size === this.#targets.size;
  }

  /** What the command fails with. */
  get error(): CommandError {
    const lines = [...this.#reasons].map(([key, reason]) => `Cannot link to ${key}: ${reason}`);
    return new CommandError(lines.join("; "), { exitCode: EXIT.unauthorised });
  }
}
