/**
 * Where a line being typed stands on the screen. Pure.
 *
 * @module
 */

import { eastAsianWidth } from "get-east-asian-width";
import { graphemes } from "./line_editor.ts";

/** A prompt: how it is written, with colours, and how wide it is. */
export interface Prompt {
  readonly text: string;
  /** In columns. */
  readonly width: number;
}

/** What is to be laid out. */
export interface Line {
  readonly prompt: Prompt;
  readonly text: string;
  /** In UTF-16 units of the text. */
  readonly cursor: number;
}

/** The size of a screen, in characters. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** A line on the screen. */
export interface Layout {
  /** What each row shows. */
  readonly rows: readonly string[];
  /** How wide each row is, in columns. */
  readonly widths: readonly number[];
  /** The row with the cursor, from 0. */
  readonly cursorRow: number;
  /** What stands before the cursor in its row. */
  readonly beforeCursor: string;
  /** How wide that is, in columns. */
  readonly cursorColumn: number;
}

/**
 * The width of a character as a reader counts them, in columns. Terminals disagree about emoji that
 * are joined of several; this is what the widest of them need, so that a row never overflows.
 */
function graphemeWidth(grapheme: string): number {
  const first = grapheme.codePointAt(0) ?? 0;
  // Nearly all there is to measure is ASCII.
  if (grapheme.length === 1 && first < 0x7f) return 1;
  let width = 0;
  for (const character of grapheme) {
    if (!NO_WIDTH.test(character)) width += eastAsianWidth(character.codePointAt(0) ?? 0);
  }
  // U+FE0F asks for the colourful form, which is wide.
  return grapheme.includes("\ufe0f") ? Math.max(2, width) : width;
}

/** Marks that stand on what is before them, and what joins or shapes others. */
const NO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}\p{Cc}\u1160-\u11ff]$/u;

/** The width of a text without control characters, in columns. */
export function textWidth(text: string): number {
  let width = 0;
  for (const grapheme of graphemes(text)) width += graphemeWidth(grapheme);
  return width;
}

/**
 * Breaks a line into rows. The last column stays free, so that no terminal wraps by itself. Where
 * there are more rows than the screen has, those around the cursor are given.
 *
 * @example
 * ```ts
 * import { layOut } from "./layout.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const prompt = { text: "> ", width: 2 };
 * const { rows } = layOut({ prompt, text: "hello world", cursor: 11 }, { columns: 9, rows: 24 });
 * assertEquals(rows, ["> hello ", "world"]);
 * ```
 */
export function layOut({ prompt, text, cursor }: Line, size: Size): Layout {
  const width = Math.max(1, size.columns - 1);
  // A prompt that leaves no room is left out.
  const shown = prompt.width < width / 2 ? prompt : { text: "", width: 0 };
  const rows = [shown.text];
  const widths = [shown.width];
  let row = 0;
  let column = shown.width;
  let at = 0;
  let cursorRow = 0;
  let cursorColumn = column;
  let beforeCursor = shown.text;
  for (const grapheme of graphemes(text)) {
    const cells = graphemeWidth(grapheme);
    if (column + cells > width && column > 0) {
      row++;
      column = 0;
      rows.push("");
      widths.push(0);
    }
    if (at === cursor) {
      cursorRow = row;
      cursorColumn = column;
      beforeCursor = rows[row] ?? "";
    }
    rows[row] += grapheme;
    column += cells;
    widths[row] = column;
    at += grapheme.length;
  }
  if (cursor >= at) {
    // The cursor stands behind the text; there is always a column for it.
    cursorRow = row;
    cursorColumn = column;
    beforeCursor = rows[row] ?? "";
  }
  const height = Math.max(1, size.rows - 1);
  const first = Math.max(0, Math.min(cursorRow - height + 1, rows.length - height));
  const from = rows.length <= height ? 0 : Math.max(first, cursorRow - height + 1);
  return {
    rows: rows.slice(from, from + height),
    widths: widths.slice(from, from + height),
    cursorRow: cursorRow - from,
    beforeCursor,
    cursorColumn,
  };
}

/**
 * How many rows the cursor stands below the first row of a layout after the terminal has become
 * `columns` wide and has wrapped the rows that are wider, as most do.
 */
export function rowsAboveCursor(layout: Layout, columns: number): number {
  const width = Math.max(1, columns);
  let rows = Math.floor(layout.cursorColumn / width);
  for (const rowWidth of layout.widths.slice(0, layout.cursorRow)) {
    rows += Math.max(1, Math.ceil(rowWidth / width));
  }
  return rows;
}
