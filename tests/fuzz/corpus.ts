/**
 * Seeds of the fuzzers: one file for each target, one input on each line, its pieces in hex with a
 * blank between them. Lines that begin with `#` say what follows.
 *
 * @module
 */

import type { Input } from "./mutate.ts";

/** The file of a corpus. */
export function corpusPath(name: string): string {
  return `${import.meta.dirname}/corpus/${name}.txt`;
}

/** The inputs in it. */
export function loadCorpus(name: string): Input[] {
  return Deno.readTextFileSync(corpusPath(name)).split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map(parseInput);
}

/** An input from its hex. */
export function parseInput(line: string): Input {
  return line.trim().split(" ").map((piece) => piece === "-" ? new Uint8Array(0) : fromHex(piece));
}

/** An input as hex; an empty piece is `-`. */
export function formatInput(input: Input): string {
  return input.map((piece) => piece.length === 0 ? "-" : toHex(piece)).join(" ");
}

function fromHex(hex: string): Uint8Array {
  if (!/^([0-9a-f]{2})*$/.test(hex)) throw new Error(`Not hex: ${hex.slice(0, 40)}`);
  return Uint8Array.from(
    { length: hex.length / 2 },
    (_, i) => parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  );
}

function toHex(bytes: Uint8Array): string {
  let hex = "";
  for (const byte of bytes) hex += byte.toString(16).padStart(2, "0");
  return hex;
}
