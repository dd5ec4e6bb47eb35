/**
 * Partitions and restarts in meshes of 4 to 12 nodes, for each seed. `TALKER_SIM_SEEDS` says how many
 * (default 140), `TALKER_SIM_SEED` runs a single one.
 */
import { MeshPartition } from "../support/mesh_partition.ts";
import { WIRINGS } from "../support/mesh_wiring.ts";

const seeds = Number(Deno.env.get("TALKER_SIM_SEEDS") ?? 140);
const only = Deno.env.get("TALKER_SIM_SEED");
const shapes = Object.keys(WIRINGS);

function run(seed: number, wiring: string): void {
  try {
    new MeshPartition(seed, wiring).run();
  } catch (cause) {
    const replay = `TALKER_SIM_SEED=${seed} deno test -A tests/mesh/partition_test.ts`;
    throw new Error(`Seed ${seed} (${wiring}) failed; replay it with: ${replay}`, { cause });
  }
}

for (const [index, wiring] of shapes.entries()) {
  Deno.test(`mesh partition: ${wiring}, who is back is told once, and nothing is replayed`, () => {
    if (only !== undefined) {
      if (Number(only) % shapes.length === index) run(Number(only), wiring);
      return;
    }
    for (let seed = 1; seed <= seeds; seed++) if (seed % shapes.length === index) run(seed, wiring);
  });
}
