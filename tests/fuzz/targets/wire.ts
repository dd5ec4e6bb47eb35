/** Decoders of lib/wire. */

import { assert, assertEquals } from "@std/assert";
import {
  BEACON_HEADER_BYTES,
  BeaconFault,
  decodeBeacon,
  encodeBeacon,
  markMethod,
} from "../../../lib/wire/beacon_codec.ts";
import { isBeaconName, matchesBeaconName } from "../../../lib/wire/beacon_name.ts";
import { LocalFault, RemoteFault } from "../../../lib/wire/errors.ts";
import { encodeFrame, FrameDecoder } from "../../../lib/wire/frame_codec.ts";
import { MAX_FRAME_BYTES, MAX_LINE_BYTES } from "../../../lib/wire/limits.ts";
import { LineDecoder } from "../../../lib/wire/line_codec.ts";
import { encodeBatches } from "../../../lib/wire/mesh_batch.ts";
import { MeshFrameError } from "../../../lib/wire/mesh_bytes.ts";
import { MAX_MESH_FRAME } from "../../../lib/wire/mesh_limits.ts";
import { decodeMeshMessage, encodeMeshMessage } from "../../../lib/wire/mesh_message.ts";
import { nearest } from "../../../lib/wire/nearest.ts";
import { decodeNetworkzero, encodeNetworkzero } from "../../../lib/wire/networkzero_codec.ts";
import { decodeText, isPlain, visible } from "../../../lib/wire/text.ts";
import { loadCorpus } from "../corpus.ts";
import { shorten, type Target } from "../fuzzer.ts";
import { cutAnyhow, type Input } from "../mutate.ts";

