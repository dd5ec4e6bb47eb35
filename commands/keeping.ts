/**
 * `talker server --data DIR`: opens the store, and tells what there is to tell of it.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { CommandError } from "../lib/cli/exit.ts";
import { Store, StoreError, type StoreOptions } from "../lib/store/store.ts";

const log = getLogger(["talker", "store"]);

/**
 * Opens the data in `directory`. What was wrong with it is logged.
 *
 * @throws {CommandError} when it can't be used
 */
export async function openStore(
  directory: string,
  options: Pick<StoreOptions, "onCongested" | "onFailed">,
): Promise<Store> {
  try {
    const store = await Store.open(directory, options);
    for (const { kind, message } of store.reports) {
      if (kind === "note") log.info("{message}", { message });
      else log.error("{message}", { message });
    }
    return store;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    throw new CommandError(`Cannot keep data in ${directory}: ${error.message}`, { cause: error });
  }
}
