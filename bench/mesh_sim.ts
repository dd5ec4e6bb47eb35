// deno-lint-ignore-file no-console -- a report on the console is its purpose
/**
 * How much the mesh core floods, in the simulator: payload copies per message once the trees have
 * settled, with about 4 links for each node, and delivery while 30% of the nodes crash.
 *
 *     deno run -A bench/mesh_sim.ts [NODES…]      (default: 15 100 1000; the last takes minutes)
 */
import { FloodMeasurement } from "../tests/support/mesh_flood.ts";

function report(size: number): void {
  console.log(`${size} nodes, 4 links each:`);
  const started = performance.now();
  const measurement = new FloodMeasurement(size, 1);
  const copies = (what: string, count: number, nodes: number) =>
    console.log(
      `  ${what}: ${count.toFixed(1)} copies, ${(count / (nodes - 1)).toFixed(3)} x (N - 1)`,
    );
  const settled = measurement.settle();
  copies("the first message of each speaker", measurement.speak(1), size);
  measurement.speak(3);
  copies("settled", measurement.speak(20), size);
  const spread = measurement.spread();
  const { crashed, stayed, said, delivered, expected } = measurement.crash(0.3);
  console.log(`  ${crashed} crash, ${stayed} stay connected, ${said} messages among them:`);
  console.log(`  ${(100 * delivered / expected).toFixed(4)}% of ${expected} deliveries`);
  copies("settled again", measurement.speak(5), stayed);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `  virtual time: the graph known everywhere after ${settled.toFixed(0)} ms, a message ` +
      `everywhere after ${spread.toFixed(1)} ms; ${measurement.simulator.queue.count} events, ` +
      `${seconds} s`,
  );
}

const sizes = Deno.args.length > 0 ? Deno.args.map(Number) : [15, 100, 1_000];
for (const size of sizes) report(size);
