import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { layOut, rowsAboveCursor, textWidth } from "../../lib/cli/layout.ts";

const prompt = { text: "\u001b[1m> \u001b[0m", width: 2 };

Deno.test("layout: widths", () => {
  const table: [string, number][] = [
    ["", 0],
    ["abc", 3],
    ["日本", 4],
    ["é", 1],
    ["e\u0301", 1],
    ["🦕", 2],
    ["❤️", 2],
    ["🇩🇪", 2],
    ["한", 2],
    ["a\u200bb", 2],
  ];
  for (const [text, width] of table) assertEquals(textWidth(text), width, text);
});

Deno.test("layout: one row, and the cursor in it", () => {
  const layout = layOut({ prompt, text: "hello", cursor: 2 }, { columns: 80, rows: 24 });
  assertEquals(layout.rows, [prompt.text + "hello"]);
  assertEquals(layout.beforeCursor, prompt.text + "he");
  assertEquals([layout.cursorRow, layout.cursorColumn], [0, 4]);
});

Deno.test("layout: a wide character that does not fit begins the next row", () => {
  const { rows, widths } = layOut({ prompt, text: "ab日c", cursor: 4 }, { columns: 6, rows: 24 });
  assertEquals(rows, [prompt.text + "ab", "日c"]);
  assertEquals(widths, [4, 3]);
});

Deno.test("layout: the cursor behind a full row stands behind it", () => {
  const layout = layOut({ prompt, text: "abc", cursor: 3 }, { columns: 6, rows: 24 });
  assertEquals(layout.rows.length, 1);
  assertEquals([layout.cursorRow, layout.cursorColumn], [0, 5]);
});

Deno.test("layout: a prompt without room is left out", () => {
  assertEquals(layOut({ prompt, text: "ab", cursor: 0 }, { columns: 4, rows: 24 }).rows, ["ab"]);
});

Deno.test("layout: rows fit the screen, hold the text, and the cursor is where it is", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "日", "é", "👨‍👩‍👧", " "), maxLength: 120 });
  const size = fc.record({
    columns: fc.integer({ min: 8, max: 40 }),
    rows: fc.integer({ min: 1, max: 60 }),
  });
  fc.assert(fc.property(text, fc.nat(), size, (text, at, size) => {
    const ends = [0];
    for (const { segment } of new Intl.Segmenter().segment(text)) {
      ends.push((ends.at(-1) ?? 0) + segment.length);
    }
    const cursor = ends[at % ends.length] ?? 0;
    const layout = layOut({ prompt, text, cursor }, size);
    const { rows, widths, cursorRow, beforeCursor, cursorColumn } = layout;
    assert(rows.length <= Math.max(1, size.rows - 1), "fits in height");
    for (const width of widths) assert(width <= size.columns - 1 || width <= 6, `${width}`);
    const shown = rows.join("");
    assert((prompt.text + text).includes(shown));
    if (rows.length < size.rows - 1) assertEquals(shown, prompt.text + text);
    const row = rows[cursorRow];
    assert(row?.startsWith(beforeCursor));
    assert(cursorColumn <= (widths[cursorRow] ?? 0));
    if (shown === prompt.text + text) {
      const before = rows.slice(0, cursorRow).join("") + beforeCursor;
      assertEquals(before, prompt.text + text.slice(0, cursor));
    }
  }));
});

Deno.test("layout: how far to go up after the terminal has become narrower", () => {
  const layout = layOut({ prompt, text: "x".repeat(60), cursor: 60 }, { columns: 41, rows: 24 });
  assertEquals(layout.widths, [40, 22]);
  assertEquals(rowsAboveCursor(layout, 41), 1);
  assertEquals(rowsAboveCursor(layout, 100), 1);
  assertEquals(rowsAboveCursor(layout, 20), 3);
});
