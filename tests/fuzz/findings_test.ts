/** What the fuzzers found, each once: so that it stays found. docs/FUZZING.md tells of them. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { parseRecord } from "../../lib/client/record.ts";
import { AddressError, parseTarget } from "../../lib/net/address.ts";
import { decodeNotification, encodeNotification } from "../../lib/notify/messages.ts";
import { headlineOf } from "../../lib/talker/commands/offers.ts";
import { decodeBatch, encodeBatches } from "../../lib/wire/mesh_batch.ts";
import { MeshFrameError } from "../../lib/wire/mesh_bytes.ts";
import { decodeMeshMessage, encodeMeshMessage } from "../../lib/wire/mesh_message.ts";

const ID = "00000000000000aa";

Deno.test("found: lines of a time that is no date ended the links of servers with clients that read JSON", () => {
  const batch = (time: number) =>
    encodeBatches({ origin: ID, incarnation: 1, first: 1, kind: 1, time }, [new Uint8Array(3)])[0]!;
  assertEquals(decodeBatch(batch(8.64e15).body).time, 8.64e15);
  for (const time of [8.64e15 + 1, 2 ** 53 - 1]) {
    assertThrows(() => decodeBatch(batch(time).body), MeshFrameError, "no date");
  }
});

Deno.test("found: a byte order mark at the beginning of a text was lost between servers", () => {
  const text = "\u{feff}hello";
  const stamp = { stream: `${ID}.1`, sequence: 1 };
  const sent = { topic: "t", text, nick: "bob", server: "k", details: undefined };
  assertEquals(decodeNotification(encodeNotification(sent), stamp, 1)?.text, text);
  const refusal = { type: "refuse", code: "mesh", reason: text } as const;
  assertEquals(decodeMeshMessage(encodeMeshMessage(refusal)), refusal);
});

Deno.test("found: the tag of a server's answer could steer the terminal", () => {
  for (const type of ["ok", "error", "reply"]) {
    const record = (tag: string) => parseRecord(JSON.stringify({ type, tag, text: "", code: "x" }));
    assertEquals(record("n1")?.type as string, type);
    assertEquals(record("n1\u{1b}[2J"), undefined);
  }
});

Deno.test("found: what is no address was quoted whole, and looked at for a time that grew with its square", () => {
  const fault = assertThrows(() => parseTarget(":f".repeat(100_000)), AddressError);
  assert(fault.message.length < 500);
});

Deno.test("found: the headline of an offer cost as much as its text", () => {
  assertEquals(headlineOf(`${"😀".repeat(61)}${"x".repeat(8_000)}`), `${"😀".repeat(60)}…`);
  assertEquals(headlineOf("😀".repeat(60)), "😀".repeat(60));
});
