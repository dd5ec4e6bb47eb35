import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Key, KeyDecoder } from "../../lib/cli/keys.ts";
import { graphemes, LineEditor } from "../../lib/cli/line_editor.ts";

const encoder = new TextEncoder();

function decode(text: string): Key[] {
  return new KeyDecoder().push(encoder.encode(text));
}

Deno.test("keys: what terminals send", () => {
  const table: [string, Key[]][] = [
    ["a", [{ name: "text", text: "a" }]],
    ["äöü🦕", [{ name: "text", text: "äöü🦕" }]],
    ["\r", [{ name: "enter" }]],
    ["\n", [{ name: "enter" }]],
    ["\t", [{ name: "tab" }]],
    ["\u007f", [{ name: "backspace" }]],
    ["\b", [{ name: "backspace" }]],
    ["\u0003", [{ name: "ctrl-c" }]],
    ["\u0000", [{ name: "other" }]],
    ["\u001b[A\u001b[B\u001b[C\u001b[D", [
      { name: "up" },
      { name: "down" },
      { name: "right" },
      { name: "left" },
    ]],
    ["\u001bOA\u001bOH", [{ name: "up" }, { name: "home" }]],
    ["\u001b[H\u001b[F\u001b[1~\u001b[4~", [
      { name: "home" },
      { name: "end" },
      { name: "home" },
      { name: "end" },
    ]],
    ["\u001b[3~", [{ name: "delete" }]],
    ["\u001b[1;5D\u001b[1;3C", [{ name: "word-left" }, { name: "word-right" }]],
    ["\u001bb\u001bF", [{ name: "alt-b" }, { name: "alt-f" }]],
    ["\u001b\u007f", [{ name: "alt-backspace" }]],
    ["\u001b[15~x", [{ name: "other" }, { name: "text", text: "x" }]],
    ["\u001b[[Ax", [{ name: "other" }, { name: "text", text: "x" }]],
    ["\u001b[200~one\ntwo\u001b[201~x", [
      { name: "paste", text: "one\ntwo" },
      { name: "text", text: "x" },
    ]],
  ];
  for (const [text, keys] of table) assertEquals(decode(text), keys, JSON.stringify(text));
});

Deno.test("keys: however the bytes are cut, the same keys come out", () => {
  const sample =
    "aé🦕\u001b[A\u001bOB\u001b[1;5D\u001bb\u001b[200~p\u001b[31m\r\u001b[201~\t\u0004z";
  const bytes = encoder.encode(sample);
  const joined = (keys: Key[]) =>
    keys.map((key) => "text" in key && key.name === "text" ? key.text : JSON.stringify(key)).join(
      "",
    );
  const whole = joined(decode(sample));
  for (let cut = 0; cut <= bytes.length; cut++) {
    const decoder = new KeyDecoder();
    const keys = [...decoder.push(bytes.slice(0, cut)), ...decoder.push(bytes.slice(cut))];
    assertEquals(joined(keys), whole, `cut at ${cut}`);
  }
  const decoder = new KeyDecoder();
  const single = Array.from(bytes, (byte) => decoder.push(new Uint8Array([byte]))).flat();
  assertEquals(joined(single), whole);
});

Deno.test("keys: garbage is survived, and a paste is bounded", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    const decoder = new KeyDecoder();
    decoder.push(bytes);
    decoder.push(encoder.encode("\u001b[201~"));
    const keys = decoder.push(encoder.encode("\r"));
    assertEquals(keys.at(-1), { name: "enter" });
  }));
  const decoder = new KeyDecoder();
  decoder.push(encoder.encode("\u001b[200~"));
  for (let i = 0; i < 40; i++) decoder.push(new Uint8Array(100_000).fill(97));
  const [paste] = decoder.push(encoder.encode("\u001b[201~"));
  assert(paste !== undefined && "text" in paste && paste.text.length < 1_100_000);
});

/** A line, with `|` where the cursor is. */
function state(editor: LineEditor): string {
  return editor.text.slice(0, editor.cursor) + "|" + editor.text.slice(editor.cursor);
}

function typed(...keys: (string | Key)[]): LineEditor {
  const editor = new LineEditor();
  for (const key of keys) {
    editor.press(typeof key === "string" ? { name: "text", text: key } : key);
  }
  return editor;
}

function press(editor: LineEditor, ...names: string[]): string {
  for (const name of names) editor.press({ name: name as "left" });
  return state(editor);
}

