import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { formatIp } from "../../lib/wire/beacon_address.ts";
import {
  type Advert,
  BEACON_HEADER_BYTES,
  BeaconFault,
  type BeaconMessage,
  type BeaconRecord,
  CAST_METHODS,
  decodeBeacon,
  decodeBeaconHeader,
  encodeBeacon,
  encodeDatagram,
  encodeRecord,
  markMethod,
  whyNoAdvert,
} from "../../lib/wire/beacon_codec.ts";
import { isBeaconName } from "../../lib/wire/beacon_name.ts";
import { RemoteFault } from "../../lib/wire/errors.ts";
import {
  MAX_BEACON_HOST_BYTES,
  MAX_BEACON_IDS,
  MAX_BEACON_RECEIVE_BYTES,
  MAX_BEACON_SEND_BYTES,
} from "../../lib/wire/limits.ts";

const id = fc.stringMatching(/^[0-9a-f]{16}$/);
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }).filter(isBeaconName);
const word = fc.stringMatching(/^[a-z0-9]{1,8}$/);
const text = fc.string({ unit: "grapheme", maxLength: 8 })
  .filter((text) => text.isWellFormed() && !/\p{Cc}/u.test(text));
const ip = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }).filter((ip) => ip[0]! > 0 && ip[0]! < 224),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).filter((ip) => ip[0]! > 0 && ip[0]! < 255),
).map(formatIp);
const address = fc.record({ ip, port: fc.integer({ min: 1, max: 65_535 }) });
const advert: fc.Arbitrary<Advert> = fc.record({
  name,
  kind: word,
  addresses: fc.array(address, { maxLength: 12 }),
  properties: fc.dictionary(word, text, { maxKeys: 8, noNullPrototype: true }),
  since: fc.maxSafeNat(),
  ttl: fc.integer({ min: 1, max: 65_535 }),
  claiming: fc.boolean(),
});
const record: fc.Arbitrary<BeaconRecord> = fc.oneof(
  fc.record({
    type: fc.constant("beacon" as const),
    revision: u32,
    adverts: fc.integer({ min: 0, max: 65_535 }),
    host: text,
  }),
  fc.record({ type: fc.constant("advert" as const), advert }),
  fc.record({ type: fc.constant("goodbye" as const), name }),
  fc.record({
    type: fc.constant("query" as const),
    pattern: fc.oneof(name, fc.constantFrom("*", "robot/*")),
    kind: fc.oneof(word, fc.constant("")),
    toAll: fc.boolean(),
  }),
  fc.record({
    type: fc.constant("known" as const),
    beacons: fc.array(fc.record({ id, revision: u32 }), { maxLength: MAX_BEACON_IDS }),
  }),
  fc.record({
    type: fc.constant("heard" as const),
    ids: fc.array(id, { maxLength: MAX_BEACON_IDS }),
    complete: fc.boolean(),
  }),
);
const message: fc.Arbitrary<BeaconMessage> = fc.record({
  id,
  sequence: u32,
  method: fc.constantFrom(...CAST_METHODS),
  records: fc.array(record, { maxLength: 4 }),
}).filter((message) => encodeBeacon(message).length <= MAX_BEACON_RECEIVE_BYTES);

/** What breaks the format is told in one way only. */
function decodes(bytes: Uint8Array): boolean {
  try {
    decodeBeacon(bytes);
    return true;
  } catch (error) {
    assert(error instanceof RemoteFault, `threw ${error}`);
    return false;
  }
}

Deno.test("beacon codec: what is encoded comes out again", () => {
  fc.assert(fc.property(message, (message) => {
    assertEquals(decodeBeacon(encodeBeacon(message)), message);
  }));
});

Deno.test("beacon codec: the bytes are those of docs/PROTOCOL.md", () => {
  const bytes = encodeBeacon({
    id: "00112233445566aa",
    sequence: 7,
    method: "multicast",
    records: [{ type: "query", pattern: "hi", kind: "", toAll: true }],
  });
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  assertEquals(
    hex,
    "54 4c 4b 42 01 01 ba f5 c1 e1 00 11 22 33 44 55 66 aa 00 00 00 07 04 00 07 01 00 02 68 69 00 00",
  );
});

Deno.test("beacon codec: nothing in a decoded message aliases the datagram", () => {
  fc.assert(fc.property(message, (message) => {
    const bytes = encodeBeacon(message);
    const decoded = decodeBeacon(bytes);
    bytes.fill(0xff);
    assertEquals(decoded, message);
  }));
});

