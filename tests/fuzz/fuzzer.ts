/**
 * Runs a target with changed inputs, and keeps those that reach something new: what a target gives for
 * an input (the kind of message, the text of the fault) stands for the way through the program.
 *
 * Everything follows from the seed and the number of the execution; how fast the machine is decides
 * only how many there are.
 *
 * @module
 */

import { Dice, seededRandom } from "../support/random.ts";
import { formatInput } from "./corpus.ts";
import { type Input, mutate } from "./mutate.ts";

/** Something that takes what a stranger sends. */
export interface Target {
  readonly name: string;
  /** Inputs to begin with. */
  readonly seeds: readonly Input[];
  /** Words of the format. */
  readonly dictionary?: readonly string[];
  /** Most bytes of one piece. Default 64 KiB. */
  readonly maxBytes?: number;
  /** Most pieces. Default 1. */
  readonly maxPieces?: number;
  /** How long one execution may take, in milliseconds, at its best of three. Default 500. */
  readonly slowMs?: number;
  /**
   * Takes an input; gives in a word or two what came of it. Whatever it throws is a finding. `dice` are
   * for what the input does not say: where it is cut, what time it is.
   */
  run(input: Input, dice: Dice): string;
}

/** An input that broke something. */
export interface Finding {
  readonly target: string;
  readonly error: string;
  readonly input: Input;
  /** Of the dice that the target had. */
  readonly seed: number;
  /** Which execution it was. */
  readonly execution: number;
}

/** Inputs that are kept for one target. */
const MAX_POOL = 400;

/** Fuzzes one target. */
export class Fuzzer {
  executions = 0;
  readonly findings: Finding[] = [];
  /** What came of inputs, with how often. */
  readonly outcomes = new Map<string, number>();
  readonly #target: Target;
  readonly #seed: number;
  readonly #pool: Input[];
  readonly #dictionary: Uint8Array[];
  /** Findings that were seen, without what changes from one to the next. */
  readonly #known = new Set<string>();

  constructor(target: Target, seed: number) {
    this.#target = target;
    this.#seed = seed;
    this.#pool = [...target.seeds];
    this.#dictionary = (target.dictionary ?? []).map((word) =>
      Uint8Array.from(word, (character) => character.charCodeAt(0))
    );
  }

  /** Runs all seeds as they are, then goes on until `isOver`. */
  run(isOver: (executions: number) => boolean): void {
    for (; this.executions < this.#target.seeds.length;) {
      this.#execute(this.#target.seeds[this.executions]!);
    }
    while (!isOver(this.executions)) this.#execute(undefined);
  }

  #execute(seed: Input | undefined): void {
    const { maxBytes = 64 * 1024, maxPieces = 1 } = this.#target;
    const number = mix(this.#seed, this.executions);
    const dice = new Dice(seededRandom(number));
    const input = seed ?? mutate(dice.pick(this.#pool), dice, {
      pool: this.#pool,
      dictionary: this.#dictionary,
      maxBytes,
      maxPieces,
    });
    const outcome = this.#try(input, number);
    this.executions++;
    const seen = this.outcomes.get(outcome) ?? 0;
    this.outcomes.set(outcome, seen + 1);
    if (seen > 0 || seed !== undefined) return;
    // What is new takes the place of something that was found, never of a seed.
    if (this.#pool.length < MAX_POOL) this.#pool.push(input);
    else this.#pool[dice.int(this.#target.seeds.length, MAX_POOL - 1)] = input;
  }

  #try(input: Input, seed: number): string {
    const { slowMs = 500 } = this.#target;
    try {
      const took: number[] = [];
      let outcome = "";
      do {
        const start = performance.now();
        outcome = runOnce(this.#target, input, seed);
        took.push(performance.now() - start);
      } while (Math.min(...took) > slowMs && took.length < 3);
      if (Math.min(...took) <= slowMs) return outcome;
      throw new Error(`Took ${Math.round(Math.min(...took))} ms`);
    } catch (error) {
      const text = error instanceof Error ? error.stack ?? error.message : String(error);
      const short = shorten(text.split("\n").slice(0, 3).join(" "));
      if (!this.#known.has(short) && this.#known.size < 50) {
        this.#known.add(short);
        this.findings.push({
          target: this.#target.name,
          error: text,
          input,
          seed,
          execution: this.executions,
        });
      }
      return `finding ${short}`;
    }
  }
}

/** Runs a target once, as a fuzzer with such dice did. */
export function runOnce(target: Target, input: Input, seed: number): string {
  return target.run(input, new Dice(seededRandom(seed ^ 0x5eed)));
}

/** A finding, and how to see it again. */
export function describe({ target, error, input, seed, execution }: Finding): string {
  const hex = formatInput(input);
  const shown = hex.length > 4000 ? `${hex.slice(0, 4000)}… (${hex.length} characters)` : hex;
  return `${target}, execution ${execution}: ${error}\n` +
    `  again: deno run -A bench/fuzz.ts --target ${target} --dice ${seed} --input "${shown}"`;
}

/** A text without its numbers and quotations: of one kind are all faults with the same. */
export function shorten(text: string): string {
  return text.replace(/"[^"]*"?/g, "“”").replace(/\d+/g, "0").slice(0, 120);
}

function mix(seed: number, number: number): number {
  let hash = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ number;
  hash = Math.imul(hash ^ (hash >>> 15), 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 13), 0x27d4eb2f);
  return (hash ^ (hash >>> 16)) >>> 0;
}
