/**
 * JSON as it goes over the wire: what cannot be said in it is found before it is sent, and what a
 * stranger sends is looked at before it is parsed. Pure.
 *
 * @module
 */

import { LocalFault, RemoteFault } from "../wire/errors.ts";
import { isDeeperThan } from "../wire/json_depth.ts";
import { MAX_BODY_BYTES, MAX_JSON_DEPTH } from "../wire/limits.ts";

declare const encoded: unique symbol;

/** The text of a JSON value, checked by {@linkcode encodeJson}. */
export type JsonText = string & { readonly [encoded]: true };

const encoder = new TextEncoder();
/** Much faster than the strict one; what isn't UTF-8 becomes U+FFFD. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What can stand in the name of a member that is refused. */
const SUSPICIOUS = /__proto__|constructor|\\u/;

/**
 * Is a member so called refused? Copied by a program member by member, it would change all its objects.
 * `within`: the name of what it is in.
 */
function isRefused(name: string, within: string | number | undefined): boolean {
  return name === "__proto__" || (name === "prototype" && within === "constructor");
}

/** More parts than the longest body has room for: something refers to itself. */
const MAX_PARTS = MAX_BODY_BYTES;

/**
 * The text of a value: text, numbers, true, false, null, lists and plain objects of these, and what
 * says by `toJSON` how it is to be written (a `Date`). Nothing (`undefined`) is null; members of
 * objects that are `undefined` are left out. Members that {@linkcode decodeJson} refuses can't be sent.
 *
 * @throws {LocalFault} for anything else, with what it is and where; for a value that is nested
 * deeper than 100, refers to itself, or is longer than 1 MiB
 *
 * @example
 * ```ts
 * import { encodeJson } from "./json.ts";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(encodeJson({ target: 3 }), '{"target":3}');
 * assertThrows(() => encodeJson({ hit: [1n] }), Error, "1n (a bigint) at hit[0]");
 * ```
 */
export function encodeJson(value: unknown): JsonText {
  if (value === undefined) return "null" as JsonText;
  check(value, [], { left: MAX_PARTS });
  const text = JSON.stringify(value);
  // At most three bytes for each of them.
  const isShort = text.length * 3 <= MAX_BODY_BYTES;
  if (!isShort && encoder.encode(text).length > MAX_BODY_BYTES) {
    throw new LocalFault(
      `Cannot send ${shown(value)}: it is longer than ${MAX_BODY_BYTES} bytes; send it in parts`,
    );
  }
  return text as JsonText;
}

type Trail = (string | number)[];

/** `trail` leads to the value, and is as long as it is deep. */
function check(value: unknown, trail: Trail, parts: { left: number }): void {
  switch (typeof value) {
    case "string":
    case "boolean":
      return;
    case "number":
      if (Number.isFinite(value)) return;
      throw cannot(String(value), trail);
    case "object":
      break;
    case "bigint":
      throw cannot(`${value}n (a bigint)`, trail);
    case "undefined":
      throw cannot("undefined", trail);
    default:
      throw cannot(typeof value === "symbol" ? String(value) : `a ${typeof value}`, trail);
  }
  if (value === null) return;
  if (trail.length >= MAX_JSON_DEPTH || --parts.left < 0) {
    throw new LocalFault(
      `Cannot send a value that is nested deeper than ${MAX_JSON_DEPTH}, or refers to itself` +
        where(trail.slice(0, 10)),
    );
  }
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      trail.push(i);
      check(value[i], trail, parts);
      trail.pop();
    }
    return;
  }
  if (value instanceof Date && Number.isNaN(value.getTime())) {
    throw cannot("an invalid Date", trail);
  }
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") {
    const written: unknown = toJSON.call(value, "");
    if (written === value) throw cannot("what its toJSON gives", trail);
    return check(written, trail, parts);
  }
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  if (kind !== "Object") throw cannot(`a ${kind}`, trail);
  for (const [name, member] of Object.entries(value)) {
    if (member === undefined) continue;
    if (isRefused(name, trail.at(-1))) {
      throw new LocalFault(
        `Cannot send a member called ${name}${where(trail)}: it is refused there`,
      );
    }
    trail.push(name);
    check(member, trail, parts);
    trail.pop();
  }
}

function where(trail: Trail): string {
  if (trail.length === 0) return "";
  const steps = trail.map((step) => typeof step === "number" ? `[${step}]` : `.${step}`);
  return ` at ${steps.join("").replace(/^\./, "")}`;
}

function cannot(what: string, trail: Trail): LocalFault {
  return new LocalFault(
    `Cannot send ${what}${where(trail)}: a message is made of text, numbers, true, false, null, ` +
      "lists and plain objects",
  );
}

/**
 * A value for people to read, cut to some length.
 *
 * @example
 * ```ts
 * import { shown } from "./json.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(shown({ a: "long ".repeat(100) }, 12), '{"a":"long l…');
 * ```
 */
export function shown(value: unknown, longest = 80): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    // A bigint, or a circle.
  }
  text ??= String(value);
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

/** A member in it is refused. What it is in can be looked at, not passed on. */
export class BadMember extends RemoteFault {
  /** All that came. */
  readonly value: unknown;

  constructor(name: string, value: unknown) {
    super("bad-member", `A member may not be called ${name}`);
    this.value = value;
  }
}

/**
 * Parses JSON of a stranger. How deep it is nested is looked at before it is parsed. Members called
 * `__proto__`, and `prototype` within `constructor`, are refused: where a program copies what it
 * got, member by member, they would change all its objects.
 *
 * @throws {RemoteFault} `not-json`, `too-deep`; {@linkcode BadMember}
 *
 * @example
 * ```ts
 * import { decodeJson } from "./json.ts";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(decodeJson(new TextEncoder().encode('["LEFT",0.5]')), ["LEFT", 0.5]);
 * assertThrows(() => decodeJson(new TextEncoder().encode("[".repeat(1e6))), Error, "deeper");
 * ```
 */
export function decodeJson(bytes: Uint8Array): unknown {
  const text = decoder.decode(bytes);
  // The envelope is one level more.
  if (isDeeperThan(text, MAX_JSON_DEPTH + 1)) {
    throw new RemoteFault("too-deep", `A value is nested deeper than ${MAX_JSON_DEPTH}`);
  }
  let value: unknown;
  try {
    if (text.includes("\uFFFD")) strictDecoder.decode(bytes);
    value = JSON.parse(text);
  } catch {
    throw new RemoteFault("not-json", `Not JSON: ${quoted(bytes)}`);
  }
  // A name can be written with escapes; nearly no message has any of these.
  const bad = SUSPICIOUS.test(text) ? badMember(value) : undefined;
  if (bad !== undefined) throw new BadMember(bad, value);
  return value;
}

/** The beginning of what came, for people. */
function quoted(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes.subarray(0, 40));
  return JSON.stringify(bytes.length > 40 ? `${text}…` : text);
}

/** The name of a member that is refused; nothing where there is none. */
function badMember(value: unknown, within?: string): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  for (const [name, member] of Object.entries(value)) {
    const bad = isRefused(name, within) ? name : badMember(member, name);
    if (bad !== undefined) return bad;
  }
  return undefined;
}
