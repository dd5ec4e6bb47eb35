/**
 * Encryption as a command's flags want it: the secrets, and the connections made and taken with them.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { CommandError } from "../lib/cli/exit.ts";
import type { Io } from "../lib/cli/io.ts";
import { reason } from "../lib/cli/reason.ts";
import { RateLimiter } from "../lib/link/rate_limiter.ts";
import {
  parseSecrets,
  SecretError,
  SHORT_SECRET,
  stretchSecret,
} from "../lib/link/secure/secret.ts";
import type { Security } from "../lib/link/secure/security.ts";
import { WRONG_SECRETS } from "../lib/wire/limits.ts";
import { type SecurityFlagValues, wantsSecurity } from "./security_flags.ts";

/** How often it is looked whether the secret file has changed, in milliseconds. */
const LOOK_MS = 2_000;
/** Longest secret file, in bytes. */
const MAX_FILE_BYTES = 16 * 1024;

const log = getLogger(["talker", "security"]);

/** The secrets that are valid now. They follow their file while the program runs. */
export class Secrets implements Disposable {
  #stretched: readonly Uint8Array[] = [];
  #text: string | undefined;
  #trouble = "";
  #timer: ReturnType<typeof setInterval> | undefined;
  /** The look that is under way, and the one that comes after it. */
  #looking: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  private constructor(
    private readonly file: string | undefined,
    private readonly stretch: (secret: string) => Promise<Uint8Array>,
  ) {}

  /**
   * The secrets of a command; undefined where it doesn't encrypt.
   *
   * @throws {CommandError} when they can't be read, or are none
   */
  static async open(
    flags: SecurityFlagValues,
    io: Io,
    stretch: (secret: string) => Promise<Uint8Array> = stretchSecret,
  ): Promise<Secrets | undefined> {
    const { secretFile } = flags;
    if (!wantsSecurity(flags, io.env)) return undefined;
    const given = io.env("TALKER_SECRET") ?? "";
    const secrets = new Secrets(secretFile, stretch);
    try {
      if (secretFile !== undefined) await secrets.#take(await readSecrets(secretFile));
      else if (given !== "") await secrets.#take(given);
    } catch (error) {
      const from = secretFile === undefined ? "TALKER_SECRET" : `the secret file ${secretFile}`;
      const why = error instanceof SecretError ? error.message : reason(error);
      const advice = secretFile === undefined ? "" : adviceFor(error);
      throw new CommandError(`Cannot use ${from}: ${why}${advice}`, { cause: error });
    }
    return secrets;
  }

  /** Stretched, the present one first; none: whoever comes. */
  readonly current = (): readonly Uint8Array[] => this.#stretched;

  /** Who was wrong about them, at all ports of this program. */
  readonly guesses: RateLimiter = new RateLimiter(WRONG_SECRETS);

  /** From now on the file is looked at every so often. Ends with {@linkcode Symbol.dispose}. */
  follow(): void {
    if (this.file !== undefined) this.#timer = setInterval(() => void this.look(), LOOK_MS);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  /**
   * Looks whether the file has changed. Afterwards the secrets are those that are in it now, or later
   * ones, if they can be had. Never rejects.
   */
  look(): Promise<void> {
    // A look under way may have read the file before it changed: whoever asks now waits for the next.
    return this.#next ??= this.#looking = this.#looking.then(() => {
      this.#next = undefined;
      return this.#look();
    });
  }

  async #look(): Promise<void> {
    if (this.file === undefined) return;
    try {
      const text = await readSecrets(this.file);
      if (text === this.#text) return void (this.#trouble = "");
      await this.#take(text);
      const count = this.#stretched.length;
      log.info("The secret was changed: {count} secrets are taken now", { count });
    } catch (error) {
      // The old ones stay; it is told once.
      const why = error instanceof SecretError ? error.message : reason(error);
      if (why === this.#trouble) return;
      this.#trouble = why;
      log.warn("Cannot take the changed secret file {file}: {reason}; those before stay", {
        file: this.file,
        reason: why,
      });
    }
  }

  async #take(text: string): Promise<void> {
    const secrets = parseSecrets(text);
    const stretched: Uint8Array[] = [];
    for (const secret of secrets) stretched.push(await this.stretch(secret));
    this.#stretched = stretched;
    // Only now: what could not be stretched is tried again.
    this.#text = text;
    this.#trouble = "";
    const { length } = secrets[0] as string;
    if (length < SHORT_SECRET) {
      log.warn(
        "The secret has {length} characters: who keeps trying will guess it; take {least} or more",
        { length, least: SHORT_SECRET },
      );
    }
  }
}

/** What to do about a secret file that can't be read. */
function adviceFor(error: unknown): string {
  if (error instanceof SecretError) return "";
  if (error instanceof Deno.errors.NotFound) {
    return "; check the path, or write a secret of your own into it, the same on each box";
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return "; it must belong to who runs this, or be readable for them";
  }
  return "; give another --secret-file";
}

async function readSecrets(file: string): Promise<string> {
  const { size } = await Deno.stat(file);
  if (size > MAX_FILE_BYTES) throw new SecretError(`It has ${size} bytes: that is no secret`);
  return await Deno.readTextFile(file);
}

/** What a command wants of its connections for `purpose`; undefined where it doesn't encrypt. */
export function securityFor(
  secrets: Secrets | undefined,
  purpose: Security["purpose"],
  mesh?: string,
): Security | undefined {
  if (secrets === undefined) return undefined;
  const { current, guesses } = secrets;
  return { purpose, secrets: current, guesses, ...(mesh === undefined ? {} : { mesh }) };
}
