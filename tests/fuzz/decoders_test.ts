/**
 * All targets, for a moment each with fixed seeds; `TALKER_FUZZ_SECONDS=60` spreads so many seconds over
 * them. `bench/fuzz.ts` goes on for as long as is wanted.
 */

import { assert, assertEquals } from "@std/assert";
import { describe, Fuzzer, runOnce } from "./fuzzer.ts";
import { allTargets } from "./targets/mod.ts";

const SEED = 20_261_121;
/** Without a time, so many executions of each target: the same each time. */
const EXECUTIONS = 300;

const targets = await allTargets();
const seconds = Number(Deno.env.get("TALKER_FUZZ_SECONDS") ?? 0);

for (const target of targets) {
  Deno.test(`fuzz: ${target.name}`, () => {
    const fuzzer = new Fuzzer(target, SEED);
    const until = performance.now() + seconds * 1000 / targets.length;
    fuzzer.run((executions) =>
      executions >= EXECUTIONS && (seconds === 0 || performance.now() >= until)
    );
    assertEquals(fuzzer.findings.map(describe), []);
    // A target that says the same to everything looks at nothing.
    assert(fuzzer.outcomes.size > 1, `${target.name} gives ${[...fuzzer.outcomes.keys()]}`);
  });
}

Deno.test("fuzz: the same seed gives the same executions", () => {
  const [target] = targets.filter(({ name }) => name === "mesh_message");
  const outcomes = [1, 1, 2].map((seed) => {
    const fuzzer = new Fuzzer(target!, seed);
    fuzzer.run((executions) => executions >= 500);
    return [...fuzzer.outcomes];
  });
  assertEquals(outcomes[0], outcomes[1]);
  assert(JSON.stringify(outcomes[0]) !== JSON.stringify(outcomes[2]));
});

Deno.test("fuzz: a target that breaks is found, once for each kind, and seen again", () => {
  const target = {
    name: "broken",
    seeds: [[new Uint8Array([1, 2, 3])]],
    run([first]: readonly Uint8Array[]) {
      if ((first?.[0] ?? 0) > 200) throw new RangeError(`Broken by ${first?.[0]}`);
      return "fine";
    },
  };
  const fuzzer = new Fuzzer(target, 1);
  fuzzer.run((executions) => executions >= 2_000);
  assertEquals(fuzzer.findings.length, 1);
  const [finding] = fuzzer.findings;
  try {
    runOnce(target, finding!.input, finding!.seed);
    assert(false, "It does not happen again");
  } catch (error) {
    assert(error instanceof RangeError);
  }
});