/** The one piece of an input, or all of them together. */
export function whole(input: Input): Uint8Array {
  const [first = new Uint8Array(0)] = input;
  if (input.length <= 1) return first;
  const all = new Uint8Array(input.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of input) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

/** What `decode` gives; what it throws must be of that kind. */
export function expectFault<T>(
  decode: () => T,
  // deno-lint-ignore no-explicit-any
  Fault: new (...args: any[]) => Error,
): { value: T } | { fault: Error } {
  try {
    return { value: decode() };
  } catch (error) {
    if (error instanceof Fault) return { fault: error };
    throw error;
  }
}

function linesOf(chunks: readonly Uint8Array[]): string[] {
  const out: string[] = [];
  const decoder = new LineDecoder();
  for (const chunk of chunks) {
    decoder.push(chunk, {
      line: (bytes, start, end, plain) => {
        assert(end - start <= MAX_LINE_BYTES);
        assertEquals(plain, isPlain(bytes, start, end), "plain");
        out.push(decodeLatin1(bytes, start, end));
      },
      tooLong: () => out.push("too long"),
    });
    // The buffer is used again by whoever reads.
    chunk.fill(0x2e);
  }
  out.push(`left ${decoder.end()}`);
  return out;
}

function decodeLatin1(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

const lines: Target = {
  name: "line_codec",
  seeds: loadCorpus("line_codec"),
  dictionary: [
    "\r\n",
    "\n",
    "\r\0",
    "\r",
    "\xff\xfa",
    "\xff\xf0",
    "\xff\xfd\x01",
    "\xff\xff",
    "\xff",
  ],
  maxBytes: 256 * 1024,
  run(input, dice) {
    const bytes = whole(input);
    const expected = linesOf([bytes.slice()]);
    // Compared as one text each: there may be a hundred thousand of them.
    assertEquals(linesOf(cutAnyhow(bytes, dice)).join("\n"), expected.join("\n"));
    const text = visible(decodeText(bytes));
    assertEquals(visible(text), text);
    return `${Math.min(9, expected.length)} lines, ${expected.includes("too long")}`;
  },
};

function framesOf(chunks: readonly Uint8Array[]): { records: Uint8Array[]; fault: string } {
  const records: Uint8Array[] = [];
  const decoder = new FrameDecoder();
  const result = expectFault(() => {
    for (const chunk of chunks) {
      decoder.push(chunk, (bytes, start, end) => {
        assert(end - start <= MAX_FRAME_BYTES);
        records.push(bytes.slice(start, end));
      });
      chunk.fill(0x2e);
    }
  }, RemoteFault);
  if ("value" in result) return { records, fault: `left ${decoder.end()}` };
  const again = expectFault(
    () => decoder.push(new Uint8Array(20), () => assert(false)),
    RemoteFault,
  );
  assert("fault" in again, "A decoder that failed goes on");
  return { records, fault: result.fault.message };
}

const frames: Target = {
  name: "frame_codec",
  seeds: loadCorpus("frame_codec"),
  dictionary: [
    "         0",
    "         5hello",
    "1048576   ",
    "   1048576",
    "   1048577",
    "-1",
    "0000000003",
  ],
  maxBytes: 256 * 1024,
  run(input, dice) {
    const bytes = whole(input);
    const expected = framesOf([bytes.slice()]);
    assertEquals(framesOf(cutAnyhow(bytes, dice)), expected);
    const { records, fault } = expected;
    const encoded = whole(records.map((record) => encodeFrame(record)));
    assertEquals(framesOf([encoded]), { records, fault: "left 0" });
    return `${Math.min(9, records.length)} ${shorten(fault)}`;
  },
};

const meshMessages: Target = {
  name: "mesh_message",
  seeds: loadCorpus("mesh_message"),
  maxBytes: MAX_MESH_FRAME + 1,
  run(input) {
    const bytes = whole(input);
    const result = expectFault(() => decodeMeshMessage(bytes), MeshFrameError);
    if ("fault" in result) return shorten(result.fault.message);
    const message = result.value;
    const encoded = encodeMeshMessage(message);
    // The same message, byte for byte where nothing was left to later versions.
    assertEquals(decodeMeshMessage(encoded), message);
    assert(encoded.length <= bytes.length + 0 || message.type === "refuse");
    if (message.type === "push" || message.type === "reply") checkBatch(message.batch);
    return message.type + ("entries" in message ? Math.min(3, message.entries.length) : "");
  },
};

function checkBatch(batch: import("../../../lib/wire/mesh_batch.ts").Batch): void {
  const payloads = batch.payloads();
  assertEquals(payloads.length, batch.count);
  assert(batch.last >= batch.first && Number.isSafeInteger(batch.last));
  const again = encodeBatches(batch, payloads);
  assertEquals(again.flatMap((part) => part.payloads()), payloads);
  assertEquals(again[0]!.first, batch.first);
  const middle = batch.first + Math.floor(batch.count / 2);
  const rest = batch.slice(middle, batch.last);
  assertEquals(rest.count, batch.last - middle + 1);
  assertEquals(rest.payloads(), payloads.slice(middle - batch.first));
}

const beacons: Target = {
  name: "beacon_codec",
  seeds: loadCorpus("beacon_codec"),
  maxBytes: 1600,
  run(input, dice) {
    const bytes = whole(input).slice();
    // The checksum is there against accidents: whoever means harm can compute it.
    if (dice.chance(0.9) && bytes.length >= BEACON_HEADER_BYTES) {
      const [, , , , , method] = bytes;
      markMethod(bytes, "unicast");
      if (method === 1) markMethod(bytes, "multicast");
    }
    const result = expectFault(() => decodeBeacon(bytes), RemoteFault);
    if ("fault" in result) {
      assert(result.fault instanceof BeaconFault || result.fault instanceof MeshFrameError);
      return shorten(result.fault.message);
    }
    const message = result.value;
    assertEquals(decodeBeacon(encodeBeacon(message)), message);
    for (const record of message.records) {
      if (record.type === "advert") assert(isBeaconName(record.advert.name));
      if (record.type === "query") matchesBeaconName(record.pattern, "robot/arm");
    }
    return message.records.slice(0, 3).map(({ type }) => type).join();
  },
};

const networkzero: Target = {
  name: "networkzero_codec",
  seeds: loadCorpus("networkzero_codec"),
  dictionary: ['["', '", "', ":9999", "10.0.0.1", "null", "1e308", "-1", "\\ud800", "\\u0000", "]"],
  maxBytes: 300,
  run(input) {
    const advert = decodeNetworkzero(whole(input));
    if (advert === undefined) return "none";
    // Escapes make it longer; else it comes back as it was.
    const result = expectFault(() => encodeNetworkzero(advert), LocalFault);
    if ("fault" in result) return "too long";
    assertEquals(decodeNetworkzero(result.value), advert);
    return "advert";
  },
};

const words: Target = {
  name: "nearest",
  seeds: loadCorpus("words"),
  maxBytes: 8192,
  run(input) {
    const text = decodeText(whole(input));
    return `${nearest(text, ["nick", "who", "tell", "peer-connect"])}`;
  },
};

/** All of them. */
export const wireTargets: readonly Target[] = [
  lines,
  frames,
  meshMessages,
  beacons,
  networkzero,
  words,
];
