/**
 * The flag that every subcommand has that discovers or advertises; `beacon_open.ts` makes use of it.
 *
 * @module
 */

import type { StringsFlag } from "../lib/cli/flag_values.ts";

/** `--interface`, to be spread into a command's flags. */
export const beaconFlags: {
  readonly interface: StringsFlag & { readonly kind: "strings" };
} = {
  interface: {
    kind: "strings",
    placeholder: "NAME|ADDRESS",
    defaultText: "all",
    help: "Discover and advertise on this interface only; lo keeps everything on this machine.",
  },
};

/** The values of {@linkcode beaconFlags}. */
export interface BeaconFlagValues {
  readonly interface: readonly string[];
}
