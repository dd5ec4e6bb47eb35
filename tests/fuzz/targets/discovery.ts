/** A beacon and a table of networkzero's names, told anything by datagrams. */

import { assert } from "@std/assert";
import { BEACON_HEADER_BYTES, markMethod } from "../../../lib/wire/beacon_codec.ts";
import { BeaconMachine } from "../../../lib/discovery/machine.ts";
import { NetworkzeroTable } from "../../../lib/discovery/networkzero_table.ts";
import { MAX_BEACON_ENTRIES_PER_SOURCE, MAX_NETWORKZERO_NAMES } from "../../../lib/wire/limits.ts";
import { loadCorpus } from "../corpus.ts";
import type { Target } from "../fuzzer.ts";

const machine: Target = {
  name: "beacon_machine",
  seeds: loadCorpus("beacon_session"),
  maxBytes: 1472,
  maxPieces: 60,
  run(input, dice) {
    const events: string[] = [];
    let cast = 0, sent = 0;
    const beacon = new BeaconMachine({
      id: "00000000000000aa",
      host: "kitchen",
      random: dice.random,
      effects: {
        cast: () => void cast++,
        send: () => void sent++,
        held: (name) => void events.push(`held ${name}`),
        taken: (name) => void events.push(`taken ${name}`),
        lost: (name) => void events.push(`lost ${name}`),
        changed: (change) => void events.push(change),
      },
    });
    let now = 1_000;
    const pass = (ms: number) => {
      const until = now + ms;
      for (let i = 0; beacon.nextWake <= until; i++) {
        assert(i < 1_000 + ms, "It wakes for ever");
        now = Math.max(now, beacon.nextWake);
        beacon.tick(now);
      }
      now = until;
      beacon.tick(now);
    };
    const address = { ip: "10.0.0.1", port: 8000 };
    beacon.advertise({ name: "kitchen", kind: "service", addresses: [address], properties: {} }, {
      now,
      time: 1e12,
    });
    if (dice.chance(0.7)) pass(300);
    beacon.ask({ pattern: "*", kind: "", endless: true }, now);
    for (const piece of input) {
      const bytes = piece.slice();
      if (bytes.length >= BEACON_HEADER_BYTES && dice.chance(0.9)) markMethod(bytes, "unicast");
      const from = {
        hostname: dice.pick(["10.0.0.1", "10.0.0.66", "fe80::1", "192.168.7.7"]),
        port: dice.int(1, 65_535),
        interface: dice.pick(["eth0", undefined]),
        local: dice.chance(0.2),
      };
      const before = sent + cast;
      beacon.receive(bytes, from, now);
      assert(sent + cast - before <= 40, "One datagram made a storm");
      if (dice.chance(0.2)) pass(dice.pick([1, 50, 500, 5_000]));
    }
    assert(beacon.directory.size <= 4 * MAX_BEACON_ENTRIES_PER_SOURCE);
    const heard = beacon.directory.size;
    pass(15_000);
    assert(beacon.directory.size <= 1, "Somebody is believed for ever");
    beacon.leave(now);
    pass(1_000);
    return `${[...new Set(events.map((event) => event.split(" ")[0]))].sort()} ${
      Math.min(4, heard)
    } ` +
      `${sent > 0} ${beacon.stats.malformed > 0} ${beacon.stats.copies > 0}`;
  },
};

const networkzero: Target = {
  name: "networkzero_table",
  seeds: loadCorpus("networkzero_codec"),
  dictionary: ['["', '", "', ":9999", "127.0.0.1", "null", "1e308", "0.001"],
  maxBytes: 300,
  maxPieces: 60,
  run(input, dice) {
    const table = new NetworkzeroTable();
    let now = 0, changes = 0;
    for (const piece of input) {
      changes += table.hear(piece, dice.pick(["10.0.0.1", "127.0.0.1"]), now).length;
      now += dice.pick([0, 1, 1_000, 100_000_000]);
      changes += table.expire(now).length;
      assert(table.due > now, "Something expired is still there");
    }
    assert(table.names().length <= MAX_NETWORKZERO_NAMES);
    return `${Math.min(5, table.names().length)} ${Math.min(5, changes)} ${table.malformed > 0}`;
  },
};

/** All of them. */
export const discoveryTargets: readonly Target[] = [machine, networkzero];
