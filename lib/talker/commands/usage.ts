/**
 * What commands have in common in taking their arguments.
 *
 * @module
 */

import type { Command, Outcome } from "../command.ts";

/** The answer to bad arguments: the usage, and what is wrong where that isn't plain. */
export function usage(command: Pick<Command, "name" | "parameters">, hint = ""): Outcome {
  const text = `Usage: /${command.name} ${command.parameters}`.trimEnd();
  return { error: "usage", text: hint === "" ? text : `${text} (${hint})` };
}

/** A whole number, or undefined. */
export function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^[+-]?[0-9]{1,16}$/.test(text)) return undefined;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : undefined;
}

/** The words of a text. */
export function words(text: string): string[] {
  return text === "" ? [] : text.split(/\s+/);
}
