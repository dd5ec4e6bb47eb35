/**
 * LogTape, to which the library logs. Named here alone, and with its version: a program beside the
 * checkout that imports `lib/mod.ts` has another import map, or none.
 *
 * @module
 */

export { getConfig, getLogger } from "npm:@logtape/logtape@2.4.2";
