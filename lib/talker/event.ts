/**
 * What a client can be shown, and how it is written: as text, or as JSON (docs/PROTOCOL.md).
 *
 * @module
 */

/** Codes of errors, for programs (docs/PROTOCOL.md). */
export type ErrorCode =
  | "usage"
  | "unknown-command"
  | "not-found"
  | "ambiguous"
  | "taken"
  | "denied"
  | "busy"
  | "failed"
  | "timeout"
  | "too-long"
  | "unfinished"
  | "bad-frame"
  | "full";

/** One line to a client. Times are milliseconds since 1970. */
export type TalkerEvent =
  | { type: "welcome"; nick: string; server: string; time: number }
  | {
    type: "speech" | "action";
    id: string;
    time: number;
    nick: string;
    server: string;
    text: string;
  }
  | { type: "whisper"; time: number; nick: string; server: string; text: string }
  | { type: "joined" | "left"; time: number; server: string; count: number; nicks: string[] }
  | { type: "renamed"; time: number; server: string; old: string; nick: string }
  | {
    type: "notice";
    time: number;
    text: string;
    lost?: number;
    /** So many notifications will never come. */
    dropped?: number;
    /** Notification mode is over. */
    notifications?: false;
    /** Since somebody else has entered it under that name. */
    replaced?: true;
  }
  | {
    type: "notify";
    id: string;
    topic: string;
    text: string;
    time: number;
    nick: string;
    server: string;
  }
  | {
    type: "reply";
    text: string;
    tag?: string | undefined;
    more?: Record<string, unknown> | undefined;
  }
  | { type: "ok"; tag: string; id?: string | undefined }
  | { type: "error"; code: ErrorCode; text: string; tag?: string | undefined };

/** Milliseconds since 1970 as ISO 8601 in UTC with milliseconds. */
export function isoTime(time: number): string {
  return new Date(time).toISOString();
}

/** `bob has joined`, or `37 have joined: a, b, c and 34 more`. */
function crowdText(verb: "joined" | "left", count: number, nicks: string[]): string {
  if (count === 1) return `${nicks[0]} has ${verb}`;
  const more = count - nicks.length;
  return `${count} have ${verb}: ${nicks.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/**
 * The event as a line of text, without its end.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { eventText } from "./event.ts";
 * const said = { type: "speech", id: "a.1.1", time: 0, nick: "bob", server: "k", text: "hi" } as const;
 * assert(eventText(said) === "bob: hi");
 * ```
 */
export function eventText(event: TalkerEvent): string {
  switch (event.type) {
    case "welcome":
      return `Welcome, ${event.nick}`;
    case "speech":
      return `${event.nick}: ${event.text}`;
    case "action":
      return `* ${event.nick} ${event.text}`;
    case "whisper":
      return `${event.nick} whispers: ${event.text}`;
    case "joined":
    case "left":
      return crowdText(event.type, event.count, event.nicks);
    case "renamed":
      return `${event.old} renames themself as ${event.nick}`;
    case "notice":
      return event.text;
    case "notify":
      return `NOTIFY ${event.id} ${event.topic} ${event.text}`;
    case "reply":
      return event.tag === undefined ? event.text : `@${event.tag} ${event.text}`;
    case "ok":
      return event.id === undefined ? `@${event.tag} ok` : `@${event.tag} ok ${event.id}`;
    case "error":
      return event.tag === undefined
        ? event.text
        : `@${event.tag} error ${event.code} ${event.text}`;
  }
}

/** The event as one JSON object on one line, without its end. */
export function eventJson(event: TalkerEvent): string {
  switch (event.type) {
    case "speech":
    case "action":
    case "whisper":
    case "notify":
      return JSON.stringify({ ...event, time: isoTime(event.time) });
    case "welcome":
    case "renamed":
    case "notice":
      return JSON.stringify({ ...event, time: isoTime(event.time), text: eventText(event) });
    case "joined":
    case "left": {
      const one = event.count === 1 ? { nick: event.nicks[0] } : {};
      return JSON.stringify({
        ...event,
        ...one,
        time: isoTime(event.time),
        text: eventText(event),
      });
    }
    case "reply": {
      const { more, ...rest } = event;
      return JSON.stringify({ ...rest, ...more });
    }
    case "ok":
    case "error":
      return JSON.stringify(event);
  }
}
