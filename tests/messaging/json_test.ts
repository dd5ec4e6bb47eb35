import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { decodeJson, encodeJson, shown } from "../../lib/messaging/json.ts";
import { LocalFault, RemoteFault } from "../../lib/wire/errors.ts";
import { MAX_BODY_BYTES, MAX_JSON_DEPTH } from "../../lib/wire/limits.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("json: values arrive as they were sent", () => {
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
    const once = JSON.parse(JSON.stringify(value));
    if (JSON.stringify(value).match(/__proto__|constructor/)) return;
    assertEquals(decodeJson(bytes(encodeJson(value))), once);
  }));
});

Deno.test("json: what can be sent is taken there, whatever its members are called", () => {
  const name = fc.constantFrom("a", "__proto__", "constructor", "prototype", "\\u", "toString");
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      fc.constantFrom(1, null, "__proto__"),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.array(fc.tuple(name, tie("tree")), { maxLength: 3 }).map((members) =>
        JSON.parse(`{${members.map(([n, v]) => `${JSON.stringify(n)}:${JSON.stringify(v)}`)}}`)
      ),
    ),
  }));
  fc.assert(fc.property(tree, (value) => {
    const written = bytes(JSON.stringify(value));
    let sent: string;
    try {
      sent = encodeJson(value);
    } catch {
      assertThrows(() => decodeJson(written), RemoteFault);
      return;
    }
    assertEquals(bytes(sent), written);
    decodeJson(written);
  }));
});

Deno.test("json: what can't be sent is named, with its place", () => {
  const circle: Record<string, unknown> = {};
  circle.me = circle;
  const cases: [unknown, string][] = [
    [() => 1, "Cannot send a function:"],
    [{ motor: { speed: NaN } }, "Cannot send NaN at motor.speed:"],
    [[1, 2, Infinity], "Cannot send Infinity at [2]:"],
    [{ a: [{ b: 7n }] }, "Cannot send 7n (a bigint) at a[0].b:"],
    [Symbol("s"), "Cannot send Symbol(s):"],
    [new Map([[1, 2]]), "Cannot send a Map:"],
    [{ at: new Set() }, "Cannot send a Set at at:"],
    [new Uint8Array(3), "Cannot send a Uint8Array:"],
    [Promise.resolve(), "Cannot send a Promise:"],
    [new Error("oh"), "Cannot send a Error:"],
    [[undefined], "Cannot send undefined at [0]:"],
    [circle, "refers to itself"],
    [{ at: [new Date(NaN)] }, "Cannot send an invalid Date at at[0]:"],
    [JSON.parse('{"a":[{"__proto__":1}]}'), "Cannot send a member called __proto__ at a[0]:"],
    [{ constructor: { prototype: 1 } }, "Cannot send a member called prototype at constructor:"],
    [
      { constructor: { toJSON: () => ({ prototype: 1 }) } },
      "Cannot send a member called prototype at constructor:",
    ],
    ["é".repeat(MAX_BODY_BYTES / 2), "is longer than"],
  ];
  for (const [value, message] of cases) assertThrows(() => encodeJson(value), LocalFault, message);
});

Deno.test("json: what can be sent", () => {
  assertEquals(encodeJson(undefined), "null");
  assertEquals(encodeJson({ a: undefined, b: 1 }), '{"b":1}');
  assertEquals(encodeJson(new Date(0)), '"1970-01-01T00:00:00.000Z"');
  class Hello {
    myName = "Tim";
  }
  assertEquals(encodeJson(new Hello()), '{"myName":"Tim"}');
  assertEquals(encodeJson(Object.create(null)), "{}");
  assertEquals(encodeJson("x".repeat(MAX_BODY_BYTES - 2)).length, MAX_BODY_BYTES);
  assertThrows(() => encodeJson("x".repeat(MAX_BODY_BYTES - 1)), LocalFault);
});

Deno.test("json: what is sent at the deepest is received, one more is not", () => {
  const nested = (depth: number) => JSON.parse("[".repeat(depth) + "]".repeat(depth));
  const text = encodeJson(nested(MAX_JSON_DEPTH));
  // As it stands in its envelope.
  decodeJson(bytes(`{"body":${text}}`));
  assertThrows(() => encodeJson(nested(MAX_JSON_DEPTH + 1)), LocalFault, "deeper than 100");
  const deeper = `{"body":${"[".repeat(MAX_JSON_DEPTH + 1)}${"]".repeat(MAX_JSON_DEPTH + 1)}}`;
  assertThrows(() => decodeJson(bytes(deeper)), RemoteFault, "deeper than 100");
});

Deno.test("json: a million brackets are refused before they are parsed; brackets in text are text", () => {
  for (const open of ["[", '{"a":']) {
    const text = open.repeat(1_000_000 / open.length);
    assertThrows(() => decodeJson(bytes(text)), RemoteFault, "deeper");
  }
  const text = JSON.stringify("[{".repeat(1000) + '"\\');
  assertEquals(decodeJson(bytes(text)), JSON.parse(text));
});

Deno.test("json: no member of a stranger gets at the prototypes", () => {
  const bad = [
    '{"__proto__":{"admin":true}}',
    '[{"a":{"__proto__":null}}]',
    '{"\\u005f_proto__":{"admin":true}}',
    '{"constructor":{"prototype":{"admin":true}}}',
    '{"const\\u0072uctor":{"prototype":1}}',
  ];
  for (const text of bad) assertThrows(() => decodeJson(bytes(text)), RemoteFault, "may not be");
  assertEquals(decodeJson(bytes('"__proto__"')), "__proto__");
  assertEquals(decodeJson(bytes('{"constructor":"Lego"}')), { constructor: "Lego" } as unknown);
});

Deno.test("json: what is no JSON, or no UTF-8", () => {
  for (const text of ["", "{", "hello", "{'a':1}", "[1,]", "NaN", "\u0000"]) {
    const error = assertThrows(() => decodeJson(bytes(text)), RemoteFault);
    assertEquals(error.code, "not-json");
  }
  assertThrows(() => decodeJson(new Uint8Array([0x22, 0xff, 0x22])), RemoteFault, "Not JSON");
});

Deno.test("json: whatever bytes come, a value or a fault comes out", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (input) => {
    try {
      decodeJson(input);
    } catch (error) {
      assert(error instanceof RemoteFault);
    }
  }));
});

Deno.test("json: values are shown, whatever they are", () => {
  assertEquals(shown(7n), "7");
  assertEquals(shown(undefined), "undefined");
  assertEquals(shown("x".repeat(100), 5), '"xxxx…');
});
