/**
 * What is shown, as plain lines for pipes and programs. Pure.
 *
 * @module
 */

import { harmless, harmlessJson } from "./harmless.ts";
import { rawOf, type Shown } from "./shown.ts";

/** Lines for stdout and for stderr, without their ends. */
export interface PlainLine {
  readonly out?: string;
  readonly err?: string;
}

/**
 * As text, in the words of the server's text form.
 *
 * @example
 * ```ts
 * import { plainText } from "./plain.ts";
 * import { parseRecord } from "./record.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const event = parseRecord('{"type":"whisper","nick":"bob","text":"psst"}');
 * if (event?.type === "whisper") {
 *   assertEquals(plainText({ kind: "whisper", event }), { out: "bob whispers: psst" });
 * }
 * ```
 */
export function plainText(shown: Shown): PlainLine {
  switch (shown.kind) {
    case "said": {
      const { type, nick, text } = shown.event;
      return { out: type === "speech" ? `${nick}: ${text}` : `* ${nick} ${text}` };
    }
    case "whisper":
      return { out: `${shown.event.nick} whispers: ${shown.event.text}` };
    case "presence":
      return shown.own ? {} : { out: shown.event.text };
    case "notice":
      return { out: shown.event.text };
    case "notify": {
      const { id, topic, text } = shown.event.notification;
      return { out: `NOTIFY ${id} ${topic} ${text}` };
    }
    case "reply":
      return { out: tagged(shown.tag, shown.event.text) };
    case "confirmed": {
      const { id } = shown.raw;
      return { out: tagged(shown.tag, typeof id === "string" ? `ok ${harmless(id)}` : "ok") };
    }
    case "failed":
      return { err: tagged(shown.tag, shown.text) };
    case "fault":
      return { err: shown.event.text };
    case "status":
      return { err: `talker: ${shown.text}` };
    case "welcome":
    case "unknown":
      return {};
  }
}

/** As JSON, one object a line, in the server's words. */
export function plainJson(shown: Shown): PlainLine {
  const raw = rawOf(shown);
  return raw === undefined ? plainText(shown) : { out: harmlessJson(raw) };
}

/** Whether it belongs to the user's own commands: all that `--send` prints. */
export function isAnswer(shown: Shown): boolean {
  switch (shown.kind) {
    case "reply":
    case "confirmed":
    case "failed":
    case "fault":
    case "status":
      return true;
    default:
      return false;
  }
}

function tagged(tag: string | undefined, text: string): string {
  return tag === undefined ? text : `@${tag} ${text}`;
}
