import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { LocalFault, RemoteFault } from "../../lib/wire/errors.ts";
import { encodeFrame, FrameDecoder, writeFrameHeader } from "../../lib/wire/frame_codec.ts";
import { bytesOf, checkAnyCut, checkCodec } from "../support/codec_tester.ts";

/** Records, then the code of the fault where there is one, or what was left. */
function decodeWith(limit: number) {
  return (chunks: Uint8Array[]): string[] => {
    const decoder = new FrameDecoder(limit);
    const records: string[] = [];
    try {
      for (const chunk of chunks) {
        decoder.push(chunk, (bytes, start, end) => {
          records.push(String.fromCharCode(...bytes.subarray(start, end)));
        });
        chunk.fill(0x2a);
      }
    } catch (error) {
      if (!(error instanceof RemoteFault)) throw error;
      return [...records, `<${error.code}>`];
    }
    const left = decoder.end();
    return left > 0 ? [...records, `<${left} left>`] : records;
  };
}

const decode = decodeWith(1000);
const check = (sample: string, expected: string[]) => checkCodec(decode, bytesOf(sample), expected);

Deno.test("frame codec: records of any content, also empty ones", () => {
  check("         5hello         0         3\r\n\0", ["hello", "", "\r\n\0"]);
});

Deno.test("frame codec: digits may fill the header, and that may be too many", () => {
  check("1000000000", ["<frame-too-long>"]);
});

Deno.test("frame codec: headers that are no length", () => {
  for (
    const header of [
      "          ",
      "0000000005",
      " 000000005",
      "        02",
      "        00",
      "5         ",
      "    5    5",
      "        -1",
      "      0x10",
      "hello worl",
    ]
  ) {
    check(`         2hi${header}abc`, ["hi", "<bad-frame>"]);
  }
});

Deno.test("frame codec: the limit is checked on the header", () => {
  check("      1000" + "x".repeat(1000) + "      1001", ["x".repeat(1000), "<frame-too-long>"]);
  check("9999999999", ["<frame-too-long>"]);
});

Deno.test("frame codec: a fault is for ever", () => {
  const decoder = new FrameDecoder();
  assertThrows(() => decoder.push(bytesOf("nonsense!!"), () => {}), RemoteFault);
  assertThrows(() => decoder.push(bytesOf("         2hi"), () => {}), RemoteFault, "nonsense!!");
});

Deno.test("frame codec: what is cut off is told by end()", () => {
  check("         2hi    ", ["hi", "<4 left>"]);
  check("         2hi         9four", ["hi", "<14 left>"]);
});

Deno.test("frame codec: encode is the inverse, and has the same limit", () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), (records) => {
    const frames = records.map((record) => encodeFrame(record));
    assertEquals(decode(frames), records.map((record) => String.fromCharCode(...record)));
  }));
  assertThrows(() => encodeFrame(new Uint8Array(11), 10), LocalFault, "11 bytes");
});

Deno.test("frame codec: the header is Python's b'%10d'", () => {
  for (
    const [length, header] of [[0, "         0"], [42, "        42"], [
      1234567890,
      "1234567890",
    ]] as const
  ) {
    const target = bytesOf("..............");
    writeFrameHeader(target, 2, length);
    assertEquals(String.fromCharCode(...target), `..${header}..`);
  }
});

Deno.test("frame codec: how the bytes are cut makes no difference", () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 30 }).map((record) => encodeFrame(record)),
    fc.uint8Array({ maxLength: 12 }),
  );
  checkAnyCut(
    decodeWith(25),
    fc.array(piece, { maxLength: 5 }).map((pieces) =>
      Uint8Array.from(pieces.flatMap((p) => [...p]))
    ),
  );
});

Deno.test("frame codec: a record aliases the chunk when it lies in one", () => {
  const chunk = bytesOf("         2hi");
  let same = false;
  new FrameDecoder().push(chunk, (bytes) => void (same = bytes === chunk));
  assert(same);
});
