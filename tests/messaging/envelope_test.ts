import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { decodeEnvelope, encodeEnvelope, type Outgoing } from "../../lib/messaging/envelope.ts";
import { encodeJson } from "../../lib/messaging/json.ts";
import { RemoteFault } from "../../lib/wire/errors.ts";

const decode = (value: unknown) => decodeEnvelope(new TextEncoder().encode(JSON.stringify(value)));

const anyId = fc.nat(Number.MAX_SAFE_INTEGER);
const anyType = fc.constantFrom("message", "a b", "größe", "x".repeat(64));
const anyTopic = fc.string({ maxLength: 255 }).filter((topic) => !/_|construct/.test(topic));
const anyBody = fc.oneof(fc.integer(), fc.string().filter((text) => !/_|construct/.test(text)));
const anyReason = fc.constantFrom("", "no such thing");
const json = anyBody.map(encodeJson);

const anyEnvelope: fc.Arbitrary<Outgoing> = fc.oneof(
  fc.record({ kind: fc.constant("ask" as const), id: anyId, type: anyType, body: json }),
  fc.record({ kind: fc.constant("answer" as const), id: anyId, body: json }),
  fc.record({ kind: fc.constant("tell" as const), type: anyType, body: json }),
  fc.record({ kind: fc.constant("cancel" as const), id: anyId }),
  fc.record({
    kind: fc.constant("refuse" as const),
    id: fc.option(anyId, { nil: undefined }),
    code: fc.constantFrom("busy", "not-json"),
    reason: anyReason,
  }),
  fc.record({ kind: fc.constant("subscribe" as const), prefix: anyTopic }),
  fc.record({ kind: fc.constant("unsubscribe" as const), prefix: anyTopic }),
  fc.record({
    kind: fc.constant("news" as const),
    topic: fc.option(anyTopic, { nil: undefined }),
    body: json,
    missed: fc.nat(),
  }),
  fc.record({
    kind: fc.constant("hello" as const),
    versions: fc.constant([1, 3] as const),
    role: fc.constantFrom("connects" as const, "listens" as const),
  }),
  fc.constantFrom({ kind: "ping" as const }, { kind: "pong" as const }),
  fc.record({ kind: fc.constant("goodbye" as const), reason: anyReason }),
);

Deno.test("envelope: each is read as it was written", () => {
  fc.assert(fc.property(anyEnvelope, (envelope) => {
    const expected = "body" in envelope
      ? { ...envelope, body: JSON.parse(envelope.body) }
      : envelope;
    assertEquals<unknown>(decodeEnvelope(encodeEnvelope(envelope)), expected);
  }));
});

Deno.test("envelope: on the wire it is as docs/PROTOCOL.md says", () => {
  const written = (envelope: Outgoing) => new TextDecoder().decode(encodeEnvelope(envelope));
  assertEquals(
    written({ kind: "hello", versions: [1, 1], role: "connects" }),
    '{"kind":"hello","versions":[1,1],"role":"connects"}',
  );
  const body = encodeJson({ target: 3 });
  assertEquals(
    written({ kind: "news", topic: "hits", body, missed: 0 }),
    '{"kind":"news","topic":"hits","body":{"target":3}}',
  );
  assertEquals(
    written({ kind: "news", topic: undefined, body, missed: 2 }),
    '{"kind":"news","missed":2,"body":{"target":3}}',
  );
  assertEquals(
    written({ kind: "refuse", id: undefined, code: "not-json", reason: "Not JSON" }),
    '{"kind":"refuse","code":"not-json","reason":"Not JSON"}',
  );
});

Deno.test("envelope: what is left out and what is unknown", () => {
  assertEquals(decode({ kind: "ask", id: 1, type: "go", colour: "red" }), {
    kind: "ask",
    id: 1,
    type: "go",
    body: null,
  });
  assertEquals(decode({ kind: "news" }), { kind: "news", topic: undefined, body: null, missed: 0 });
});

Deno.test("envelope: what is no envelope", () => {
  const cases: [unknown, string][] = [
    [[], "must be a JSON object"],
    [null, "must be a JSON object"],
    ["ask", "must be a JSON object"],
    [{}, "No such kind of message: none"],
    [{ kind: "toString" }, 'No such kind of message: "toString"'],
    [{ kind: ["ask"], id: 1, type: "a" }, "No such kind"],
    [{ kind: "ask", type: "a" }, "id: none"],
    [{ kind: "ask", id: 1.5, type: "a" }, "id: 1.5"],
    [{ kind: "ask", id: -1, type: "a" }, "id: -1"],
    [{ kind: "ask", id: "1", type: "a" }, 'id: "1"'],
    [{ kind: "ask", id: 2 ** 53, type: "a" }, "id: 9007199254740992"],
    [{ kind: "ask", id: 1, type: "" }, 'type: ""'],
    [{ kind: "ask", id: 1, type: "a".repeat(65) }, 'type: "aaa'],
    [{ kind: "tell", type: "a\u001b[31m" }, "type: "],
    [{ kind: "subscribe", prefix: "x".repeat(256) }, 'prefix: "xxx'],
    [{ kind: "subscribe" }, "prefix: none"],
    [{ kind: "news", topic: 7 }, "topic: 7"],
    [{ kind: "news", missed: -1 }, "missed: -1"],
    [{ kind: "refuse", code: "A B", reason: "" }, 'code: "A B"'],
    [{ kind: "goodbye" }, "reason: none"],
    [{ kind: "hello", versions: [2, 1], role: "listens" }, "versions: [2,1]"],
    [{ kind: "hello", versions: [1, 1], role: "boss" }, 'role: "boss"'],
  ];
  for (const [value, message] of cases) {
    const error = assertThrows(() => decode(value), RemoteFault, message);
    assert(error.message.length < 200);
  }
});

Deno.test("envelope: reasons are cut, and freed of what steers a terminal", () => {
  const long = decode({ kind: "goodbye", reason: "\u001b[31m" + "x".repeat(5000) });
  assert(long.kind === "goodbye" && long.reason.length <= 1000 && !long.reason.includes("\u001b"));
});

Deno.test("envelope: whatever is altered in it, an envelope or a fault comes out", () => {
  const mutated = fc.tuple(anyEnvelope, fc.nat(), fc.nat(255));
  fc.assert(fc.property(mutated, ([envelope, at, byte]) => {
    const bytes = encodeEnvelope(envelope);
    bytes[at % bytes.length] = byte;
    try {
      decodeEnvelope(bytes);
    } catch (error) {
      assert(error instanceof RemoteFault, String(error));
    }
  }));
});
