import { assert, assertEquals } from "@std/assert";
import { FloodMeasurement } from "../support/mesh_flood.ts";

Deno.test("mesh flood: at most 1.2 copies for each other node once the trees have settled", () => {
  for (const size of [15, 60]) {
    const measurement = new FloodMeasurement(size, 11);
    measurement.settle();
    measurement.speak(3);
    const copies = measurement.speak(10);
    assert(copies <= 1.2 * (size - 1), `${copies} copies among ${size} nodes`);
  }
});

Deno.test("mesh flood: all that stay connected get everything while 30% of the nodes crash", () => {
  for (const seed of [1, 2, 3]) {
    const measurement = new FloodMeasurement(60, seed);
    measurement.settle();
    measurement.speak(3);
    const { delivered, expected, crashed } = measurement.crash(0.3);
    assertEquals(crashed, 18);
    assertEquals(delivered, expected);
    assert(measurement.speak(5) <= 1.2 * 41);
  }
});
