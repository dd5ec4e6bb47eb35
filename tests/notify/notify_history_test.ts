/** Random histories: see notify_history.ts. `SEEDS=1000` runs more of them, `SEED=n` that one. */
import { NotifyHistory } from "./notify_history.ts";

const SEED = Number(Deno.env.get("SEED") ?? 0);
const COUNT = Number(Deno.env.get("SEEDS") ?? 25);
const seeds = SEED > 0 ? [SEED] : Array.from({ length: COUNT }, (_, i) => i + 1);

function runAll(options: (seed: number) => ConstructorParameters<typeof NotifyHistory>[0]): void {
  for (const seed of seeds) {
    try {
      new NotifyHistory(options(seed)).run();
    } catch (error) {
      throw new Error(`Seed ${seed}: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      });
    }
  }
}

Deno.test("notifications: nothing is lost or repeated, whatever happens to servers and cables", () => {
  runAll((seed) => ({ seed }));
});

Deno.test("notifications: also when the mesh itself remembers next to nothing", () => {
  const mesh = { retentionCount: 2, retentionBytes: 2_000, retentionYoung: 0 };
  runAll((seed) => ({ seed: 10_000 + seed, mesh, ordered: false }));
});
