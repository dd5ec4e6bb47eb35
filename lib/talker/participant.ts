/**
 * One voice and one pair of ears in the mesh, without a port for clients: what `talker peer` makes
 * of its standard input and output.
 *
 * @module
 */

import { endOfTurn } from "../net/turn.ts";
import { MAX_NICK_CHARACTERS, MAX_QUEUED_BYTES, MIB } from "../wire/limits.ts";
import { decodeText, visible } from "../wire/text.ts";
import type { Mesh } from "./mesh.ts";
import { parseNick } from "../wire/nick.ts";
import type { RandomBits } from "./random.ts";
import type { Session } from "./session.ts";
import { Talker } from "./talker.ts";

/** So much may wait in the output, in bytes; what else is heard waits in the feed, where it is counted. */
const MAX_WRITING_BYTES = 1 * MIB;

/** Where what is heard goes. */
export interface Ears {
  /** Bytes that wait to be written. */
  readonly queued: number;
  /** Takes text at once. */
  write(text: string): void;
  /** Resolves when what was written is out. */
  flush(): Promise<void>;
}

/** How a participant is made. */
export interface ParticipantOptions {
  /** Name of the node; its nick is made of it. */
  name: string;
  mesh: Mesh;
  /** One JSON object for each line, instead of text. */
  json: boolean;
  /** Does it hear itself? */
  echo: boolean;
  random: RandomBits;
  ears: Ears;
}

/**
 * A talker with one session. Until it speaks it only listens: it is in no list, and never announced. With
 * its first line it becomes a user of its node, who is in `/who` and can be whispered to.
 */
export class Participant {
  readonly #talker: Talker;
  readonly #options: ParticipantOptions;
  readonly #session: Session;
  #isArmed = false;
  #isWriting = false;
  #isClosed = false;

  /** Listens from now on, to what the observers of `mesh` tell {@linkcode talker}. */
  constructor(options: ParticipantOptions) {
    const { name, mesh, echo, random } = options;
    this.#options = options;
    this.#talker = new Talker({ name, mesh, echo, random, wakeAll: () => this.#arm() });
    this.#session = this.talker.overhear({
      operator: false,
      framed: false,
      host: { wake: () => this.#arm(), finish() {} },
    }, nickFrom(name));
    if (options.json) this.#talker.setFormat(this.#session, true);
  }

  /** The talker, with its clock set: nobody else drives it. */
  get talker(): Talker {
    this.#talker.setTime(performance.now(), Date.now());
    return this.#talker;
  }

  /** Says a line, whatever it begins with: there are no commands here. */
  say(line: string): void {
    const text = visible(line);
    if (text === "" || this.#isClosed) return;
    const { talker } = this;
    if (this.#session.state === "listening") talker.enlist(this.#session);
    talker.say(this.#session, "speech", text);
  }

  /** Sends what was said in this turn, and writes what was heard. */
  flush(): void {
    this.#options.mesh.flush();
    this.#write();
  }

  /** It hears and says no more; what was said is sent. */
  close(): void {
    this.flush();
    this.#isClosed = true;
  }

  #arm(): void {
    if (this.#isArmed || this.#isClosed) return;
    this.#isArmed = true;
    endOfTurn(() => {
      this.#isArmed = false;
      if (!this.#isClosed) this.flush();
    });
  }

  #write(): void {
    const { ears } = this.#options;
    const { outbox, format } = this.#session;
    const notice = { lossNotice: (lost: number) => this.talker.lossNotice(format, lost) };
    while (ears.queued < MAX_WRITING_BYTES) {
      const bytes = outbox.take(notice);
      if (bytes === undefined) return;
      ears.write(decodeText(bytes).replaceAll("\r\n", "\n"));
    }
    // A reader that is stuck costs it lines, not the mesh its relay.
    if (outbox.queued > MAX_QUEUED_BYTES) outbox.dropOldest(MAX_QUEUED_BYTES / 2);
    if (this.#isWriting) return;
    this.#isWriting = true;
    void ears.flush().then(() => {
      this.#isWriting = false;
      this.#arm();
    });
  }
}

/**
 * A nick for the node of that name: what a nick can't have becomes `-`.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { nickFrom } from "./participant.ts";
 * assert(nickFrom("attic.local") === "attic-local");
 * ```
 */
export function nickFrom(name: string): string {
  const fit = [...name.normalize("NFKC").replace(/[^\p{L}\p{M}\p{Nd}_-]/gu, "-")]
    .slice(0, MAX_NICK_CHARACTERS).join("");
  return parseNick(fit) ?? "peer";
}
