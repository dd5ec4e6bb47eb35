/**
 * A program for tests: advertises a service of any kind until it is ended.
 * `deno run -A discovery_advertiser.ts NAME KIND PORT [KEY=VALUE…]`
 */

import { Beacon } from "../../lib/discovery/beacon.ts";

const [name = "", kind = "", port = "", ...pairs] = Deno.args;
const properties = Object.fromEntries(pairs.map((pair) => pair.split("=") as [string, string]));
const beacon = Beacon.open();
await beacon.advertise({ name, kind, addresses: [Number(port)], properties });
Deno.stdout.writeSync(new TextEncoder().encode("ready\n"));
