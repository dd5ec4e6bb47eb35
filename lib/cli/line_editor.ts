/**
 * Editing one line, with a history, by the keys that readline and every shell have. Pure.
 *
 * @module
 */

import { MAX_LINE_BYTES } from "../wire/limits.ts";
import type { Key } from "./keys.ts";

/** What a key led to. */
export type Effect =
  /** Nothing to be seen. */
  | { readonly is: "none" }
  /** The line or the cursor changed. */
  | { readonly is: "changed" }
  /** Enter: the line is done, and the editor is empty again. */
  | { readonly is: "submitted"; readonly line: string }
  /** Tab. */
  | { readonly is: "complete" }
  /** Ctrl-L. */
  | { readonly is: "clear" }
  /** Ctrl-C. */
  | { readonly is: "interrupted" }
  /** Ctrl-D on an empty line. */
  | { readonly is: "ended" };

/** Lines that the history keeps. */
const MAX_HISTORY = 1000;
/** The longest line that can be typed, in UTF-16 units: as much as a server takes in ASCII. */
const MAX_LENGTH = MAX_LINE_BYTES;

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** The characters of a text as a reader counts them: an emoji of seven code points is one. */
export function graphemes(text: string): string[] {
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/**
 * A line being edited.
 *
 * @example
 * ```ts
 * import { LineEditor } from "./line_editor.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const editor = new LineEditor();
 * editor.press({ name: "text", text: "helo" });
 * editor.press({ name: "left" });
 * editor.press({ name: "text", text: "l" });
 * assertEquals(editor.press({ name: "enter" }), { is: "submitted", line: "hello" });
 * ```
 */
export class LineEditor {
  #text = "";
  /** In UTF-16 units; always between two graphemes. */
  #cursor = 0;
  #killed = "";
  readonly #history: string[] = [];
  /** Where in the history we are; its length is the line being written. */
  #at = 0;
  /** The line being written, while another one is looked at. */
  #draft = "";

  /** The line. */
  get text(): string {
    return this.#text;
  }

  /** Where the cursor is in the line, in UTF-16 units. */
  get cursor(): number {
    return this.#cursor;
  }

  /** Replaces what is between `from` and the cursor, as completion does. */
  replace(from: number, text: string): void {
    this.#set(
      this.#text.slice(0, from) + text + this.#text.slice(this.#cursor),
      from + text.length,
    );
  }

  /** A key is pressed. */
  press(key: Key): Effect {
    switch (key.name) {
      case "text":
      case "paste":
        return this.#insert("text" in key ? key.text : "");
      case "enter":
        return this.#submit();
      case "tab":
        return { is: "complete" };
      case "ctrl-c":
        return { is: "interrupted" };
      case "ctrl-l":
        return { is: "clear" };
      case "ctrl-d":
        return this.#text === "" ? { is: "ended" } : this.#delete(this.#next());
      case "delete":
        return this.#delete(this.#next());
      case "backspace":
        return this.#delete(this.#previous());
      case "left":
      case "ctrl-b":
        return this.#move(this.#previous());
      case "right":
      case "ctrl-f":
        return this.#move(this.#next());
      case "word-left":
      case "alt-b":
        return this.#move(this.#wordLeft());
      case "word-right":
      case "alt-f":
        return this.#move(this.#wordRight());
      case "home":
      case "ctrl-a":
        return this.#move(0);
      case "end":
      case "ctrl-e":
        return this.#move(this.#text.length);
      case "up":
      case "ctrl-p":
        return this.#recall(this.#at - 1);
      case "down":
      case "ctrl-n":
        return this.#recall(this.#at + 1);
      case "ctrl-k":
        return this.#kill(this.#text.length);
      case "ctrl-u":
        return this.#kill(0);
      case "ctrl-w":
        return this.#kill(this.#blankLeft());
      case "alt-backspace":
        return this.#kill(this.#wordLeft());
      case "alt-d":
        return this.#kill(this.#wordRight());
      case "ctrl-y":
        return this.#insert(this.#killed);
      case "ctrl-t":
        return this.#swap();
      default:
        return { is: "none" };
    }
  }

  #insert(text: string): Effect {
    // Tabs have no fixed width; nothing else of this kind can be typed or would be sent.
    const clean = text.replaceAll("\t", " ")
      .replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu, "");
    const room = MAX_LENGTH - this.#text.length;
    const fits = clean.length <= room ? clean : clean.slice(0, Math.max(0, room));
    if (fits === "") return { is: "none" };
    const cursor = this.#cursor + fits.length;
    const whole = this.#text.slice(0, this.#cursor) + fits + this.#text.slice(this.#cursor);
    return this.#set(whole.toWellFormed(), cursor);
  }

  #submit(): Effect {
    const line = this.#text;
    if (line.trim() !== "" && this.#history.at(-1) !== line) this.#history.push(line);
    if (this.#history.length > MAX_HISTORY) this.#history.shift();
    this.#at = this.#history.length;
    this.#draft = "";
    this.#set("", 0);
    return { is: "submitted", line };
  }

  #recall(at: number): Effect {
    if (at < 0 || at > this.#history.length) return { is: "none" };
    if (this.#at === this.#history.length) this.#draft = this.#text;
    this.#at = at;
    const line = this.#history[at] ?? this.#draft;
    return this.#set(line, line.length);
  }

  #move(to: number): Effect {
    if (to === this.#cursor) return { is: "none" };
    this.#cursor = to;
    return { is: "changed" };
  }

  /** Deletes between the cursor and `to`. */
  #delete(to: number): Effect {
    if (to === this.#cursor) return { is: "none" };
    const from = Math.min(to, this.#cursor);
    return this.#set(
      this.#text.slice(0, from) + this.#text.slice(Math.max(to, this.#cursor)),
      from,
    );
  }

  /** As delete, and keeps it for Ctrl-Y. */
  #kill(to: number): Effect {
    if (to === this.#cursor) return { is: "none" };
    this.#killed = this.#text.slice(Math.min(to, this.#cursor), Math.max(to, this.#cursor));
    return this.#delete(to);
  }

  /** Swaps the two characters at the cursor. */
  #swap(): Effect {
    const middle = this.#cursor === this.#text.length ? this.#previous() : this.#cursor;
    const before = this.#previous(middle), after = this.#next(middle);
    if (before === middle || after === middle) return { is: "none" };
    const text = this.#text.slice(0, before) + this.#text.slice(middle, after) +
      this.#text.slice(before, middle) + this.#text.slice(after);
    return this.#set(text, after);
  }

  #set(text: string, cursor: number): Effect {
    this.#text = text;
    this.#cursor = cursor;
    // An insertion may have joined two graphemes (a combining mark): not in the midst of one.
    const there = cursor < text.length ? segmenter.segment(text).containing(cursor) : undefined;
    if (there !== undefined && there.index < cursor) {
      this.#cursor = there.index + there.segment.length;
    }
    return { is: "changed" };
  }

  #previous(from = this.#cursor): number {
    return from === 0 ? 0 : segmenter.segment(this.#text).containing(from - 1)?.index ?? 0;
  }

  #next(from = this.#cursor): number {
    const there = segmenter.segment(this.#text).containing(from);
    return there === undefined ? this.#text.length : there.index + there.segment.length;
  }

  #wordLeft(): number {
    return this.#leftOf(/[\p{L}\p{M}\p{N}_]*[^\p{L}\p{M}\p{N}_]*$/u);
  }

  #blankLeft(): number {
    return this.#leftOf(/\S*\s*$/);
  }

  #wordRight(): number {
    const after = this.#text.slice(this.#cursor);
    const length = /^[^\p{L}\p{M}\p{N}_]*[\p{L}\p{M}\p{N}_]*/u.exec(after)?.[0].length ?? 0;
    const to = this.#cursor + length;
    const there = to < this.#text.length ? segmenter.segment(this.#text).containing(to) : undefined;
    return there === undefined || there.index === to ? to : there.index + there.segment.length;
  }

  /** Where what matches before the cursor begins, not in the midst of a grapheme. */
  #leftOf(pattern: RegExp): number {
    const before = this.#text.slice(0, this.#cursor);
    const to = before.length - (pattern.exec(before)?.[0].length ?? 0);
    return segmenter.segment(this.#text).containing(to)?.index ?? to;
  }
}
