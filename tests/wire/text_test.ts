import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { decodeText, encodeText, isPlain, visible } from "../../lib/wire/text.ts";
import { bytesOf } from "../support/codec_tester.ts";

Deno.test("text: what is not UTF-8 becomes U+FFFD", () => {
  const cases: [string, string][] = [
    ["caf\xc3\xa9", "café"],
    ["\xff", "\u{FFFD}"],
    ["a\xc3", "a\u{FFFD}"],
    ["\xe2\x82b", "\u{FFFD}b"],
    ["\xed\xa0\x80", "\u{FFFD}\u{FFFD}\u{FFFD}"],
    ["\xef\xbb\xbfx", "\u{FEFF}x"],
  ];
  for (const [bytes, text] of cases) assertEquals(decodeText(bytesOf(bytes)), text);
});

Deno.test("text: control characters vanish, tab stays", () => {
  assertEquals(visible("a\tb\0c\x1b[31md\x07\x7f\x80\x9b2Je\r\nf"), "a\tbc[31md2Jef");
});

Deno.test("text: nothing visible can steer a terminal, and nothing else is lost", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    // deno-lint-ignore no-control-regex
    const expected = text.replace(/[\x00-\x08\x0a-\x1f\x7f-\x9f]/g, "");
    assertEquals(visible(text), expected);
  }));
});

Deno.test("text: plain is printable ASCII", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => {
    const plain = isPlain(bytes, 0, bytes.length);
    assertEquals(plain, bytes.every((byte) => byte >= 32 && byte <= 126));
    if (plain) assertEquals(encodeText(visible(decodeText(bytes))), bytes);
  }));
});
