/**
 * Who gets in: how many connections there may be, in all and from one address.
 *
 * @module
 */

import { MAX_CLIENTS, MAX_CLIENTS_PER_ADDRESS } from "../wire/limits.ts";

/**
 * Counts connections by address.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { Admission } from "./admission.ts";
 * const admission = new Admission(10, 1);
 * assert(admission.refusal("192.0.2.7", false) === undefined);
 * admission.enter("192.0.2.7");
 * assert(admission.refusal("192.0.2.7", false)?.startsWith("Too many connections"));
 * assert(admission.refusal("192.0.2.7", true) === undefined);
 * ```
 */
export class Admission {
  readonly #most: number;
  readonly #mostEach: number;
  readonly #byAddress = new Map<string, number>();
  #inAll = 0;

  /** Takes `most` connections in all, and `mostEach` from one address. */
  constructor(most: number = MAX_CLIENTS, mostEach: number = MAX_CLIENTS_PER_ADDRESS) {
    this.#most = most;
    this.#mostEach = mostEach;
  }

  /** Why one more from this address is refused; undefined when it isn't. `local`: of this machine, not counted by address. */
  refusal(address: string, local: boolean): string | undefined {
    if (this.#inAll >= this.#most) return `The server is full: it takes ${this.#most} connections`;
    if (!local && (this.#byAddress.get(address) ?? 0) >= this.#mostEach) {
      return `Too many connections from ${address}: the server takes ${this.#mostEach} from one address`;
    }
    return undefined;
  }

  /** One from this address is let in. */
  enter(address: string): void {
    this.#inAll++;
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? 0) + 1);
  }

  /** One from this address is gone. */
  leave(address: string): void {
    this.#inAll--;
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }
}
