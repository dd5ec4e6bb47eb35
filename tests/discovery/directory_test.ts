import { assert, assertEquals } from "@std/assert";
import { Directory, type Entry, type Heard, isNewer } from "../../lib/discovery/directory.ts";
import type { Advert } from "../../lib/wire/beacon_codec.ts";
import {
  MAX_BEACON_ENTRIES,
  MAX_BEACON_ENTRIES_PER_SOURCE,
  MAX_BEACON_TTL_MS,
} from "../../lib/wire/limits.ts";

const A = "00000000000000aa";
const B = "00000000000000bb";

function advert(change: Partial<Advert> = {}): Advert {
  return {
    name: "kitchen",
    kind: "talker",
    addresses: [{ ip: "10.0.0.1", port: 8889 }],
    properties: {},
    since: 5,
    ttl: 4_500,
    claiming: false,
    ...change,
  };
}

function heard(sequence: number, change: Partial<Heard> = {}): Heard {
  return {
    id: A,
    host: "",
    sequence,
    revision: 1,
    source: "10.0.0.1",
    interface: "eth0",
    local: false,
    ...change,
  };
}

function recorded(): { directory: Directory; changes: string[] } {
  const changes: string[] = [];
  const directory = new Directory((change, { advert, id }: Entry) => {
    changes.push(`${change} ${advert.name} ${id.slice(-2)}`);
  });
  return { directory, changes };
}

Deno.test("directory: found once, changed when something is new, lost after its time to live", () => {
  const { directory, changes } = recorded();
  directory.hear(advert(), heard(1), 0);
  directory.hear(advert(), heard(2), 1_000);
  assertEquals(changes, ["found kitchen aa"]);
  directory.hear(advert({ properties: { mesh: "club" } }), heard(3), 2_000);
  assertEquals(changes.at(-1), "changed kitchen aa");
  assert(directory.nextExpiry <= 6_500);
  directory.expire(6_499);
  assertEquals(directory.find().length, 1);
  directory.expire(6_500);
  assertEquals(directory.find().length, 0);
  assertEquals(changes.slice(1), ["changed kitchen aa", "lost kitchen aa"]);
  assertEquals(directory.nextExpiry, Infinity);
});

Deno.test("directory: nobody is believed for long, whatever they say", () => {
  const { directory } = recorded();
  directory.hear(advert({ ttl: 65_535 }), heard(1), 0);
  directory.expire(MAX_BEACON_TTL_MS);
  assertEquals(directory.size, 0);
});

Deno.test("directory: late copies change nothing, also after a goodbye", () => {
  const { directory, changes } = recorded();
  directory.hear(advert({ properties: { new: "yes" } }), heard(5), 0);
  assertEquals(directory.hear(advert(), heard(4), 10), "old");
  assert(directory.goodbye("Kitchen", heard(6), 20));
  assertEquals(directory.find(), []);
  assertEquals(directory.get("kitchen", A), undefined);
  assertEquals(directory.hear(advert(), heard(5), 30), "old");
  assert(!directory.goodbye("kitchen", heard(7), 40), "it is gone already");
  assertEquals(changes, ["found kitchen aa", "lost kitchen aa"]);
  // But it may come back.
  assertEquals(directory.hear(advert(), heard(8), 50), "heard");
  assertEquals(changes.at(-1), "found kitchen aa");
  assert(!directory.goodbye("kitchen", heard(6), 55), "a late copy of the goodbye");
  directory.goodbye("kitchen", heard(9), 60);
  directory.expire(10_000);
  assertEquals(changes.length, 4, "what is gone isn't lost a second time");
});

Deno.test("directory: a goodbye is taken from the holder only", () => {
  const { directory, changes } = recorded();
  directory.hear(advert(), heard(1), 0);
  assert(!directory.goodbye("kitchen", heard(9, { id: B }), 10), "of another beacon");
  assert(!directory.goodbye("kitchen", heard(9, { source: "10.0.0.66" }), 10), "from elsewhere");
  assertEquals(directory.foreign, 1);
  assertEquals(directory.size, 1);
  assertEquals(changes.length, 1);
});

Deno.test("directory: another machine can't speak for a service", () => {
  const { directory } = recorded();
  directory.hear(advert(), heard(1), 0);
  const forged = advert({ addresses: [{ ip: "10.0.0.66", port: 1 }] });
  assertEquals(directory.hear(forged, heard(1_000, { source: "10.0.0.66" }), 10), "foreign");
  assertEquals(directory.get("kitchen", A)?.advert.addresses[0]?.ip, "10.0.0.1");
  assertEquals(directory.hear(advert(), heard(2), 20), "heard", "nor silence it");
});

