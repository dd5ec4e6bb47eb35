/**
 * The flags of encryption; `security.ts` makes use of them.
 *
 * @module
 */

import type { BooleanFlag, StringFlag } from "../lib/cli/flag_values.ts";

/** What {@linkcode securityFlags} declares. */
export interface SecurityFlags {
  readonly encrypted: BooleanFlag & { readonly kind: "boolean" };
  readonly secretFile: StringFlag & { readonly kind: "string" };
}

/** `--encrypted` and `--secret-file`, to be spread into a command's flags. */
export const securityFlags: SecurityFlags = {
  encrypted: { kind: "boolean", help: "Encrypt connections; the other side must, too." },
  secretFile: {
    kind: "string",
    placeholder: "FILE",
    defaultText: "none; TALKER_SECRET is a secret itself",
    help: "Encrypt, and let in only who has the secret in the first line of this file.",
  },
};

/** The values of {@linkcode securityFlags}. */
export interface SecurityFlagValues {
  readonly encrypted: boolean;
  readonly secretFile: string | undefined;
}

/** What a plain client is sent where only encrypted ones are taken. */
export const ENCRYPTED_ONLY =
  "Encrypted connections only: talker client --encrypted, or --secret-file FILE";

/** Are connections to be encrypted? Without loading the code for it. */
export function wantsSecurity(
  { encrypted, secretFile }: SecurityFlagValues,
  env: (name: string) => string | undefined,
): boolean {
  return encrypted || secretFile !== undefined || (env("TALKER_SECRET") ?? "") !== "";
}
