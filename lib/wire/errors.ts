/**
 * What can go wrong on the wire, told apart by whose fault it is.
 *
 * @module
 */

/**
 * The other side broke the protocol: its connection ends, nothing else changes.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { RemoteFault } from "./errors.ts";
 * const fault = new RemoteFault("bad-frame", "Frame header \"abc\" is not a length");
 * assert(fault.code === "bad-frame");
 * ```
 */
export class RemoteFault extends Error {
  /** What kind of error it is. */
  override readonly name = "RemoteFault";
  /** A word for programs, such as `bad-frame`. */
  readonly code: string;

  /** `code` is for programs, `message` says what was wrong, with the value. */
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** This program was about to break the protocol (a record over the limit, say): a bug or bad input of ours. */
export class LocalFault extends Error {
  /** What kind of error it is. */
  override readonly name = "LocalFault";
}