Deno.test("directory: a machine may be heard by each of its addresses", () => {
  const { directory, changes } = recorded();
  const two = advert({ addresses: [{ ip: "10.0.0.1", port: 1 }, { ip: "10.1.0.1", port: 1 }] });
  directory.hear(two, heard(1), 0);
  assertEquals(
    directory.hear(two, heard(2, { source: "10.1.0.1", interface: "eth1" }), 1),
    "heard",
  );
  assertEquals(directory.hear(two, heard(3), 2), "heard");
  // The very same by IPv6 shows that this is the same machine.
  const v6 = { source: "fe80::1" };
  assertEquals(directory.hear(two, heard(3, v6), 3), "old");
  assertEquals(directory.hear(two, heard(4, v6), 4), "heard");
  assertEquals(
    directory.hear(two, heard(5), 5),
    "heard",
    "and where it was first heard, it still is",
  );
  assertEquals(directory.get("kitchen", A)?.source, "10.0.0.1");
  assertEquals(directory.foreign, 0);
  assertEquals(changes, ["found kitchen aa"]);
  assertEquals(directory.hear(two, heard(5, { source: "fe80::2", host: "x" }), 6), "old");
  const other = advert({ ...two, name: "Kitchen" });
  directory.hear(other, heard(5, { source: "fe80::3" }), 6);
  assertEquals(
    directory.hear(two, heard(7, { source: "fe80::3" }), 7),
    "foreign",
    "that was another",
  );
});

Deno.test("directory: two beacons with one name are two services", () => {
  const { directory } = recorded();
  directory.hear(advert(), heard(1), 0);
  directory.hear(advert({ name: "KITCHEN" }), heard(1, { id: B, source: "10.0.0.2" }), 0);
  assertEquals(directory.find("kitchen").map(({ id }) => id), [A, B]);
});

Deno.test("directory: found by pattern and kind", () => {
  const { directory } = recorded();
  for (const [i, name] of ["robot/arm", "robot/leg", "kitchen"].entries()) {
    directory.hear(advert({ name, kind: i === 1 ? "peer" : "talker" }), heard(i + 1), 0);
  }
  const names = (pattern?: string, kind?: string) =>
    directory.find(pattern, kind).map(({ advert }) => advert.name);
  assertEquals(names("robot/*"), ["robot/arm", "robot/leg"]);
  assertEquals(names("*", "talker"), ["robot/arm", "kitchen"]);
  assertEquals(names("kit"), []);
  assertEquals(names().length, 3);
});

Deno.test("directory: one source has its share, all together have theirs, and time makes room", () => {
  const { directory, changes } = recorded();
  for (let i = 0; i < MAX_BEACON_ENTRIES_PER_SOURCE + 10; i++) {
    directory.hear(advert({ name: `a-${i}` }), heard(i + 1), 0);
  }
  assertEquals(directory.size, MAX_BEACON_ENTRIES_PER_SOURCE);
  assertEquals(directory.crowdedOut, 10);
  assertEquals(
    directory.hear(advert({ name: "b" }), heard(1, { id: B, source: "10.0.0.2" }), 0),
    "heard",
  );
  for (let i = 0; i < 10_000; i++) {
    directory.hear(
      advert({ name: `c-${i}` }),
      heard(i, { source: `10.9.${i >> 8}.${i & 255}` }),
      0,
    );
  }
  assertEquals(directory.size, MAX_BEACON_ENTRIES);
  assertEquals(changes.length, MAX_BEACON_ENTRIES);
  assertEquals(
    directory.hear(advert({ name: "b" }), heard(2, { id: B, source: "10.0.0.2" }), 1_000),
    "heard",
    "who is in stays in",
  );
  directory.expire(4_500);
  assertEquals(directory.size, 1);
  assertEquals(directory.hear(advert({ name: "a-1" }), heard(1), 4_500), "heard");
});

Deno.test("directory: a program's own stay until it says so", () => {
  const { directory, changes } = recorded();
  directory.own(advert(), heard(1, { source: "" }), 0);
  directory.own(advert(), heard(1, { source: "" }), 10);
  directory.expire(1_000_000);
  assertEquals(directory.size, 1);
  directory.remove("KITCHEN", A);
  assertEquals(changes, ["found kitchen aa", "lost kitchen aa"]);
});

Deno.test("directory: sequence numbers go round", () => {
  assert(isNewer(1, 0) && !isNewer(0, 1) && !isNewer(7, 7));
  assert(isNewer(3, 2 ** 32 - 3) && !isNewer(2 ** 32 - 3, 3));
});