Deno.test("editor: moving and deleting", () => {
  const table: [string, string[], string][] = [
    ["abc", ["left"], "ab|c"],
    ["abc", ["left", "backspace"], "a|c"],
    ["abc", ["home", "delete"], "|bc"],
    ["abc", ["ctrl-a", "ctrl-f", "ctrl-k"], "a|"],
    ["abc", ["left", "ctrl-u"], "|c"],
    ["one two  three", ["ctrl-w"], "one two  |"],
    ["one two  three", ["ctrl-w", "ctrl-w"], "one |"],
    ["one two-three", ["word-left"], "one two-|three"],
    ["one two-three", ["alt-b", "alt-b", "alt-d"], "one |-three"],
    ["one two", ["home", "alt-f"], "one| two"],
    ["one two", ["ctrl-w", "home", "ctrl-y"], "two|one "],
    ["abcd", ["ctrl-t"], "abdc|"],
    ["abcd", ["left", "left", "ctrl-t"], "acb|d"],
    ["abc", ["home", "backspace", "left"], "|abc"],
    ["abc", ["delete", "right", "ctrl-k"], "abc|"],
    ["👨‍👩‍👧é", ["left", "backspace"], "|é"],
    ["x👍🏽🇩🇪", ["left", "left"], "x|👍🏽🇩🇪"],
  ];
  for (const [text, names, expected] of table) {
    assertEquals(press(typed(text), ...names), expected, `${text} ${names}`);
  }
});

Deno.test("editor: a combining mark joins what is before it", () => {
  const editor = typed("e", "x", { name: "left" }, "\u0301");
  assertEquals(press(editor, "left"), "|e\u0301x");
});

Deno.test("editor: the history, and the line that was being written", () => {
  const editor = new LineEditor();
  for (const line of ["one", "two", "two", " "]) {
    editor.press({ name: "text", text: line });
    assertEquals(editor.press({ name: "enter" }), { is: "submitted", line });
  }
  editor.press({ name: "text", text: "draft" });
  assertEquals(press(editor, "up"), "two|");
  assertEquals(press(editor, "up"), "one|");
  assertEquals(press(editor, "up"), "one|");
  assertEquals(press(editor, "down", "down"), "draft|");
  assertEquals(press(editor, "down"), "draft|");
});

Deno.test("editor: what the other keys mean", () => {
  assertEquals(typed().press({ name: "ctrl-d" }), { is: "ended" });
  assertEquals(typed("a").press({ name: "ctrl-d" }), { is: "none" });
  assertEquals(typed("a").press({ name: "ctrl-c" }), { is: "interrupted" });
  assertEquals(typed("a").press({ name: "tab" }), { is: "complete" });
  assertEquals(typed("a").press({ name: "ctrl-l" }), { is: "clear" });
  assertEquals(typed("a").press({ name: "other" }), { is: "none" });
  const editor = typed("hello wo");
  editor.replace(6, "world ");
  assertEquals(state(editor), "hello world |");
});

Deno.test("editor: control characters can't be typed, and a line has a limit", () => {
  assertEquals(state(typed("a\u0007b\tc\u202ed\u2028")), "ab cd|");
  assertEquals(typed("x".repeat(10_000), "y").text.length, 8192);
});

Deno.test("editor: whatever the keys, the cursor stands between two characters", () => {
  const names = [
    "left",
    "right",
    "home",
    "end",
    "backspace",
    "delete",
    "word-left",
    "word-right",
    "ctrl-k",
    "ctrl-u",
    "ctrl-w",
    "ctrl-y",
    "ctrl-t",
    "up",
    "down",
    "enter",
    "alt-d",
  ] as const;
  const key: fc.Arbitrary<Key> = fc.oneof(
    fc.constantFrom(...names).map((name) => ({ name })),
    fc.constantFrom("a", " ", "\u0301", "👨‍👩‍👧", "\u200d", "🇩", "日").map((text) => ({
      name: "text" as const,
      text,
    })),
  );
  fc.assert(fc.property(fc.array(key, { maxLength: 60 }), (keys) => {
    const editor = new LineEditor();
    for (const one of keys) {
      editor.press(one);
      let at = 0;
      const ends = new Set([
        0,
        ...graphemes(editor.text).map((character) => at += character.length),
      ]);
      assert(ends.has(editor.cursor), state(editor));
    }
  }));
});