Deno.test("beacon codec: cut at any byte, it is refused", () => {
  fc.assert(
    fc.property(message, (message) => {
      const bytes = encodeBeacon(message);
      for (let end = 0; end < bytes.length; end++) assert(!decodes(bytes.subarray(0, end)));
    }),
    { numRuns: 30 },
  );
});

Deno.test("beacon codec: cut at any byte with a right checksum, it is refused or ends between records", () => {
  const records: BeaconRecord[] = [
    { type: "beacon", revision: 3, adverts: 1, host: "attic" },
    { type: "advert", advert: sample() },
    { type: "heard", ids: ["00000000000000aa"], complete: true },
  ];
  const bytes = encodeBeacon({ id: "00000000000000bb", sequence: 1, method: "unicast", records });
  const ends: number[] = [];
  for (let end = 0; end < bytes.length; end++) {
    const cut = bytes.slice(0, end);
    if (end > 10) markMethod(cut, "unicast");
    if (decodes(cut)) ends.push(end);
  }
  const sizes = records.map((record) => encodeRecord(record).length);
  const [first, second] = [BEACON_HEADER_BYTES + sizes[0]!, sizes[1]!];
  assertEquals(ends, [BEACON_HEADER_BYTES, first, first + second]);
});

Deno.test("beacon codec: any change of a byte is noticed", () => {
  fc.assert(
    fc.property(
      message,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      (message, where, change) => {
        const bytes = encodeBeacon(message);
        bytes[where % bytes.length]! ^= change;
        assert(!decodes(bytes));
      },
    ),
    { numRuns: 2_000 },
  );
});

Deno.test("beacon codec: changed bytes under a right checksum never throw anything else", () => {
  const change = fc.tuple(fc.nat(), fc.nat({ max: 255 }));
  let taken = 0;
  fc.assert(
    fc.property(message, fc.array(change, { minLength: 1, maxLength: 4 }), (message, changes) => {
      const bytes = encodeBeacon(message);
      for (const [where, value] of changes) bytes[where % bytes.length] = value;
      markMethod(bytes, "unicast");
      if (decodes(bytes)) {
        taken++;
        const decoded = decodeBeacon(bytes);
        assertEquals(decodeBeacon(encodeBeacon(decoded)), decoded, "what is believed can be said");
      }
    }),
    { numRuns: 3_000 },
  );
  assert(taken > 100, "some of them are messages");
});

