import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { foldNick, isFoldedNick, parseNick } from "../../lib/wire/nick.ts";

Deno.test("nick: letters, digits, - and _, 1 to 32 characters", () => {
  for (const nick of ["a", "bob", "Bob-2_x", "jürgen", "Ωmega", "नमस्ते", "李", "x".repeat(32)]) {
    assertEquals(parseNick(nick), nick);
  }
  for (
    const nick of [
      "",
      " ",
      "a b",
      "a:b",
      "a/b",
      "@bob",
      "a\u{200b}b",
      "🦊",
      "x".repeat(33),
      "a\u{202e}b",
    ]
  ) {
    assertEquals(parseNick(nick), undefined, JSON.stringify(nick));
  }
});

Deno.test("nick: a mark alone is none, and long ones cost nothing", () => {
  assertEquals(parseNick("\u{301}a"), undefined);
  assertEquals(parseNick("a".repeat(1_000_000)), undefined);
});

Deno.test("nick: two that differ in case, or in how they are encoded, are one", () => {
  for (
    const [a, b] of [["Bob", "bOB"], ["É", "e\u{301}"], ["straße", "STRASSE"], [
      "ａbc",
      "abc",
    ]] as const
  ) {
    assertEquals(foldNick(a), foldNick(b));
  }
  assertNotEquals(foldNick("bob"), foldNick("bobo"));
  assert(parseNick("e\u{301}") === "é");
});

Deno.test("nick: what is folded stays so, and is known as such, however long it has become", () => {
  const letters: string[] = [];
  for (let code = 0; code < 0x110000; code++) {
    const letter = code >= 0xd800 && code < 0xe000 ? "" : String.fromCodePoint(code);
    if (parseNick(letter) === letter) letters.push(letter);
  }
  assert(letters.length > 100_000);
  for (const letter of letters) {
    const folded = foldNick(letter);
    assert(foldNick(folded) === folded && isFoldedNick(folded), letter);
  }
  assertEquals(foldNick("ẞ"), "ss");
  for (const letter of ["ß", "ΐ", "\u{10330}"]) assert(isFoldedNick(foldNick(letter.repeat(32))));
  for (const not of ["", "Bob", "ß", "a b", "x".repeat(65)]) assert(!isFoldedNick(not), not);
});
