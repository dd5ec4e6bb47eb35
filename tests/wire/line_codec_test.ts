import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { LineDecoder, type LineDecoderOptions } from "../../lib/wire/line_codec.ts";
import { bytesOf, checkAnyCut, checkCodec } from "../support/codec_tester.ts";

const TOO_LONG = "<too long>";

/** Lines with a mark for whether they are plain; what is left at the end comes last. */
function decodeWith(limit: number, options?: LineDecoderOptions) {
  return (chunks: Uint8Array[]): string[] => {
    const decoder = new LineDecoder(limit, options);
    const lines: string[] = [];
    const sink = {
      line(bytes: Uint8Array, start: number, end: number, plain: boolean) {
        const text = String.fromCharCode(...bytes.subarray(start, end));
        assertEquals(plain, /^[ -~]*$/.test(text), `plain of ${JSON.stringify(text)}`);
        lines.push(text);
      },
      tooLong: () => void lines.push(TOO_LONG),
    };
    for (const chunk of chunks) {
      decoder.push(chunk, sink);
      chunk.fill(0x2a); // A line must not be kept by reference once push has returned.
    }
    const left = decoder.end();
    return left > 0 ? [...lines, `<${left} left>`] : lines;
  };
}

const decode = decodeWith(8192);
const check = (sample: string, expected: string[]) => checkCodec(decode, bytesOf(sample), expected);

Deno.test("line codec: CRLF, LF and CR NUL end a line", () => {
  check("one\r\ntwo\nthree\r\0four\r\n", ["one", "two", "three", "four"]);
});

Deno.test("line codec: empty lines are lines", () => {
  check("\n\r\n\r\0\n", ["", "", "", ""]);
});

Deno.test("line codec: NUL is content, LF CR is an end and a lone CR", () => {
  const got = decode([bytesOf("a\0b\n\rc\n")]);
  assertEquals(got, ["a\0b", "c"]);
});

Deno.test("line codec: a lone CR vanishes and doesn't end the line", () => {
  const got = decode([bytesOf("ab\rcd\r"), bytesOf("\r\nx\n")]);
  assertEquals(got, ["abcd", "x"]);
});

Deno.test("line codec: telnet commands are swallowed wherever they stand", () => {
  const option = "\xff\xfb\x01", subnegotiation = "\xff\xfa\x18\0xterm\n\xff\xff\xff\xf0";
  check(`${option}he${option}l${subnegotiation}lo\xff\xf1\r\n${option}${option}you\n`, [
    "hello",
    "you",
  ]);
});

Deno.test("line codec: IAC IAC is the byte 255", () => {
  check("a\xff\xffb\n", ["a\xffb"]);
});

Deno.test("line codec: an IAC that begins no command is text, and what follows it is what it is", () => {
  check("c\xffd\nbad\xff\nbad\xff\r\n\xff\r\0next\n\xff\xe4\n", [
    "c\xffd",
    "bad\xff",
    "bad\xff",
    "\xff",
    "next",
    "\xff\xe4",
  ]);
});

Deno.test("line codec: no option eats the end of a line", () => {
  check("bad\xff\xfe\nnext\nx\xff\xfb\r\nnext\n\xff\xfd\r\0end\n", [
    "bad\xff\xfe",
    "next",
    "x\xff\xfb",
    "next",
    "\xff\xfd",
    "end",
  ]);
});

Deno.test("line codec: stray bytes count towards the limit", () => {
  checkCodec(decodeWith(4), bytesOf("123\xff\n1234\xff\nok\n123\xff\xfb\nok\n"), [
    "123\xff",
    TOO_LONG,
    "ok",
    TOO_LONG,
    "ok",
  ]);
});

Deno.test("line codec: without telnet the byte 255 is one like others", () => {
  const plain = decodeWith(8192, { telnet: false });
  checkCodec(plain, bytesOf("one\ntwo \xff\xfa three\n\xff\xfb\x01four\r\n\xff\xff\n"), [
    "one",
    "two \xff\xfa three",
    "\xff\xfb\x01four",
    "\xff\xff",
  ]);
});

Deno.test("line codec: a subnegotiation without end doesn't swallow for ever", () => {
  const got = decode([bytesOf(`\xff\xfa${"x".repeat(400)}\nhello\n`)]);
  assertEquals(got.at(-1), "hello");
});

Deno.test("line codec: too long is dropped whole, said once, and the next line is whole", () => {
  checkCodec(decodeWith(4), bytesOf("1234\n12345\n12\n12345678901\r\n4444\r\n"), [
    "1234",
    TOO_LONG,
    "12",
    TOO_LONG,
    "4444",
  ]);
});

Deno.test("line codec: telnet commands don't count towards the limit", () => {
  checkCodec(decodeWith(4), bytesOf("12\xff\xfb\x0134\n"), ["1234"]);
});

Deno.test("line codec: what has no end is told by end()", () => {
  check("whole\ncut", ["whole", "<3 left>"]);
});

Deno.test("line codec: UTF-8 passes through cut anywhere", () => {
  const bytes = new TextEncoder().encode("grüße 🦊\n");
  checkCodec(decode, bytes, [String.fromCharCode(...bytes.subarray(0, -1))]);
});

const interesting = fc.array(
  fc.oneof(
    fc.constantFrom(0, 9, 10, 13, 32, 65, 126, 127, 128, 240, 250, 251, 254, 255),
    fc.nat(255),
  ),
  { maxLength: 60 },
).map((bytes) => Uint8Array.from(bytes));

Deno.test("line codec: how the bytes are cut makes no difference", () => {
  checkAnyCut(decodeWith(12), interesting);
  checkAnyCut(decodeWith(12, { telnet: false }), interesting);
});

Deno.test("line codec: lines without control bytes come out as they went in", () => {
  const line = fc.string({
    unit: fc.integer({ min: 32, max: 126 }).map((c) => String.fromCharCode(c)),
  });
  fc.assert(fc.property(fc.array(line), (lines) => {
    assertEquals(decode([bytesOf(lines.map((text) => `${text}\r\n`).join(""))]), lines);
  }));
});

Deno.test("line codec: a line aliases the chunk when it lies in one, else the decoder's own bytes", () => {
  const decoder = new LineDecoder();
  const seen: Uint8Array[] = [];
  const sink = { line: (bytes: Uint8Array) => void seen.push(bytes), tooLong() {} };
  const first = bytesOf("one\ntw"), second = bytesOf("o\n");
  decoder.push(first, sink);
  decoder.push(second, sink);
  assert(seen[0] === first);
  assert(seen[1] !== first && seen[1] !== second);
});

Deno.test("line codec: the work grows with the input, not with its square", () => {
  // Every byte of a long line in a chunk of its own: a decoder that copies what it has for each chunk
  // would copy 2 GB here.
  const decoder = new LineDecoder(65_536);
  let lines = 0;
  const sink = { line: () => void lines++, tooLong() {} };
  const one = bytesOf("x");
  for (let i = 0; i < 65_536; i++) decoder.push(one, sink);
  decoder.push(bytesOf("\n"), sink);
  assertEquals(lines, 1);
});