Deno.test("beacon codec: random bytes behind a right header never throw anything else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1_500 }), (body) => {
      decodes(body);
      const bytes = encodeDatagram({ id: "00000000000000bb", sequence: 1 }, [body]);
      decodes(bytes);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("beacon codec: what comes from later releases is skipped", () => {
  const query = encodeRecord({ type: "query", pattern: "a", kind: "", toAll: false });
  // A field behind those that are known, and a record of another type.
  const longer = Uint8Array.of(query[0]!, 0, query[2]! + 2, ...query.subarray(3), 1, 2);
  const unknown = Uint8Array.of(200, 0, 3, 1, 2, 3);
  const header = { id: "00000000000000bb", sequence: 1 };
  const { records } = decodeBeacon(encodeDatagram(header, [unknown, longer, unknown, query]));
  const decoded = { type: "query", pattern: "a", kind: "", toAll: false };
  assertEquals(records as unknown[], [decoded, decoded]);
});

Deno.test("beacon codec: an address of an unknown kind is skipped, the advert isn't", () => {
  const advert = sample({ addresses: [{ ip: "10.0.0.1", port: 80 }], properties: {} });
  const record = encodeRecord({ type: "advert", advert });
  // The count of addresses stands before the one (8 bytes with its count) and the count of properties.
  const at = record.length - 1 - 7 - 1;
  assertEquals(record[at], 1);
  const more = Uint8Array.of(...record.subarray(0, at), 2, 6, 1, 2, 3, 4, 5, 6, 0, 80);
  const bytes = Uint8Array.of(...more, ...record.subarray(at + 1));
  bytes[2]! += 9;
  const decoded = decodeBeacon(encodeDatagram({ id: "00000000000000bb", sequence: 1 }, [bytes]));
  assertEquals(decoded.records, [{ type: "advert", advert }]);
});

Deno.test("beacon codec: another version is told apart from noise", () => {
  const bytes = encodeBeacon({
    id: "00000000000000bb",
    sequence: 1,
    method: "unicast",
    records: [],
  });
  bytes[4] = 2;
  const codeOf = (bytes: Uint8Array) => {
    try {
      decodeBeaconHeader(bytes);
      return undefined;
    } catch (error) {
      return (error as BeaconFault).code;
    }
  };
  assertEquals(codeOf(bytes), "version");
  bytes[0] = 0;
  assertEquals(codeOf(bytes), "malformed");
});

Deno.test("beacon codec: lies about lengths, nobody's addresses and hostile texts are refused", () => {
  const header = { id: "00000000000000bb", sequence: 1 };
  const refuse = (record: BeaconRecord, change: (bytes: Uint8Array) => void = () => {}) => {
    const bytes = encodeRecord(record);
    change(bytes);
    assertThrows(() => decodeBeacon(encodeDatagram(header, [bytes])), RemoteFault);
  };
  const advertOf = (change: Partial<Advert>): BeaconRecord => {
    return { type: "advert", advert: sample(change) };
  };
  refuse({ type: "goodbye", name: "two words" });
  refuse({ type: "goodbye", name: "" });
  refuse({ type: "goodbye", name: "a*" });
  refuse({ type: "goodbye", name: "\u001b[31m" });
  refuse({ type: "goodbye", name: "x".repeat(65) });
  refuse({ type: "goodbye", name: "ok" }, (bytes) => bytes[5] = 0xff);
  refuse({ type: "query", pattern: "", kind: "", toAll: false });
  refuse({ type: "query", pattern: "*", kind: "two words", toAll: false });
  refuse({ type: "beacon", revision: 1, adverts: 1, host: "a\u0007b" });
  refuse(advertOf({ ttl: 0 }));
  refuse(advertOf({ kind: "" }));
  refuse(advertOf({ addresses: [{ ip: "0.0.0.0", port: 80 }] }));
  refuse(advertOf({ addresses: [{ ip: "::", port: 80 }] }));
  refuse(advertOf({ addresses: [{ ip: "239.1.2.3", port: 80 }] }));
  refuse(advertOf({ addresses: [{ ip: "10.0.0.1", port: 0 }] }));
  refuse(advertOf({ addresses: Array.from({ length: 13 }, () => ({ ip: "10.0.0.1", port: 80 })) }));
  refuse(advertOf({ properties: { a: "\u001b" } }));
  refuse(advertOf({ properties: { a: "v".repeat(300), b: "v".repeat(300) } }));
  refuse({ type: "goodbye", name: "ok" }, (bytes) => bytes[2] = 200);
});

Deno.test("beacon codec: an advert of the largest size fits a datagram of its own", () => {
  const large = sample({
    name: "\u{1F600}".repeat(64),
    kind: "k".repeat(32),
    addresses: Array.from({ length: 12 }, (_, i) => ({ ip: `fe80::${i + 1}`, port: 65_535 })),
    properties: Object.fromEntries(
      Array.from({ length: 16 }, (_, i) => [`k${i}`.padEnd(5), "v".repeat(20)]),
    ),
  });
  assertEquals(whyNoAdvert(large), undefined);
  const host = "h".repeat(MAX_BEACON_HOST_BYTES);
  const ids = Array.from({ length: 32 }, () => "00000000000000aa");
  const head = encodeRecord({ type: "beacon", revision: 1, adverts: 1, host }).length;
  const heard = encodeRecord({ type: "heard", ids, complete: true }).length;
  const one = encodeRecord({ type: "advert", advert: large }).length;
  assert(BEACON_HEADER_BYTES + head + one <= MAX_BEACON_SEND_BYTES, `${head + one} bytes`);
  assert(BEACON_HEADER_BYTES + head + heard <= MAX_BEACON_SEND_BYTES);
});

Deno.test("beacon codec: why an advert can't be told", () => {
  const why = (change: Partial<Advert>) => whyNoAdvert(sample(change)) ?? "";
  assert(why({ name: "a b" }).includes('"a b"'));
  assert(why({ addresses: [{ ip: "kitchen", port: 1 }] }).includes("kitchen"));
  assert(why({ addresses: [{ ip: "fe80::1%eth0", port: 1 }] }).includes("eth0"));
  assert(why({ addresses: [{ ip: "10.0.0.1", port: 70_000 }] }).includes("70000"));
  assert(why({ properties: { ["k".repeat(33)]: "" } }).includes("kkk"));
  assert(why({ properties: { k: "\ud800" } }).includes("k"));
  assertEquals(why({}), "");
});

function sample(change: Partial<Advert> = {}): Advert {
  return {
    name: "kitchen",
    kind: "talker",
    addresses: [{ ip: "192.168.1.5", port: 8889 }, { ip: "fe80::1", port: 8889 }],
    properties: { mesh: "club" },
    since: 1_700_000_000_000,
    ttl: 4_500,
    claiming: false,
    ...change,
  };
}
