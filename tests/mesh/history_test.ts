/**
 * Random histories of meshes of 15 nodes, one for each seed. `TALKER_SIM_SEEDS` says how many
 * (default 210), `TALKER_SIM_SEED` runs a single one, `TALKER_SIM_WIRINGS` only those wirings.
 */
import { MeshHistory } from "../support/mesh_history.ts";
import { WIRINGS } from "../support/mesh_wiring.ts";

const seeds = Number(Deno.env.get("TALKER_SIM_SEEDS") ?? 210);
const only = Deno.env.get("TALKER_SIM_SEED");
const shapes = Object.keys(WIRINGS);
const wanted = Deno.env.get("TALKER_SIM_WIRINGS")?.split(",") ?? shapes;
for (const wiring of wanted) {
  if (!shapes.includes(wiring)) throw new Error(`No wiring "${wiring}"; there are ${shapes}`);
}

function run(seed: number, wiring: string): void {
  try {
    new MeshHistory({ seed, wiring }).run();
  } catch (cause) {
    const replay = `TALKER_SIM_SEED=${seed} deno test -A tests/mesh/history_test.ts`;
    throw new Error(`Seed ${seed} (${wiring}) failed; replay it with: ${replay}`, { cause });
  }
}

for (const [index, wiring] of shapes.entries()) {
  if (!wanted.includes(wiring)) continue;
  Deno.test(`mesh history: ${wiring}, everything said is everywhere, once, in order`, () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const isMine = seed % shapes.length === index;
      const isWanted = only === undefined || seed === Number(only);
      if (isMine && isWanted) run(seed, wiring);
    }
    const beyond = Number(only);
    if (beyond > seeds && beyond % shapes.length === index) run(beyond, wiring);
  });
}
