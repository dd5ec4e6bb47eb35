/**
 * What can go wrong with the store, told apart by what is to be done about it.
 *
 * @module
 */

/**
 * - `used`: another process has the data open;
 * - `newer`: a later release wrote the data;
 * - `unusable`: the directory or a file in it can't be made, read or written;
 * - `full`: no space left;
 * - `corrupt`: the database was found damaged while it was in use;
 * - `io`: the disk reports an error;
 * - `closed`: the store was closed;
 * - `stopped`: the store's thread ended unexpectedly.
 */
export type StoreErrorCode =
  | "used"
  | "newer"
  | "unusable"
  | "full"
  | "corrupt"
  | "io"
  | "closed"
  | "stopped";

/** The store can't be opened, or can't write. The message is for people: what failed, and what to do. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  /** For programs. */
  readonly code: StoreErrorCode;

  /** `message` says what failed, and what to do. */
  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** What SQLite says of each kind of trouble: `node:sqlite` of Deno tells no number. */
const SAYINGS: readonly [RegExp, StoreErrorCode][] = [
  [/database is locked|locking protocol/, "used"],
  [/database or disk is full|no space left/i, "full"],
  [/disk i\/o error/i, "io"],
  [/readonly database|unable to open|access permission|permission denied|authoriz/i, "unusable"],
];

/**
 * Which kind of trouble an error of SQLite is. What isn't about the disk or another process can only
 * come from what is in the file, as our statements are right.
 */
export function kindOf(error: unknown): StoreErrorCode {
  const message = error instanceof Error ? error.message : String(error);
  return SAYINGS.find(([saying]) => saying.test(message))?.[1] ?? "corrupt";
}

/** What an error of the system says, without its number and the call that failed. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/ \(os error \d+\).*$/s, "");
}

/** One clear sentence about an error of SQLite while the data in `directory` was in use. */
export function storeError(error: unknown, directory: string): StoreError {
  if (error instanceof StoreError) return error;
  const code = kindOf(error);
  const message = error instanceof Error ? error.message : String(error);
  const advice: Partial<Record<StoreErrorCode, string>> = {
    used: `The data in ${directory} is open in another program: close it there`,
    full: `No space left for the data in ${directory}: free some`,
    io: `The disk of ${directory} reports an error (${message}): check it`,
    unusable: `Cannot write the data in ${directory} (${message}): check who may write there`,
    corrupt: `The data in ${directory} is damaged (${message}): restart, and it is set aside`,
  };
  return new StoreError(code, advice[code] ?? message, { cause: error });
}
