import { assert, assertEquals } from "@std/assert";
import { decodeBeacon, encodeBeacon, markMethod } from "../../lib/wire/beacon_codec.ts";
import {
  MAX_BEACON_ENTRIES,
  MAX_BEACON_ENTRIES_PER_SOURCE,
  MAX_BEACON_PEERS,
} from "../../lib/wire/limits.ts";
import { seededRandom } from "../support/random.ts";
import { BeaconWorld } from "./beacon_simulator.ts";

const GOOD = { loss: 0, repeat: 0, delay: [0.2, 1] } as const;
const DATAGRAMS = 100_000;

/** A beacon with some others on a network, and what was sent there. */
function network() {
  const world = new BeaconWorld(21, GOOD);
  const samples: Uint8Array[] = [];
  const cast = world.cast.bind(world);
  world.cast = (from, datagram) => {
    if (samples.length < 200) samples.push(datagram.slice());
    cast(from, datagram);
  };
  const victim = world.beacon();
  const others = [world.beacon(), world.beacon()];
  victim.advertise("kitchen");
  others[0]!.advertise("attic");
  others[1]!.advertise("robot/arm");
  victim.ask("*", true);
  world.run(5_000);
  return { world, victim, samples };
}

Deno.test("hostile: 100,000 random and mutated datagrams change nothing", () => {
  const { world, victim, samples } = network();
  const { dice } = world;
  const known = JSON.stringify(
    victim.machine.directory.find().map(({ id, advert }) => [id, advert]).sort(),
  );
  const events = victim.events.length;
  const peers = victim.machine.peers.size;
  const before = { ...victim.machine.stats };
  const stranger = { hostname: "10.0.0.66", port: 6_666, interface: "eth0", local: false };
  for (let i = 0; i < DATAGRAMS; i++) {
    let bytes: Uint8Array;
    if (i % 2 === 0) {
      bytes = Uint8Array.from({ length: dice.int(0, 200) }, () => dice.int(0, 255));
      if (i % 4 === 0) bytes.set([0x54, 0x4c, 0x4b, 0x42, 1].slice(0, bytes.length));
    } else {
      bytes = dice.pick(samples).slice(0, dice.int(1, 2_000));
      for (let n = dice.int(1, 4); n > 0; n--) {
        // Not the byte that tells the version: another version is counted apart.
        const at = dice.int(5, bytes.length - 1);
        bytes[at < bytes.length ? at : 0]! ^= dice.int(1, 255);
      }
      // Two changes of one byte may cancel each other, and a cut beyond the end cuts nothing.
      if (samples.some((sample) => equal(sample, bytes))) continue;
    }
    const from = dice.chance(0.5) ? stranger : { ...stranger, hostname: `10.0.${i & 255}.7` };
    assertEquals(victim.machine.receive(bytes, from, world.now), undefined, "it is none");
  }
  const now = JSON.stringify(
    victim.machine.directory.find().map(({ id, advert }) => [id, advert]).sort(),
  );
  assertEquals(now, known);
  assertEquals(victim.events.length, events);
  assertEquals(victim.machine.peers.size, peers);
  const { received, malformed, otherVersion } = victim.machine.stats;
  const dropped = malformed + otherVersion - before.malformed - before.otherVersion;
  assertEquals(dropped, received - before.received, "each of them is counted");
  assert(dropped > DATAGRAMS * 0.95);
  world.run(5_000);
  assertEquals(victim.events.length, events, "and those that are there are still there");
});

Deno.test("hostile: 100,000 well-formed datagrams of liars fill no more than their share", () => {
  const { world, victim, samples } = network();
  const { dice } = world;
  const random = seededRandom(5);
  const hex = () => Math.floor(random() * 2 ** 32).toString(16).padStart(8, "0");
  const before = victim.machine.directory.find().map(({ id, advert }) => `${id} ${advert.name}`)
    .sort();
  const ids = victim.machine.directory.find().map(({ id }) => id);
  const decoded = samples.map(decodeBeacon);
  const events = victim.events.length;
  const sent = world.datagrams;
  for (let i = 0; i < DATAGRAMS; i++) {
    const { records } = dice.pick(decoded);
    // Somebody else's id, or a new one; names that exist, and new ones; goodbyes for all of them.
    const id = dice.chance(0.5) ? dice.pick(ids) : hex() + hex();
    const changed = records.map((record) => {
      if (record.type !== "advert") return record;
      const { advert } = record;
      if (dice.chance(0.3)) return { type: "goodbye", name: advert.name } as const;
      // A name that is there and an older claim would be a conflict, which a liar can win.
      return { ...record, advert: { ...advert, name: `${advert.name}-${i}`, claiming: false } };
    });
    const bytes = encodeBeacon({
      id,
      sequence: dice.int(0, 2 ** 32 - 1),
      method: "unicast",
      records: changed,
    });
    markMethod(bytes, dice.pick(["unicast", "multicast", "broadcast"]));
    const from = { hostname: "10.0.0.66", port: 6_666, interface: "eth0", local: false };
    victim.do((machine, now) => machine.receive(bytes, from, now));
  }
  world.run(100);
  const { directory, peers } = victim.machine;
  assert(directory.size <= before.length + MAX_BEACON_ENTRIES_PER_SOURCE);
  assert(directory.size <= MAX_BEACON_ENTRIES && peers.size <= MAX_BEACON_PEERS);
  assert(world.datagrams - sent < 1_000, `${world.datagrams - sent} datagrams in answer`);
  const held = directory.find().map(({ id, advert }) => `${id} ${advert.name}`);
  for (const service of before) assert(held.includes(service), `${service} is gone`);
  const lost = victim.events.slice(events).filter((event) =>
    event.type === "service" && event.change === "lost"
  );
  assertEquals(lost, []);
  assert(victim.holds("kitchen"));
  // They fall silent, and are forgotten.
  world.run(20_000);
  assertEquals(directory.find().map(({ id, advert }) => `${id} ${advert.name}`).sort(), before);
  assert(peers.size < 10, `${peers.size} beacons are remembered`);
});

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
