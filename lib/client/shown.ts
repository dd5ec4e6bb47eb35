/**
 * What the client shows: to a person or to a program, in the way of the one who shows it.
 *
 * @module
 */

import type {
  Crowd,
  Failure,
  Notice,
  Notify,
  Raw,
  Renamed,
  Reply,
  Said,
  Unknown,
  Welcome,
  Whisper,
} from "./record.ts";

/** One thing to show. */
export type Shown =
  | {
    readonly kind: "said";
    readonly event: Said;
    /** We said it. */
    readonly own: boolean;
    /** It names us. */
    readonly mention: boolean;
    /** It was said before we came, or while we were away. */
    readonly past: boolean;
  }
  | { readonly kind: "whisper"; readonly event: Whisper }
  /** Arrivals, departures, renamings; `own`: it is about us. */
  | { readonly kind: "presence"; readonly event: Crowd | Renamed; readonly own: boolean }
  | { readonly kind: "welcome"; readonly event: Welcome }
  | { readonly kind: "notice"; readonly event: Notice }
  /** What is pushed in notification mode. */
  | { readonly kind: "notify"; readonly event: Notify }
  /** A line of the answer to a command of the user. `tag` is the user's own. */
  | { readonly kind: "reply"; readonly event: Reply; readonly tag: string | undefined }
  /** The end of the answer to a command that the user tagged. */
  | { readonly kind: "confirmed"; readonly raw: Raw; readonly tag: string }
  /** A command of the user failed; without a `raw` it never went to the server. */
  | {
    readonly kind: "failed";
    readonly text: string;
    readonly tag: string | undefined;
    readonly raw: Raw | undefined;
  }
  /** An error that belongs to no command. */
  | { readonly kind: "fault"; readonly event: Failure }
  /** What this version does not know. */
  | { readonly kind: "unknown"; readonly event: Unknown }
  /** The client's own words about the connection and itself. */
  | { readonly kind: "status"; readonly text: string };

/** The JSON object behind what is shown, as the server would have sent it to the user; undefined where there is none. */
export function rawOf(shown: Shown): Raw | undefined {
  switch (shown.kind) {
    case "confirmed":
      return { ...shown.raw, tag: shown.tag };
    case "failed":
      return shown.raw && withTag(shown.raw, shown.tag);
    case "reply":
      return withTag(shown.event.raw, shown.tag);
    case "status":
      return undefined;
    default:
      return shown.event.raw;
  }
}

/** The object with the user's tag, or with none, instead of the client's. */
function withTag(raw: Raw, tag: string | undefined): Raw {
  const { tag: _ours, ...rest } = raw;
  return tag === undefined ? rest : { ...rest, tag };
}
