/**
 * Many programs' beacons in one process, for tests: `deno run -A discovery_crowd.ts PREFIX BEACONS
 * SERVICES` advertises that many services on each of that many beacons, until it is ended.
 */

import { Beacon } from "../../lib/discovery/beacon.ts";

const [prefix = "", beacons = "", services = ""] = Deno.args;
const each = Array.from({ length: Number(beacons) }, async (_, b) => {
  const beacon = Beacon.open();
  const names = Array.from({ length: Number(services) }, (_, s) => `${prefix}/${b}-${s}`);
  await Promise.all(
    names.map((name, s) => beacon.advertise({ name, kind: "crowd", addresses: [20_000 + s] })),
  );
});
await Promise.all(each);
Deno.stdout.writeSync(new TextEncoder().encode("ready\n"));
