/**
 * Everything that is fuzzed in this process.
 *
 * @module
 */

import type { Target } from "../fuzzer.ts";
import { clientTargets } from "./client.ts";
import { discoveryTargets } from "./discovery.ts";
import { meshTargets } from "./mesh.ts";
import { notifyTargets } from "./notify.ts";
import { secureTargets } from "./secure.ts";
import { talkerTargets } from "./talker.ts";
import { textTargets } from "./text.ts";
import { wireTargets } from "./wire.ts";

/** All targets. */
export async function allTargets(): Promise<readonly Target[]> {
  return [
    ...wireTargets,
    ...textTargets,
    ...await secureTargets(),
    ...clientTargets,
    ...talkerTargets,
    ...meshTargets,
    ...notifyTargets,
    ...discoveryTargets,
  ];
}
