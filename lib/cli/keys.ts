/**
 * Keys out of the bytes that a terminal in raw mode sends. Pure.
 *
 * Formats: ECMA-48 control sequences and the keys of xterm ("XTerm Control Sequences", PC-style
 * function keys; bracketed paste mode).
 *
 * @module
 */

/** Keys that have a name, apart from `ctrl-` and `alt-` with a letter. */
export type NamedKey =
  | "enter"
  | "tab"
  | "backspace"
  | "delete"
  | "left"
  | "right"
  | "up"
  | "down"
  | "home"
  | "end"
  | "word-left"
  | "word-right"
  | "alt-backspace"
  /** A key that means nothing here. */
  | "other";

/** A key, or text that was typed or pasted. */
export type Key =
  | { readonly name: NamedKey | `ctrl-${string}` | `alt-${string}` }
  | { readonly name: "text" | "paste"; readonly text: string };

/** Longest text that is taken from one paste, in UTF-16 units: some hundred full lines. */
const MAX_PASTE = 1024 * 1024;
/** A control sequence that is longer is none, in UTF-16 units. */
const MAX_SEQUENCE = 64;

const PASTE_BEGIN = "\u001b[200~";
const PASTE_END = "\u001b[201~";

/** By the final letter of `ESC [` or `ESC O`. */
const BY_LETTER: Readonly<Record<string, NamedKey>> = {
  A: "up",
  B: "down",
  C: "right",
  D: "left",
  H: "home",
  F: "end",
};

/** By the number in `ESC [ number ~`. */
const BY_NUMBER: Readonly<Record<string, NamedKey>> = {
  1: "home",
  3: "delete",
  4: "end",
  7: "home",
  8: "end",
};

/**
 * Cuts what a terminal sends into keys, however it is cut.
 *
 * @example
 * ```ts
 * import { KeyDecoder } from "./keys.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const decoder = new KeyDecoder();
 * const keys = decoder.push(new TextEncoder().encode("hi\u001b[D\r"));
 * assertEquals(keys, [{ name: "text", text: "hi" }, { name: "left" }, { name: "enter" }]);
 * ```
 */
export class KeyDecoder {
  readonly #decoder = new TextDecoder();
  #pending = "";
  /** Text of a paste that is under way. */
  #paste: string | undefined;

  /** The keys that are complete with these bytes. */
  push(bytes: Uint8Array): Key[] {
    const keys: Key[] = [];
    let rest = this.#pending + this.#decoder.decode(bytes, { stream: true });
    this.#pending = "";
    while (rest !== "") {
      if (this.#paste !== undefined) {
        rest = this.#pasted(rest, keys);
        continue;
      }
      const length = this.#key(rest, keys);
      if (length === 0) {
        this.#pending = rest;
        break;
      }
      rest = rest.slice(length);
    }
    return keys;
  }

  /** One key at the beginning of `rest`; gives its length, or 0 where it is not complete. */
  #key(rest: string, keys: Key[]): number {
    const first = rest.charCodeAt(0);
    if (first === 0x1b) return this.#escape(rest, keys);
    if (first >= 0x20 && first !== 0x7f) {
      // deno-lint-ignore no-control-regex
      const text = /^[^\u0000-\u001f\u007f]+/.exec(rest)?.[0] ?? "";
      keys.push({ name: "text", text });
      return text.length;
    }
    keys.push({ name: controlKey(first) });
    return 1;
  }

  #escape(rest: string, keys: Key[]): number {
    if (rest.length === 1) return 0;
    const second = rest.charAt(1);
    if (second === "[") {
      if (rest.startsWith(PASTE_BEGIN)) {
        this.#paste = "";
        return PASTE_BEGIN.length;
      }
      // `ESC [ [ A` is a function key of the Linux console.
      // deno-lint-ignore no-control-regex
      const match = /^\u001b\[(?:\[.|([0-?]*)[ -/]*([@-Z\\-~]))/.exec(rest);
      if (match === null) {
        // deno-lint-ignore no-control-regex
        const mayGoOn = /^\u001b\[(?:[0-?]*[ -/]*|\[)$/.test(rest) && rest.length < MAX_SEQUENCE;
        if (mayGoOn) return 0;
        keys.push({ name: "other" });
        return 2;
      }
      keys.push({ name: sequenceKey(match[1] ?? "", match[2] ?? "") });
      return match[0].length;
    }
    if (second === "O") {
      if (rest.length === 2) return 0;
      keys.push({ name: BY_LETTER[rest.charAt(2)] ?? "other" });
      return 3;
    }
    if (second === "\u001b") return 1;
    const code = second.charCodeAt(0);
    if (code === 0x7f || code === 0x08) keys.push({ name: "alt-backspace" });
    else if (code >= 0x20) keys.push({ name: `alt-${second.toLowerCase()}` });
    else keys.push({ name: "other" });
    return 2;
  }

  /** Goes on with a paste; gives what comes behind it. */
  #pasted(rest: string, keys: Key[]): string {
    const text = (this.#paste ?? "") + rest;
    const end = text.indexOf(PASTE_END);
    if (end < 0) {
      this.#paste = text.slice(0, MAX_PASTE);
      // What is over the limit is dropped, yet not the beginning of the end.
      if (text.length > MAX_PASTE) this.#paste += text.slice(-PASTE_END.length);
      return "";
    }
    this.#paste = undefined;
    keys.push({ name: "paste", text: text.slice(0, end) });
    return text.slice(end + PASTE_END.length);
  }
}

function controlKey(code: number): NamedKey | `ctrl-${string}` {
  switch (code) {
    case 0x0d:
    case 0x0a:
      return "enter";
    case 0x09:
      return "tab";
    case 0x08:
    case 0x7f:
      return "backspace";
    default:
      return code >= 1 && code <= 26 ? `ctrl-${String.fromCharCode(code + 96)}` : "other";
  }
}

function sequenceKey(parameters: string, final: string): NamedKey {
  const [number = "", modifier = "1"] = parameters.split(";");
  const key = (final === "~" ? BY_NUMBER[number] : BY_LETTER[final]) ?? "other";
  // 3 is Alt, 5 is Control.
  if (modifier === "3" || modifier === "5") {
    if (key === "left") return "word-left";
    if (key === "right") return "word-right";
  }
  return key;
}
